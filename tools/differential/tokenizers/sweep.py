#!/usr/bin/env python3
"""Every code point through every component that asks Unicode something, on both sides. See README.md.

    sweep.py TOKENIZER_BATCH [--write]

Prints the ranges of code points on which the two sides differ, by component. --write makes them unicode-differences.txt.
"""

import argparse
import json
import os
import unicodedata

import peers

HERE = os.path.dirname(os.path.abspath(__file__))
LIST = os.path.join(HERE, "unicode-differences.txt")


def worth_asking(c):
    """All of the planes that have characters, and some of the others, which are alike."""
    return c < 0x40000 or 0xE0000 <= c < 0xE0200 or c % 0x10000 >= 0xFFF0 or c % 61 == 0


CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and worth_asking(c)]
CHUNK = 50000


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": False}


def byte_alphabet():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(0x100 + i) for i in range(len(others))]


def tokenizer(normalizer=None, pre=None):
    """Token ids that tell what became of each byte."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    pre = {"type": "Sequence", "pretokenizers": [*([pre] if pre else []), byte_level]}
    vocab = {c: i for i, c in enumerate(byte_alphabet())}
    model = {"type": "BPE", "vocab": vocab, "merges": [], "byte_fallback": False}
    return {"version": "1.0", "added_tokens": [], "normalizer": normalizer, "pre_tokenizer": pre,
            "post_processor": None, "decoder": None, "model": model}  # fmt: skip


def boundaries(pre):
    """Token ids that tell where pieces begin and end."""
    vocab = ["<unk>"] + [p + c + s for c in "a!" for p in ("", "##") for s in ("", "</w>")]
    model = {"type": "BPE", "vocab": {t: i for i, t in enumerate(vocab)}, "merges": [], "byte_fallback": False,
             "unk_token": "<unk>", "continuing_subword_prefix": "##", "end_of_word_suffix": "</w>"}  # fmt: skip
    return {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": pre,
            "post_processor": None, "decoder": None, "model": model}  # fmt: skip


def single_words():
    """An added token that wants no word character beside it."""
    result = tokenizer()
    token = {"id": 256, "content": "tok", "single_word": True, "lstrip": False, "rstrip": False,
             "normalized": False, "special": False}  # fmt: skip
    result["added_tokens"] = [token]
    return result


def stripping_token():
    result = tokenizer()
    token = {"id": 256, "content": "tok", "single_word": False, "lstrip": True, "rstrip": True,
             "normalized": False, "special": False}  # fmt: skip
    result["added_tokens"] = [token]
    return result


def components():
    for pattern in (r"\p{L}", r"\p{N}", r"\p{P}", r"\p{S}", r"\p{M}", r"\p{Lu}", r"\p{Ll}", r"\p{Lt}", r"\p{Lm}",
                    r"\p{Lo}", r"\p{Z}", r"\p{C}", r"\s", r"\w", r"\d", r"\p{Han}", r"\p{Hiragana}", r"\p{Katakana}",
                    r"\p{Hangul}", r"(?i:[a-z])", r"(?i:'s|k|é|σ|[à-þ])"):  # fmt: skip
        yield "Split " + pattern, tokenizer(pre=split(pattern)), "{}"
    yield "Digits", boundaries({"type": "Digits", "individual_digits": True}), "a{}!"
    yield "Punctuation", boundaries({"type": "Punctuation", "behavior": "Isolated"}), "a{}!"
    yield "Whitespace", boundaries({"type": "Whitespace"}), "a{}!"
    yield "WhitespaceSplit", boundaries({"type": "WhitespaceSplit"}), "a{}!"
    yield "ByteLevel", boundaries({"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False,
                                  "use_regex": True}), "a{}!"
    for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"):
        yield kind, tokenizer({"type": kind}), "{}"
    yield "Strip", tokenizer({"type": "Strip", "strip_left": True, "strip_right": True}), "{}"
    for first, second in (("NFD", "NFC"), ("NFKD", "NFKC"), ("NFD", "StripAccents")):
        normalizer = {"type": "Sequence", "normalizers": [{"type": first}, {"type": second}]}
        yield first + "+" + second, tokenizer(normalizer), "{}"
    # The character among combining marks: shows its combining class and what it composes with.
    yield "NFD marks", tokenizer({"type": "NFD"}), "a\u0315{}\u0323\u0301"
    yield "NFC marks", tokenizer({"type": "NFC"}), "a\u0315{}\u0323\u0301"
    yield "single_word before", single_words(), "{}tok"
    yield "single_word after", single_words(), "tok{}"
    yield "lstrip and rstrip", stripping_token(), "{0}tok{0}"


def ranges(points):
    result = []
    for point in sorted(points):
        if result and result[-1][1] == point - 1:
            result[-1][1] = point
        else:
            result.append([point, point])
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", help="the built tokenizer-batch")
    parser.add_argument("--write", action="store_true", help="write unicode-differences.txt")
    options = parser.parse_args()
    ours, theirs = peers.swallow(options.program), peers.hugging_face()
    by_component = {}
    for name, description, frame in components():
        text = json.dumps(description)
        for peer in (ours, theirs):
            answer = peer.ask(tokenizer=text)
            if "error" in answer:
                raise SystemExit(f"{name}: {peer.name}: {answer['error']}")
        differing = []
        for start in range(0, len(CODE_POINTS), CHUNK):
            points = CODE_POINTS[start : start + CHUNK]
            texts = [frame.format(chr(c)) for c in points]
            mine = ours.ask(encode=texts)["ids"]
            other = theirs.ask(encode=texts)["ids"]
            differing += [c for c, a, b in zip(points, mine, other) if a != b]
        by_component[name] = differing
        print(f"{name}: {len(differing)}", flush=True)
        for low, high in ranges(differing):
            print(f"    {low:04X}..{high:04X} {unicodedata.name(chr(low), '?')}")
    ours.stop()
    theirs.stop()
    if options.write:
        everything = ranges({c for points in by_component.values() for c in points})
        with open(LIST, "w") as file:
            file.write("# Written by sweep.py: the code points for which Swallow's Unicode data and those of Hugging Face's\n"
                       "# tokenizers differ in age. README.md says which libraries have which version.\n")  # fmt: skip
            for low, high in everything:
                names = [n for n, points in by_component.items() if any(low <= c <= high for c in points)]
                file.write(f"{low:04X}..{high:04X} # {', '.join(names)}\n")


if __name__ == "__main__":
    main()
