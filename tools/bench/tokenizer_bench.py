#!/usr/bin/env python3
"""Compares the speed of encoding with Hugging Face's tokenizers.

    tokenizer_bench.py --program BUILD/bin/tokenizer-bench --work DIR [FOLDER ...]

Needs the PyPI package tokenizers. Without folders it trains two tokenizers in
DIR, once: one of Llama 3's kind with 128 256 tokens and one of Llama 2's kind
with 43 176, on text that it makes up. Each round encodes each text with both
libraries, one after the other, in one thread, whose processor time is taken.
What is printed is the best speed of each and the median of the rounds' ratios.

The texts are mixed Japanese and English, half from the held-out text of the
demonstration model and half made up, in documents of about 2 000 bytes and in
one piece; and a megabyte of one character each.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers  # noqa: E402
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers  # noqa: E402

HELDOUT = pathlib.Path(__file__).resolve().parents[1] / "demo-model" / "heldout.txt"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def invented_lines(rng, count):
    """Lines of words that are made up, but come again as words do."""
    kanji = [chr(rng.randint(0x4E00, 0x9FFF)) for _ in range(3000)]
    kana = [chr(c) for c in range(0x3041, 0x3094)]

    def japanese():
        stem = "".join(rng.choice(kanji) for _ in range(rng.randint(1, 3)))
        return stem + "".join(rng.choice(kana) for _ in range(rng.randint(0, 4)))

    def english():
        return "".join(rng.choice("etaoinshrdlucmfwypvbgk") for _ in range(rng.randint(2, 10)))

    words = [japanese() for _ in range(60000)]
    latin = [english() for _ in range(60000)]
    for _ in range(count):
        kind = rng.random()
        if kind < 0.5:
            yield "".join(rng.choice(words) for _ in range(12)) + "。"
        elif kind < 0.9:
            yield " ".join(rng.choice(latin) for _ in range(12)).capitalize() + "."
        else:
            yield f"{rng.randint(0, 10**6)} {rng.choice(latin)}({rng.choice(latin)}, {rng.random():.4f}); // {rng.choice(words)}"


def train(folder):
    """Trains what is not there yet; returns the folders."""
    lines = HELDOUT.read_text().split("\n") * 3 + list(invented_lines(random.Random(5), 100000))
    three, two = folder / "llama3-128256", folder / "llama2-43176"
    if not (three / "tokenizer.json").exists():
        made = tokenizers.Tokenizer(models.BPE(ignore_merges=True))
        made.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(tokenizers.Regex(LLAMA3), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        made.decoder = decoders.ByteLevel()
        special = [f"<|reserved_special_token_{i}|>" for i in range(256)]
        made.train_from_iterator(
            lines,
            trainers.BpeTrainer(
                vocab_size=128256,
                show_progress=False,
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                special_tokens=special,
            ),
        )
        three.mkdir(parents=True, exist_ok=True)
        made.save(str(three / "tokenizer.json"))
    if not (two / "tokenizer.json").exists():
        made = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
        special = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
        made.train_from_iterator(
            lines,
            trainers.BpeTrainer(
                vocab_size=43176, show_progress=False, limit_alphabet=4000, special_tokens=special
            ),
        )
        content = json.loads(made.to_str())
        content["pre_tokenizer"] = None
        content["added_tokens"] = content["added_tokens"][:3]
        made = tokenizers.Tokenizer.from_str(json.dumps(content))
        made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        made.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        two.mkdir(parents=True, exist_ok=True)
        made.save(str(two / "tokenizer.json"))
    return [three, two]


def documents(size, seed):
    """Documents of about 2 000 bytes, other than what was trained on."""
    rng = random.Random(seed)
    heldout = HELDOUT.read_text().split("\n\n")
    invented = invented_lines(rng, 10**9)
    result = []
    while size > 0:
        document = ""
        while len(document.encode()) < 2000:
            document += rng.choice(heldout) + "\n\n" if rng.random() < 0.5 else next(invented) + "\n"
        result.append(document)
        size -= len(document.encode())
    return result


class Ours:
    def __init__(self, program, folder):
        self.process = subprocess.Popen(
            [program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        milliseconds, size, tokens = self.process.stdout.readline().split()
        print(f"{folder}: {tokens} tokens, a table of {int(size) / 1e6:.1f} MB, opened in {milliseconds} ms")

    def encode(self, path):
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        seconds, ids = self.process.stdout.readline().split()
        return float(seconds), int(ids)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", required=True, help="the built tokenizer-bench")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="a folder for trained tokenizers and texts")
    parser.add_argument("--megabytes", type=float, default=4, help="of mixed text (4)")
    parser.add_argument("--rounds", type=int, default=5, help="(5)")
    parser.add_argument("folders", nargs="*", type=pathlib.Path, help="with a tokenizer.json each")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)

    # Other text in each round: both libraries remember words.
    mixed = [documents(int(arguments.megabytes * 1e6), 7 + i) for i in range(2 * arguments.rounds)]
    texts = {
        "mixed, documents": mixed[: arguments.rounds],
        "mixed, one piece": [["".join(text)] for text in mixed[arguments.rounds :]],
    }
    for name, character in {
        "space": " ", "a": "a", "あ": "あ", "newline": "\n", "emoji": "😀", "digit": "7", "hyphen": "-"
    }.items():
        text = [character * (1000000 // len(character.encode()))]
        texts[f"1 MB of {name}"] = [text] * arguments.rounds

    for folder in arguments.folders or train(arguments.work):
        theirs = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        ours = Ours(arguments.program, folder)
        for name, rounds_texts in texts.items():
            rounds = []
            for text in rounds_texts:
                path = arguments.work / "text.bin"
                path.write_bytes(b"".join(document.encode() + b"\0" for document in text))
                size = sum(len(document.encode()) for document in text) / 1e6
                start = time.thread_time()
                expected = sum(len(e.ids) for e in theirs.encode_batch_fast(text, add_special_tokens=False))
                their_time = time.thread_time() - start
                our_time, ids = ours.encode(path)
                if ids != expected:
                    raise SystemExit(f"{name}: {ids} ids, expected {expected}")
                rounds.append((their_time / size, our_time / size))
            ratio = statistics.median(a / b for a, b in rounds)
            print(
                f"  {name:18} {1 / min(b for _, b in rounds):7.1f} MB/s,"
                f" tokenizers {1 / min(a for a, _ in rounds):6.1f} MB/s, {ratio:5.1f} times as fast",
                flush=True,
            )
        ours.close()


if __name__ == "__main__":
    main()
