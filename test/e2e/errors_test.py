#!/usr/bin/env python3
"""Bad input: one line that names what is wrong, an exit code, nothing left.

Every case changes one thing in a copy of a golden model, or in an artifact
compiled from one.
"""

import argparse
import json
import math
import os
import resource
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from swallow_testing import Checks, Programs, run

MODEL = "llama31-tied"  # f32, one file, tied embeddings
SHARDED = "llama2-gqa"


class Safetensors:
    """A file's header and data, to be changed and written again."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            image = file.read()
        (length,) = struct.unpack("<Q", image[:8])
        self.header = json.loads(image[8:8 + length])
        self.data = bytearray(image[8 + length:])

    def save(self):
        header = json.dumps(self.header).encode()
        with open(self.path, "wb") as file:
            file.write(struct.pack("<Q", len(header)) + header + self.data)


class ErrorsTest:
    def __init__(self, programs, golden, work):
        self.programs = programs
        self.golden = golden
        self.work = work
        self.checks = Checks()

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def copy(self, name=MODEL):
        """A model folder to spoil, in place of the last one."""
        folder = self.path("model")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(os.path.join(self.golden, name), folder)
        return folder

    def fails(self, command, code, *words, **keywords):
        """One error line with all words, nothing on standard output."""
        result = run(command, **keywords)
        what = " ".join(command[1:])
        program = os.path.basename(command[0])
        lines = result.stderr.splitlines()
        self.checks.expect(result.returncode == code,
                           f"{what}: exit code {result.returncode}, not "
                           f"{code}: {result.stderr}")
        self.checks.expect(
            len(lines) == 1 and lines[0].startswith(program + ": error: "),
            f"{what}: not one error line: {result.stderr!r}")
        self.checks.expect(result.stdout == "",
                           f"{what}: wrote {result.stdout[:80]!r}")
        for word in words:
            self.checks.expect(word in result.stderr,
                               f"{what}: no {word!r} in {result.stderr!r}")

    def compile_fails(self, folder, *words, code=1, options=(), **keywords):
        """A compile that must fail and leave an empty output folder."""
        out = self.path("out")
        shutil.rmtree(out, ignore_errors=True)
        os.mkdir(out)
        self.fails([self.programs.compiler, "compile", folder, "-quiet", "-o",
                    os.path.join(out, "model.swallow"), *options], code,
                   *words, **keywords)
        self.checks.expect(os.listdir(out) == [],
                           f"left in the output folder: {os.listdir(out)}")

    def runtime_fails(self, *arguments, words=(), code=1, **keywords):
        self.fails([self.programs.runtime, *arguments], code, *words,
                   **keywords)

    # ---- swallowc ----------------------------------------------------------

    def usage(self):
        compiler = self.programs.compiler
        folder = os.path.join(self.golden, MODEL)
        self.fails([compiler], 2, "compile")
        self.fails([compiler, "compile"], 2, "MODEL_DIR")
        for target in "vax", "x86-64,vax", "x86-64-mmx":
            self.fails([compiler, "compile", folder, "-target", target], 2,
                       target.split(",")[-1], "x86-64, x86-64-amx")
        self.fails([compiler, "compile", folder, "-probe-tokens", "-1"], 2,
                   "-probe-tokens")
        self.fails([compiler, "compile", folder, "-emit=kernels", "-variant",
                    "x86-64-mmx"], 2, "x86-64-mmx", "x86-64-avx2")
        for options, words in ((["-dtype", "f8"], ["dtype", "'f8'", "bf16, f16, f32"]),
                               (["-emit=soup"], ["emit", "'soup'", "import, "]),
                               (["-no-such-option"], ["-no-such-option"]),
                               (["-threads", "x"], ["threads", "'x'"]),
                               (["-target"], ["target", "requires a value"]),
                               (["another"], ["positional"])):
            self.fails([compiler, "compile", folder, *options], 2, *words)
        self.fails([compiler, "frob"], 2, "frob")

    def folders(self):
        self.compile_fails(self.path("nowhere"), self.path("nowhere"),
                           "No such file")
        file = self.path("file")
        with open(file, "w", encoding="utf-8") as out:
            out.write("not a folder")
        self.compile_fails(file, file)
        folder = self.copy()
        os.remove(os.path.join(folder, "config.json"))
        self.compile_fails(folder, "config.json")
        folder = self.copy()
        os.remove(os.path.join(folder, "model.safetensors"))
        self.compile_fails(folder, "model.safetensors")
        folder = self.copy()
        os.remove(os.path.join(folder, "tokenizer.json"))
        self.compile_fails(folder, "tokenizer")
        if os.geteuid() != 0:  # root may read everything
            folder = self.copy()
            os.chmod(os.path.join(folder, "config.json"), 0)
            self.compile_fails(folder, "config.json", "Permission denied")

    def config_text(self):
        with open(os.path.join(self.golden, MODEL, "config.json"),
                  encoding="utf-8") as file:
            good = file.read()
        for text in ("", "{", good[:len(good) // 2], "[1]", "\x00", "[" * 5000,
                     good.replace("{", '{"a": 1e400,', 1)):
            folder = self.copy()
            with open(os.path.join(folder, "config.json"), "w",
                      encoding="utf-8") as file:
                file.write(text)
            self.compile_fails(folder, "config.json")

    def config_keys(self):
        bad = [("hidden_size", 99999999999999999999), ("hidden_size", -1),
               ("hidden_size", 0), ("hidden_size", "96"), ("hidden_size", 1.5),
               ("num_hidden_layers", 2**40), ("num_attention_heads", 7),
               ("num_key_value_heads", 3), ("head_dim", 31),
               ("rms_norm_eps", -1.0),
               ("model_type", "mamba"), ("architectures", ["GPT2LMHeadModel"]),
               ("hidden_act", "gelu"), ("tie_word_embeddings", 1),
               ("quantization_config", {"quant_method": "awq"})]
        for key, value in bad:
            self.config_with({key: value}, key)
        for rope in ({"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4},
                     {"rope_type": "llama3", "rope_theta": 1e4}):
            self.config_with({"rope_parameters": rope, "rope_scaling": rope},
                             "rope_")

    def config_with(self, changes, *words):
        folder = self.copy()
        path = os.path.join(folder, "config.json")
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        config.update(changes)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.compile_fails(folder, "config.json", *words)

    def tensors(self):
        name = "model.layers.1.mlp.up_proj.weight"

        def spoil(change, *words):
            folder = self.copy()
            file = Safetensors(os.path.join(folder, "model.safetensors"))
            change(file)
            file.save()
            self.compile_fails(folder, "model.safetensors", *words)

        def rename(file):
            file.header["another"] = file.header.pop(name)

        def transpose(file):
            file.header[name]["shape"].reverse()

        def overlap(file):
            other = file.header["model.layers.0.mlp.up_proj.weight"]
            file.header[name]["data_offsets"] = other["data_offsets"]

        def outside(file):
            file.header[name]["data_offsets"][0] += len(file.data)
            file.header[name]["data_offsets"][1] += len(file.data)

        def huge(file):
            file.header[name]["data_offsets"] = [0, 2**63 + 1]

        def unknown_dtype(file):
            file.header[name]["dtype"] = "F12"

        def unusable_dtype(file):
            file.header[name]["dtype"] = "I32"

        def short(file):
            del file.data[-1000:]

        spoil(rename, name)
        spoil(transpose, name, "shape")
        spoil(overlap, "overlaps")
        spoil(outside, name)
        spoil(huge, name)
        spoil(unknown_dtype, name, "F12")
        spoil(unusable_dtype, name, "I32")
        spoil(short, "truncated")
        for image in (b"", b"\x01", b"\xff" * 8 + b"{}", b"\x02" + b"\0" * 7,
                      b"\x04" + b"\0" * 7 + b"ABCD"):
            folder = self.copy()
            with open(os.path.join(folder, "model.safetensors"), "wb") as file:
                file.write(image)
            self.compile_fails(folder, "model.safetensors")

    def shards(self):
        folder = self.copy(SHARDED)
        os.remove(os.path.join(folder, "model-00004-of-00010.safetensors"))
        self.compile_fails(folder, "model-00004-of-00010.safetensors")
        index = "model.safetensors.index.json"
        for text in ("{", "{}", '{"weight_map": {}}', '{"weight_map": 3}',
                     '{"weight_map": {"a": "../a.safetensors"}}'):
            folder = self.copy(SHARDED)
            with open(os.path.join(folder, index), "w",
                      encoding="utf-8") as file:
                file.write(text)
            self.compile_fails(folder, index)

    def tokenizers(self):
        for text in ("", "{", '{"model": {"type": "WordPiece"}}'):
            folder = self.copy()
            with open(os.path.join(folder, "tokenizer.json"), "w",
                      encoding="utf-8") as file:
                file.write(text)
            self.compile_fails(folder, "tokenizer.json")

    # NaN weights are compiled, with a warning that names the tensor.
    def not_a_number(self):
        folder = self.copy()
        file = Safetensors(os.path.join(folder, "model.safetensors"))
        name = "model.layers.1.mlp.up_proj.weight"
        begin = file.header[name]["data_offsets"][0]
        file.data[begin:begin + 8] = struct.pack("<ff", math.nan, math.inf)
        file.save()
        said = self.programs.compile(folder, self.path("nan.swallow"))
        lines = [line for line in said.splitlines() if name in line]
        self.checks.expect(
            len(lines) == 1 and lines[0].startswith("swallowc: warning: "),
            f"NaN weights: {said!r}")

    def outputs(self):
        folder = os.path.join(self.golden, MODEL)
        for output in (self.path("no", "folder", "x.swallow"), self.work):
            self.fails([self.programs.compiler, "compile", folder, "-quiet",
                        "-o", output], 1, output)
        self.fails([self.programs.compiler, "compile", folder, "-emit=import",
                    "-o", self.path("no", "folder", "x.mlir")], 1,
                   self.path("no", "folder", "x.mlir"))

        # A limit on file sizes stands for a full disk: write fails half-way.
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))

        self.compile_fails(folder, "model.swallow", preexec_fn=small_files,
                           restore_signals=False)

    # Whenever it is killed, a compile leaves nothing new, and what was there.
    def killed(self):
        folder = os.path.join(self.golden, MODEL)
        out = self.path("killed")
        os.mkdir(out)
        output = os.path.join(out, "model.swallow")
        with open(output, "w", encoding="utf-8") as file:
            file.write("older")
        for delay in (0.05, 0.4, 1.0):
            process = subprocess.Popen(
                [self.programs.compiler, "compile", folder, "-quiet", "-o",
                 output])
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            code = process.wait()
            with open(output, "rb") as file:
                content = file.read(16)
            self.checks.expect(os.listdir(out) == ["model.swallow"],
                               f"a killed compile left {os.listdir(out)}")
            if code != 0:
                self.checks.expect(content == b"older",
                                   f"a killed compile replaced the file by "
                                   f"{content!r}")

    # ---- swallow-rt --------------------------------------------------------

    def artifacts(self):
        good = self.path("good.swallow")
        self.programs.compile(os.path.join(self.golden, MODEL), good)
        with open(good, "rb") as file:
            image = file.read()
        bad = self.path("bad.swallow")

        def write(content):
            with open(bad, "wb") as file:
                file.write(content)

        for size in (0, 7, 63, 64, 1000, len(image) // 2, len(image) - 1):
            write(image[:size])
            self.runtime_fails("inspect", bad, words=[bad])
        write(image + b"\0")
        self.runtime_fails("inspect", bad, words=[bad])
        write(image[:8] + struct.pack("<I", 99) + image[12:])
        self.runtime_fails("inspect", bad, words=[bad, "99"])

        def flipped(offset):
            spoiled = bytearray(image)
            spoiled[offset] ^= 0x10
            write(spoiled)

        description = self.programs.inspect(good)
        # Offsets of segments count from the prefix's segment base.
        (base,) = struct.unpack("<Q", image[32:40])
        inside = [3, 20, 50, 64 + 200]
        weights = None
        for segment in description["segments"]:
            begin = base + segment["offset"]
            if segment["kind"] == "Weights":
                weights = (begin, segment["size"])
            else:
                inside += [begin, begin + segment["size"] // 2]
        for offset in inside:
            flipped(offset)
            self.runtime_fails("inspect", bad, words=[bad])
        for share in (0.0, 0.3, 0.999):
            flipped(weights[0] + int(share * weights[1]))
            self.programs.rt("inspect", bad)
            self.verify_fails(bad)
        self.runtime_fails("inspect", self.path("nothing"),
                           words=[self.path("nothing")])
        self.questions(good)

    def verify_fails(self, artifact):
        result = run([self.programs.runtime, "verify", artifact])
        self.checks.expect(
            result.returncode == 1 and artifact in result.stderr
            and "weight" in result.stderr
            and len(result.stderr.splitlines()) == 1,
            f"verify of flipped weights: {result.returncode} "
            f"{result.stderr!r}")

    def questions(self, good):
        self.runtime_fails("logits", good, "--ids", "1,99999",
                           words=["99999", "vocabulary"])
        self.runtime_fails("logits", good, "--ids", "1,2,3", "-c", "2",
                           words=["context"])
        self.runtime_fails("inspect", good, "-c", "1000000",
                           words=["1000000", "1024"])
        self.runtime_fails("run", good, "-p", "a b c d e f g h i j", "-c", "4",
                           words=["context"])
        self.runtime_fails("run", good, "-p", "x", "--variant", "x86-64-mmx",
                           words=["x86-64-mmx", "x86-64-avx2"])
        self.runtime_fails("run", good, "-p", "x",
                           environment={"SWALLOW_VARIANT": "arm64"},
                           words=["arm64"])
        for variant in self.programs.inspect(good)["variants"]:
            if not variant["runs_here"]:
                self.runtime_fails("run", good, "-p", "x", "--variant",
                                   variant["name"],
                                   words=[variant["missing"].split(", ")[0]])

    def run(self):
        for part in (self.usage, self.folders, self.config_text,
                     self.config_keys, self.tensors, self.shards,
                     self.tokenizers, self.not_a_number, self.outputs,
                     self.killed, self.artifacts):
            part()
        self.checks.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--golden", required=True, help="folder of the models")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        ErrorsTest(Programs(arguments.bin), arguments.golden, work).run()


if __name__ == "__main__":
    main()
