#!/usr/bin/env python3
"""Makes a kit for a machine that has a GPU and nothing else: swallow-rt, small
compiled models, and gpu-validate, which runs them. See docs/gpu-validate.md.

The golden models of the sources have their weights inside. Models of the shapes
that people run have weights from a seed: whole ones to measure, and ones of two
layers to compare with the CPU, which need little memory.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
GOLDEN = SOURCE / "test" / "golden"
SHAPES = [SOURCE / "test" / "shapes" / name
          for name in ("1b", "8b", "mistral-7b")]
TARGETS = "x86-64,sm_80,sm_90"
WEIGHTS = {"bf16": [], "f16": ["-dtype=f16"], "int8": ["-quant=int8"],
           "int4": ["-quant=int4"]}
MAX_BYTES = 60_000_000
# All that the program may need of the machine; it opens the driver by itself.
ALLOWED = re.compile(
    r"(libc|libm|libpthread|libdl|librt)\.so\.\d+|ld-linux-x86-64\.so\.2")
PARITY_LAYERS = 2


def run(*command):
    result = subprocess.run([str(part) for part in command],
                            capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"make_kit.py: {' '.join(map(str, command))}:\n"
                 f"{result.stderr.strip()}")
    return result.stdout.strip()


class Kit:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.models = []  # (name, parts)
        self.glibc = ""  # the oldest that the program runs with

    def program(self):
        target = self.folder / "swallow-rt"
        run("strip", "-o", target, self.options.bin / "swallow-rt")
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", target))
        strange = [name for name in needed if not ALLOWED.fullmatch(name)]
        if strange:
            sys.exit("make_kit.py: swallow-rt would need "
                     f"{', '.join(strange)} on the other machine")
        versions = re.findall(r"GLIBC_([0-9.]+)", run("readelf", "-V", target))
        self.glibc = max(versions, key=lambda v: [int(n) for n in v.split(".")])
        print(f"swallow-rt: {target.stat().st_size / 1e6:.2f} MB, needs glibc "
              f"{self.glibc}", flush=True)

    def compile(self, name, source, parts, *arguments):
        run(self.options.bin / "swallowc", "compile", source, "-quiet",
            "-target", self.options.target, "-o",
            self.folder / f"{name}.swallow", *arguments)
        self.models.append((name, parts))
        size = (self.folder / f"{name}.swallow").stat().st_size
        print(f"{name}: {size / 1e6:.2f} MB, for {' '.join(parts)}", flush=True)

    def golden(self, name, weights):
        # One model is enough for the sanitizer, which is slow.
        parts = ["verify", "parity"]
        if name == self.options.golden[0]:
            parts.append("sanitizer")
        self.compile(f"{name}-{weights}", GOLDEN / name, parts,
                     *WEIGHTS[weights])

    def shape(self, folder, weights):
        arguments = ["-weights=synthetic", *WEIGHTS[weights]]
        with open(folder / "config.json", encoding="utf-8") as file:
            layers = json.load(file)["num_hidden_layers"]
        if layers > PARITY_LAYERS:
            self.compile(f"{folder.name}-{weights}-{PARITY_LAYERS}-layers",
                         folder, ["parity"], *arguments, "-layers",
                         str(PARITY_LAYERS))
        self.compile(f"{folder.name}-{weights}", folder, ["bench"], *arguments)

    def describe(self):
        with open(self.folder / "kit.txt", "w", encoding="utf-8") as file:
            for name, parts in self.models:
                print(name, *parts, file=file)
        about = {
            "compiler": run(self.options.bin / "swallowc", "--version")
            .splitlines()[0],
            "runtime": run(self.options.bin / "swallow-rt", "--version"),
            "glibc": self.glibc,
            "target": self.options.target,
            "models": [name for name, _ in self.models]}
        with open(self.folder / "kit.json", "w", encoding="ascii") as file:
            json.dump(about, file)

    def make(self):
        self.program()
        for weights in self.options.weights:
            for name in self.options.golden:
                self.golden(name, weights)
            for folder in self.options.shape:
                self.shape(folder, weights)
        if not self.models:
            sys.exit("make_kit.py: no models")
        shutil.copy2(HERE / "gpu-validate", self.folder)
        self.describe()


def names(text):
    return [name for name in text.split(",") if name]


def main():
    every = sorted(path.parent.name for path in GOLDEN.glob("*/config.json"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bin", type=Path, default=SOURCE / "build" / "bin",
                        help="folder of the programs [build/bin]")
    parser.add_argument("--output", type=Path,
                        default=Path("gpu-validate.tar.gz"),
                        help="a .tar.gz, or a folder that does not exist yet")
    parser.add_argument("--target", default=TARGETS, help=f"[{TARGETS}]")
    parser.add_argument("--weights", type=names, default=["bf16"],
                        help="bf16, f16, int8, int4: each makes all models\n"
                        "[bf16]")
    parser.add_argument("--golden", type=names, default=every,
                        help="models of test/golden, or '' [all]")
    parser.add_argument("--shape", type=Path, action="append",
                        help="folder of a config.json, or '' for none; any\n"
                        "number of times [1b, 8b and mistral-7b of test/shapes]")
    options = parser.parse_args()
    for weights in options.weights:
        if weights not in WEIGHTS:
            parser.error(f"--weights: {weights} is none of {', '.join(WEIGHTS)}")
    options.shape = ([path for path in options.shape if str(path) != "."]
                     if options.shape else SHAPES)
    tar = options.output.name.endswith(".tar.gz")
    if not tar and options.output.exists():
        sys.exit(f"make_kit.py: {options.output} exists")
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "gpu-validate"
        folder.mkdir()
        Kit(options, folder).make()
        if tar:
            with tarfile.open(options.output, "w:gz") as archive:
                archive.add(folder, folder.name)
            size = options.output.stat().st_size
        else:
            shutil.copytree(folder, options.output)
            size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{options.output}: {size / 1e6:.1f} MB")
    if size > MAX_BYTES:
        sys.exit(f"make_kit.py: more than {MAX_BYTES / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
