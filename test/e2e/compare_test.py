"""tools/bench/compare.py with Swallow itself and with programs that answer as
llama.cpp's do: who is run, how often, with what, and what becomes of it."""

import argparse
import json
import os
import re
import stat
import sys
import tempfile

from bench_test import CONFIG
from swallow_testing import Checks, Programs, run

# Notes its arguments, and answers with a speed that grows from call to call.
FAKE = """#!/usr/bin/env python3
import json, os, sys
calls = sys.argv[0] + ".calls"
with open(calls, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
count = len(open(calls).readlines())
value = dict(zip(sys.argv[1::2], sys.argv[2::2]))
"""
LLAMA = FAKE + """
entries = []
for depth in map(int, value["-d"].split(",")):
    for n in map(int, value["-p"].split(",")):
        entries.append({"n_prompt": n, "n_gen": 0, "n_depth": depth,
                        "avg_ts": 1000.0 * count + depth})
    entries.append({"n_prompt": 0, "n_gen": int(value["-n"]),
                    "n_depth": depth, "avg_ts": 10.0 * count + depth})
print(json.dumps(entries))
"""
BATCHED = FAKE + """
print("some words")
print(json.dumps({"pl": int(value["-npl"]), "speed_tg": 70.0 + count}))
"""


class CompareTest:
    def __init__(self, arguments, folder):
        self.programs = Programs(arguments.bin)
        self.script = os.path.join(arguments.source, "tools/bench/compare.py")
        self.folder = folder
        self.checks = Checks()

    def path(self, name):
        return os.path.join(self.folder, name)

    def expect(self, condition, message):
        self.checks.expect(condition, message)

    def program(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), stat.S_IRWXU)
        return self.path(name)

    def calls(self, name):
        with open(self.path(name) + ".calls", encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def compare(self, *options):
        return run([sys.executable, "-B", self.script, *options])

    def takes_turns(self):
        os.mkdir(self.path("model"))
        with open(self.path("model/config.json"), "w",
                  encoding="utf-8") as file:
            json.dump(CONFIG, file)
        artifact = self.path("m.swallow")
        self.programs.compile(self.path("model"), artifact,
                              "-weights=synthetic")
        result = self.compare(
            "--swallow-rt", self.programs.runtime, "--swallow",
            f"bf16={artifact}", "--llama-bench",
            self.program("llama-bench", LLAMA), "--batched-bench",
            self.program("batched", BATCHED), "--llama", "Q4_0=q.gguf",
            "--prefill", "20", "--decode", "2", "--depth", "0,30", "--batch",
            "1,3", "--rounds", "3", "--threads", "2", "--baseline",
            "llama.cpp Q4_0", "--json", self.path("out.json"))
        self.expect(result.returncode == 0, f"{result}")
        turns = re.findall(r"round \d of 3: (\S+)", result.stderr)
        self.expect(turns == ["swallow", "llama.cpp", "llama.cpp", "swallow",
                              "swallow", "llama.cpp"], f"turns: {turns}")
        with open(self.path("out.json"), encoding="utf-8") as file:
            rounds = json.load(file)["rounds"]
        names = ["prefill 20", "decode 2", "decode 2, batch 3",
                 "prefill 20 at 30", "decode 2 at 30",
                 "decode 2 at 30, batch 3"]
        for i, speeds in enumerate(rounds):
            for model in "swallow bf16", "llama.cpp Q4_0":
                self.expect(sorted(speeds[model]) == sorted(names),
                            f"{model}: {speeds[model]}")
            llama = speeds["llama.cpp Q4_0"]
            self.expect(llama["prefill 20"] == 1000.0 * (i + 1)
                        and llama["decode 2 at 30"] == 10.0 * (i + 1) + 30
                        and llama["decode 2, batch 3"] == 71.0 + 2 * i
                        and llama["decode 2 at 30, batch 3"] == 72.0 + 2 * i,
                        f"llama.cpp, round {i}: {llama}")
        for key in names:
            self.expect(f"{key}: tokens per second" in result.stdout,
                        f"no {key!r}")
        self.expect("llama.cpp Q4_0  2000.0 (1000.0 to 3000.0)" in result.stdout
                    and result.stdout.count("1.00 x") >= 6, result.stdout)
        ratios = sorted(r["swallow bf16"]["decode 2"]
                        / r["llama.cpp Q4_0"]["decode 2"] for r in rounds)
        self.expect(f"{ratios[1]:6.2f} x" in result.stdout,
                    f"no ratio {ratios[1]} in {result.stdout}")
        self.expect("GB/s" in result.stdout and "of reads" in result.stdout,
                    result.stdout)
        self.expect(self.calls("llama-bench")[0][:6] == [
            "-m", "q.gguf", "-t", "2", "-p", "20"],
            f"{self.calls('llama-bench')[0]}")
        batched = self.calls("batched")
        self.expect(len(batched) == 6 and batched[1][4:6] == ["-c", "96"],
                    f"{batched}")

    def errors(self):
        broken = self.program(
            "broken", "#!/bin/sh\necho no such model >&2\nexit 3\n")
        result = self.compare("--llama-bench", broken, "--llama", "a=b")
        self.expect(result.returncode == 1 and
                    "ended with 3: no such model" in result.stderr, f"{result}")
        for options, said in (
                ([], "no model"), (["--llama", "a=b"], "--llama-bench"),
                (["--llama", "a"], "NAME=PATH"),
                (["--depth", "x"], "--depth"), (["--batch", "0"], "--batch"),
                (["--llama-bench", broken, "--llama", "a=b", "--baseline",
                  "c"], "no model is named")):
            result = self.compare(*options)
            self.expect(result.returncode == 2 and said in result.stderr,
                        f"{options}: {result}")

    def run(self):
        self.takes_turns()
        self.errors()
        self.checks.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--source", required=True, help="the repository")
    with tempfile.TemporaryDirectory() as folder:
        CompareTest(parser.parse_args(), folder).run()


if __name__ == "__main__":
    sys.exit(main())
