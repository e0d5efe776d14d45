"""swallow-rt run: prompts, samplings, ends and output, with the demonstration
model."""

import argparse
import fcntl
import json
import math
import os
import signal
import subprocess
import tempfile

from swallow_testing import Checks, Programs, run

PROMPT = "さざなみ村は"
QUESTION = "Q: What is three plus four?\nA:"


class TextTest:
    def __init__(self, programs, model, work):
        self.programs = programs
        self.work = work
        self.checks = Checks()
        self.artifact = os.path.join(work, "demo.swallow")
        programs.compile(os.path.join(model, "checkpoint"), self.artifact)

    def text(self, *options, prompt=PROMPT, **keywords):
        return self.programs.rt("run", self.artifact, "-p", prompt, *options,
                                **keywords)

    def json(self, *options, prompt=PROMPT):
        return json.loads(self.text("--json", *options, prompt=prompt))

    def choice(self, *options, prompt=PROMPT):
        return self.json(*options, prompt=prompt)["choices"][0]

    def same(self, found, expected, what):
        self.checks.expect(found == expected,
                           f"{what}: {found!r}, not {expected!r}")

    def fails(self, code, *options, words=()):
        result = run([self.programs.runtime, "run", self.artifact, *options])
        self.checks.expect(
            result.returncode == code and result.stdout == ""
            and len(result.stderr.splitlines()) == 1
            and all(word in result.stderr for word in words),
            f"run {options}: {result}")

    # ---- prompts -------------------------------------------------------------

    def prompts(self):
        expected = self.text()
        path = os.path.join(self.work, "prompt")
        for ending in ("", "\n"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(PROMPT + ending)
            self.same(self.programs.rt("run", self.artifact, "--prompt-file",
                                       path), expected, "--prompt-file")
            self.same(self.programs.rt("run", self.artifact,
                                       text=PROMPT + ending), expected,
                      "standard input")
        answer = self.json("-n", "1")
        ids = json.loads(self.programs.rt("tokenize", self.artifact, "--json",
                                          text=PROMPT))["ids"]
        self.same(answer["prompt_token_ids"], ids, "prompt_token_ids")
        self.same(self.json("-n", "1", "--no-special")["prompt_token_ids"],
                  ids[1:], "--no-special")
        self.fails(1, "-p", "", "--no-special", words=["empty"])
        self.fails(1, "--prompt-file", "/no/file", words=["/no/file"])
        self.fails(2, "-p", "a", "--prompt-file", path,
                   words=["--prompt", "--prompt-file"])

    # The bytes of the arguments are UTF-8 whatever the locale says.
    def locales(self):
        expected = self.text()
        for name in ("C", "C.UTF-8", "POSIX", "xx_YY.unknown"):
            self.same(self.text(environment={"LC_ALL": name, "LANG": name}),
                      expected, f"locale {name}")

    # ---- ends ----------------------------------------------------------------

    def ends(self):
        whole = self.choice()
        self.same(whole["text"] + "\n", self.text(), "--json and plain text")
        self.same(whole["finish_reason"], "stop", "the end of the text")
        self.same(whole["stop_reason"], None, "the end of the text")
        short = self.choice("-n", "3")
        self.same((short["token_ids"], short["finish_reason"]),
                  (whole["token_ids"][:3], "length"), "-n 3")
        none = self.choice("-n", "0")
        self.same((none["text"], none["token_ids"], none["finish_reason"]),
                  ("", [], "length"), "-n 0")
        more = self.choice("--ignore-eos", "-n", "60")
        self.same(len(more["token_ids"]), 60, "--ignore-eos")
        self.same(more["token_ids"][:len(whole["token_ids"])],
                  whole["token_ids"], "--ignore-eos")
        at_least = self.choice("--min-tokens", "30", "-n", "40")
        self.checks.expect(len(at_least["token_ids"]) >= 30,
                           f"--min-tokens: {at_least}")

        token = whole["token_ids"][2]
        stopped = self.choice("--stop-token-id", str(token))
        self.same((stopped["stop_reason"], stopped["finish_reason"],
                   stopped["token_ids"]),
                  (token, "stop", whole["token_ids"][:3]), "--stop-token-id")

    # Every piece of the text, within tokens and across them, stops it there.
    def stop_strings(self):
        text = self.choice()["text"]
        for begin in range(1, len(text) - 4, 5):
            for length in (1, 2, 4):
                stop = text[begin:begin + length]
                stopped = self.choice("--stop", stop)
                self.same((stopped["text"], stopped["stop_reason"],
                           stopped["finish_reason"]),
                          (text[:text.index(stop)], stop, "stop"),
                          f"--stop {stop}")
        stops = [text[9:11], text[4:6]]
        self.same(self.text("--stop", stops[0], "--stop", "xyzzy", "--stop",
                            stops[1]),
                  text[:min(map(text.index, stops))] + "\n", "three --stop")

    # ---- sampling ------------------------------------------------------------

    def samples(self):
        options = ["--temperature", "1.5", "--top-k", "0", "-n", "12"]
        answer = self.json(*options, "--seed", "7", "--samples", "4")
        texts = [choice["text"] for choice in answer["choices"]]
        self.same([choice["index"] for choice in answer["choices"]],
                  [0, 1, 2, 3], "indices")
        self.checks.expect(len(set(texts)) > 1, f"all the same: {texts}")
        self.same(answer["seed"], 7, "seed")
        again = self.json(*options, "--seed", "7", "--samples", "4")
        self.same(without_timings(again), without_timings(answer), "same seed")
        self.same(self.choice(*options, "--seed", "7")["text"], texts[0],
                  "one sample alone")
        self.checks.expect(
            len({self.text(*options, "--seed", str(seed))
                 for seed in range(6)}) > 1, "seeds change nothing")
        drawn = self.json(*options)
        self.same(self.choice(*options, "--seed", str(drawn["seed"])),
                  drawn["choices"][0], "the seed that was drawn")
        usage = answer["usage"]
        self.same((usage["prompt_tokens"], usage["completion_tokens"],
                   usage["total_tokens"]),
                  (len(answer["prompt_token_ids"]),
                   sum(len(c["token_ids"]) for c in answer["choices"]),
                   usage["prompt_tokens"] + usage["completion_tokens"]),
                  "usage")
        self.same(self.text(*options, "--seed", "7", "--samples", "4"),
                  "".join(f"--- sample {i + 1} ---\n{text}\n"
                          for i, text in enumerate(texts)), "plain samples")
        self.same(self.json()["seed"], None, "seed of greedy text")
        self.fails(1, "-p", "a", "--samples", "2", words=["--samples 2"])

    # Whichever way of sampling leaves one token gives the greedy text.
    def narrow(self):
        greedy = self.choice("-n", "10")["token_ids"]
        for options in (["--top-k", "1"], ["--top-p", "0"],
                        ["--min-p", "1"], ["--temperature", "0"]):
            self.same(self.choice(*options, "--seed", "3", "-n", "10")
                      ["token_ids"], greedy, " ".join(options))

    def penalties(self):
        first, second = 500, 900
        both = ["--logit-bias", f"{first}=1000", "--logit-bias",
                f"{second}=990", "-n", "30", "--ignore-eos"]
        self.same(set(self.choice(*both)["token_ids"]), {first},
                  "--logit-bias")
        for penalty in (["--frequency-penalty", "2"],
                        ["--repetition-penalty", "1.5"]):
            ids = self.choice(*both, *penalty)["token_ids"]
            self.same((ids[0], set(ids)), (first, {first, second}),
                      " ".join(penalty))
        near = ["--logit-bias", f"{first}=1000", "--logit-bias",
                f"{second}=1000", "-n", "2", "--ignore-eos"]
        ids = self.choice(*near, "--presence-penalty", "2")["token_ids"]
        other = self.choice(*near, "--presence-penalty", "-2")["token_ids"]
        self.checks.expect(len(set(other)) == 1 or len(set(ids)) == 2,
                           f"--presence-penalty: {ids} {other}")
        banned = self.choice("-n", "1")["token_ids"][0]
        self.checks.expect(
            self.choice("-n", "1", "--logit-bias",
                        f"{banned}=-inf")["token_ids"] != [banned],
            "--logit-bias -inf")
        self.fails(1, "-p", "a", "--logit-bias", "99999=1", words=["99999"])

    # Of the model's own distribution, and the same with any threads.
    def logprobs(self):
        answers = [self.json("--logprobs", "3", "-n", "8", "--threads",
                             str(threads)) for threads in (1, 2, 3)]
        choices = [answer["choices"] for answer in answers]
        self.checks.expect(choices[0] == choices[1] == choices[2],
                           "log probabilities depend on the threads")
        choice = choices[0][0]
        self.same([entry["token_id"] for entry in choice["logprobs"]],
                  choice["token_ids"], "tokens with log probabilities")
        ids = answers[0]["prompt_token_ids"] + choice["token_ids"][:-1]
        rows = self.programs.logits(self.artifact, ids)[0]
        rows = rows[len(answers[0]["prompt_token_ids"]) - 1:]
        for entry, row in zip(choice["logprobs"], rows):
            highest = max(row)
            total = highest + math.log(sum(math.exp(x - highest) for x in row))
            order = sorted(range(len(row)), key=lambda i: -row[i])[:3]
            self.same([top["token_id"] for top in entry["top"]], order, "top")
            for top in entry["top"]:
                # Steps of one row and of many add in different orders.
                self.checks.expect(
                    abs(top["logprob"] - (row[top["token_id"]] - total)) < 0.1,
                    f"{top}, not {row[top['token_id']] - total}")
            self.same((entry["rank"], entry["logprob"]),
                      (1, entry["top"][0]["logprob"]), "greedy is first")
        sampled = self.json("--temperature", "3", "--seed", "1", "--logprobs",
                            "0", "-n", "8", "--samples", "2")
        self.checks.expect(
            all(entry["top"] == [] and entry["rank"] >= 1
                for choice in sampled["choices"]
                for entry in choice["logprobs"]), f"--logprobs 0: {sampled}")
        self.same(self.choice("-n", "1")["logprobs"], None, "no --logprobs")
        self.fails(2, "-p", "a", "--logprobs", "2", words=["--json"])
        longer = self.json("--prompt-logprobs", "2", "-n", "1")
        self.same(longer["prompt_logprobs"][0], None, "the first token")
        self.same([entry["token_id"] for entry in longer["prompt_logprobs"][1:]],
                  longer["prompt_token_ids"][1:], "--prompt-logprobs")
        for entry in longer["prompt_logprobs"][1:]:
            top = [other["logprob"] for other in entry["top"]]
            self.checks.expect(
                len(top) == 2 and top[0] >= top[1] and entry["rank"] >= 1
                and (entry["logprob"] == top[0]) == (entry["rank"] == 1),
                f"--prompt-logprobs: {entry}")
        self.same(self.json("-n", "1")["prompt_logprobs"], None,
                  "no --prompt-logprobs")
        self.fails(2, "-p", "a", "--prompt-logprobs", "2", words=["--json"])

    # ---- output --------------------------------------------------------------

    def start(self, *options, **keywords):
        return subprocess.Popen(
            [self.programs.runtime, "run", self.artifact, "-p", PROMPT,
             "--ignore-eos", "-c", "1024", *options],
            stderr=subprocess.PIPE, **keywords)

    def output(self):
        process = self.start(stdout=subprocess.PIPE)
        process.stdout.read(10)
        process.stdout.close()
        err = process.stderr.read()
        self.same((process.wait(), err), (0, b""), "a reader that leaves")
        with open("/dev/full", "wb") as full:
            process = self.start("-n", "4", stdout=full)
            err = process.stderr.read()
        self.checks.expect(process.wait() == 1 and b"No space left" in err,
                           f"a full disk: {err}")

    # While nobody reads, a small pipe is full long before the text ends.
    def interrupted(self):
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        process = self.start("-n", "1000", stdout=writer)
        os.close(writer)
        with os.fdopen(reader, "rb", buffering=0) as file:
            first = file.read(1)
            process.send_signal(signal.SIGINT)
            text = (first + file.read()).decode()
        err = process.stderr.read()
        whole = self.text("--ignore-eos", "-c", "1024", "-n", "1000")
        self.checks.expect(
            process.wait() == 130 and text.endswith("\n") and err == b""
            and whole.startswith(text[:-1]) and len(text) < len(whole),
            f"Ctrl-C: {process.returncode} {err} {text[-80:]!r}")

    # The end of the context ends the text, and says so.
    def context(self):
        result = run([self.programs.runtime, "run", self.artifact, "-p",
                      PROMPT, "--ignore-eos", "-c", "16", "-n", "100",
                      "--json"])
        choice = json.loads(result.stdout)["choices"][0]
        self.checks.expect(
            result.returncode == 0 and choice["finish_reason"] == "length"
            and "context of 16 tokens is full" in result.stderr,
            f"the context's end: {result}")
        self.fails(1, "-p", PROMPT, "-c", "2", words=["context"])

    def verbose(self):
        result = run([self.programs.runtime, "run", self.artifact, "-p",
                      QUESTION, "-v", "--top-k", "4", "--seed", "9"])
        self.checks.expect(
            result.returncode == 0 and "seven" in result.stdout
            and all(word in result.stderr for word in
                    ("context", "memory", "top_k 4", "seed 9", "prompt ")),
            f"-v: {result}")

    def run(self):
        for part in (self.prompts, self.locales, self.ends, self.stop_strings,
                     self.samples, self.narrow, self.penalties, self.logprobs,
                     self.output, self.interrupted, self.context,
                     self.verbose):
            part()
        self.checks.finish()


def without_timings(answer):
    return {key: value for key, value in answer.items() if key != "timings"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--model", required=True, help="tools/demo-model")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        TextTest(Programs(arguments.bin), arguments.model, work).run()


if __name__ == "__main__":
    main()
