#!/usr/bin/env python3
"""ptxas takes the PTX of every model, without spills, local memory or warnings.

Exits with 77 (skipped) where there is no ptxas: it is part of the CUDA Toolkit,
which nothing else here needs.
"""
import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TEST = Path(__file__).resolve().parents[2]
ALL = ["sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"]
# Kernels are as large for these as they get.
SHAPES = ["1b", "7b", "8b", "70b"]
SHAPE_TARGETS = ["sm_80", "sm_90", "sm_120"]
# What is compiled beside bf16, on fewer architectures.
OTHERS = [("-quant", "int4"), ("-quant", "int8"), ("-dtype", "f16")]


def find_ptxas():
    found = shutil.which("ptxas")
    usual = Path("/usr/local/cuda/bin/ptxas")
    return found or (str(usual) if usual.exists() else None)


class PtxasTest(unittest.TestCase):
    def check(self, model, target, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            ptx = Path(folder, "step.ptx")
            subprocess.run([options.bin / "swallowc", "compile", model, "-target", target,
                            "-emit=ptx", "-o", ptx, *arguments], check=True)
            run = subprocess.run([find_ptxas(), "-v", f"-arch={target}", "-o",
                                  Path(folder, "step.cubin"), ptx],
                                 capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        text = run.stdout + run.stderr
        self.assertNotRegex(text.lower(), r"warning|error")
        kernels = re.findall(r"Compiling entry function '(\w+)'", text)
        self.assertTrue({"gated_mlp", "gated_mlp_rows1"} & set(kernels), kernels)
        self.assertLessEqual({"attention_f16", "attention_tiles_f16"}, set(kernels))
        spills = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, "
                            r"(\d+) bytes spill loads", text)
        self.assertEqual(len(spills), len(kernels), text)
        for kernel, numbers in zip(kernels, spills):
            self.assertEqual(numbers, ("0", "0", "0"), kernel)

    def test_golden_models(self):
        models = sorted(p.parent for p in TEST.glob("golden/*/config.json"))
        self.assertTrue(models)
        for model in models:
            for target in ALL:
                with self.subTest(model=model.name, target=target):
                    self.check(model, target)

    def test_shapes(self):
        for shape in SHAPES:
            for target in SHAPE_TARGETS:
                with self.subTest(shape=shape, target=target):
                    self.check(TEST / "shapes" / shape, target)

    def test_other_weights_of_golden_models(self):
        models = sorted(p.parent for p in TEST.glob("golden/*/config.json"))
        for i, model in enumerate(models):
            # Two of the three with each model, on two architectures.
            for j in range(2):
                weights = OTHERS[(i + j) % len(OTHERS)]
                target = ALL[(i + 3 * j) % len(ALL)]
                with self.subTest(model=model.name, target=target,
                                  weights=weights):
                    self.check(model, target, *weights)

    def test_other_weights_of_shapes(self):
        large = [("70b", "sm_80"), ("70b", "sm_90"), ("70b", "sm_120")]
        usual = [("8b", "sm_90"), ("7b", "sm_120"), ("8b", "sm_80")]
        for i, weights in enumerate(OTHERS):
            for shape, target in (large[i], usual[i]):
                with self.subTest(shape=shape, target=target, weights=weights):
                    self.check(TEST / "shapes" / shape, target, *weights)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=Path, required=True)
    options, rest = parser.parse_known_args()
    if not find_ptxas():
        print("skipped: no ptxas on this machine")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *rest])
