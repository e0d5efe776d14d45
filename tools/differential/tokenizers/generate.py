#!/usr/bin/env python3
"""Makes the tokenizers of the differential test and what Hugging Face's libraries do with them. See README.md.

    generate.py [--only NAME]
"""

import argparse
import glob
import gzip
import json
import os
import random

import hf_batch
import recipes
import regressions
import texts

DATA = os.path.join(texts.HERE, "..", "..", "..", "test", "frontends", "tokenizer", "differential")
STRINGS, BROKEN, LONGEST = 2000, 100, 2000
RANDOM_DECODES = 150


def strings(source):
    """The same for every tokenizer."""
    r = random.Random("swallow")
    result = ["", " ", "\n", "\0", "a", "東"]
    # Every 256 code points that have characters, some that have none.
    pages = [p for p in range(0x100) if not 0xD8 <= p < 0xE0] + list(range(0x100, 0x200)) + list(range(0x200, 0x2FB, 8))
    pages += [0x300, 0x313, 0x323, 0x400, 0x777, 0xDFF, 0xE00, 0xE01, 0xE02, 0xF00, 0xF80, 0xFFF, 0x1000, 0x10FF]
    result += [source.page(r, page) for page in pages]
    for token in texts.SPECIAL + texts.ODD:
        result.append(token)
        result.append(r.choice(["a", " ", "東京", "x ", "1"]) + token + r.choice(["b", " ", "\n", "!", "です"]))
    for unit in [" ", "\n", "\t", "\r\n", "\u3000", "a", "東", "1", "!", "▁", "\u0301", "👍", "ab", " a", "'s", "\0", "<s>", "é"]:
        result.append((unit * r.choice([60, 200, 500]))[:LONGEST])
    result.append(" " * LONGEST)
    result += r.sample(source.prose.split("\n\n"), 120)
    long = [source.text(r, LONGEST) for _ in range(8000)]
    result += [t for t in long if len(t) > 600][:12]
    while len(result) < STRINGS:
        result.append(source.text(r)[: r.choice([20, 60, 120])])
    result = ["".join(c for c in t if ord(c) not in source.avoid) for t in result]
    return [t.encode() for t in result] + [source.broken(r) for _ in range(BROKEN)]


class Writer:
    """Numbers of 7 bits a byte, the lowest first; texts with their size in front, or as they differ from another."""

    def __init__(self):
        self.data = bytearray()

    def number(self, n):
        while n >= 0x80:
            self.data.append(n & 0x7F | 0x80)
            n >>= 7
        self.data.append(n)

    def bytes(self, text):
        self.number(len(text))
        self.data += text

    def ids(self, ids):
        self.number(len(ids))
        for i in ids:
            self.number(i)

    def difference(self, base, text):
        """The sizes of what both begin and end with, and what stands between."""
        prefix = len(os.path.commonprefix([base, text]))
        rest, base = text[prefix:], base[prefix:]
        suffix = len(os.path.commonprefix([base[::-1], rest[::-1]]))
        self.number(prefix)
        self.number(suffix)
        self.bytes(rest[: len(rest) - suffix])

    def save(self, path):
        with open(path, "wb") as file:
            file.write(gzip.compress(bytes(self.data), 9, mtime=0))


def answers(folder, data):
    path = os.path.join(folder, "tokenizer.json")
    if os.path.exists(path):
        with open(path) as file:
            tokenizer = hf_batch.Text(file.read())
    else:
        tokenizer = hf_batch.Folder(folder)
    decoded = [d.decode("utf-8", errors="replace") for d in data]
    full, bare = (hf_batch.encode(tokenizer, decoded, special) for special in (True, False))
    writer = Writer()
    left_out = {"strings": 0, "decodes": 0}

    def decode(ids, base):
        both = [hf_batch.decode(tokenizer, ids, skip) for skip in (True, False)]
        there = None not in both
        left_out["decodes"] += not there
        writer.number(there)
        if there:
            skipped, whole = (t.encode() for t in both)
            writer.difference(base, skipped)
            writer.difference(skipped, whole)

    for text, with_special, ids in zip(data, full, bare):
        there = ids is not None
        left_out["strings"] += not there
        writer.number(there)
        if there:
            writer.ids(with_special)
            writer.ids(ids)
            decode(with_special, text)
    r = random.Random(os.path.basename(folder))
    vocab = tokenizer.vocab()
    writer.number(RANDOM_DECODES)
    for _ in range(RANDOM_DECODES):
        ids = [r.randrange(vocab + 3) for _ in range(r.choice([1, 2, 3, 8, 25]))]
        writer.ids(ids)
        decode(ids, b"")
    writer.save(os.path.join(folder, "cases.bin.gz"))
    return left_out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", help="make the answers for one tokenizer again, and no tokenizers")
    options = parser.parse_args()
    os.makedirs(DATA, exist_ok=True)
    data = strings(texts.Texts())
    if not options.only:
        recipes.Recipes(DATA).make()
        writer = Writer()
        writer.number(len(data))
        for text in data:
            writer.bytes(text)
        writer.save(os.path.join(DATA, "texts.bin.gz"))
        with open(os.path.join(DATA, "regressions.json"), "w") as file:
            file.write("[\n" + ",\n".join(json.dumps(case) for case in regressions.cases()) + "\n]\n")
    for folder in sorted(glob.glob(os.path.join(DATA, options.only or "*", ""))):
        left_out = answers(folder.rstrip("/"), data)
        print(f"{os.path.basename(folder.rstrip('/'))}: left out, since tokenizers panics: {left_out}")


if __name__ == "__main__":
    main()
