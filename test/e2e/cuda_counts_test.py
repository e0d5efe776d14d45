#!/usr/bin/env python3
"""What a decoding step of the 8B shape does on a GPU, by the emulator's counts.

One layer and an LM head of a smaller vocabulary, with synthetic weights: counts
are exact, so that a change which reads weights twice shows.
"""

import argparse
import json
import os
import tempfile

from swallow_testing import Checks, Programs, run

VOCAB = 8192
SECTOR = 32
# Weights are read once, in whole sectors. What a block reads besides are the
# row and the norm's weights, from the cache that all blocks share.
MOST = 1.05


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--library", required=True, help="the emulated driver")
    parser.add_argument("--shape", required=True, help="folder of a config.json")
    arguments = parser.parse_args()
    programs, checks = Programs(arguments.bin), Checks()
    with tempfile.TemporaryDirectory() as work:
        with open(os.path.join(arguments.shape, "config.json"),
                  encoding="utf-8") as file:
            config = json.load(file)
        config["vocab_size"] = VOCAB
        with open(os.path.join(work, "config.json"), "w",
                  encoding="utf-8") as file:
            json.dump(config, file)
        artifact = os.path.join(work, "m.swallow")
        report = os.path.join(work, "report.json")
        programs.compile(work, artifact, "-weights=synthetic", "-layers", "1",
                         "-target", "sm_80")
        said = run([programs.runtime, "logits", artifact, "--ids", "1", "--json",
                    "--device", "cuda"],
                   environment={"SWALLOW_CUDA_LIBRARY": arguments.library,
                                "SWALLOW_CACHE_DIR": os.path.join(work, "c"),
                                "SWALLOW_EMULATOR_REPORT": report})
        checks.expect(said.returncode == 0, said.stderr)
        with open(report, encoding="utf-8") as file:
            counted = json.load(file)
    checks.expect(counted["findings"] == [], f"findings: {counted['findings']}")
    kernels = counted["kernels"]

    hidden, ffn = config["hidden_size"], config["intermediate_size"]
    queries = config["num_attention_heads"] * (
        hidden // config["num_attention_heads"])
    keys = queries // config["num_attention_heads"] * config[
        "num_key_value_heads"]
    weights = {"fused_qkv": (queries + 2 * keys) * hidden,
               "o_proj": queries * hidden, "gated_mlp": 2 * ffn * hidden,
               "down_proj": ffn * hidden, "fused_lm_head": VOCAB * hidden}
    for name, elements in weights.items():
        read = kernels[name]["globalLoadSectors"] * SECTOR / (2 * elements)
        checks.expect(1 <= read <= MOST,
                      f"{name} reads {read:.3f} times the bytes of its weights")
        products = sum(count for opcode, count
                       in kernels[name]["instructions"].items()
                       if opcode.startswith("mma.sync"))
        checks.expect(products == elements // 256,
                      f"{name}: {products} products of 16 x 16 weights")
    layer = set(kernels) - {"embedding", "fused_lm_head"}
    checks.expect(len(layer) <= 5 and
                  all(kernels[name]["launches"] == 1 for name in layer),
                  f"a layer takes the kernels {sorted(layer)}")
    checks.finish()


if __name__ == "__main__":
    main()
