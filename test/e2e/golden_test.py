#!/usr/bin/env python3
"""One golden model from its folder to logits, against transformers' numbers.

Compiles the checkpoint for f32, f16 and bf16 and compares token ids, logits and
greedy tokens on every code variant that this machine runs, for whole prompts,
chunks, single tokens and ragged batches.
"""

import argparse
import filecmp
import json
import math
import os
import re
import tempfile

from swallow_testing import (Checks, Programs, argmax, largest_error,
                             mean_error, rms, run)

# Stored in bf16, so that bf16 weights are exact and only activations round.
STORED_BF16 = {"llama2-mha", "llama31", "mistral-window", "shisa-extra"}
STORED_F16 = {"llama2-gqa"}
DTYPES = ("f32", "f16", "bf16")
# Of logit_rms.
F32_LARGEST = 1e-4
# Of the evaluator's logits, which have the same roundings.
PROBE_MEAN = {"f32": 1e-4, "f16": 1e-3, "bf16": 0.01}
# Of random weights, which are harder to quantise than those of a trained model:
# steps of many rows, whose inputs share a scale over 256 columns, and of few.
QUANTIZED_MEAN = {"int8": (0.05, 0.03), "int4": (0.30, 0.30)}
# What storing keys and values so adds to the mean error, of logit_rms.
KV_MEAN = {"f32": 1e-5, "f16": 1e-3, "bf16": 0.012, "int8": 0.02}


class GoldenTest:
    def __init__(self, programs, folder, name, work):
        self.programs = programs
        self.folder = os.path.join(folder, name)
        self.name = name
        self.work = work
        self.checks = Checks()
        with open(os.path.join(self.folder, "golden.json"),
                  encoding="utf-8") as file:
            self.golden = json.load(file)
        self.mean = {"f32": 0, "f16": 0.002,
                     "bf16": 0.012 if name in STORED_BF16 else 0.02}

    def artifact(self, dtype):
        return os.path.join(self.work, dtype + ".swallow")

    def run(self):
        for dtype in DTYPES:
            said = self.programs.compile(self.folder, self.artifact(dtype),
                                         "-dtype", dtype)
            self.checks.expect(said == "", f"-quiet said: {said}")
        self.deterministic()
        self.tokenize()
        self.chat()
        self.inspect()
        for dtype in DTYPES:
            variants = self.programs.variants(self.artifact(dtype))
            self.checks.expect(variants, "no variant runs on this machine")
            for variant in variants:
                self.prompts(dtype, variant)
                self.pieces(dtype, variant)
                self.threads(dtype, variant)
                self.kv_elements(dtype, variant)
                self.probe(dtype, variant)
        for quant in QUANTIZED_MEAN:
            self.quantized(quant)
        self.partly_quantized()
        self.note()
        if self.window():
            self.past_the_window()
        self.checks.finish()

    # Quantised weights: the probe compares with their exact values; here the
    # distance from transformers' logits is that of the weights themselves.
    def quantized(self, quant):
        artifact = self.artifact(quant)
        self.programs.compile(self.folder, artifact, "-quant", quant)
        for variant in self.programs.variants(artifact):
            said = self.programs.rt("verify", artifact, "--variant", variant)
            self.checks.expect("MISMATCH" not in said,
                               f"{quant} {variant}: verify says {said}")
            for i, case in enumerate(self.golden["logits"]):
                for chunk in ("512", "5"):
                    rows = self.programs.logits(artifact, case["ids"],
                                                "--variant", variant,
                                                "--chunk", chunk)[0]
                    self.close(quant, rows[-1], case,
                               f"{variant} prompt {i}, chunks of {chunk}",
                               few_rows=chunk == "5")
            self.threads(quant, variant)

    # Projections are quantised, the embedding and the head are in f16.
    def partly_quantized(self):
        artifact = self.artifact("int8-f16")
        self.programs.compile(self.folder, artifact, "-quant", "int8", "-dtype",
                              "f16", "-quant-head", "none", "-quant-embedding",
                              "none")
        elements = self.programs.inspect(artifact)["weights"]["elements"]
        self.checks.expect(set(elements) == {"f32", "f16", "int8"},
                           f"weights are {elements}")
        for variant in self.programs.variants(artifact):
            said = self.programs.rt("verify", artifact, "--variant", variant)
            self.checks.expect("MISMATCH" not in said,
                               f"int8 and f16, {variant}: verify says {said}")

    # What the default makes of weights in f16 is said; that f16 keeps them, not.
    def note(self):
        for dtype in DTYPES:
            result = run([self.programs.compiler, "compile", self.folder, "-o",
                          self.artifact("note"), "-dtype", dtype, "-target",
                          "x86-64-avx2", "-probe-tokens", "0"])
            self.checks.expect(
                ("-dtype f16 keeps its weights" in result.stderr)
                == (dtype == "bf16" and self.name in STORED_F16),
                f"{dtype}: compiling says {result.stderr}")

    # The evaluator's logits of a few tokens.
    def probe(self, dtype, variant):
        said = self.programs.rt("verify", self.artifact(dtype), "--variant",
                                variant)
        error = re.search(r"ok, mean absolute error (\S+)", said)
        self.checks.expect(
            error and float(error.group(1)) <= PROBE_MEAN[dtype],
            f"{dtype} {variant}: verify says {said}")

    def close(self, dtype, found, case, what, few_rows=False):
        """Compares the logits of a prompt's last position."""
        expected, scale = case["last_logits"], case["logit_rms"]
        if dtype == "f32":
            error = largest_error(found, expected) / scale
            bound = F32_LARGEST
        elif dtype in QUANTIZED_MEAN:
            error = mean_error(found, expected) / scale
            bound = QUANTIZED_MEAN[dtype][few_rows]
        else:
            error = mean_error(found, expected) / scale
            bound = self.mean[dtype]
        self.checks.expect(error <= bound,
                           f"{dtype} {what}: error {error:.2e} of the logits' "
                           f"rms, at most {bound:.1e} is allowed")

    # Other threads and another moment: the same bytes.
    def deterministic(self):
        again = os.path.join(self.work, "again.swallow")
        for threads in ("1", "2"):
            self.programs.compile(self.folder, again, "-threads", threads)
            self.checks.expect(
                filecmp.cmp(self.artifact("bf16"), again, shallow=False),
                f"a compile with {threads} thread(s) gives other bytes")

    def tokenize(self):
        artifact = self.artifact("bf16")
        for case in self.golden["tokenize"]:
            for key, options in (("ids", []),
                                 ("ids_no_special", ["--no-special"])):
                answer = json.loads(self.programs.rt(
                    "tokenize", artifact, "--json", *options,
                    text=case["text"]))
                self.checks.expect(answer["ids"] == case[key],
                                   f"{key} of {case['text']!r}: "
                                   f"{answer['ids']}, not {case[key]}")

    def chat(self):
        artifact = self.artifact("bf16")
        for case in self.golden["chat"]:
            options = ([] if case["add_generation_prompt"]
                       else ["--no-generation-prompt"])
            result = run([self.programs.runtime, "render", artifact, "--json",
                          *options], text=json.dumps(case["messages"]))
            if "error" in case:
                self.checks.expect(
                    result.returncode == 1 and result.stderr
                    == "swallow-rt: error: " + case["error"] + "\n",
                    f"{case['messages']}: {result.stderr!r}")
                continue
            found = json.loads(result.stdout or "{}")
            expected = {"text": case["rendered"], "ids": case["ids"]}
            self.checks.expect(found == expected,
                               f"{case['messages']}: {found}, not {expected}")

    def inspect(self):
        with open(os.path.join(self.folder, "config.json"),
                  encoding="utf-8") as file:
            config = json.load(file)
        description = self.programs.inspect(self.artifact("bf16"), "-c", "64")
        model = description["model"]
        for key in ("vocab_size", "hidden_size", "intermediate_size"):
            self.checks.expect(model[key] == config[key],
                               f"inspect says {key} is {model[key]}")
        self.checks.expect(
            description["memory_plan"]["context_length"] == 64,
            "the memory plan is for another context")
        names = [v["name"] for v in description["variants"]]
        self.checks.expect(
            names == ["x86-64-amx", "x86-64-avx512-bf16", "x86-64-avx512",
                      "x86-64-avx2"],
            f"the variants are {names}")

    # Whole prompts, and every greedy token: fed the golden tokens one by one,
    # the model must choose the next golden one each time.
    def prompts(self, dtype, variant):
        artifact = self.artifact(dtype)
        options = ("--variant", variant)
        for i, case in enumerate(self.golden["logits"]):
            what = f"{variant} prompt {i}"
            ids = case["ids"]
            rows = self.programs.logits(artifact, ids, *options)[0]
            self.close(dtype, rows[-1], case, what)
            if dtype != "f32":
                continue
            chosen = [argmax(row) for row in rows]
            self.checks.expect(chosen == case["argmax"],
                               f"{what}: most likely tokens {chosen}")
            nll = sum(negative_log_probability(row, token) for row, token
                      in zip(rows, ids[1:])) / (len(ids) - 1)
            self.checks.expect(abs(nll - case["mean_nll"]) < 1e-4,
                               f"{what}: mean_nll {nll}, "
                               f"not {case['mean_nll']}")
            all_ids = ids + case["greedy"]
            rows = self.programs.logits(artifact, all_ids[:-1], "--chunk",
                                        str(1 if i == 1 else 16), *options)[0]
            greedy = [argmax(row) for row in rows[len(ids) - 1:]]
            self.checks.expect(greedy == case["greedy"],
                               f"{what}: greedy tokens {greedy}")

    # Chunks, single tokens, and ragged batches of three sequences.
    def pieces(self, dtype, variant):
        case = self.golden["logits"][2]
        for chunk in ("1", "7", "16"):
            rows = self.programs.logits(self.artifact(dtype), case["ids"],
                                        "--chunk", chunk, "--variant",
                                        variant)[0]
            self.close(dtype, rows[-1], case, f"{variant} chunks of {chunk}")
        for chunk in ("1", "7"):
            copies = self.programs.logits(self.artifact(dtype), case["ids"],
                                          "--chunk", chunk, "--copies", "3",
                                          "--variant", variant)
            self.checks.expect(len(copies) == 3, "three sequences asked for")
            for i, rows in enumerate(copies):
                self.close(dtype, rows[-1], case,
                           f"{variant} sequence {i} of 3, chunks of {chunk}")

    # Keys and values stored otherwise than the dtype says, in chunks, so that
    # they are read again from where they lie.
    def kv_elements(self, dtype, variant):
        artifact = self.artifact(dtype)
        for i, case in enumerate(self.golden["logits"]):
            for element, bound in KV_MEAN.items():
                rows = self.programs.logits(
                    artifact, case["ids"], "--chunk", "7", "--variant", variant,
                    "--kv-cache", element)[0]
                error = (mean_error(rows[-1], case["last_logits"])
                         / case["logit_rms"])
                bound = math.hypot(bound, self.mean[dtype])
                self.checks.expect(error <= bound,
                                   f"{dtype} {variant} prompt {i}, {element} "
                                   f"keys and values: error {error:.2e} of the "
                                   f"logits' rms, at most {bound:.1e}")
        answers = {self.programs.logits_text(
            artifact, self.golden["logits"][0]["ids"], "--chunk", "5",
            "--variant", variant, "--kv-cache", "int8", "--threads",
            str(threads)) for threads in (1, 2, 3)}
        self.checks.expect(len(answers) == 1, f"{dtype} {variant}, int8: logits "
                           "depend on the number of threads")

    # Bit-identical numbers for any number of threads, and so the same text.
    def threads(self, dtype, variant):
        artifact = self.artifact(dtype)
        case = self.golden["logits"][0]
        for chunk in ("512", "7", "1"):
            answers = [self.programs.logits_text(
                artifact, case["ids"], "--chunk", chunk, "--variant", variant,
                "--threads", str(threads)) for threads in (1, 2, 3)]
            self.checks.expect(answers[0] == answers[1] == answers[2],
                               f"{dtype} {variant}, chunks of {chunk}: logits "
                               "depend on the number of threads")
        texts = [self.programs.rt(
            "run", artifact, "-p", "東京 is", "--temperature", "0",
            "--max-tokens", "24", "--variant", variant, "--threads",
            str(threads)) for threads in (1, 2, 3)]
        self.checks.expect(texts[0] and texts[0] == texts[1] == texts[2],
                           f"{dtype} {variant}: texts {texts}")

    def window(self):
        return self.programs.inspect(self.artifact("f32"))["kv"]["window"]

    # Chunk by chunk the keys lie in a ring of a few blocks, in one piece all of
    # them are there: both must say the same.
    def past_the_window(self):
        artifact = self.artifact("f32")
        vocab = self.golden["vocab_size"]
        ids = [(i * 7919 + 13) % vocab for i in range(400)]
        whole = self.programs.logits(artifact, ids, "--chunk", "400")[0]
        scale = rms(whole[-1])
        for chunk in ("1", "16", "33"):
            pieces = self.programs.logits(artifact, ids, "--chunk", chunk)[0]
            error = max(largest_error(a, b) for a, b in zip(pieces, whole))
            self.checks.expect(error / scale <= F32_LARGEST,
                               f"400 tokens in chunks of {chunk}: error "
                               f"{error / scale:.2e}")
        plans = [self.programs.inspect(artifact, "-c", str(context),
                                       "--max-step-tokens", "16")["memory_plan"]
                 for context in (100, 400, 1000)]
        sizes = [plan["kv_bytes"] for plan in plans]
        self.checks.expect(sizes[0] == sizes[1] == sizes[2],
                           f"KV memory grows with the context: {sizes}")
        blocks = math.ceil((self.window() - 1 + 16) / 32)
        self.checks.expect(plans[0]["kv_blocks"] == blocks,
                           f"{plans[0]['kv_blocks']} blocks, not {blocks}")


def negative_log_probability(row, token):
    highest = max(row)
    return (highest + math.log(sum(math.exp(x - highest) for x in row))
            - row[token])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--golden", required=True, help="folder of the models")
    parser.add_argument("model")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        GoldenTest(Programs(arguments.bin), arguments.golden, arguments.model,
                   work).run()


if __name__ == "__main__":
    main()
