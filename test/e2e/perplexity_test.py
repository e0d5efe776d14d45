"""swallow-rt perplexity gives what transformers gives: perplexity.json of the
demonstration model, computed by its perplexity.py."""

import argparse
import json
import math
import os
import signal
import subprocess
import tempfile

from swallow_testing import Checks, Programs, run

# Of float32 sums in another order.
RELATIVE_ERROR = 1e-5


class PerplexityTest:
    def __init__(self, programs, source, work):
        self.programs = programs
        self.source = source
        self.work = work
        self.checks = Checks()
        self.text = os.path.join(source, "tools/demo-model/heldout.txt")

    def artifact(self, model):
        path = os.path.join(self.work, os.path.basename(model) + ".swallow")
        if not os.path.exists(path):
            self.programs.compile(os.path.join(self.source, model), path,
                                  "-dtype", "f32")
        return path

    def measure(self, artifact, *options, **keywords):
        return json.loads(self.programs.rt("perplexity", artifact, "--json",
                                           *options, **keywords))

    def reference(self):
        with open(os.path.join(self.source,
                               "tools/demo-model/perplexity.json"),
                  encoding="utf-8") as file:
            cases = json.load(file)
        for case in cases:
            found = self.measure(
                self.artifact(case["model"]), "--file", self.text,
                "--max-length", str(case["max_length"]), "--stride",
                str(case["stride"]))
            error = abs(found["perplexity"] / case["perplexity"] - 1)
            self.checks.expect(
                error < RELATIVE_ERROR and found["tokens"] == case["tokens"]
                and found["stride"] == case["stride"]
                and abs(math.exp(found["mean_nll"]) / found["perplexity"] - 1)
                < 1e-9,
                f"{case}: {found}")
        self.artifacts = [self.artifact(case["model"]) for case in cases]

    # The text from each place, and steps of any size.
    def sources(self):
        artifact = self.artifacts[0]
        text = "さざなみ村は海の近くにある。 The village lies by the sea."
        path = os.path.join(self.work, "text")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        answers = [self.measure(artifact, "--text", text),
                   self.measure(artifact, "--file", path),
                   self.measure(artifact, text=text)]
        self.checks.expect(answers[0] == answers[1] == answers[2],
                           f"sources differ: {answers}")
        self.checks.expect(answers[0]["windows"] == 1 and
                           answers[0]["tokens"] == answers[0]["text_tokens"] - 1,
                           f"one window: {answers[0]}")
        for step in ("1", "9", "33"):
            found = self.measure(artifact, "--text", text,
                                 "--max-step-tokens", step)
            error = abs(found["perplexity"] / answers[0]["perplexity"] - 1)
            self.checks.expect(error < RELATIVE_ERROR,
                               f"steps of {step}: {found}")
        line = self.programs.rt("perplexity", artifact, "--text", text)
        self.checks.expect(
            line.startswith(f"perplexity {answers[0]['perplexity']:.6f} "),
            f"as text: {line!r}")

    def fails(self, code, *arguments, words=()):
        result = run([self.programs.runtime, "perplexity", *arguments])
        self.checks.expect(
            result.returncode == code and result.stdout == ""
            and len(result.stderr.splitlines()) == 1
            and all(word in result.stderr for word in words),
            f"perplexity {arguments[1:]}: {result}")

    def refused(self):
        artifact = self.artifacts[0]
        self.fails(1, artifact, "--text", "", words=["1 tokens"])
        self.fails(1, artifact, "--file", "/no/file", words=["/no/file"])
        self.fails(1, artifact, "--text", "a b", "--max-length", "2000",
                   words=["2000", "1024"])
        self.fails(1, artifact, "--text", "a b", "--max-length", "16",
                   "--stride", "17", words=["--stride 17", "16"])
        self.fails(2, artifact, "--text", "a", "--file", self.text,
                   words=["--text", "--file"])

    def interrupted(self):
        process = subprocess.Popen(
            [self.programs.runtime, "perplexity", self.artifacts[0], "--file",
             self.text, "--stride", "1", "--max-length", "512"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # It has its memory, so it is past the start, which SIGINT would end.
        while not in_windows(process.pid):
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        self.checks.expect(process.returncode == 130 and not out and not err,
                           f"Ctrl-C: {process.returncode} {out} {err}")

    def run(self):
        self.reference()
        self.sources()
        self.refused()
        self.interrupted()
        self.checks.finish()


def in_windows(pid):
    """Whether the process catches SIGINT by now."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("SigCgt:"):
                return int(line.split()[1], 16) >> (signal.SIGINT - 1) & 1
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--source", required=True, help="the source tree")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        PerplexityTest(Programs(arguments.bin), arguments.source, work).run()


if __name__ == "__main__":
    main()
