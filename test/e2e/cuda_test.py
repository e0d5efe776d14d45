#!/usr/bin/env python3
"""A golden model on a GPU: from its folder to logits, through the emulator.

The runtime is the one that users get; the driver that it opens is
test/cuda-emulator's, which runs the kernels on the CPU and checks every access.
Whatever it finds fails the step.
"""

import argparse
import json
import os
import re
import tempfile

from swallow_testing import (Checks, Programs, argmax, mean_error, run)

# Of logit_rms: weights and inputs of products in 16 bits, keys and values in
# what is the model's own element.
MEAN = {"bf16": 0.02, "f16": 0.005}
# What the GPU's logits may differ from the CPU's, of logit_rms.
BESIDE_CPU = 0.012
# The same with quantised weights, whose inputs both quantise alike, in the mean
# over positions: most logits are the same but for the last bits, but an input
# half way between two codes moves those behind it.
BESIDE_CPU_QUANTIZED = 0.01
# What steps of many rows may differ from those of few, of logit_rms.
BESIDE_FEW = 0.01
FEW_ROWS = 16
# What they may differ from those of the reference evaluator, of logit_rms.
BESIDE_EVALUATOR = 1e-3
# What other keys and values add to that.
KV_MEAN = {"bf16": 0, "f16": 1e-3, "int8": 0.02}


class CudaTest:
    def __init__(self, programs, library, folder, dtype, work):
        self.programs = programs
        self.dtype = dtype
        self.folder = folder
        self.artifact = os.path.join(work, "m.swallow")
        self.environment = {
            "SWALLOW_CUDA_LIBRARY": library,
            "SWALLOW_CACHE_DIR": os.path.join(work, "cache"),
        }
        self.report = os.path.join(work, "report.json")
        self.checks = Checks()
        with open(os.path.join(folder, "golden.json"), encoding="utf-8") as file:
            self.golden = json.load(file)

    def rt(self, *arguments, **environment):
        return run([self.programs.runtime, *arguments],
                   environment={**self.environment, **environment})

    def logits(self, ids, *options, device="cuda", **environment):
        answer = self.rt("logits", self.artifact, "--json", "--ids",
                         ",".join(map(str, ids)), "--device", device, *options,
                         **environment)
        if answer.returncode != 0:
            raise AssertionError(answer.stderr)
        parsed = json.loads(answer.stdout)
        return [parsed["logits"]] + parsed.get("copies", [])

    def close(self, row, case, bound, what):
        error = mean_error(row, case["last_logits"]) / case["logit_rms"]
        self.checks.expect(error <= bound, f"{what}: error {error:.2e} of the "
                           f"logits' rms, at most {bound:.1e} is allowed")

    def run_all(self):
        if self.dtype == "bf16":
            self.bf16()
        else:
            self.programs.compile(self.folder, self.artifact, "-target",
                                  "sm_80", "-dtype", self.dtype)
            self.prompts()
            self.pieces()
            self.verify()
        self.checks.finish()

    # And all that has nothing to do with the element of weights.
    def bf16(self):
        self.programs.compile(self.folder, self.artifact, "-target",
                              "x86-64-avx2,sm_80")
        self.beside_cpu(self.prompts())
        self.pieces()
        self.chosen_device()
        self.greedy()
        self.verify()
        self.errors()
        self.architectures()
        for quant in ("int4", "int8"):
            self.quantized(quant)

    def prompts(self):
        """The logits of each, in the model's own element of keys."""
        mean = MEAN[self.dtype]
        prompts = [self.logits(case["ids"])[0]
                   for case in self.golden["logits"]]
        for i, (case, rows) in enumerate(zip(self.golden["logits"], prompts)):
            self.close(rows[-1], case, mean, f"prompt {i}")
        for element, bound in KV_MEAN.items():
            case = self.golden["logits"][2]
            for chunk in ("7", "100"):  # few rows and many
                rows = self.logits(case["ids"], "--kv-cache", element,
                                   "--chunk", chunk)[0]
                self.close(rows[-1], case,
                           max(mean, MEAN.get(element, 0)) + bound,
                           f"{element} keys, chunks of {chunk}")
        return prompts

    def beside_cpu(self, prompts):
        for i, (case, rows) in enumerate(zip(self.golden["logits"], prompts)):
            cpu = self.logits(case["ids"], device="cpu")[0]
            error = max(mean_error(a, b) for a, b in zip(rows, cpu))
            self.checks.expect(error <= BESIDE_CPU * case["logit_rms"],
                               f"prompt {i}: {error / case['logit_rms']:.2e} of "
                               "the logits' rms from the CPU's")

    # Chunks, single tokens (recorded steps), and three sequences at once: a row
    # has the same bits whatever is in the step with it, few rows or many. Few
    # and many are computed by kernels of their own, which add in another order.
    def pieces(self):
        case = self.golden["logits"][2]
        few = self.logits(case["ids"], "--chunk", str(FEW_ROWS))[0]
        for chunk in ("1", "7"):
            rows = self.logits(case["ids"], "--chunk", chunk)[0]
            self.checks.expect(rows == few, f"chunks of {chunk}: other logits")
        for rows in self.logits(case["ids"], "--chunk", "5", "--copies", "3"):
            self.checks.expect(rows == few, "three sequences: other logits")
        # A batch of more than few rows that all want logits is recorded, too.
        for rows in self.logits(case["ids"][:3], "--chunk", "1", "--copies",
                                "20"):
            error = max(mean_error(a, b) for a, b in zip(rows, few))
            self.checks.expect(error <= BESIDE_FEW * case["logit_rms"],
                               f"20 sequences: {error / case['logit_rms']:.2e} "
                               "of the logits' rms from few")
        self.checks.expect(len(case["ids"]) > FEW_ROWS, "a prompt of few rows")
        whole = self.logits(case["ids"])[0]
        error = max(mean_error(a, b) for a, b in zip(whole, few))
        self.checks.expect(error <= BESIDE_FEW * case["logit_rms"],
                           f"many rows: {error / case['logit_rms']:.2e} of the "
                           "logits' rms from few")
        case = self.golden["logits"][3]
        whole = self.logits(case["ids"])[0]
        for parts in (2, 3, 7): # one for each size of tile
            chunk = -(-len(case["ids"]) // parts)
            rows = self.logits(case["ids"], "--chunk", str(chunk))[0]
            self.checks.expect(rows == whole, f"chunks of {chunk}: other logits")
        # 32 tokens, each fed back.
        case = self.golden["logits"][0]
        ids = case["ids"] + case["greedy"]
        rows = self.logits(ids[:-1], "--chunk", "1")[0]
        greedy = [argmax(row) for row in rows[len(case["ids"]) - 1:]]
        agree = sum(a == b for a, b in zip(greedy, case["greedy"]))
        self.checks.expect(agree >= 0.8 * len(greedy),
                           f"{agree} of {len(greedy)} greedy tokens")

    # What users get: tokens that the GPU chooses, of whose logits none is copied,
    # are those that the host chooses from the logits.
    def greedy(self):
        vocab, count = self.golden["vocab_size"], 6
        for options, row_bytes in (([], 8),
                                   (["--logprobs", "0"], 8 + 4 * vocab)):
            said = self.rt("run", self.artifact, "-p", "The quick brown", "--json",
                           "--temperature", "0", "--max-tokens", str(count),
                           "--ignore-eos", "--device", "cuda", *options,
                           SWALLOW_EMULATOR_REPORT=self.report)
            if said.returncode != 0:
                raise AssertionError(said.stderr)
            answer = json.loads(said.stdout)
            ids = answer["prompt_token_ids"]
            tokens = answer["choices"][0]["token_ids"]
            rows = self.logits(ids + tokens[:-1], "--chunk", "1")[0]
            expected = [argmax(row) for row in rows[len(ids) - 1:]]
            self.checks.expect(len(ids) <= FEW_ROWS and len(tokens) == count and
                               tokens == expected,
                               f"greedy tokens {tokens}, by logits {expected}")
            with open(self.report, encoding="utf-8") as file:
                copied = json.load(file)["bytesToHost"]
            self.checks.expect(copied == count * row_bytes,
                               f"{count} tokens, {options}: {copied} bytes are "
                               "copied from the GPU")

    # The CPU quantises the inputs of few rows as the GPU does those of all.
    def quantized(self, quant):
        self.programs.compile(self.folder, self.artifact, "-target",
                              "x86-64-avx2,sm_80", "-quant", quant)
        errors = []
        for case in self.golden["logits"][:3]:
            gpu = self.logits(case["ids"], "--chunk", "16")[0]
            cpu = self.logits(case["ids"], "--chunk", "16", device="cpu")[0]
            errors += [mean_error(a, b) / case["logit_rms"]
                       for a, b in zip(gpu, cpu)]
            single = self.logits(case["ids"], "--chunk", "1")[0]
            self.checks.expect(single == gpu,
                               f"{quant}, chunks of 1: other logits")
        error = sum(errors) / len(errors)
        self.checks.expect(error <= BESIDE_CPU_QUANTIZED,
                           f"{quant}: {error:.2e} of the logits' rms from the "
                           "CPU's")

    # The PTX of each architecture, which is not the same text.
    def architectures(self):
        capabilities = {"sm_86": "8.6", "sm_89": "8.9", "sm_90": "9.0",
                        "sm_100": "10.0", "sm_120": "12.0"}
        ids = self.golden["logits"][2]["ids"]
        expected = {chunk: self.logits(ids, "--chunk", chunk)[0]
                    for chunk in ("5", "100")}
        self.programs.compile(self.folder, self.artifact, "-target",
                              ",".join(capabilities), "-ptxas=none")
        for name, capability in capabilities.items():
            for chunk, wanted in expected.items():
                rows = self.logits(ids, "--chunk", chunk, "--variant", name,
                                   SWALLOW_EMULATOR_CAPABILITY=capability)[0]
                self.checks.expect(rows == wanted, f"{name}, chunks of {chunk}: "
                                   "other logits than sm_80")

    def chosen_device(self):
        ids = self.golden["logits"][0]["ids"]
        said = self.rt("run", self.artifact, "-p", "a", "--max-tokens", "2",
                       "-v")
        self.checks.expect("cuda:0 (Swallow PTX emulator), variant sm_80"
                           in said.stderr, f"run -v says {said.stderr}")
        said = self.rt("run", self.artifact, "-p", "a", "--max-tokens", "2",
                       SWALLOW_CUDA_LIBRARY="/nowhere/libcuda.so.1")
        self.checks.expect(said.returncode == 0 and
                           "the CPU runs, and not a GPU: " in said.stderr,
                           f"without a driver run says {said.stderr}")
        said = self.rt("logits", self.artifact, "--ids", str(ids[0]),
                       "--device", "cpu", "--json")
        self.checks.expect(said.returncode == 0 and said.stderr == "",
                           f"--device cpu says {said.stderr}")

    # The probe is what the reference evaluator computes, which rounds where
    # kernels do and adds up in f32.
    def verify(self):
        said = self.rt("verify", self.artifact)
        found = re.search(r"probe, sm_80: ok, mean absolute error (\S+) of",
                          said.stdout)
        self.checks.expect(found is not None and
                           float(found.group(1)) <= BESIDE_EVALUATOR,
                           f"verify says {said.stdout}{said.stderr}")

    def fails(self, expected, device="cuda", **environment):
        said = self.rt("logits", self.artifact, "--ids", "1,2", "--json",
                       "--device", device, **environment)
        self.checks.expect(
            said.returncode != 0 and expected in said.stderr
            and said.stderr.count("\n") == 1,
            f"expected an error with {expected!r}: {said.stderr!r}")

    def errors(self):
        self.fails("/nowhere/libcuda.so.1",
                   SWALLOW_CUDA_LIBRARY="/nowhere/libcuda.so.1")
        self.fails("11.4", SWALLOW_EMULATOR_DRIVER="11040")
        self.fails("CUDA_VISIBLE_DEVICES", CUDA_VISIBLE_DEVICES="")
        self.fails("sm_75", SWALLOW_EMULATOR_CAPABILITY="7.5")
        self.fails("cuda:3", device="cuda:3")
        self.fails("lost", SWALLOW_EMULATOR_FAIL_LAUNCH="3")
        self.fails("available", SWALLOW_EMULATOR_MEMORY="100000")
        self.leaves_room()
        self.fails("expected auto, cpu, cuda or cuda:N", device="gpu")
        said = self.rt("logits", self.artifact, "--ids", "1", "--variant",
                       "sm_90")
        self.checks.expect("x86-64-avx2, sm_80" in said.stderr,
                           f"an unknown variant: {said.stderr!r}")


    # A context as large as fits leaves something for the driver.
    def leaves_room(self):
        def plan(**environment):
            said = self.rt("inspect", self.artifact, "--json", "--device",
                           "cuda", "-c", "auto", **environment)
            return json.loads(said.stdout)["memory_plan"]
        whole = plan()
        memory = whole["total_bytes"]
        tight = plan(SWALLOW_EMULATOR_MEMORY=str(memory))
        self.checks.expect(
            tight["fits"] and tight["total_bytes"] <= memory - memory // 16
            and 0 < tight["context_length"] < whole["context_length"],
            f"of {memory} bytes a plan takes {tight}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--library", required=True, help="the emulated driver")
    parser.add_argument("--golden", required=True, help="folder of the models")
    parser.add_argument("--dtype", choices=MEAN, default="bf16",
                        help="element of the weights [bf16]")
    parser.add_argument("model")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        CudaTest(Programs(arguments.bin), arguments.library,
                 os.path.join(arguments.golden, arguments.model),
                 arguments.dtype, work).run_all()


if __name__ == "__main__":
    main()
