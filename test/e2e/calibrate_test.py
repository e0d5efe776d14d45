"""swallowc compile -calibrate: the same bytes every time, a model that is nearer
to the unquantised one on a text that it has not seen, what the report says of
it, and what is said about texts and options that do not fit."""

import argparse
import json
import math
import os
import tempfile

from swallow_testing import Checks, Programs, run

# The demonstration model has been trained on rows of 128 tokens, documents
# between <s> and </s>.
CONTEXT = "128"
BETWEEN_DOCUMENTS = "</s><s>"
# Only the projections, so that nothing else hides what happens to them.
PROJECTIONS = ["-quant", "int4", "-quant-head", "none", "-quant-embedding",
               "none"]

# What is not calibrated.
TABLES = ["model.embed_tokens.weight", "lm_head.weight"]


def log_softmax(row):
    top = max(row)
    norm = top + math.log(sum(math.exp(value - top) for value in row))
    return [value - norm for value in row]


class CalibrateTest:
    def __init__(self, programs, source, work):
        self.programs = programs
        self.source = source
        self.work = work
        self.model = os.path.join(source, "tools/demo-model/checkpoint")
        self.checks = Checks()
        with open(os.path.join(source, "tools/demo-model/heldout.txt"),
                  encoding="utf-8") as file:
            documents = file.read().rstrip("\n").split("\n\n")
        # One half to calibrate with, of the other one some to measure with.
        half = len(documents) // 2
        self.text = self.write("text", BETWEEN_DOCUMENTS.join(documents[:half]))
        self.measured = documents[half:][::3]

    def path(self, name):
        return os.path.join(self.work, name)

    def write(self, name, text):
        path = self.path(name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def compile(self, name, *options, model=None):
        path = self.path(name + ".swallow")
        # One variant is enough, and every machine runs it.
        self.programs.compile(model or self.model, path, "-target",
                              "x86-64-avx2", *options)
        return path

    def calibrated(self, name, *options, model=None):
        return self.compile(name, "-calibrate", self.text,
                            "-calibrate-context", CONTEXT, *options,
                            model=model)

    @staticmethod
    def bytes_of(path):
        with open(path, "rb") as file:
            return file.read()

    def report(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return json.load(file)

    # ---- what comes out ------------------------------------------------------

    def deterministic(self):
        plain = self.compile("plain", "-quant", "int4", "-report",
                             self.path("plain.json"))
        first = self.calibrated("first", "-quant", "int4", "-threads", "1",
                                "-report", self.path("first.json"))
        second = self.calibrated("second", "-quant", "int4", "-threads", "3")
        fewer = self.calibrated("fewer", "-quant", "int4",
                                "-calibrate-tokens", "100")
        self.checks.expect(self.bytes_of(first) == self.bytes_of(second),
                           "the bytes depend on the number of threads")
        self.checks.expect(self.bytes_of(first) != self.bytes_of(plain),
                           "calibrating changes nothing")
        self.checks.expect(self.bytes_of(first) != self.bytes_of(fewer),
                           "the number of tokens changes nothing")
        self.checks.expect(
            os.path.getsize(first) == os.path.getsize(plain),
            "a calibrated file has another size")
        self.programs.rt("verify", first)

    def divergence(self, artifact, reference):
        """Mean Kullback-Leibler divergence of the next token."""
        total, count = 0.0, 0
        for ids, expected in zip(self.ids, reference):
            (found,) = self.programs.logits(artifact, ids)
            for p, q in zip(expected, map(log_softmax, found)):
                total += sum(math.exp(a) * (a - b) for a, b in zip(p, q))
                count += 1
        return total / count

    def nearer(self):
        reference = self.compile("bf16")
        self.ids = [
            json.loads(self.programs.rt("tokenize", reference, "--json",
                                        text=document))["ids"]
            for document in self.measured]
        logits = []
        for ids in self.ids:
            (rows,) = self.programs.logits(reference, ids)
            logits.append(list(map(log_softmax, rows)))
        plain = self.divergence(self.compile("far", *PROJECTIONS), logits)
        near = self.divergence(self.calibrated("near", *PROJECTIONS), logits)
        print(f"divergence from bf16: {plain:.3g}, calibrated {near:.3g}")
        self.checks.expect(near < 0.75 * plain,
                           f"calibrated {near}, not calibrated {plain}")

    def reports(self):
        plain, found = self.report("plain.json"), self.report("first.json")
        for error in "weighted_error", "output_error":
            self.checks.expect(error not in json.dumps(plain),
                               f"{error} without a text: {plain}")
        self.checks.expect(
            [(t["name"], t["bits"], t["values"]) for t in plain["tensors"]] ==
            [(t["name"], t["bits"], t["values"]) for t in found["tensors"]],
            "the reports are about other tensors")
        for before, tensor in zip(plain["tensors"], found["tensors"]):
            name = tensor["name"]
            if name in TABLES:
                self.checks.expect(before == tensor, f"{name}: {tensor}")
                continue
            # Errors make up for each other, though all together they grow.
            self.checks.expect(
                0 < tensor["output_error"] < before["relative_error"]
                < tensor["relative_error"],
                f"{name}: {before}, calibrated {tensor}")

    # Tied embeddings, float32, a sliding window; other numbers of bits.
    def other_models(self):
        for model, error, *options in (
                ("llama31-tied", "weighted_error", "-quant", "int8", "-dtype",
                 "f32"),
                ("mistral-window", "output_error", "-quant", "int4"),
                ("llama2-gqa", "output_error", "-quant-attention", "int6")):
            report = model + ".json"
            artifact = self.calibrated(
                model, *options, "-calibrate-tokens", "300", "-report",
                self.path(report),
                model=os.path.join(self.source, "test/golden", model))
            self.programs.rt("verify", artifact)
            tensors = self.report(report)["tensors"]
            wrong = [t["name"] for t in tensors
                     if (error in t) == (t["name"] in TABLES)]
            self.checks.expect(tensors and not wrong,
                               f"{model}: {error} of {wrong}")

    # ---- what does not fit ---------------------------------------------------

    def fails(self, code, words, *options, model=None):
        output = self.path("failed.swallow")
        result = run([self.programs.compiler, "compile", model or self.model,
                      "-quiet", "-o", output, *options])
        lines = result.stderr.splitlines()
        self.checks.expect(
            result.returncode == code and len(lines) == 1
            and lines[0].startswith("swallowc: error: ")
            and all(word in lines[0] for word in words),
            f"{options}: {result.returncode} {result.stderr!r}")
        self.checks.expect(not os.path.exists(output),
                           f"{options}: left a file")

    def errors(self):
        quant = ["-quant", "int4"]
        text = ["-calibrate", self.text]
        self.fails(2, ["-calibrate", "-quant"], *text)
        self.fails(2, ["-calibrate", "no projection"], *text, "-quant-head",
                   "int8")
        self.fails(2, ["-calibrate", "synthetic"], *quant, *text,
                   "-weights=synthetic")
        self.fails(2, ["-calibrate", "path"], *quant, "-calibrate=")
        for option, value in (("-calibrate-tokens", "31"),
                              ("-calibrate-tokens", "1048577"),
                              ("-calibrate-context", "1")):
            self.fails(2, [option, "expected"], *quant, *text, option, value)
        self.fails(2, ["-calibrate-tokens", "-calibrate"], *quant,
                   "-calibrate-tokens", "64")
        missing = self.path("missing")
        self.fails(1, [missing, "No such file"], *quant, "-calibrate", missing)
        self.fails(1, [self.work], *quant, "-calibrate", self.work)
        for name, content, word in (
                ("empty", "", "empty"),
                ("short", "Too short.", "at least 32 tokens"),
                ("latin1", b"caf\xe9 " * 100, "UTF-8")):
            path = self.write(name, content)
            self.fails(1, [path, word], *quant, "-calibrate", path)

    def run(self):
        self.errors()
        self.deterministic()
        self.reports()
        self.nearer()
        self.other_models()
        self.checks.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--source", required=True, help="the repository")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        CalibrateTest(Programs(arguments.bin), arguments.source, work).run()


if __name__ == "__main__":
    main()
