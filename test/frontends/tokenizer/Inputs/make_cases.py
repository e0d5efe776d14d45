#!/usr/bin/env python3
"""Makes the tokenizers beside it and what Hugging Face's tokenizers does with
them, for CasesTest.cpp. Run by hand when a component is added:

    pip install tokenizers==0.23.* && python3 make_cases.py

Each folder gets a tokenizer.json with other components in it, trained on a few
texts, and cases.json: strings with their ids, and ids with their texts.
"""

import json
import os
import random
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers import decoders as D
from tokenizers import models
from tokenizers import normalizers as N
from tokenizers import pre_tokenizers as P
from tokenizers import processors as X
from tokenizers import trainers

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..", "..", "..")
CASES = 150

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def corpus():
    with open(os.path.join(ROOT, "tools/demo-model/heldout.txt")) as file:
        text = file.read()[:20000]
    golden = os.path.join(ROOT, "test/golden/llama31/golden.json")
    with open(golden) as file:
        return text + "\n".join(c["text"] for c in json.load(file)["tokenize"])


TEXT = corpus()
LINES = TEXT.split("\n")
# Assigned in every version of Unicode that a library in use may have.
BLOCKS = [
    (0x20, 0x7E), (0x00, 0x1F), (0x7F, 0xA0), (0xA0, 0x24F), (0x250, 0x36F),
    (0x370, 0x3FF), (0x400, 0x52F), (0x590, 0x6FF), (0x900, 0x97F),
    (0xE00, 0xE7F), (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F),
    (0x2070, 0x2BFF), (0x3000, 0x30FF), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3),
    (0xF900, 0xFAD9), (0xFB00, 0xFDFF), (0xFE00, 0xFFEF), (0x1D400, 0x1D7FF),
    (0x1F300, 0x1F64F), (0x20000, 0x2A6D0),
]  # fmt: skip


def characters(r, count):
    low, high = r.choice(BLOCKS)
    some = (chr(r.randint(low, high)) for _ in range(count))
    return "".join(c for c in some if unicodedata.category(c) != "Cn")


def random_text(r, tokens):
    parts = [r.choice(["", "", " "])]
    for _ in range(r.randint(0, 6)):
        kind = r.random()
        if kind < 0.35:
            start = r.randrange(len(TEXT))
            parts.append(TEXT[start : start + r.randint(1, 40)])
        elif kind < 0.55:
            parts.append(characters(r, r.randint(1, 8)))
        elif kind < 0.65:
            spaces = [" ", "\n", "\t", "\r\n", "\u3000", "\u2028", "▁", "\u180e"]
            parts.append(r.choice(spaces) * r.randint(1, 6))
        elif kind < 0.8:
            token = r.choice(tokens)
            parts.append(token if r.random() < 0.7 else token[: r.randint(0, 5)])
        elif kind < 0.88:
            parts.append(str(r.randint(0, 10 ** r.randint(1, 9))))
        elif kind < 0.95:
            odd = ["'s", "'LL", "'ſ", "İ", "ß", "ﬁ", "e\u0301", "\u0301\u0323",
                   "½", "Ⅳ", "²", "a_b", "##", "<0x41>", "word", "xyz", "ﾊ"]  # fmt: skip
            parts.append(r.choice(odd))
        else:
            parts.append(characters(r, 1) * r.randint(1, 60))
    return "".join(parts)


def save(name, tokenizer, added=(), post=None):
    tokenizer.add_tokens(list(added))
    if post:
        tokenizer.post_processor = post(tokenizer)
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)

    r = random.Random(name)
    tokens = [t.content for t in tokenizer.get_added_tokens_decoder().values()]
    size = tokenizer.get_vocab_size()
    cases = {"encode": [], "decode": []}
    for _ in range(CASES):
        text = random_text(r, tokens)
        ids = tokenizer.encode(text).ids
        bare = tokenizer.encode(text, add_special_tokens=False).ids
        cases["encode"].append({"text": text, "ids": ids, "bare": bare})
        if r.random() < 0.5:
            ids = [r.randrange(size + 3) for _ in range(r.randint(0, 20))]
        start = r.randint(0, len(ids))
        ids = ids[start : start + 25]
        try:
            text = tokenizer.decode(ids, skip_special_tokens=True)
            special = tokenizer.decode(ids, skip_special_tokens=False)
        except BaseException:  # Strip panics on tokens that are too short
            continue
        cases["decode"].append({"ids": ids, "text": text, "special": special})
    with open(os.path.join(folder, "cases.json"), "w") as file:
        file.write('{"encode": [\n')
        file.write(",\n".join(json.dumps(c) for c in cases["encode"]))
        file.write('\n], "decode": [\n')
        file.write(",\n".join(json.dumps(c) for c in cases["decode"]))
        file.write("\n]}\n")


def bytes_bpe(name, pre, norm=None, decoder=None, vocab=600, added=(), post=None, **kw):
    tokenizer = Tokenizer(models.BPE(**kw))
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoder or D.ByteLevel()
    if norm:
        tokenizer.normalizer = norm
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        show_progress=False,
        initial_alphabet=sorted(P.ByteLevel.alphabet()),
        special_tokens=["<|begin|>", "<|end|>"],
    )
    tokenizer.train_from_iterator(LINES, trainer)
    save(name, tokenizer, added, post)


def text_bpe(name, norm, pre, decoder, byte_tokens, alphabet, added=(), post=None, **kw):
    tokenizer = Tokenizer(models.BPE(byte_fallback=byte_tokens, **kw))
    if norm:
        tokenizer.normalizer = norm
    if pre:
        tokenizer.pre_tokenizer = pre
    if decoder:
        tokenizer.decoder = decoder
    special = ["<unk>", "<|begin|>", "<|end|>"]
    if byte_tokens:
        special += [f"<0x{byte:02X}>" for byte in range(256)]
    affixes = ("continuing_subword_prefix", "end_of_word_suffix")
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        show_progress=False,
        special_tokens=special,
        limit_alphabet=alphabet,
        **{key: kw[key] for key in affixes if key in kw},
    )
    words = LINES if pre else [word for line in LINES for word in line.split(" ")]
    tokenizer.train_from_iterator(words, trainer)
    described = json.loads(tokenizer.to_str())
    described["added_tokens"] = [
        t for t in described["added_tokens"] if not t["content"].startswith("<0x")
    ]
    save(name, Tokenizer.from_str(json.dumps(described)), added, post)


def template(tokenizer):
    tokens = ["<|begin|>", "<|end|>"]
    return X.TemplateProcessing(
        single="<|begin|> $A <|end|>",
        pair="$A $B",
        special_tokens=[(t, tokenizer.token_to_id(t)) for t in tokens],
    )


def split_bytes(*splits):
    return P.Sequence([*splits, P.ByteLevel(add_prefix_space=False, use_regex=False)])


def main():
    token = AddedToken
    bytes_bpe("llama3", split_bytes(P.Split(Regex(LLAMA3), "isolated")),
              ignore_merges=True,
              post=lambda t: X.Sequence([X.ByteLevel(), template(t)]))  # fmt: skip
    bytes_bpe("o200k", split_bytes(P.Split(Regex(O200K), "removed", invert=True)),
              added=[token("<tool>", special=False, normalized=False),
                     token("  ", special=False),
                     token("word", single_word=True),
                     token("<l>", lstrip=True),
                     token("<r>", rstrip=True, special=True),
                     token("<lr>", lstrip=True, rstrip=True, normalized=False),
                     token("é", special=False),
                     token("日本", special=False)])  # fmt: skip
    bytes_bpe("gpt2", P.ByteLevel(add_prefix_space=True), norm=N.NFC(),
              post=lambda t: X.RobertaProcessing(("<|end|>", 1), ("<|begin|>", 0)))  # fmt: skip
    bytes_bpe("deepseek", split_bytes(
        P.Split(Regex(r"[\r\n]"), "isolated"), P.Split(Regex(r"\s?\p{L}+"), "isolated"),
        P.Split(Regex(r"\s?\p{P}+"), "isolated"),
        P.Split(Regex("[一-龥ࠀ-一가-퟿]+"), "isolated"), P.Digits(True)))  # fmt: skip
    bytes_bpe("falcon", P.Sequence([
        P.Punctuation("contiguous"), P.ByteLevel(add_prefix_space=False),
        P.Digits(False), P.Split(Regex("[0-9][0-9][0-9]"), "isolated")]))  # fmt: skip
    bytes_bpe("normalized", P.Sequence([P.Whitespace(), P.ByteLevel(False)]),
              norm=N.Sequence([N.NFKC(), N.Lowercase(), N.Strip(), N.StripAccents()]),
              added=[token("Token", special=False, normalized=True),
                     token("ﾊ", special=False, normalized=True)])  # fmt: skip
    bytes_bpe("splits", P.Sequence([
        P.Split(Regex(r"\s+"), "merged_with_previous"), P.Split("a", "merged_with_next"),
        P.Split(Regex(r"\b\w"), "merged_with_next"), P.Split(Regex(r"[^\w\s]"), "contiguous"),
        P.Split(Regex(r"\W"), "merged_with_previous", invert=True),
        P.WhitespaceSplit(), P.CharDelimiterSplit("。"), P.ByteLevel(False)]),
        norm=N.NFD())  # fmt: skip
    bytes_bpe("bytenormalizer", P.Split(Regex("Ġ+"), "merged_with_next"),
              norm=N.Sequence([N.NFKD(), N.ByteLevel()]),
              added=[token("norm é", special=False, normalized=True)])  # fmt: skip

    llama = [D.Replace("▁", " "), D.ByteFallback(), D.Fuse()]
    unk = {"unk_token": "<unk>", "fuse_unk": True}
    text_bpe("llama2", N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None,
             D.Sequence([*llama, D.Strip(" ", 1, 0)]), True, 300, post=template, **unk,
             added=[token("<pad>", special=True),
                    token("[INST]", special=False, normalized=False),
                    token("xyz", special=False, normalized=True)])  # fmt: skip
    text_bpe("metaspace-first", None,
             P.Metaspace("▁", prepend_scheme="first", split=False),
             D.Sequence([*llama, D.Strip(" ", 1, 0)]), True, 300, **unk,
             added=[token("[INST]", special=False, normalized=False)])  # fmt: skip
    text_bpe("metaspace-always", None, P.Metaspace("▁", prepend_scheme="always"),
             D.Metaspace("▁", prepend_scheme="always"), False, 100, unk_token="<unk>")  # fmt: skip
    text_bpe("metaspace-never", N.Replace(Regex(r"\s+"), " "),
             P.Sequence([P.Metaspace("▁", prepend_scheme="never"), P.Digits(True)]),
             D.Metaspace("▁", prepend_scheme="never"), True, 100, **unk)  # fmt: skip
    text_bpe("suffix", None, P.Whitespace(), None, False, 100, **unk,
             end_of_word_suffix="</w>")  # fmt: skip
    text_bpe("prefix", N.Lowercase(), P.WhitespaceSplit(),
             D.Sequence([D.Replace("##", ""), D.Strip("e", 1, 0), D.Fuse(),
                         D.Strip(" ", 2, 3), D.Replace("ab", "X")]),
             False, 80, unk_token="<unk>", continuing_subword_prefix="##")  # fmt: skip
    text_bpe("no-unknown", None, P.Punctuation("removed"), D.Fuse(), False, 60)
    text_bpe("gemma", N.Replace(" ", "▁"), P.Split(" ", "merged_with_previous"),
             D.Sequence(llama), True, 300, **unk,
             added=[token("\n" * k, special=False, normalized=False) for k in range(1, 9)]
             + [token("▁" * k, special=False, normalized=False) for k in range(2, 9)])  # fmt: skip
    text_bpe("bert", N.BertNormalizer(), P.BertPreTokenizer(), D.WordPiece(), False,
             100, unk_token="<unk>", continuing_subword_prefix="##")  # fmt: skip
    text_bpe("bert-cased", N.BertNormalizer(clean_text=False, strip_accents=True, lowercase=False),
             P.Sequence([P.BertPreTokenizer(), P.FixedLength(length=5)]),
             D.Sequence([D.WordPiece(cleanup=False), D.Fuse(), D.Replace("a", "")]), False,
             100, unk_token="<unk>", continuing_subword_prefix="##")  # fmt: skip
    text_bpe("gpt", N.Sequence([N.Nmt(), N.BertNormalizer(handle_chinese_chars=False)]),
             P.BertPreTokenizer(), D.BPEDecoder(), False, 100, unk_token="<unk>",
             end_of_word_suffix="</w>")  # fmt: skip


if __name__ == "__main__":
    main()
