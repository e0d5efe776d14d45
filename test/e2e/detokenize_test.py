"""swallow-rt detokenize: texts come back from their ids, for every golden
model and in every form of input; what is no id is refused."""

import argparse
import json
import os
import subprocess
import tempfile

from swallow_testing import Checks, Programs, run

MODELS = ["llama2-gqa", "llama2-mha", "llama31", "llama31-tied",
          "mistral-window", "shisa-extra"]


class DetokenizeTest:
    def __init__(self, programs, golden, work):
        self.programs = programs
        self.golden = golden
        self.work = work
        self.checks = Checks()

    def text(self, artifact, ids, *options, form=None):
        answer = self.programs.rt(
            "detokenize", artifact, "--json", *options,
            text=form or " ".join(map(str, ids)))
        return json.loads(answer)["text"]

    def golden_texts(self, model, artifact):
        with open(os.path.join(self.golden, model, "golden.json"),
                  encoding="utf-8") as file:
            cases = json.load(file)["tokenize"]
        for case in cases:
            for key, options in (("decoded", []),
                                 ("decoded_with_special", ["--keep-special"])):
                text = self.text(artifact, case["ids"], *options)
                self.checks.expect(text == case[key],
                                   f"{model} {key} of {case['ids']}: {text!r}, "
                                   f"not {case[key]!r}")
        self.raw(artifact, cases)

    # Without --json nothing is added to the bytes of the text.
    def raw(self, artifact, cases):
        for case in cases[:3]:
            out = subprocess.run(
                [self.programs.runtime, "detokenize", artifact],
                input=json.dumps(case["ids"]).encode(), capture_output=True,
                check=True).stdout
            self.checks.expect(out == case["decoded"].encode(),
                               f"raw {case['ids']}: {out}")

    def forms(self, artifact):
        ids = [1, 70, 80, 90]
        expected = self.text(artifact, ids)
        for form in ("1,70,80,90", "1, 70, 80, 90\n", "1\n70\n80\t90",
                     "[1,70,80,90]", ' {"ids": [1, 70, 80, 90], "n": 4}\n',
                     ",,1 70,80  90,"):
            self.checks.expect(
                self.text(artifact, ids, form=form) == expected, repr(form))
        for form in ("", "\n", "[]", '{"ids":[]}'):
            self.checks.expect(self.text(artifact, [], form=form or " ") == "",
                               repr(form))
        text = "日本語 and English"
        tokens = self.programs.rt("tokenize", artifact, "--json", text=text)
        self.checks.expect(self.text(artifact, [], form=tokens) == text,
                           "tokenize --json | detokenize")

    def refused(self, artifact, vocab):
        cases = [("x", "'x' is not a token id"), ("1 2.5", "2.5"),
                 ("-1", "-1"), ("1 99999999999", "99999999999"),
                 ("0x10", "0x10"), ("1;2", "1;2"), ("9" * 500, "9999..."),
                 (str(vocab), f"{vocab} is out of range"),
                 ("[1, -1]", "-1"), ("[1.0]", "1.0"), ('["1"]', "1"),
                 ("[[1]]", "[1]"), ("[1", "neither"), ('{"id":[1]}', "neither"),
                 ('{"ids":3}', "neither"), ("[" * 100000, "neither")]
        for form, word in cases:
            result = run([self.programs.runtime, "detokenize", artifact],
                         text=form)
            self.checks.expect(
                result.returncode == 1 and result.stdout == ""
                and len(result.stderr.splitlines()) == 1
                and word in result.stderr and len(result.stderr) < 300,
                f"{form[:60]!r}: {result.returncode} {result.stderr!r}")

    def run(self):
        for model in MODELS:
            artifact = os.path.join(self.work, model + ".swallow")
            self.programs.compile(os.path.join(self.golden, model), artifact,
                                  "-probe-tokens", "0")
            self.golden_texts(model, artifact)
        self.forms(artifact)
        self.refused(artifact,
                     self.programs.inspect(artifact)["model"]["vocab_size"])
        self.checks.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--golden", required=True, help="folder of the models")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        DetokenizeTest(Programs(arguments.bin), arguments.golden, work).run()


if __name__ == "__main__":
    main()
