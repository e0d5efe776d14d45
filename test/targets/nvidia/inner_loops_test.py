#!/usr/bin/env python3
"""The inner loops of products compute no addresses in 64 bits.

An address in global memory takes two registers, and a multiplication or shift
of it several instructions. So what a loop reads there has to be a constant
behind one of few pointers, each of which a step moves on by one addition.
"""
import argparse
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

SHAPE = Path(__file__).resolve().parents[2] / "shapes" / "8b"
PRODUCTS = ["fused_qkv", "o_proj", "gated_mlp", "down_proj", "fused_lm_head"]
TILES = ["", "_rows32", "_rows64", "_rows128"]
DTYPES = {"bf16": "bf16.bf16", "f16": "f16.f16"}
# Pointers to global memory: to the weights, and a GEMM's to its rows as well.
POINTERS = {"": 1, "_rows32": 2, "_rows64": 2, "_rows128": 2}


def kernels(ptx):
    """Name and lines of each."""
    return {match[1]: [line.strip() for line in match[2].splitlines()]
            for match in re.finditer(r"\.entry (\w+)\(.*?\n\{\n(.*?)\n\}", ptx,
                                     re.DOTALL)}


def inner_loops(lines):
    """Ranges of lines from a label to a branch back to it, without another."""
    labels, loops = {}, []
    for i, line in enumerate(lines):
        if line.startswith("$L") and ":" in line:
            labels[line.split(":")[0]] = i
        branch = re.search(r"\bbra(?:\.uni)?\s+(\$\w+);", line)
        if branch and branch[1] in labels:
            first = labels[branch[1]]
            if not any(first < other < i for other, _ in loops):
                loops.append((first, i))
    return [lines[first:last] for first, last in loops]


class InnerLoopsTest(unittest.TestCase):
    def check(self, lines, pointers):
        wide = [line for line in lines
                if re.match(r"(@!?%p\d+\s+)?[a-z]\S*(64|\.wide)\S*\s", line)]
        self.assertLessEqual(len(wide), pointers, wide)
        moved = set()
        for line in wide:
            step = re.fullmatch(r"add\.s64\s+(%rd\d+), \1, (\d+);", line)
            self.assertTrue(step, line)
            self.assertNotIn(step[1], moved)
            moved.add(step[1])

    def test_products(self):
        for dtype, elements in DTYPES.items():
            with tempfile.TemporaryDirectory() as folder:
                ptx = Path(folder, "step.ptx")
                subprocess.run([options.bin / "swallowc", "compile", SHAPE,
                                "-target", "sm_80", "-dtype", dtype,
                                "-emit=ptx", "-o", ptx], check=True)
                code = kernels(ptx.read_text(encoding="utf-8"))
            for product in PRODUCTS:
                for tile in TILES:
                    kernel = product + tile
                    with self.subTest(dtype=dtype, kernel=kernel):
                        loops = [loop for loop in inner_loops(code[kernel])
                                 if any(f"f32.{elements}.f32" in line
                                        for line in loop)]
                        self.assertTrue(loops)
                        for loop in loops:
                            self.check(loop, POINTERS[tile])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=Path, required=True)
    options, rest = parser.parse_known_args()
    unittest.main(argv=[__file__, *rest])
