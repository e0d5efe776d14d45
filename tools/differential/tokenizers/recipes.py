"""The tokenizers of the differential test: trained on the demonstration corpus, each of another make-up."""

import itertools
import json
import os
import shutil

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers import decoders as D
from tokenizers import models
from tokenizers import normalizers as N
from tokenizers import pre_tokenizers as P
from tokenizers import processors as X
from tokenizers import trainers

import texts

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK = [
    r"\p{N}{1,3}",
    "[一-龥\u3040-ゟ゠-ヿ]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
]


class Recipes:
    def __init__(self, folder):
        self.folder = folder
        self.lines = [line for document in texts.corpus() for line in document.split("\n")]
        with open(os.path.join(texts.DEMO_MODEL, "heldout.txt")) as file:
            self.lines += file.read().split("\n")
        # What the corpus lacks: code and other scripts.
        self.lines += [odd for odd in texts.ODD for _ in range(3)]

    def place(self, name):
        path = os.path.join(self.folder, name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    def save(self, name, tokenizer, added, post):
        tokenizer.add_tokens(list(added))
        if post:
            tokenizer.post_processor = post(tokenizer)
        tokenizer.save(os.path.join(self.place(name), "tokenizer.json"), pretty=False)

    def bytes(self, name, pre, norm=None, decoder=None, added=(), post=None, size=1000, **model):
        tokenizer = Tokenizer(models.BPE(**model))
        tokenizer.pre_tokenizer = pre
        tokenizer.decoder = decoder or D.ByteLevel()
        if norm:
            tokenizer.normalizer = norm
        trainer = trainers.BpeTrainer(
            vocab_size=size, show_progress=False, initial_alphabet=sorted(P.ByteLevel.alphabet()),
            special_tokens=["<|begin_of_text|>", "<|end_of_text|>"])  # fmt: skip
        tokenizer.train_from_iterator(self.lines, trainer)
        self.save(name, tokenizer, added, post)

    def text(self, name, norm, pre, decoder, added=(), post=None, size=1400, alphabet=400, **model):
        tokenizer = Tokenizer(models.BPE(**model))
        if norm:
            tokenizer.normalizer = norm
        if pre:
            tokenizer.pre_tokenizer = pre
        if decoder:
            tokenizer.decoder = decoder
        special = [model["unk_token"]] if model.get("unk_token") else []
        special += ["<s>", "</s>"]
        byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)] if model.get("byte_fallback") else []
        affixes = {k: v for k, v in model.items() if k in ("continuing_subword_prefix", "end_of_word_suffix")}
        trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, special_tokens=special + byte_tokens,
                                      limit_alphabet=alphabet, **affixes)  # fmt: skip
        lines = self.lines if pre else [" " + word for line in self.lines for word in line.split(" ")]
        tokenizer.train_from_iterator(lines, trainer)
        # Byte tokens belong to the model, not to the text.
        described = json.loads(tokenizer.to_str())
        described["added_tokens"] = [t for t in described["added_tokens"] if t["content"] not in byte_tokens]
        self.save(name, Tokenizer.from_str(json.dumps(described)), added, post)

    def sentencepiece(self, name, config, pieces=900, added=None, **training):
        import sentencepiece

        path = self.place(name)
        sentencepiece.set_random_generator_seed(1)
        options = dict(
            byte_fallback=True, character_coverage=0.999, split_digits=True, normalization_rule_name="identity",
            remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, unk_id=0, bos_id=1, eos_id=2, pad_id=-1)  # fmt: skip
        options.update(training)
        lines = sorted({line for line in self.lines if line and "\0" not in line})
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_prefix=os.path.join(path, "tokenizer"), vocab_size=pieces,
            model_type="bpe", num_threads=1, minloglevel=2, **options)  # fmt: skip
        os.remove(os.path.join(path, "tokenizer.vocab"))
        config = {"tokenizer_class": "LlamaTokenizer", "model_max_length": 4096, "clean_up_tokenization_spaces": False,
                  "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", **config}  # fmt: skip
        for file_name, value in (("tokenizer_config.json", config), ("added_tokens.json", added)):
            if value is not None:
                with open(os.path.join(path, file_name), "w") as file:
                    file.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")

    def make(self):
        self.byte_level()
        self.text_level()
        self.models()

    def byte_level(self):
        self.bytes("llama3", split_bytes(P.Split(Regex(LLAMA3), "isolated")), ignore_merges=True,
                   added=[special("<|eot_id|>"), special("<|start_header_id|>"), special("<|end_header_id|>")],
                   post=lambda t: X.Sequence([X.ByteLevel(trim_offsets=False), around(t, "<|begin_of_text|> $A")]))  # fmt: skip
        self.bytes("gpt2", P.ByteLevel(add_prefix_space=True, use_regex=True),
                   post=lambda t: X.ByteLevel(trim_offsets=True),
                   added=[special("<|end_of_text|>"), token("<mask>", lstrip=True, special=True)])  # fmt: skip
        self.bytes("qwen", split_bytes(P.Split(Regex(QWEN), "isolated")), norm=N.NFC(),
                   added=[special("<|im_start|>"), special("<|im_end|>"), token("<tool call>", normalized=False)])  # fmt: skip
        self.bytes("tekken", split_bytes(P.Split(Regex(TEKKEN), "isolated")), ignore_merges=True, size=1500,
                   added=[special("[INST]"), special("[/INST]")],
                   post=lambda t: around(t, "<|begin_of_text|> $A <|end_of_text|>"))  # fmt: skip
        self.bytes("deepseek", split_bytes(*[P.Split(Regex(p), "isolated") for p in DEEPSEEK], P.Digits(True)),
                   norm=N.Sequence([]), post=lambda t: X.ByteLevel(trim_offsets=False))  # fmt: skip
        self.bytes("falcon", P.Sequence([
            P.Punctuation("contiguous"), P.ByteLevel(add_prefix_space=False), P.Digits(False),
            P.Split(Regex("[0-9][0-9][0-9]"), "isolated")]))  # fmt: skip
        self.bytes("whitespace", split_bytes(P.Whitespace(), P.Punctuation("merged_with_next")),
                   norm=N.Sequence([N.NFKC(), N.Lowercase(), N.Strip()]),
                   added=[token("Token", normalized=True), token("CASE", normalized=False), token("ﾊ", normalized=True)])  # fmt: skip
        self.bytes("split-removed", split_bytes(
            P.CharDelimiterSplit("。"), P.Split(Regex(r"\p{L}+|\p{N}"), "removed", invert=True), P.WhitespaceSplit()),
            norm=N.StripAccents())  # fmt: skip
        self.bytes("split-merged", split_bytes(
            P.Split(Regex(r"\s+"), "merged_with_previous"), P.Split("a", "merged_with_next"),
            P.Split(Regex(r"\b\w"), "merged_with_next"), P.Punctuation("merged_with_previous"),
            P.Split(Regex(r"[^\w\s]"), "contiguous"), P.Split(Regex(r"\W"), "merged_with_previous", invert=True)),
            norm=N.NFD())  # fmt: skip
        self.bytes("byte-normalizer", P.Split(Regex("Ġ+"), "merged_with_next"),
                   norm=N.Sequence([N.NFKD(), N.ByteLevel()]), added=[token("norm é", normalized=True)])  # fmt: skip
        flags = list(itertools.product([False, True], repeat=5))
        names = ("single_word", "lstrip", "rstrip", "normalized", "special")
        contents = [*texts.SPECIAL[3:], "<a>", "<b>", "<c>"][: len(flags)]
        self.bytes("added", split_bytes(P.Split(Regex(LLAMA3), "isolated")), norm=N.Sequence([N.NFKC(), N.Lowercase()]),
                   added=[AddedToken(c, **dict(zip(names, f))) for c, f in zip(contents, flags)])  # fmt: skip

    def text_level(self):
        llama = [D.Replace("▁", " "), D.ByteFallback(), D.Fuse()]
        unknown = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
        self.text("llama2", N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None,
                  D.Sequence([*llama, D.Strip(" ", 1, 0)]), **unknown, post=lambda t: around(t, "<s> $A"),
                  added=[special("<pad>"), token("[INST]", normalized=False), token("xyz", normalized=True),
                         token("xy", normalized=True), token("日本", normalized=False)])  # fmt: skip
        self.text("gemma", N.Replace(" ", "▁"), P.Split(" ", "merged_with_previous"), D.Sequence(llama), **unknown,
                  added=[token("\n" * k, normalized=False) for k in range(1, 9)]
                  + [token("▁" * k, normalized=False) for k in range(2, 9)])  # fmt: skip
        punctuation = iter(["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"])
        for scheme in ("always", "first", "never"):
            for split in (True, False):
                pre = [P.Metaspace("▁", prepend_scheme=scheme, split=split)]
                behavior = next(punctuation, None)
                if behavior:
                    pre.append(P.Punctuation(behavior))
                if scheme == "never":
                    pre.append(P.Digits(True))
                metaspace = D.Metaspace("▁", prepend_scheme=scheme, split=split)
                decoder = metaspace if split else D.Sequence([D.ByteFallback(), metaspace])
                model = unknown if scheme == "first" else {"unk_token": "<unk>", "fuse_unk": split}
                self.text(f"metaspace-{scheme}-{'split' if split else 'whole'}",
                          N.Replace(Regex(r"\s+"), " ") if scheme == "never" else None,
                          P.Sequence(pre) if len(pre) > 1 else pre[0], decoder, **model, alphabet=150,
                          added=[token("[INST]", normalized=False), special("<|eot_id|>"), token("東京 タワー", rstrip=True)])  # fmt: skip
        self.text("suffix", N.Lowercase(), P.Whitespace(), D.BPEDecoder("</w>"), unk_token="<unk>", fuse_unk=True,
                  end_of_word_suffix="</w>", alphabet=150)  # fmt: skip
        self.text("prefix", N.NFKD(), P.WhitespaceSplit(), D.Sequence([D.Replace("##", ""), D.Strip("e", 1, 0), D.Fuse(),
                  D.Strip(" ", 2, 3), D.Replace("ab", "X")]), unk_token="<unk>", continuing_subword_prefix="##", alphabet=100)  # fmt: skip
        self.text("no-unknown", N.Strip(left=True, right=False), P.Punctuation("removed"), D.Fuse(), alphabet=80,
                  added=[token("、「", single_word=True), token("A B", lstrip=True, rstrip=True)])  # fmt: skip

    def models(self):
        self.sentencepiece("model-legacy", {"legacy": True, "add_bos_token": True})
        self.sentencepiece("model-eos", {"legacy": False, "add_bos_token": False, "add_eos_token": True},
                           user_defined_symbols=["word", "東京 タワー"],
                           added={"[INST]": 900, "<tool call>": 901, "日本": 902})  # fmt: skip
        self.sentencepiece("model-both", {
            "legacy": True, "add_bos_token": True, "add_eos_token": True, "pad_token": "<pad>",
            "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
            "added_tokens_decoder": {
                "900": added_entry("<pad>", special=True), "901": added_entry("<|im_start|>", special=True),
                "902": added_entry("<|im_end|>", special=True), "903": added_entry("<mask>", lstrip=True),
                "904": added_entry("xyz", normalized=True)}})  # fmt: skip
        self.sentencepiece("model-bare", {"legacy": False, "add_prefix_space": False, "add_bos_token": False},
                           control_symbols=["<mask>"])  # fmt: skip
        self.sentencepiece("model-no-dummy", {"legacy": False, "add_bos_token": True, "add_eos_token": False}, add_dummy_prefix=False)


def added_entry(content, **flags):
    entry = dict(content=content, lstrip=False, normalized=False, rstrip=False, single_word=False, special=False)
    return {**entry, **flags}


def token(content, **flags):
    return AddedToken(content, **flags)


def special(content):
    return AddedToken(content, special=True, normalized=False)


def around(tokenizer, single):
    names = [part for part in single.split() if part != "$A"]
    return X.TemplateProcessing(single=single, pair="$A $B", special_tokens=[(n, tokenizer.token_to_id(n)) for n in names])


def split_bytes(*splits):
    return P.Sequence([*splits, P.ByteLevel(add_prefix_space=False, use_regex=False)])
