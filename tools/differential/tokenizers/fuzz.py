#!/usr/bin/env python3
"""Random tokenizers and random strings through Swallow and Hugging Face's tokenizers. See README.md.

    fuzz.py TOKENIZER_BATCH [--seconds N] [--seed N] [--folder DIR ... | --random-folders]

Prints each difference once it is as small as it gets, and exits 1 if there was one. With --folder the tokenizers are
those of checkpoint folders, as transformers' AutoTokenizer runs them.
"""

import argparse
import collections
import json
import random
import sys
import tempfile
import time

import peers
import random_folder
import random_tokenizer
import shrink
import texts

TEXTS_PER_TOKENIZER = 25

# What is known to differ: a test of (description, what, text or ids, Swallow's answer, Hugging Face's) and the reason.
KNOWN = []


class Refused(Exception):
    pass


class Comparison:
    def __init__(self, program):
        self.ours, self.theirs = peers.swallow(program), peers.hugging_face()
        self.counts = collections.Counter()
        self.refused = collections.Counter()

    def stop(self):
        self.ours.stop()
        self.theirs.stop()

    def open(self, **request):
        """Whether both sides can run it."""
        mine, other = self.ours.ask(**request), self.theirs.ask(**request)
        if "error" in mine and "error" not in other:
            raise Refused(mine["error"])
        if "error" in other and "error" not in mine:
            self.counts["only Swallow opens"] += 1
        return "error" not in mine and "error" not in other

    def ask(self, request):
        """(Swallow's answers, Hugging Face's), None where it has none."""
        key = "ids" if "encode" in request else "texts"
        number = len(request.get("encode", request.get("decode")))
        answers = []
        for peer in (self.ours, self.theirs):
            try:
                answer = peer.ask(**request)
            except peers.Gone as gone:
                answer = {"error": str(gone)}
            if "error" in answer and number > 1:
                # One at a time, to see which.
                name = "encode" if "encode" in request else "decode"
                answers.append([self.single(peer, {**request, name: [item]}, key) for item in request[name]])
            else:
                answers.append(answer.get(key, [answer.get("error")]))
        return answers

    @staticmethod
    def single(peer, request, key):
        try:
            answer = peer.ask(**request)
        except peers.Gone as gone:
            return str(gone)
        return answer[key][0] if key in answer else answer["error"]

    def differences(self, request):
        name = "encode" if "encode" in request else "decode"
        mine, other = self.ask(request)
        for item, a, b in zip(request[name], mine, other):
            # Hugging Face's library panics now and then: then there is no answer to compare with, but Swallow has one.
            panicked = b is None or (isinstance(b, str) and name == "encode")
            if panicked and isinstance(a, list if name == "encode" else str) and "gives" not in a:
                self.counts["panics of Hugging Face"] += 1
            elif a != b:
                yield item, a, b
            else:
                self.counts["compared"] += 1


def report(comparison, description, request, item, mine, other):
    name = "encode" if "encode" in request else "decode"

    def of(candidate):
        return ["".join(candidate)] if name == "encode" else [candidate]

    def differs(description, candidate):
        try:
            if not comparison.open(tokenizer=json.dumps(description)):
                return False
            return any(True for _ in comparison.differences({**request, name: of(candidate)}))
        except (Refused, peers.Gone):
            return False

    if differs(description, list(item)):
        description, items = shrink.shrink(description, list(item), differs)
        differs(description, items)  # opens it
        item = of(items)[0]
        mine, other = comparison.ask({**request, name: [item]})
    else:
        print("Only after what was asked before it:", json.dumps(request))
        mine, other = [mine], [other]
    shown = {**description, "model": {**description["model"]}}
    vocab = shown["model"].pop("vocab")
    names = {i: t for t, i in vocab.items()} | {t["id"]: t["content"] for t in description["added_tokens"]}
    shown["model"]["merges"] = shown["model"]["merges"][:5]
    print("=" * 100)
    print(json.dumps({k: v for k, v in shown.items() if v}, ensure_ascii=False))
    print(name, json.dumps({k: v for k, v in request.items() if k != name}), ascii(item) if name == "encode" else item)
    if name == "decode":
        print("  tokens:      ", [names.get(i) for i in item])
    for side, answer in (("Swallow:     ", mine[0]), ("Hugging Face:", other[0])):
        print(f"  {side}", ascii(answer), [names.get(i) for i in answer] if isinstance(answer, list) else "")
    sys.stdout.flush()


def known(description, request, item, mine, other):
    return any(test(description, request, item, mine, other) for test, _ in KNOWN)


def random_ids(r, vocab):
    return [r.randrange(vocab + 2) for _ in range(r.choice([0, 1, 2, 5, 12]))]


def round_of(comparison, r, source, description, vocab, folder=None):
    """One tokenizer, some strings. Returns how many differences were new."""
    strings = [source.text(r, 2000) for _ in range(TEXTS_PER_TOKENIZER)]
    broken = [source.broken(r).decode("latin1") for _ in range(2)]
    found = 0
    requests = [{"encode": strings, "special": False}, {"encode": strings, "special": True},
                {"encode": broken, "special": False, "latin1": True}]  # fmt: skip
    ids = comparison.ask({"encode": strings, "special": True})[1]
    lists = [i for i in ids if isinstance(i, list)] + [random_ids(r, vocab) for _ in range(8)]
    # Ids of a text in part, as they come while it streams.
    lists += [i[: r.randint(0, len(i))] for i in lists[:5]]
    requests += [{"decode": lists, "skip": True}, {"decode": lists, "skip": False}]
    for request in requests:
        differing = list(comparison.differences(request))
        for item, mine, other in differing:
            if known(description, request, item, mine, other):
                comparison.counts["known differences"] += 1
                continue
            found += 1
            if folder:
                print(folder, list(request)[0], ascii(item), "\n  Swallow:      ", ascii(mine), "\n  Hugging Face: ", ascii(other))
            else:
                report(comparison, description, request, item, mine, other)
                comparison.open(tokenizer=json.dumps(description))
            break  # the others are mostly the same
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", help="the built tokenizer-batch")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--stop-after", type=int, default=20, help="differences (20)")
    parser.add_argument("--folder", action="append", default=[], help="a checkpoint folder instead of random tokenizers")
    parser.add_argument("--random-folders", action="store_true", help="random settings beside known tokenizers")
    parser.add_argument("--live", action="store_true", help="with --folder: transformers 5 to the letter (README.md)")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1 << 30)
    print(f"seed {seed}", flush=True)

    comparison = Comparison(options.program)
    vocabularies = None if options.folder else random_tokenizer.Vocabularies()
    source = texts.Texts()
    start = said = time.monotonic()
    scratch = tempfile.TemporaryDirectory()
    found = number = 0
    last = None  # the folder that is open
    while time.monotonic() - start < options.seconds and found < options.stop_after:
        r = random.Random(f"{seed} {number}")
        number += 1
        try:
            if options.random_folders:
                folder = json.dumps(random_folder.write(r, scratch.name), ensure_ascii=False)
                description, vocab = {"model": {}}, 1000
                opened = comparison.open(folder=scratch.name)
            elif options.folder:
                # 2000 strings at a time: it takes transformers seconds to open a folder.
                folder = options.folder[(number - 1) // 80 % len(options.folder)]
                description, vocab = {"model": {}}, 1000
                opened = (folder == last) or comparison.open(folder=folder, live=options.live)
                last = folder
            else:
                folder = None
                _, description = vocabularies.random(r)
                vocab = max([*description["model"]["vocab"].values(), *(t["id"] for t in description["added_tokens"])])
                opened = comparison.open(tokenizer=json.dumps(description))
            if opened:
                comparison.counts["tokenizers"] += 1
                found += round_of(comparison, r, source, description, vocab, folder)
        except Refused as refused:
            comparison.counts["refused by Swallow"] += 1
            comparison.refused[str(refused)[:160]] += 1
        except peers.Gone as gone:
            comparison.counts["crashes and hangs"] += 1
            found += gone.args[0].startswith("Swallow")
            print(f"tokenizer {number - 1} of seed {seed}: {gone}", flush=True)
        if time.monotonic() - said > 60:
            said = time.monotonic()
            print(f"{said - start:.0f} s: {dict(comparison.counts)}, {found} differences", flush=True)
    comparison.stop()
    for reason, count in comparison.refused.most_common(25):
        print(f"refused {count} times: {reason}")
    print(f"{time.monotonic() - start:.0f} s, seed {seed}: {dict(comparison.counts)}, {found} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
