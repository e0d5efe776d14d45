#!/usr/bin/env python3
"""swallow-rt bench on a GPU, which the emulator stands in for: the report is
complete, names the GPU's limits, and times each kernel. The emulator models no
time, so that no figure is judged."""

import argparse
import json
import os
import tempfile

from swallow_testing import Checks, Programs, run

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "hidden_size": 128, "intermediate_size": 192, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
    "vocab_size": 320, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
    "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16",
}
MEMORY = 64 << 20


class GpuBenchTest:
    def __init__(self, programs, library, work):
        self.programs = programs
        self.checks = Checks()
        self.environment = {"SWALLOW_CUDA_LIBRARY": library,
                            "SWALLOW_CACHE_DIR": os.path.join(work, "cache"),
                            "SWALLOW_EMULATOR_MEMORY": str(MEMORY)}
        with open(os.path.join(work, "config.json"), "w",
                  encoding="utf-8") as file:
            json.dump(CONFIG, file)
        self.model = os.path.join(work, "m.swallow")
        programs.compile(work, self.model, "-weights=synthetic", "-target",
                         "x86-64-avx2,sm_80")

    def expect(self, condition, message):
        self.checks.expect(condition, message)

    def bench(self, *options, **environment):
        return run([self.programs.runtime, "bench", self.model, "--device",
                    "cuda", *options],
                   environment={**self.environment, **environment})

    def report(self, *options, **environment):
        said = self.bench("--json", *options, **environment)
        if said.returncode != 0:
            raise AssertionError(said.stderr)
        return json.loads(said.stdout)

    def limits(self):
        report = self.report("--prefill", "18", "--decode", "2", "--depth",
                             "0,3", "--batch", "1,3", "--rounds", "2")
        self.expect(report["device"] == "cuda:0 (Swallow PTX emulator)"
                    and report["variant"] == "sm_80", f"{report['device']}")
        names = [test["name"] for test in report["tests"]]
        self.expect(names == ["prefill 18", "decode 2", "decode 2, batch 3",
                              "prefill 18 at 3", "decode 2 at 3",
                              "decode 2 at 3, batch 3"], f"tests: {names}")
        machine = report["machine"]
        self.expect(machine["limit"] == "copy"
                    and machine["operations_nominal"]
                    and machine["instruction"] == "bf16 tensor cores",
                    f"machine: {machine}")
        self.expect(machine["read_bytes_per_second"]["median"] > 0
                    and len(machine["read_bytes_per_second"]["rounds"]) == 12,
                    f"copies: {machine['read_bytes_per_second']}")
        # What the emulator says of itself: 132 multiprocessors of sm_90 at
        # 1.98 GHz; 2 x 2619 MHz x 640 bytes.
        self.expect(machine["operations_per_second"]["median"]
                    == 2 * 2048 * 132 * 1.98e9, "the nominal peak")
        self.expect(machine["nominal_read_bytes_per_second"] == 3352.32e9,
                    "the nominal bandwidth")
        memory = report["memory"]
        self.expect(memory["device_bytes"] == MEMORY
                    and memory["total_bytes"] <= memory["device_bytes_in_use"]
                    < MEMORY, f"memory: {memory}")
        self.expect(memory["weights_allocated_bytes"]
                    == memory["weights_bytes"] > 0
                    and report["weights_bytes_per_second"] > 0, "weights")
        for test in report["tests"]:
            self.expect(test["tokens_per_second"]["median"] > 0
                        and test["share_of_read_speed"]["median"] > 0
                        and test["share_of_peak"]["median"] > 0
                        and "stages" not in test, f"{test['name']}: {test}")

    def no_room(self):
        report = self.report("--prefill", "0", "--decode", "1", "--rounds", "1",
                             SWALLOW_EMULATOR_MEMORY=str(4 << 20),
                             SWALLOW_EMULATOR_CAPABILITY="8.7")
        machine = report["machine"]
        self.expect(machine["read_bytes_per_second"]["median"] == 0,
                    "a copy was measured without memory")
        self.expect(machine["instruction"] == ""
                    and machine["operations_per_second"]["median"] == 0,
                    "the peak of an architecture that is not known")
        said = self.bench("--prefill", "0", "--decode", "1", "--batch", "1024",
                          SWALLOW_EMULATOR_MEMORY=str(4 << 20))
        self.expect(said.returncode == 1 and "are available" in said.stderr,
                    f"too many sequences: {said.stderr}")

    # Steps of one row are recorded anyhow, those of 18 for the sake of this.
    def profile(self):
        report = self.report("--prefill", "18", "--decode", "3", "--rounds",
                             "2", "--profile")
        for test, steps in zip(report["tests"], (1, 3)):
            name = test["name"]
            stages = {stage["name"]: stage for stage in test["stages"]}
            used = {stage: entry for stage, entry in stages.items()
                    if entry["calls"]}
            self.expect("embedding" in used and "fused_lm_head" in used,
                        f"{name}: kernels {list(used)}")
            self.expect(used["embedding"]["calls"] == steps * 2, f"{name}: steps")
            layer = [entry for stage, entry in used.items()
                     if stage.startswith("fused_qkv")]
            self.expect(sum(entry["calls"] for entry in layer) % 4 == 0
                        and layer, f"{name}: {layer}")
            self.expect(all(entry["seconds"] > 0 for entry in used.values()),
                        f"{name}: no time in {used}")
            spent = sum(entry["seconds"] for entry in used.values())
            self.expect(spent <= sum(test["seconds"]["rounds"]),
                        f"{name}: kernels take {spent} s")
            for key in "bytes", "operations":
                total = sum(entry[key] for entry in stages.values())
                self.expect(total == 2 * test[key], f"{name}: {key} {total}")
        said = self.bench("--prefill", "18", "--decode", "2", "--rounds", "1",
                          "--profile")
        for part in ("of copy", "nominal", "device    cuda:0", "on the device",
                     "gated_mlp", "read and written", "weights at"):
            self.expect(part in said.stdout, f"no {part!r} in {said.stdout}")
        self.expect(all(len(line) <= 110 for line in said.stdout.splitlines()),
                    said.stdout)

    def run(self):
        self.limits()
        self.no_room()
        self.profile()
        self.checks.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--library", required=True, help="the emulated driver")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        GpuBenchTest(Programs(arguments.bin), arguments.library, work).run()


if __name__ == "__main__":
    main()
