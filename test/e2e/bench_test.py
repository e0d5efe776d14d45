"""swallow-rt bench: what it prints is complete, adds up, and is what the options
asked for. Speeds are not judged."""

import argparse
import json
import math
import os
import sys
import tempfile

from swallow_testing import Checks, Programs, run

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2,
    "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 32,
    "vocab_size": 1000, "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
    "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16",
}
HIDDEN, FFN, KV = 256, 512, 2 * 2 * 32  # keys and values of a position
LAYER = HIDDEN * (HIDDEN + KV) + HIDDEN * HIDDEN + 3 * HIDDEN * FFN
HEAD = 1000 * HIDDEN
# A packed weight has whole blocks of 64 outputs: the head's rows are 1024.
STEP_BYTES = 2 * (2 * LAYER + 1024 * HIDDEN)


class BenchTest:
    def __init__(self, programs, folder):
        self.programs = programs
        self.folder = folder
        self.checks = Checks()
        self.model = self.compile("model", CONFIG)

    def expect(self, condition, message):
        self.checks.expect(condition, message)

    def compile(self, name, config):
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        with open(os.path.join(folder, "config.json"), "w",
                  encoding="utf-8") as file:
            json.dump(config, file)
        artifact = folder + ".swallow"
        self.programs.compile(folder, artifact, "-weights=synthetic")
        return artifact

    def bench(self, *options, model=None):
        return json.loads(self.programs.rt("bench", model or self.model,
                                           "--json", *options))

    def series(self, name, series, rounds, larger_is_better=True):
        values = series["rounds"]
        best, worst = max(values), min(values)
        if not larger_is_better:
            best, worst = worst, best
        middle = sorted(values)[(rounds - 1) // 2:rounds // 2 + 1]
        self.expect(
            len(values) == rounds and all(0 < v < math.inf for v in values)
            and series["best"] == best and series["worst"] == worst
            and math.isclose(series["median"], sum(middle) / len(middle)),
            f"{name}: {series}")

    def all_tests(self):
        answer = self.bench("--prefill", "40,7", "--decode", "3", "--depth",
                            "70,0", "--batch", "1,3", "--rounds", "4",
                            "--threads", "2", "--max-step-tokens", "32")
        self.expect(answer["threads"] == 2 and answer["synthetic_seed"] == 0,
                    f"{answer['threads']}, {answer['synthetic_seed']}")
        self.expect(answer["step_bytes"] == STEP_BYTES,
                    f"a step reads {answer['step_bytes']}, not {STEP_BYTES}")
        names = [test["name"] for test in answer["tests"]]
        self.expect(names == [
            "prefill 40 at 70", "prefill 7 at 70", "decode 3 at 70",
            "decode 3 at 70, batch 3", "prefill 40", "prefill 7", "decode 3",
            "decode 3, batch 3"], f"tests: {names}")
        machine = answer["machine"]
        self.series("reads", machine["read_bytes_per_second"], 32)
        self.series("peak", machine["operations_per_second"], 32)
        self.expect(machine["instruction"], "no instruction")
        # Weights that are made at the start are made once.
        for key in "open_seconds", "first_token_seconds":
            self.series(key, answer[key], 1, larger_is_better=False)
        self.expect(answer["open_seconds"]["median"]
                    < answer["first_token_seconds"]["median"], "first token")
        memory = answer["memory"]
        self.expect(0 <= memory["large_page_bytes"] <= memory["peak_bytes"],
                    "large pages are part of the memory")
        self.expect(memory["peak_bytes"] >= memory["anonymous_bytes"]
                    >= memory["weights_allocated_bytes"]
                    == memory["weights_bytes"] > 0, f"{memory}")
        for test in answer["tests"]:
            self.one_test(test, 4)

    def one_test(self, test, rounds):
        name = test["name"]
        decode = test["kind"] == "decode"
        tokens, depth, batch = test["tokens"], test["depth"], test["batch"]
        # In steps of at most 32.
        steps = ([(batch, depth + i) for i in range(tokens)] if decode else
                 [(min(32, tokens - i), depth + i)
                  for i in range(0, tokens, 32)])
        size = operations = 0
        for i, (rows, before) in enumerate(steps):
            head = decode or i + 1 == len(steps)
            heads = batch if decode else int(head)
            keys = (batch * (before + 1) if decode else
                    sum(before + r + 1 for r in range(rows)))
            held = batch * (before + 1) if decode else before + rows
            size += STEP_BYTES - (0 if head else 2 * 1024 * HIDDEN)
            size += 2 * held * KV * 2
            operations += 2 * (2 * LAYER * rows + HEAD * heads)
            operations += 2 * 4 * HIDDEN * keys
        self.expect(test["bytes"] == size,
                    f"{name}: {test['bytes']} bytes, not {size}")
        self.expect(test["operations"] == operations,
                    f"{name}: {test['operations']} operations, "
                    f"not {operations}")
        self.series(name, test["seconds"], rounds, larger_is_better=False)
        for key, amount in (("tokens_per_second", tokens * batch),
                            ("bytes_per_second", size),
                            ("operations_per_second", operations)):
            self.series(f"{name} {key}", test[key], rounds)
            for speed, seconds in zip(test[key]["rounds"],
                                      test["seconds"]["rounds"]):
                self.expect(math.isclose(speed * seconds, amount),
                            f"{name}: {key}")
        for key in "share_of_read_speed", "share_of_peak":
            self.series(f"{name} {key}", test[key], rounds)

    def windows(self):
        config = dict(CONFIG, architectures=["MistralForCausalLM"],
                      model_type="mistral", sliding_window=48)
        model = self.compile("window", config)
        answer = self.bench("--prefill", "20", "--decode", "2", "--depth",
                            "100", "--rounds", "1", model=model)
        decode = answer["tests"][1]
        self.expect(decode["bytes"] == 2 * (STEP_BYTES + 2 * 48 * KV * 2),
                    f"a window of 48: {decode['bytes']}")

    def profile(self):
        answer = self.bench("--prefill", "0", "--decode", "5", "--rounds", "2",
                            "--profile")
        self.expect(len(answer["tests"]) == 1, "a prefill of 0")
        test = answer["tests"][0]
        stages = {stage["name"]: stage for stage in test["stages"]}
        self.expect(set(stages) == {
            "embedding", "fused_qkv", "attention", "o_proj", "gated_mlp",
            "down_proj", "fused_lm_head"}, f"stages: {set(stages)}")
        self.expect(stages["fused_qkv"]["calls"] == 2 * 5 * 2
                    and stages["embedding"]["calls"] == 5 * 2,
                    f"calls: {stages}")
        for key in "bytes", "operations":
            total = sum(stage[key] for stage in stages.values())
            self.expect(total == 2 * test[key], f"{key} of stages: {total}")
        spent = sum(stage["seconds"] for stage in stages.values())
        self.expect(0 < spent <= sum(test["seconds"]["rounds"]),
                    f"stages take {spent} s")
        self.expect("stages" not in
                    self.bench("--prefill", "3", "--decode", "0", "--rounds",
                               "1")["tests"][0], "stages without --profile")

    def text(self):
        text = self.programs.rt("bench", self.model, "--prefill", "9",
                                "--decode", "2", "--rounds", "2", "--profile")
        for part in ("weights ", "synthetic", "machine ", "GB/s", "open ",
                     "memory ", "tokens/s", "\nprefill 9 ", "\ndecode 2 ",
                     "gated_mlp"):
            self.expect(part in text, f"no {part!r} in {text}")
        self.expect(all(len(line) <= 110 for line in text.splitlines()), text)

    def errors(self):
        for options, expected in (
                (["--prefill", "0", "--decode", "0"], "nothing to measure"),
                (["--depth", "600"], "exceeds the model's 512"),
                (["--variant", "x"], "variant")):
            result = run([self.programs.runtime, "bench", self.model, *options])
            lines = result.stderr.splitlines()
            self.expect(result.returncode == 1 and expected in lines[-1]
                        and result.stdout == "", f"{options}: {result}")
        for value in "1,", ",1", "1,,2", "1,x", "-1", "1 2":
            result = run([self.programs.runtime, "bench", self.model,
                          f"--depth={value}"])
            self.expect(result.returncode == 2 and "--depth" in result.stderr,
                        f"--depth={value}: {result}")

    def run(self):
        self.all_tests()
        self.windows()
        self.profile()
        self.text()
        self.errors()
        self.checks.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    with tempfile.TemporaryDirectory() as folder:
        BenchTest(Programs(parser.parse_args().bin), folder).run()


if __name__ == "__main__":
    sys.exit(main())
