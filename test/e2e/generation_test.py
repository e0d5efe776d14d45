#!/usr/bin/env python3
"""Greedy generation with the settings of generation_config.json, against what
transformers' generate() makes of the same folder (generation.json, written by
tools/differential/generation/generate.py), and samples of one prompt.
"""

import argparse
import json
import os
import shutil
import tempfile

from swallow_testing import Checks, Programs

HERE = os.path.dirname(os.path.abspath(__file__))


class GenerationTest:
    def __init__(self, programs, folder, work):
        self.programs = programs
        self.folder = folder
        self.work = work
        self.checks = Checks()

    def compile(self, model, config):
        """The golden model with `config` in its generation_config.json."""
        folder = os.path.join(self.work, "model")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(os.path.join(self.folder, model), folder)
        path = os.path.join(folder, "generation_config.json")
        merged = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                merged = json.load(file)
        merged.update(config)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(merged, file)
        artifact = os.path.join(self.work, "model.swallow")
        said = self.programs.compile(folder, artifact, "-dtype", "f32",
                                     "-probe-tokens", "0")
        return artifact, said

    def run(self):
        with open(os.path.join(HERE, "generation.json"),
                  encoding="utf-8") as file:
            cases = json.load(file)
        for case in cases:
            self.agrees(case)
        self.warns()
        self.samples()
        self.checks.finish()

    def generate(self, artifact, prompt, *options):
        return json.loads(self.programs.rt("run", artifact, "--json", "-p",
                                           prompt, *options))

    def agrees(self, case):
        artifact, said = self.compile(case["model"], case["config"])
        what = f"{case['model']} with {case['config']}"
        self.checks.expect(said == "", f"{what}: swallowc said {said}")
        answer = self.generate(artifact, case["prompt"])
        choice = answer["choices"][0]
        self.checks.expect(answer["prompt_token_ids"] == case["prompt_ids"],
                           f"{what}: other prompt ids")
        self.checks.expect(choice["text"] == case["text"],
                           f"{what}: {choice['text']!r} is not "
                           f"{case['text']!r}")
        ids = choice["token_ids"]
        if "stop_strings" in case["config"]:
            # Text that may still change (bytes of a character, an emoji) is
            # not looked at before it is certain, which can take more tokens.
            ids = ids[:len(case["ids"])]
            self.checks.expect(
                choice["stop_reason"] in case["config"]["stop_strings"],
                f"{what}: stop reason {choice['stop_reason']!r}")
        self.checks.expect(ids == case["ids"],
                           f"{what}: {ids} are not {case['ids']}")

    def warns(self):
        _, said = self.compile("llama31", {"num_beams": 4, "top_p": 0.5})
        self.checks.expect('"num_beams"' in said and said.count("\n") == 1,
                           f"num_beams 4: swallowc said {said!r}")

    # The same whatever the threads; the first of several is the only one of
    # one; every sample of a batch is that of any other batch.
    def samples(self):
        artifact, _ = self.compile("llama31-tied", {"max_new_tokens": 24})
        options = ("--temperature", "1.5", "--top-p", "0.9", "--seed", "7")

        def texts(*more):
            answer = self.generate(artifact, "Tokyo", *options, *more)
            return [choice["token_ids"] for choice in answer["choices"]]

        four = texts("--samples", "4", "--threads", "1")
        self.checks.expect(texts("--samples", "4", "--threads", "2") == four,
                           "threads change the samples")
        self.checks.expect(len({str(ids) for ids in four}) == 4,
                           "samples are equal")
        self.checks.expect(texts() == four[:1],
                           "one sample is not the first of four")
        self.checks.expect(texts("--samples", "7")[:4] == four,
                           "samples depend on how many there are")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--golden", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        GenerationTest(Programs(arguments.bin), arguments.golden, work).run()


if __name__ == "__main__":
    main()
