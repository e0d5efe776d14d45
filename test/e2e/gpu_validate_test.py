#!/usr/bin/env python3
"""The kit for a machine that has a GPU and nothing else, made small and run on
the emulator: its result is whole and says what was done, also where a model is
broken, a device computes something else, there is no driver, or Ctrl-C ends
it."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

from swallow_testing import Checks, run

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "hidden_size": 128, "intermediate_size": 192, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
    "vocab_size": 320, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
    "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16",
}
GOLDEN = "llama31-tied"
TOOLS = ["memcheck", "racecheck", "synccheck", "initcheck"]
# Stands in for the sanitizer, which knows no emulator: runs the program that
# it is given, and finds something where the environment says so.
SANITIZER = """#!/bin/sh
tool=$2
while [ "$1" != --print-limit ]; do shift; done
shift 2
"$@" || exit
if [ "$tool" = "${FINDS:-}" ]; then
  echo "========= ERROR SUMMARY: 3 errors"
  exit 86
fi
echo "========= ERROR SUMMARY: 0 errors"
"""


class ValidateTest:
    def __init__(self, arguments, work):
        self.arguments = arguments
        self.work = work
        self.checks = Checks()
        self.needed = 0  # bytes of the device, to measure two sequences
        self.kit = os.path.join(work, "gpu-validate")
        self.sanitizer = os.path.join(work, "sanitizer")
        with open(self.sanitizer, "w", encoding="utf-8") as file:
            file.write(SANITIZER)
        os.chmod(self.sanitizer, 0o755)
        self.environment = {
            "SWALLOW_CUDA_LIBRARY": arguments.library,
            "SWALLOW_EMULATOR_MEMORY": str(64 << 20),
        }

    def expect(self, condition, message):
        self.checks.expect(condition, message)

    def make(self):
        folder = os.path.join(self.work, "tiny")
        os.mkdir(folder)
        with open(os.path.join(folder, "config.json"), "w",
                  encoding="utf-8") as file:
            json.dump(CONFIG, file)
        archive = os.path.join(self.work, "kit.tar.gz")
        said = run([sys.executable, "-B", self.arguments.maker, "--bin",
                    self.arguments.bin, "--output", archive, "--target",
                    "x86-64-avx2,sm_80", "--golden", GOLDEN, "--shape", folder])
        if said.returncode != 0:
            raise AssertionError(said.stderr)
        with tarfile.open(archive) as file:
            file.extractall(self.work, filter="data")
        self.expect(sorted(os.listdir(self.kit)) == [
            "gpu-validate", "kit.json", "kit.txt", f"{GOLDEN}-bf16.swallow",
            "swallow-rt", "tiny-bf16-2-layers.swallow", "tiny-bf16.swallow"],
            f"the kit has {sorted(os.listdir(self.kit))}")
        said = run([sys.executable, "-B", self.arguments.maker, "--bin",
                    self.arguments.bin, "--weights", "int3"])
        self.expect(said.returncode == 2 and "int3 is none of" in said.stderr,
                    said.stderr)

    def command(self, output):
        return [os.path.join(self.kit, "gpu-validate"), "--quick", "--output",
                output]

    def validate(self, *options, **environment):
        output = os.path.join(self.work, "result.json")
        if os.path.exists(output):
            os.remove(output)
        said = run([*self.command(output), *options],
                   environment={**self.environment, **environment})
        with open(output, encoding="utf-8") as file:
            result = json.load(file)
        return said, result

    def failing(self, name, expected, *options, **environment):
        """One run that fails in just these parts, with this in a message."""
        said, result = self.validate(*options, **environment)
        failed = [part for part in result["parts"]
                  if part["status"] == "failed"]
        parts = sorted({part["part"] for part in failed})
        self.expect(said.returncode == 1 and result["status"] == "complete"
                    and not result["ok"] and result["failures"]
                    and parts == sorted(expected),
                    f"{name}: {said.returncode}, {result['status']}, {parts}, "
                    f"{said.stdout}{said.stderr}")
        for part, words in expected.items():
            self.expect(any(words in one["message"] for one in failed
                            if one["part"] == part),
                        f"{name}: no {words!r} in {failed}")
        return result

    def all_right(self):
        said, result = self.validate("--sanitizer", self.sanitizer)
        self.expect(said.returncode == 0 and result["ok"]
                    and result["status"] == "complete"
                    and result["failures"] == [],
                    f"{said.returncode}: {said.stdout}{said.stderr}")
        self.expect(result["kit"]["target"] == "x86-64-avx2,sm_80"
                    and result["kit"]["runtime"].startswith("swallow-rt ")
                    and result["system"]["kernel"].startswith("Linux"),
                    f"{result['kit']}, {result['system']}")
        parts = {}
        for part in result["parts"]:
            parts.setdefault(part["part"], []).append(part)
            self.expect(part["status"] == "ok" and part["exit_code"] == 0
                        and part["message"] == "", f"{part}")
        gpus = parts["devices"][0]["result"]["gpus"]
        self.expect(gpus[0]["name"] == "Swallow PTX emulator", f"{gpus}")
        self.expect([part["name"] for part in parts["verify"]]
                    == [f"{GOLDEN}-bf16"]
                    and "probe, sm_80: ok" in parts["verify"][0]["result"],
                    f"{parts['verify']}")
        names = [part["name"] for part in parts["parity"]]
        self.expect(names == [f"{model}, {element} keys"
                              for model in (f"{GOLDEN}-bf16",
                                            "tiny-bf16-2-layers")
                              for element in ("bf16", "int8")], f"{names}")
        for part in parts["parity"]:
            self.expect(part["result"]["ok"]
                        and part["result"]["device"].startswith("cuda:0")
                        and part["result"]["kv_cache"] in part["name"],
                        f"{part}")
        self.expect([part["name"].split(" ")[1].rstrip(",")
                     for part in parts["sanitizer"]]
                    == [tool for tool in TOOLS for _ in range(2)],
                    f"{parts['sanitizer']}")
        bench, kernels = parts["bench"]
        self.needed = bench["result"]["memory"]["total_bytes"]
        self.expect([test["name"] for test in bench["result"]["tests"]] == [
            "prefill 18", "decode 2", "decode 2, batch 2", "prefill 18 at 3",
            "decode 2 at 3", "decode 2 at 3, batch 2"], f"{bench}")
        self.expect("stages" in kernels["result"]["tests"][0], f"{kernels}")

    def options(self):
        _, result = self.validate("--parts", "verify,sanitizer", "--only",
                                  GOLDEN, PATH="/usr/bin:/bin")
        status = {part["part"]: part["status"] for part in result["parts"]}
        if not os.path.exists("/usr/local/cuda/bin/compute-sanitizer"):
            self.expect(status["sanitizer"] == "skipped" and result["ok"],
                        f"without the sanitizer: {result['parts']}")
        self.expect(set(status) == {"devices", "verify", "sanitizer"},
                    f"parts: {status}")
        # Two sequences find no room beside the sixteenth that is the driver's,
        # one does.
        memory = (self.needed - 1) * 16 // 15
        _, result = self.validate("--parts", "bench",
                                  SWALLOW_EMULATOR_MEMORY=str(memory))
        status = [(part["name"], part["status"]) for part in result["parts"][1:]]
        self.expect(status[:2] == [("tiny-bf16, batches 1,2", "skipped"),
                                   ("tiny-bf16, batches 1", "ok")],
                    f"little memory: {result['parts']}")
        for options, words in ((["--fast"], "unknown option"),
                               (["--parts", "all"], "unknown part"),
                               (["--device"], "needs a value"),
                               (["--output", "/nowhere/a.json"], "/nowhere")):
            said = run([os.path.join(self.kit, "gpu-validate"), *options],
                       environment=self.environment)
            self.expect(said.returncode == 2 and words in said.stderr,
                        f"{options}: {said}")

    def failures(self):
        result = self.failing("no driver", {},
                              SWALLOW_CUDA_LIBRARY="/nowhere/libcuda.so.1")
        self.expect(result["failures"] == ["devices, no GPU"]
                    and "/nowhere"
                    in result["parts"][0]["result"]["driver_error"]
                    and len(result["parts"]) == 1, f"no driver: {result}")
        self.failing("a device that computes something else",
                     {"verify": "does not reproduce",
                      "parity": "differs from cpu"},
                     "--parts", "verify,parity", "--only", GOLDEN,
                     SWALLOW_EMULATOR_SPOIL_COPY="1")
        self.failing("a device that is lost", {"bench": "lost"}, "--parts",
                     "bench", SWALLOW_EMULATOR_FAIL_LAUNCH="3")
        self.failing("a step without end", {"parity": "not done after 0.2 s"},
                     "--parts", "parity", "--only", "tiny", "--limit", "0.2")
        result = self.failing(
            "findings", {"sanitizer": ""}, "--parts", "sanitizer",
            "--sanitizer", self.sanitizer, FINDS="racecheck")
        found = [part for part in result["parts"] if part["exit_code"] == 86]
        self.expect(len(found) == 2 and all(
            "racecheck" in part["name"]
            and "ERROR SUMMARY: 3 errors" in part["result"] for part in found),
            f"findings: {result['parts']}")
        # The code of one model is changed: the others still run.
        path = os.path.join(self.kit, "tiny-bf16-2-layers.swallow")
        shutil.copy(path, path + ".whole")
        with open(path, "r+b") as file:
            data = file.read()
            file.seek(data.index(b".visible .entry"))
            file.write(b".visible .entrx")
        result = self.failing("a broken model", {"parity": "tiny-bf16-2-layers"},
                              "--parts", "parity,bench")
        self.expect(any(part["status"] == "ok" and part["part"] == "parity"
                        for part in result["parts"])
                    and result["parts"][-1]["status"] == "ok",
                    f"beside a broken model: {result['parts']}")
        os.replace(path + ".whole", path)

    def interrupted(self):
        output = os.path.join(self.work, "interrupted.json")
        process = subprocess.Popen(
            self.command(output), env={**os.environ, **self.environment},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        for line in process.stdout:
            if line.startswith("verify"):
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        with open(output, encoding="utf-8") as file:
            result = json.load(file)
        self.expect(process.returncode == 130
                    and result["status"] == "interrupted" and not result["ok"]
                    and [part["part"] for part in result["parts"]][:2]
                    == ["devices", "verify"],
                    f"Ctrl-C: {process.returncode}, {result}")

    def run(self):
        self.make()
        self.all_right()
        self.options()
        self.failures()
        self.interrupted()
        self.checks.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--library", required=True, help="the emulated driver")
    parser.add_argument("--maker", required=True, help="make_kit.py")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        ValidateTest(arguments, work).run()


if __name__ == "__main__":
    main()
