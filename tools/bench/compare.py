#!/usr/bin/env python3
"""Measures Swallow beside llama.cpp and OpenVINO GenAI, in turns.

    compare.py --swallow-rt build/bin/swallow-rt --swallow int4=m.swallow
               --llama-bench .../llama-bench --llama Q4_0=m-Q4_0.gguf
               --batched-bench .../llama-batched-bench
               --openvino-python .../venv/bin/python --openvino int4=DIR
               --prefill 512 --decode 64 --depth 0,2048 --batch 1,16 --rounds 9

--swallow, --llama and --openvino name a model (NAME=PATH) and may be repeated;
at least one is needed. In each round every model runs every test once, each in
a process of its own, so that a drift of the machine meets all of them. What is
printed is the median over the rounds with the worst and the best, and the
median of the rounds' ratios to --baseline (the first model if not given). A
model whose program has no way to run a test has a dash.

Swallow also measures the machine's limits in each round: the last lines say how
fast memory was read and what shares of the limits its tests reached.

Needs only Python. llama.cpp is run with flash attention; batches larger than
one with llama-batched-bench. OpenVINO GenAI (package openvino-genai of
--openvino-python) quantises activations in groups of --openvino-group.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

CHILD = pathlib.Path(__file__).resolve().with_name("openvino_child.py")


class Tests:
    """What to measure. A test's key is (kind, tokens, depth, batch)."""

    def __init__(self, arguments):
        self.prefill = [n for n in arguments.prefill if n]
        self.decode = arguments.decode
        self.depths = arguments.depth
        self.batches = arguments.batch
        self.threads = arguments.threads

    def keys(self):
        for depth in self.depths:
            for tokens in self.prefill:
                yield "prefill", tokens, depth, 1
            if self.decode:
                for batch in self.batches:
                    yield "decode", self.decode, depth, batch


def name_of(key):
    kind, tokens, depth, batch = key
    return (f"{kind} {tokens}" + (f" at {depth}" if depth else "")
            + (f", batch {batch}" if batch > 1 else ""))


def numbers(values):
    return ",".join(map(str, values))


def output_of(command):
    result = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            encoding="utf-8", errors="replace", check=False)
    if result.returncode != 0:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise SystemExit(f"compare.py: {command[0]} ended with "
                         f"{result.returncode}: {last}")
    return result.stdout


class Swallow:
    def __init__(self, name, path, arguments, tests):
        self.name, self.path, self.tests = f"swallow {name}", path, tests
        self.program = arguments.swallow_rt
        self.extra = ["--huge-pages"] if arguments.huge_pages else []
        self.rounds = []  # what bench said

    def measure(self):
        tests = self.tests
        answer = json.loads(output_of(
            [self.program, "bench", self.path, "--json", "--rounds", 1,
             "--threads", tests.threads,
             "--prefill", numbers(tests.prefill or [0]),
             "--decode", tests.decode, "--depth", numbers(tests.depths),
             "--batch", numbers(tests.batches), *self.extra]))
        self.rounds.append(answer)
        return {(t["kind"], t["tokens"], t["depth"], t["batch"]):
                t["tokens_per_second"]["median"] for t in answer["tests"]}

    def limits(self):
        """Lines about the machine's limits and the shares reached."""
        machine = [r["machine"] for r in self.rounds]
        reads = [m["read_bytes_per_second"]["median"] / 1e9 for m in machine]
        peaks = [m["operations_per_second"]["median"] / 1e9 for m in machine]
        lines = [f"{self.name}: reads {spread(reads)} GB/s; "
                 f"{machine[0]['instruction']} {spread(peaks, 0)} GFLOP/s"]
        for i, test in enumerate(self.rounds[0]["tests"]):
            shares = [statistics.median(
                r["tests"][i][key]["median"] for r in self.rounds)
                for key in ("share_of_read_speed", "share_of_peak")]
            lines.append(f"  {test['name']:28} {shares[0]:4.0%} of reads, "
                         f"{shares[1]:4.0%} of the peak")
        return lines


class Llama:
    def __init__(self, name, path, arguments, tests):
        self.name, self.path, self.tests = f"llama.cpp {name}", path, tests
        self.program = arguments.llama_bench
        self.batched = arguments.batched_bench

    def measure(self):
        tests = self.tests
        speeds = {}
        alone = 1 in tests.batches and tests.decode
        if tests.prefill or alone:
            command = [self.program, "-m", self.path, "-t", tests.threads,
                       "-p", numbers(tests.prefill or [0]),
                       "-n", tests.decode if alone else 0,
                       "-d", numbers(tests.depths), "-r", 1, "-fa", "on",
                       "-o", "json"]
            for entry in json.loads(output_of(command)):
                decode = entry["n_gen"] > 0
                key = ("decode" if decode else "prefill",
                       entry["n_gen"] if decode else entry["n_prompt"],
                       entry["n_depth"], 1)
                speeds[key] = entry["avg_ts"]
        if self.batched and tests.decode:
            for key in tests.keys():
                if key[3] > 1:
                    speeds[key] = self.side_by_side(key)
        return speeds

    def side_by_side(self, key):
        _, tokens, depth, batch = key
        prompt = max(depth, 1)  # it has no empty ones
        context = (prompt + tokens) * batch
        answer = output_of(
            [self.batched, "-m", self.path, "-t", self.tests.threads,
             "-c", context, "-npp", prompt, "-ntg", tokens, "-npl", batch,
             "-fa", "on", "--output-format", "jsonl"])
        lines = [json.loads(line) for line in answer.splitlines()
                 if line.startswith("{")]
        return lines[-1]["speed_tg"]


class OpenVino:
    def __init__(self, name, path, arguments, tests):
        self.name, self.path, self.tests = f"OpenVINO {name}", path, tests
        self.python = arguments.openvino_python
        self.group = arguments.openvino_group

    def measure(self):
        keys = [key for key in self.tests.keys()
                # It reads a prompt from its beginning only, and its pipeline
                # takes one sequence.
                if key[3] == 1 and (key[0] == "decode" or key[2] == 0)]
        answer = output_of([self.python, CHILD, self.path, self.tests.threads,
                            self.group, json.dumps(keys)])
        speeds = json.loads(answer.splitlines()[-1])
        return dict(zip(keys, speeds))


def spread(values, digits=1):
    if not values:
        return "-"
    return (f"{statistics.median(values):.{digits}f} "
            f"({min(values):.{digits}f} to {max(values):.{digits}f})")


def table(tests, models, rounds, baseline):
    """rounds: a list of {model name: {key: speed}}."""
    width = max(len(model.name) for model in models)
    for key in tests.keys():
        yield f"\n{name_of(key)}: tokens per second"
        for model in models:
            pairs = [(r[model.name].get(key), r[baseline].get(key))
                     for r in rounds]
            speeds = [speed for speed, _ in pairs if speed]
            ratios = [speed / base for speed, base in pairs if speed and base]
            ratio = f"{statistics.median(ratios):6.2f} x" if ratios else ""
            yield f"  {model.name:{width}}  {spread(speeds):28} {ratio}".rstrip()


def whole_numbers(least):
    def read(text):
        values = [int(part) for part in text.split(",")]
        if min(values) < least:
            raise ValueError
        return values
    read.__name__ = "list of numbers"
    return read


def pair(text):
    name, found, path = text.partition("=")
    if not found or not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, path


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    for program in ("swallow-rt", "llama-bench", "batched-bench",
                    "openvino-python"):
        parser.add_argument(f"--{program}", metavar="PATH")
    for kind in "swallow", "llama", "openvino":
        parser.add_argument(f"--{kind}", metavar="NAME=PATH", type=pair,
                            action="append", default=[])
    parser.add_argument("--prefill", type=whole_numbers(0), default=[512])
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--depth", type=whole_numbers(0), default=[0])
    parser.add_argument("--batch", type=whole_numbers(1), default=[1])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--huge-pages", action="store_true",
                        help="Swallow copies the weights into huge pages")
    parser.add_argument("--openvino-group", type=int, default=128)
    parser.add_argument("--baseline", help="a model, as the tables name it")
    parser.add_argument("--json", metavar="FILE",
                        help="also write every round's values")
    arguments = parser.parse_args()
    needed = {"swallow": "swallow_rt", "llama": "llama_bench",
              "openvino": "openvino_python"}
    for kind, program in needed.items():
        if getattr(arguments, kind) and not getattr(arguments, program):
            parser.error(f"--{kind} needs --{program.replace('_', '-')}")
    if not any(getattr(arguments, kind) for kind in needed):
        parser.error("no model: give --swallow, --llama or --openvino")
    if arguments.rounds < 1:
        parser.error("--rounds is expected to be at least 1")
    return arguments, parser


def main():
    arguments, parser = parse()
    tests = Tests(arguments)
    models = [make(name, path, arguments, tests)
              for make, kind in ((Swallow, "swallow"), (Llama, "llama"),
                                 (OpenVino, "openvino"))
              for name, path in getattr(arguments, kind)]
    baseline = arguments.baseline or models[0].name
    if baseline not in [model.name for model in models]:
        parser.error(f"no model is named {baseline!r}")
    rounds = []
    for number in range(arguments.rounds):
        # Who comes first changes from round to round.
        first = number % len(models)
        speeds = {}
        for model in models[first:] + models[:first]:
            print(f"round {number + 1} of {arguments.rounds}: {model.name}",
                  file=sys.stderr, flush=True)
            speeds[model.name] = model.measure()
        rounds.append(speeds)
    print("\n".join(table(tests, models, rounds, baseline)).lstrip("\n"))
    for model in models:
        if isinstance(model, Swallow):
            print("\n" + "\n".join(model.limits()))
    if arguments.json:
        values = [{model: {name_of(key): speed for key, speed in found.items()}
                   for model, found in speeds.items()} for speeds in rounds]
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"baseline": baseline, "rounds": values}, file, indent=1)


if __name__ == "__main__":
    main()
