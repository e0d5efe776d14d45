"""The demonstration model says what transformers says it should: the exact
continuations of expected.json, and the answers of its exam."""

import argparse
import json
import os
import sys
import tempfile

from swallow_testing import Programs

# Every how many questions of the exam one is asked, and what share of these
# must be answered right: transformers gets 98 % of the whole exam.
EXAM_STEP = 8
EXAM_SHARE = 0.93
# A continuation whose smallest lead between the best and the second logit is
# larger than this is not changed by the roundings of bf16.
BF16_LEAD = 2.0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--model", required=True, help="tools/demo-model")
    arguments = parser.parse_args()
    programs = Programs(arguments.bin)
    with open(os.path.join(arguments.model, "expected.json"),
              encoding="utf-8") as file:
        expected = json.load(file)
    with open(os.path.join(arguments.model, "exam.json"),
              encoding="utf-8") as file:
        exam = json.load(file)[::EXAM_STEP]
    failures, compared = [], 0

    with tempfile.TemporaryDirectory() as folder:
        def complete(artifact, prompt, tokens):
            return programs.rt("run", artifact, "-p", prompt, "--temperature",
                               "0", "--max-tokens", str(tokens))

        for dtype, lead in (("f32", 0.001), ("bf16", BF16_LEAD)):
            artifact = os.path.join(folder, dtype + ".swallow")
            programs.compile(os.path.join(arguments.model, "checkpoint"),
                             artifact, "-dtype", dtype)
            for case in expected["continuations"]:
                if case["smallest_lead"] < lead:
                    continue
                compared += 1
                text = complete(artifact, case["prompt"],
                                expected["max_tokens"])
                if text.strip() != case["text"].strip():
                    failures.append(f"{dtype}: {case['prompt']!r}: "
                                    f"{text!r}, not {case['text']!r}")
        right = sum(complete(artifact, question["prompt"], 32).strip() ==
                    question["answer"] for question in exam)
    print(f"{compared} continuations compared; exam: {right} of {len(exam)}")
    if compared < len(expected["continuations"]):
        failures.append(f"only {compared} continuations were compared")
    if right < EXAM_SHARE * len(exam):
        failures.append(f"exam: {right} of {len(exam)} answers are right")
    for failure in failures:
        print("FAILED:", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
