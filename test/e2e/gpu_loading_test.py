#!/usr/bin/env python3
"""The line that shows how far the weights are on their way to a GPU.

The emulator's copies take no time, so it is told to wait in each of them. A
line is there after a second, on a terminal, and gone when the weights are.
"""

import argparse
import json
import os
import re
import shutil
import struct
import tempfile

from pseudo_terminal import Terminal
from swallow_testing import Checks, Programs, run

# Of the feed-forward network: weights take more than two of the pieces, of
# 16 MiB, in which a file is copied.
WIDTH = 12288
LINE = r"\rloading weights: +(\d+) % of ([0-9.]+) MiB, [0-9.]+ [KM]iB/s"


def write_model(golden, folder):
    """A model of zeros with the tokenizer of a golden one."""
    shutil.copytree(golden, folder,
                    ignore=shutil.ignore_patterns("*.safetensors*"))
    with open(os.path.join(golden, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    config["intermediate_size"] = WIDTH
    with open(os.path.join(folder, "config.json"), "w",
              encoding="utf-8") as file:
        json.dump(config, file)
    hidden = config["hidden_size"]
    queries = config["num_attention_heads"] * config["head_dim"]
    keys = config["num_key_value_heads"] * config["head_dim"]
    shapes = {"model.embed_tokens": [config["vocab_size"], hidden],
              "lm_head": [config["vocab_size"], hidden], "model.norm": [hidden]}
    for layer in range(config["num_hidden_layers"]):
        for name, shape in (
                ("input_layernorm", [hidden]),
                ("post_attention_layernorm", [hidden]),
                ("self_attn.q_proj", [queries, hidden]),
                ("self_attn.k_proj", [keys, hidden]),
                ("self_attn.v_proj", [keys, hidden]),
                ("self_attn.o_proj", [hidden, queries]),
                ("mlp.gate_proj", [WIDTH, hidden]),
                ("mlp.up_proj", [WIDTH, hidden]),
                ("mlp.down_proj", [hidden, WIDTH])):
            shapes[f"model.layers.{layer}.{name}"] = shape
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * shape[0] * (shape + [1])[1]
        header[name + ".weight"] = {"dtype": "F16", "shape": shape,
                                    "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)


class LoadingTest:
    def __init__(self, programs, library, golden, work):
        self.programs = programs
        self.golden = golden
        self.work = work
        self.environment = {
            "SWALLOW_CUDA_LIBRARY": library, "SWALLOW_PTXAS": "none",
            "SWALLOW_CACHE_DIR": os.path.join(work, "cache"), "HOME": work,
            "PATH": os.environ["PATH"], "TERM": "xterm-256color"}
        self.checks = Checks()

    def path(self, name):
        return os.path.join(self.work, name)

    def compile(self, model, name, *options):
        self.programs.compile(model, self.path(name), "-target", "sm_80",
                              "-probe-tokens", "0", "-ptxas", "none", *options)

    def command(self, name):
        return [self.programs.runtime, "logits", self.path(name), "--ids", "1",
                "--device", "cuda"]

    def screen(self, name, milliseconds):
        terminal = Terminal(self.command(name), {
            **self.environment,
            "SWALLOW_EMULATOR_COPY_MILLISECONDS": str(milliseconds)})
        self.checks.expect(terminal.end() == 0, f"{name}: {terminal.screen}")
        return terminal.screen

    def shows(self, name, milliseconds):
        screen = self.screen(name, milliseconds)
        percents = [int(p) for p, _ in re.findall(LINE, screen)]
        self.checks.expect(percents and percents == sorted(percents) and
                           all(0 < p <= 100 for p in percents),
                           f"{name}: {percents} in {screen!r}")
        # Gone before anything else is written.
        self.checks.expect(re.search(r"[KM]iB/s\r[^\n]*\d", screen) and
                           "iB/s\n" not in screen, f"{name}: {screen!r}")

    def run_all(self):
        write_model(self.golden, self.path("model"))
        self.compile(self.path("model"), "file")
        self.shows("file", 1200)
        # Made, and not read from the file.
        self.compile(self.golden, "synthetic", "-weights=synthetic")
        self.shows("synthetic", 150)
        self.checks.expect("loading" not in self.screen("synthetic", 0),
                           "a line about a short wait")
        said = run(self.command("synthetic"), environment={
            **self.environment, "SWALLOW_EMULATOR_COPY_MILLISECONDS": "150"})
        self.checks.expect(said.returncode == 0 and
                           "loading" not in said.stderr,
                           f"in a log: {said.stderr}")
        self.checks.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--library", required=True, help="the emulated driver")
    parser.add_argument("--model", required=True, help="folder of the model")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        LoadingTest(Programs(arguments.bin), arguments.library, arguments.model,
                    work).run_all()


if __name__ == "__main__":
    main()
