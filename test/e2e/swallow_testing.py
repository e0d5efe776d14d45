"""What the end-to-end tests share: running the two programs and comparing."""

import json
import math
import os
import subprocess
import sys


class Programs:
    """swallowc and swallow-rt of a build."""

    def __init__(self, bin_dir):
        self.compiler = os.path.join(bin_dir, "swallowc")
        self.runtime = os.path.join(bin_dir, "swallow-rt")

    def compile(self, model_dir, output, *options):
        """Compiles quietly; returns what was said on standard error."""
        result = run([self.compiler, "compile", model_dir, "-o", output,
                      "-quiet", *options])
        if result.returncode != 0:
            raise AssertionError(f"{result.args}: {result.stderr}")
        return result.stderr

    def rt(self, *arguments, **keywords):
        """Runs swallow-rt, which must succeed; returns its standard output."""
        result = run([self.runtime, *arguments], **keywords)
        if result.returncode != 0:
            raise AssertionError(
                f"{result.args} ended with {result.returncode}: {result.stderr}")
        return result.stdout

    def inspect(self, artifact, *options):
        return json.loads(self.rt("inspect", artifact, "--json", *options))

    def logits_text(self, artifact, ids, *options):
        return self.rt("logits", artifact, "--json", "--ids",
                       ",".join(map(str, ids)), *options)

    def logits(self, artifact, ids, *options):
        """[copy][position][vocabulary]"""
        answer = json.loads(self.logits_text(artifact, ids, *options))
        if answer["ids"] != ids:
            raise AssertionError("logits answers for other ids than asked")
        return [answer["logits"]] + answer.get("copies", [])

    def variants(self, artifact):
        """Names of the variants that this machine runs."""
        return [v["name"] for v in self.inspect(artifact)["variants"]
                if v["runs_here"]]


def run(command, text=None, **keywords):
    environment = dict(os.environ)
    environment.pop("SWALLOW_VARIANT", None)
    environment.update(keywords.pop("environment", {}))
    return subprocess.run(
        command, input=text, env=environment, encoding="utf-8",
        stdin=subprocess.DEVNULL if text is None else None,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **keywords)


def rms(values):
    return math.sqrt(sum(v * v for v in values) / len(values))


def largest_error(found, expected):
    """NaN counts as infinite."""
    if len(found) != len(expected):
        raise AssertionError(f"{len(found)} logits instead of {len(expected)}")
    worst = 0.0
    for a, b in zip(found, expected):
        error = abs(a - b) if a is not None else math.inf
        worst = max(worst, error if error == error else math.inf)
    return worst


def mean_error(found, expected):
    if len(found) != len(expected):
        raise AssertionError(f"{len(found)} logits instead of {len(expected)}")
    return sum(abs(a - b) if a is not None else math.inf
               for a, b in zip(found, expected)) / len(found)


def argmax(row):
    return max(range(len(row)), key=row.__getitem__)


class Checks:
    """Collects failures, so that one run shows all of them."""

    def __init__(self):
        self.failures = 0
        self.passed = 0

    def expect(self, condition, message):
        if condition:
            self.passed += 1
            return
        self.failures += 1
        print(f"FAILED: {message}", flush=True)

    def finish(self):
        print(f"{self.passed} checks passed, {self.failures} failed")
        sys.exit(1 if self.failures or not self.passed else 0)
