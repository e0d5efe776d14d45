#!/usr/bin/env python3
"""swallow-rt compare and devices: a GPU, which the emulator stands in for,
beside the CPU; variants of the CPU beside each other; and what is said when the
device computes something else or is not there."""

import argparse
import json
import os
import tempfile

from swallow_testing import Checks, Programs, run

MODEL = "llama31-tied"
SMALL = ("--prompts", "18,1", "--chunk", "1,5", "--copies", "2", "--greedy",
         "3")


class CompareTest:
    def __init__(self, programs, library, golden, work):
        self.programs = programs
        self.checks = Checks()
        self.environment = {"SWALLOW_CUDA_LIBRARY": library,
                            "SWALLOW_CACHE_DIR": os.path.join(work, "cache")}
        self.model = os.path.join(work, "m.swallow")
        programs.compile(os.path.join(golden, MODEL), self.model, "-target",
                         "x86-64-avx2,sm_80,sm_90",
                         "-ptxas=none")

    def expect(self, condition, message):
        self.checks.expect(condition, message)

    def rt(self, *arguments, **environment):
        return run([self.programs.runtime, *arguments],
                   environment={**self.environment, **environment})

    def compare(self, *options, **environment):
        said = self.rt("compare", self.model, "--json", *options, **environment)
        return said, json.loads(said.stdout) if said.stdout else None

    def same(self):
        said, result = self.compare("--device", "cuda", *SMALL)
        self.expect(said.returncode == 0 and result["ok"], said.stderr)
        self.expect(result["device"] == "cuda:0 (Swallow PTX emulator)"
                    and result["variant"] == "sm_90"
                    and result["against"] == "cpu"
                    and result["against_variant"].startswith("x86-64")
                    and result["kv_cache"] == "bf16", f"{result}")
        names = [one["name"] for one in result["comparisons"]]
        self.expect(names == ["prompt of 18", "18 in steps of 1",
                              "18 in steps of 5", "sequence 1 of 2",
                              "sequence 2 of 2", "forked sequence",
                              "3 greedy tokens", "prompt of 1"], f"{names}")
        rows = [one["rows"] for one in result["comparisons"]]
        self.expect(rows == [18, 18, 18, 18, 18, 1, 4, 1], f"rows: {rows}")
        for one in result["comparisons"]:
            self.expect(
                one["ok"] and 0 < one["mean_error"] <= one["largest_error"]
                and one["mean_error"] <= result["tolerance"]
                and one["other_tokens"] == 0
                and one["same_tokens"] + one["near_ties"] == one["rows"],
                f"{one}")
            self.expect(("same_bits" in one) == (" in steps" in one["name"]
                                                 or "sequence" in one["name"]),
                        f"{one}")

    def against_itself(self):
        _, result = self.compare("--device", "cpu", *SMALL)
        self.expect(result["ok"] and all(
            one["largest_error"] < 1e-4 and one["same_tokens"] == one["rows"]
            and (one["largest_error"] == 0 or "same_bits" in one)
            for one in result["comparisons"]), f"the CPU and itself: {result}")
        said, result = self.compare("--device", "cuda", "--variant", "sm_80",
                                    "--against", "cuda:0", "--against-variant",
                                    "sm_90", *SMALL)
        self.expect(said.returncode == 0 and result["variant"] == "sm_80"
                    and result["against_variant"] == "sm_90", said.stderr)

    # More tokens than the model takes, a step, or a row of the output has.
    def lengths(self):
        _, result = self.compare("--device", "cpu", "--prompts",
                                 "1,1000000,70", "--chunk", "100", "--copies",
                                 "1", "--greedy", "0", "--max-step-tokens", "32")
        entries = [(one["name"], one["rows"]) for one in result["comparisons"]]
        longest = self.programs.inspect(self.model)["model"][
            "max_position_embeddings"]
        self.expect(entries == [("prompt of 1", 1), ("1 in steps of 100", 1),
                                (f"prompt of {longest}", 64),
                                ("prompt of 70", 64)], f"{entries}")

    # The copy of the weights arrives spoilt: all else works.
    def different(self):
        said, result = self.compare("--device", "cuda", *SMALL,
                                    SWALLOW_EMULATOR_SPOIL_COPY="1")
        self.expect(said.returncode == 1 and not result["ok"]
                    and "sm_90, differs from cpu" in said.stderr
                    and said.stderr.count("\n") == 1,
                    f"spoilt weights: {said.returncode} {said.stderr}")
        said = self.rt("compare", self.model, "--device", "cuda", *SMALL,
                       SWALLOW_EMULATOR_SPOIL_COPY="1")
        self.expect(said.stdout.count("DIFFERS") == 8, said.stdout)
        said, result = self.compare("--device", "cuda", "--tolerance", "1e-9",
                                    *SMALL)
        self.expect(said.returncode == 1 and result["tolerance"] == 1e-9,
                    "no tolerance")

    def text(self):
        said = self.rt("compare", self.model, "--device", "cuda",
                       "--kv-cache", "int8", *SMALL)
        self.expect(said.returncode == 0, said.stderr)
        for part in ("cuda:0 (Swallow PTX emulator), sm_90, against cpu",
                     "keys and values in int8", "prompt of 18", " same, "):
            self.expect(part in said.stdout, f"no {part!r} in {said.stdout}")
        said = self.rt("compare", self.model, "--device", "cuda",
                       SWALLOW_CUDA_LIBRARY="/nowhere/libcuda.so.1")
        self.expect(said.returncode == 1 and said.stdout == ""
                    and "/nowhere" in said.stderr, f"no driver: {said}")

    def devices(self):
        said = self.rt("devices", "--json", SWALLOW_EMULATOR_DEVICES="2",
                       SWALLOW_EMULATOR_CAPABILITY="8.0")
        found = json.loads(said.stdout)
        gpu = found["gpus"][1]
        self.expect(len(found["gpus"]) == 2 and gpu["id"] == "cuda:1"
                    and gpu["compute_capability"] == "8.0"
                    and gpu["free_bytes"] <= gpu["memory_bytes"]
                    and gpu["nominal_bf16_operations_per_second"]
                    == 2 * 1024 * 132 * 1.98e9, f"{found}")
        self.expect(found["driver"]["cuda_version"] == "12.8"
                    and found["cpu"]["threads"] >= 1, f"{found}")
        said = self.rt("devices")
        self.expect("cuda:0    Swallow PTX emulator, capability 9.0, 132 "
                    "multiprocessors, 4.00 GiB of 4.00 GiB free\n"
                    in said.stdout, said.stdout)
        said = self.rt("devices", SWALLOW_CUDA_LIBRARY="/nowhere/libcuda.so.1")
        self.expect(said.returncode == 0 and "cpu  " in said.stdout
                    and "no GPU:   " in said.stdout
                    and "/nowhere" in said.stdout, said.stdout)

    def run(self):
        self.devices()
        self.same()
        self.against_itself()
        self.lengths()
        self.different()
        self.text()
        self.checks.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--library", required=True, help="the emulated driver")
    parser.add_argument("--golden", required=True, help="folder of the models")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        CompareTest(Programs(arguments.bin), arguments.library,
                    arguments.golden, work).run()


if __name__ == "__main__":
    main()
