#!/usr/bin/env python3
"""What a decoding step of the 8B shape does on a GPU, by the emulator's counts.

One layer and the LM head, with synthetic weights: counts are exact, so that a
change which reads weights twice shows.
"""

import argparse
import json
import os
import tempfile

from swallow_testing import Checks, Programs, run

SECTOR = 32
# Weights are read once, in whole sectors. What a block reads besides are the
# row and the norm's weights, from the cache that all blocks share.
MOST = 1.02
MOST_OF_KERNEL = 1.05
# The same for quantised weights, beside which a row in f32 is more.
MOST_QUANTIZED = {"int4": 1.17, "int8": 1.10}


class CountsTest:
    def __init__(self, programs, library, shape, work):
        self.programs, self.library, self.work = programs, library, work
        self.checks = Checks()
        self.model = os.path.join(work, "model")
        os.mkdir(self.model)
        with open(os.path.join(shape, "config.json"), encoding="utf-8") as file:
            self.config = json.load(file)

    def compile(self, vocab, *options):
        config = dict(self.config, vocab_size=vocab)
        with open(os.path.join(self.model, "config.json"), "w",
                  encoding="utf-8") as file:
            json.dump(config, file)
        artifact = os.path.join(self.work, "m.swallow")
        self.programs.compile(self.model, artifact, "-weights=synthetic",
                              "-layers", "1", "-target", "sm_80", *options)
        return artifact

    def count(self, artifact):
        report = os.path.join(self.work, "report.json")
        said = run([self.programs.runtime, "logits", artifact, "--ids", "1",
                    "--json", "--device", "cuda"],
                   environment={
                       "SWALLOW_CUDA_LIBRARY": self.library,
                       "SWALLOW_CACHE_DIR": os.path.join(self.work, "cache"),
                       "SWALLOW_EMULATOR_REPORT": report})
        self.checks.expect(said.returncode == 0, said.stderr)
        with open(report, encoding="utf-8") as file:
            counted = json.load(file)
        self.checks.expect(counted["findings"] == [],
                           f"findings: {counted['findings']}")
        kernels = counted["kernels"]
        for name, counts in kernels.items():
            self.checks.expect(counts["sharedBankConflicts"] == 0,
                               f"{name} has bank conflicts")
        layer = {name for name in kernels
                 if not name.startswith(("embedding", "fused_lm_head"))}
        self.checks.expect(len(layer) <= 5 and
                           all(kernels[name]["launches"] == 1
                               for name in kernels),
                           f"a step takes the kernels {sorted(kernels)}")
        return kernels

    def weights(self, vocab):
        """The weights of each kernel."""
        hidden = self.config["hidden_size"]
        ffn = self.config["intermediate_size"]
        heads = self.config["num_attention_heads"]
        keys = hidden // heads * self.config["num_key_value_heads"]
        return {"fused_qkv": (hidden + 2 * keys) * hidden,
                "o_proj": hidden * hidden, "gated_mlp": 2 * ffn * hidden,
                "down_proj": ffn * hidden, "fused_lm_head": vocab * hidden}

    def bf16(self):
        vocab = self.config["vocab_size"]
        kernels = self.count(self.compile(vocab))
        weights = self.weights(vocab)
        for name, elements in weights.items():
            read = kernels[name]["globalLoadSectors"] * SECTOR / (2 * elements)
            self.checks.expect(
                1 <= read <= MOST_OF_KERNEL,
                f"{name} reads {read:.3f} times the bytes of its weights")
            products = sum(count for opcode, count
                           in kernels[name]["instructions"].items()
                           if opcode.startswith("mma.sync"))
            self.checks.expect(products == elements // 256,
                               f"{name}: {products} products of 16 x 16 weights")
        read = sum(counts["globalLoadSectors"] for counts in kernels.values())
        read *= SECTOR / (2 * sum(weights.values()))
        print(f"bf16: {read:.4f} times the bytes of all weights")
        self.checks.expect(1 <= read <= MOST, f"a step reads {read:.3f} times "
                           "the bytes of its weights")

    def quantized(self, quant, bits):
        vocab = 8192
        kernels = self.count(self.compile(vocab, "-quant", quant))
        for name, elements in self.weights(vocab).items():
            if name == "fused_lm_head":  # of more bits
                continue
            counts = kernels[name + "_rows1"]
            read = counts["globalLoadSectors"] * SECTOR / (elements * bits / 8)
            self.checks.expect(
                1 <= read <= MOST_QUANTIZED[quant],
                f"{quant}: {name} reads {read:.3f} times its weights' bytes")
            products = sum(count for opcode, count
                           in counts["instructions"].items()
                           if opcode.startswith("dp4a"))
            # int8 codes are unsigned, so inputs are added up as well, once for
            # four features of each block of a unit.
            least = elements // 4 // 32
            most = least if quant == "int4" else 1.25 * least
            self.checks.expect(
                least <= products <= most,
                f"{quant}: {name} has {products} dp4a, {least} to {most}")

    def run_all(self):
        self.bf16()
        self.quantized("int4", 4.5)
        self.quantized("int8", 8.5)
        self.checks.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--library", required=True, help="the emulated driver")
    parser.add_argument("--shape", required=True, help="folder of a config.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        CountsTest(Programs(arguments.bin), arguments.library, arguments.shape,
                   work).run_all()


if __name__ == "__main__":
    main()
