"""Measures OpenVINO GenAI for compare.py, in a Python that has the package.

    openvino_child.py MODEL_DIR THREADS GROUP '[["decode", 64, 0, 1], ...]'

Prints a list of tokens per second, one for each test. The time of a prompt is
that to its first token; the time of a generation is that between the tokens
that follow.
"""

import json
import sys

import numpy as np
import openvino as ov
import openvino_genai as genai


def main():
    folder, threads, group, tests = sys.argv[1:]
    pipeline = genai.LLMPipeline(
        folder, "CPU", INFERENCE_NUM_THREADS=int(threads),
        DYNAMIC_QUANTIZATION_GROUP_SIZE=int(group))

    def generate(prompt, new):
        ids = np.array([[(i * 2654435761 + 17) % 30000 for i in range(prompt)]],
                       dtype=np.int64)
        inputs = genai.TokenizedInputs(
            ov.Tensor(ids), ov.Tensor(np.ones_like(ids)))
        config = genai.GenerationConfig(max_new_tokens=new, ignore_eos=True,
                                        do_sample=False)
        return pipeline.generate(inputs, config).perf_metrics

    generate(16, 2)  # the first is slower
    speeds = []
    for kind, tokens, depth, _ in json.loads(tests):
        if kind == "prefill":
            speeds.append(tokens / (generate(tokens, 1).get_ttft().mean / 1e3))
        else:
            metrics = generate(max(depth, 1), tokens + 1)
            speeds.append(1e3 / metrics.get_tpot().mean)
    print(json.dumps(speeds))


if __name__ == "__main__":
    main()
