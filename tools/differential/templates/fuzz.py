"""Compares Swallow's template engine with jinja2 on random templates until the time is over.

Templates come from a grammar (grammar.py) or are those of chat/ with small changes (mutate.py); differences are printed in
their smallest form (shrink.py)."""

import argparse
import collections
import functools
import json
import os
import random
import re
import resource
import select
import subprocess
import sys
import time
import warnings
from pathlib import Path

import jinja2
from contexts import changed_context, random_context
from grammar import random_template
from mutate import mutate
from oracle import NOW, NOW_SECONDS, TimedOut, TooLarge, compile_template, describe_error, render, time_limit
from shrink import shrink

HERE = Path(__file__).resolve().parent
PYTHON_SECONDS = 3
ENGINE_SECONDS = 20
LARGEST_TEXT = 1 << 20
# Python may use this much: a template can ask for any amount.
PYTHON_BYTES = 4 << 30
LIMITS = {"steps": 50_000_000, "bytes": 256 << 20}


class Engine:
    """template-batch, started again whenever it died or had to be killed."""

    def __init__(self, program):
        self.program = program
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.buffer = b""

    def processor_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def evaluate(self, source, variables):
        """Its answer, or {"failure": ...} where it crashed or did not end."""
        request = {"template": source, "variables": variables, "now": {"seconds": NOW_SECONDS, "microseconds": NOW.microsecond}, "limits": LIMITS}
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        begin = self.processor_seconds()
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.process.stdout], [], [], 1)
            if not ready and self.processor_seconds() - begin < ENGINE_SECONDS:
                continue
            data = os.read(self.process.stdout.fileno(), 1 << 20) if ready else b""
            if not data:
                self.process.kill()
                status = self.process.wait()
                self.start()
                return {"failure": f"crashed ({status})" if ready else f"did not end in {ENGINE_SECONDS} s of processor time"}
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)


# One environment serves all templates.
ENVIRONMENT = compile_template("").environment


@functools.lru_cache(maxsize=4)
def compiled_or_error(source):
    try:
        return ENVIRONMENT.from_string(source), None
    except Exception as error:
        return None, describe_error(error)


def evaluate_with_jinja2(source, variables):
    """As oracle.evaluate, or None where Python takes too long or too much."""
    try:
        with time_limit(PYTHON_SECONDS):
            compiled, error = compiled_or_error(source)
            return error or render(compiled, variables, LARGEST_TEXT)
    except (TimedOut, TooLarge, MemoryError):
        return None


def beyond_64_bits(source, variables, reference, answer):
    return "OverflowError" in answer.get("error", "") or "too large for 64 bits" in answer.get("error", "")


def complex_numbers(source, variables, reference, answer):
    return "complex numbers are not supported" in answer.get("error", "")


def refused_at_compile_time(source, variables, reference, answer):
    return answer.get("code") == 300 and re.search(r"No (filter|test) named", answer["error"])


def depth_of_recursion(source, variables, reference, answer):
    return "RecursionError" in answer.get("error", "") or reference.get("error") == "RecursionError"


def limits(source, variables, reference, answer):
    return answer.get("code") in (101, 502)


def addresses(source, variables, reference, answer):
    # Also where filters took the text of an object apart, or turned it round.
    letters = re.sub(r"[^a-z]", "", reference.get("text", "").lower())
    return "objectat" in letters or "tatcejbo" in letters or "generatorobject" in letters


def filter_blocks(source, variables, reference, answer):
    # Both fail.
    return "expected str instance, " in answer.get("error", "") and "error" in reference and "filter" in source


def loop_as_iterable(source, variables, reference, answer):
    return re.search(r"\bis\s+(not\s+)?iterable", source) and re.search(r"[:(,=[]\s*loop\s*[})\],|]", source)


def computed_autoescape(source, variables, reference, answer):
    return re.search(r"autoescape\s+(?!(true|false|True|False)\s*[-+]?%})", source)


def refused_with(*messages):
    """Where Swallow raises one of these and jinja2 nothing."""

    def applies(source, variables, reference, answer):
        return "error" not in reference and any(message in answer.get("error", "") for message in messages)

    return applies


# What differs on purpose. Each is a function that knows it when it sees it.
KNOWN_DIFFERENCES = {
    "objects are at other addresses": addresses,
    "a filter block that gives no text is an error at once, not when the text is joined": filter_blocks,
    "jinja2 computes the argument of autoescape in advance where it can": computed_autoescape,
    "integers have 64 bits": beyond_64_bits,
    "a negative number has no broken powers": complex_numbers,
    "an unknown filter or test is an error even where it is never reached": refused_at_compile_time,
    "jinja2 computes constants in advance, and makes an undefined of a slice that cannot be":
        refused_with("object is not subscriptable", "unhashable type: 'slice'"),
    "`loop` itself is no iterable": refused_with("'LoopContext' is not iterable", "'LoopContext' object is not iterable"),
    "nor does a test find it one": loop_as_iterable,
    "json.dumps looks at separators only where it needs them": refused_with("make_encoder() argument"),
    "recursion ends at another depth": depth_of_recursion,
    "a rendering has limits of time and memory": limits,
}

ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def message_of(answer):
    return re.sub(r"^template line \d+, column \d+: ", "", answer["error"])


def difference(source, variables, reference, answer):
    """What is different, in a few words, or None."""
    if "failure" in answer:
        return answer["failure"]
    if "error" in reference:
        if "error" not in answer:
            return f"should fail with {reference['error']}"
        if reference["error"] == "raise_exception" and answer["error"] != reference["message"]:
            return "another message"
        return None
    if "error" in answer:
        return "should not fail"
    if ADDRESS.search(reference["text"]):
        return None if ADDRESS.sub("", reference["text"]) == ADDRESS.sub("", answer["text"]) else "another text"
    if answer["text"] != reference["text"]:
        return "another text"
    if answer.get("generation") != reference.get("generation"):
        return "other generation blocks"
    return None


class Fuzzer:
    def __init__(self, engine, seed, reports):
        self.engine = engine
        self.random = random.Random(seed)
        self.chats = [path.read_bytes().decode() for path in sorted((HERE / "chat").rglob("*.jinja"))]
        self.conversations = [one["variables"] for one in json.loads((HERE / "conversations.json").read_text())["conversations"]]
        self.counts = collections.Counter()
        self.known = collections.Counter()
        self.messages = collections.Counter()
        self.message_examples = {}
        self.seen = collections.Counter()
        self.shapes = collections.Counter()
        self.reports = reports
        self.found = 0

    def cases(self):
        """A template and the variables that it is rendered with."""
        if self.random.random() < 0.6:
            source = random_template(self.random)
            for _ in range(self.contexts_for(source)):
                yield source, random_context(self.random)
        else:
            source = mutate(self.random, self.random.choice(self.chats))
            for _ in range(self.contexts_for(source)):
                yield source, changed_context(self.random, self.random.choice(self.conversations))

    @staticmethod
    def contexts_for(source):
        """Several where it compiles, which takes Python most of the time."""
        try:
            with time_limit(PYTHON_SECONDS):
                return 1 if compiled_or_error(source)[1] else 6
        except TimedOut:
            return 1

    def compare(self, source, variables):
        """What is different, with both answers, or None; differences on purpose are only counted."""
        reference = evaluate_with_jinja2(source, variables)
        answer = self.engine.evaluate(source, variables)
        self.counts["cases"] += 1
        if reference is None:
            # The engine has to end nevertheless.
            self.counts["too much for Python"] += 1
            return (answer["failure"], {}, answer) if "failure" in answer else None
        self.counts["rendered" if "text" in reference else "errors"] += 1
        what = difference(source, variables, reference, answer)
        if what is None:
            self.compare_messages(source, reference, answer)
            return None
        if "failure" not in answer:
            for reason, applies in KNOWN_DIFFERENCES.items():
                if applies(source, variables, reference, answer):
                    self.known[reason] += 1
                    return None
        return what, reference, answer

    def compare_messages(self, source, reference, answer):
        if "error" not in reference or reference["error"] == "raise_exception":
            return
        theirs, ours = f"{reference['error']}: {reference['message']}", message_of(answer)
        theirs, ours = ADDRESS.sub("", theirs), ADDRESS.sub("", ours)
        if theirs != ours:
            key = (re.sub(r"'.*?'|\d+", "_", theirs)[:80], re.sub(r"'.*?'|\d+", "_", ours)[:80])
            self.messages[key] += 1
            self.message_examples.setdefault(key, (source, theirs, ours))

    def report(self, source, variables, what):
        self.found += 1
        self.seen[what] += 1
        if self.seen[what] > 20 * self.reports:
            return

        def differs(smaller, fewer):
            found = self.compare(smaller, fewer)
            return found is not None and found[0] == what

        source, variables = shrink(source, variables, differs, 60 if "did not end" in what else 2000)
        # The same once more, but for names and numbers.
        shape = re.sub(r"\w+", "w", source)
        self.shapes[what, shape] += 1
        if self.shapes[what, shape] > 1 or sum(1 for kind, _ in self.shapes if kind == what) > self.reports:
            return
        what, reference, answer = self.compare(source, variables) or (what, {}, {})
        print(f"--- {what}")
        print(json.dumps({"template": source, "variables": variables}, ensure_ascii=False))
        print(f"jinja2:  {json.dumps(reference, ensure_ascii=False)[:600]}")
        print(f"Swallow: {json.dumps(answer, ensure_ascii=False)[:600]}", flush=True)

    def run(self, seconds, with_messages):
        begin = time.monotonic()
        shown = begin
        while time.monotonic() - begin < seconds:
            for source, variables in self.cases():
                found = self.compare(source, variables)
                if found:
                    self.report(source, variables, found[0])
            if time.monotonic() - shown > 60:
                shown = time.monotonic()
                print(f"{shown - begin:.0f} s: {dict(self.counts)}, {self.found} differences", flush=True)
        print(f"{time.monotonic() - begin:.0f} s, {dict(self.counts)}, {self.found} differences")
        for reason, count in self.known.items():
            print(f"  known: {reason}: {count}")
        for key, count in self.messages.most_common(100) if with_messages else ():
            source, theirs, ours = self.message_examples[key]
            print(f"  message, {count} times: {theirs[:200]!r}\n    but {ours[:200]!r}\n    in {source[:200]!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--batch", required=True, help="the program template-batch")
    parser.add_argument("--seconds", type=float, default=60, help="how long (default 60)")
    parser.add_argument("--seed", type=int, default=None, help="repeats a run (default: a random one, which is printed)")
    parser.add_argument("--reports", type=int, default=10, help="how many differences of a kind are shown (default 10)")
    parser.add_argument("--messages", action="store_true", help="also count where error messages differ")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}, jinja2 {jinja2.__version__}", flush=True)
    # What Python says about the code that jinja2 made.
    warnings.simplefilter("ignore", SyntaxWarning)
    resource.setrlimit(resource.RLIMIT_AS, (PYTHON_BYTES, resource.RLIM_INFINITY))
    fuzzer = Fuzzer(Engine(arguments.batch), seed, arguments.reports)
    fuzzer.run(arguments.seconds, arguments.messages)
    sys.exit(1 if fuzzer.found else 0)


if __name__ == "__main__":
    main()
