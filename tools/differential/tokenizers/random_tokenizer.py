"""Random tokenizer.json files: any mixture of components over the vocabularies of the differential test."""

import copy
import glob
import json
import os

import recipes
import texts

VOCABULARIES = os.path.join(texts.HERE, "..", "..", "..", "test", "frontends", "tokenizer", "differential")
REGEXES = [
    recipes.LLAMA3, recipes.QWEN, recipes.TEKKEN, *recipes.DEEPSEEK,
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"\p{N}{1,3}(?=(?:\p{N}{3})*(?:\P{N}|$))", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)", "[0-9][0-9][0-9]", r"[\r\n]", r"\s?\p{L}+",
    r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{Han}+", r"[^\r\n]+", r"\s+$", r"^\s+", r"(?<=\p{L})(?=\p{N})", r"(?<!\S)\p{Lu}",
    r"<\|[^|]*\|>", " +", "▁+", r"\d", r"\w+|[^\w\s]+", r"(\p{Lu}\p{Ll}+)+", r"[^\p{Han}]",
]  # fmt: skip
ATOMS = [r"\p{L}", r"\p{N}", r"\p{Lu}", r"\p{M}", r"\s", r"\S", r"\w", r"\W", r"\d", ".", "[a-z]", "[^a-z\\s]", r"[^\r\n\p{L}\p{N}]",
         r"[\w.]", r"[\s\p{P}]", " ", "a", "e", "東", "▁", "'", r"\n", "(?:ab|a)", r"\p{Han}", r"[ぁ-ん]", r"\P{L}", r"[^\W\d]", "é"]  # fmt: skip
ASSERTIONS = [r"(?!\S)", r"(?=\s)", r"(?<=\s)", r"(?<!a)", r"\b", r"\B", "^", "$", r"\A", r"\z", r"(?=.)", r"(?!\p{L})"]
QUANTIFIERS = ["", "", "", "+", "*", "?", "{1,3}", "{2}", "{,2}", "{2,}", "++", "?+", "*+", "+?", "*?", "??", "{1,2}?"]
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
LITERALS = [" ", "a", "▁", "\n", "。", "ab", "  ", "'", "e", "##", "は", "Ġ", "</w>", "</s>", "\u0301", "1"]
CONTENTS = ["", " ", "▁", "x", "ab", "▁▁", "\n", "東", "é", "a ", "\u0301"]


def random_regex(r):
    if r.random() < 0.5:
        return r.choice(REGEXES)
    alternatives = []
    for _ in range(r.randint(1, 3)):
        pieces = []
        for _ in range(r.randint(1, 3)):
            if r.random() < 0.15:
                pieces.append(r.choice(ASSERTIONS))
            else:
                pieces.append(r.choice(ATOMS) + r.choice(QUANTIFIERS))
        alternatives.append("".join(pieces))
    pattern = "|".join(alternatives)
    # Sets under (?i) fold in Oniguruma, and not in PCRE2: only characters here.
    if r.random() < 0.08:
        pattern += "|(?i:" + r.choice(["'s|'t|'re", "k+", "é", "[a-z]+", "ab?", "σ"]) + ")"
    return pattern


def random_pattern(r):
    return {"String": r.choice(LITERALS)} if r.random() < 0.4 else {"Regex": random_regex(r)}


def random_normalizer(r):
    kind = r.choice(["Prepend", "Replace", "Replace", "Strip", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "ByteLevel"])
    if kind == "Prepend":
        return {"type": kind, "prepend": r.choice(CONTENTS[1:])}
    if kind == "Replace":
        return {"type": kind, "pattern": random_pattern(r), "content": r.choice(CONTENTS)}
    if kind == "Strip":
        return {"type": kind, "strip_left": r.random() < 0.6, "strip_right": r.random() < 0.6}
    if kind == "ByteLevel" and r.random() < 0.7:
        return {"type": "NFC"}
    return {"type": kind}


def random_metaspace(r):
    return {"type": "Metaspace", "replacement": r.choice(["▁", "▁", "▁", "_", "é"]),
            "prepend_scheme": r.choice(["always", "first", "never"]), "split": r.random() < 0.5}  # fmt: skip


def byte_level(r, use_regex=None):
    return {"type": "ByteLevel", "add_prefix_space": r.random() < 0.3, "trim_offsets": r.random() < 0.5,
            "use_regex": r.random() < 0.5 if use_regex is None else use_regex}  # fmt: skip


def random_pre_tokenizer(r):
    kind = r.choice(["Split", "Split", "Split", "Metaspace", "Digits", "Punctuation", "Whitespace", "WhitespaceSplit",
                     "CharDelimiterSplit", "ByteLevel"])  # fmt: skip
    if kind == "Split":
        return {"type": kind, "pattern": random_pattern(r), "behavior": r.choice(BEHAVIORS), "invert": r.random() < 0.3}
    if kind == "Metaspace":
        return random_metaspace(r)
    if kind == "Digits":
        return {"type": kind, "individual_digits": r.random() < 0.5}
    if kind == "Punctuation":
        return {"type": kind, "behavior": r.choice(BEHAVIORS)}
    if kind == "CharDelimiterSplit":
        return {"type": kind, "delimiter": r.choice([" ", "a", "。", "\n", "▁"])}
    if kind == "ByteLevel":
        return byte_level(r)
    return {"type": kind}


def random_decoder(r):
    kind = r.choice(["Replace", "Replace", "ByteFallback", "Fuse", "Strip", "ByteLevel", "Metaspace"])
    if kind == "Replace":
        return {"type": kind, "pattern": random_pattern(r), "content": r.choice(CONTENTS)}
    if kind == "Strip":
        return {"type": kind, "content": r.choice([" ", "▁", "a", "e", "は"]), "start": r.choice([0, 1, 1, 2]),
                "stop": r.choice([0, 0, 1, 2])}  # fmt: skip
    if kind == "Metaspace":
        return random_metaspace(r)
    if kind == "ByteLevel":
        return byte_level(r)
    return {"type": kind}


def nested(r, items, key):
    """None, one component, or a Sequence that may hold another."""
    if not items and r.random() < 0.9:
        return None
    if len(items) == 1 and r.random() < 0.7:
        return items[0]
    if len(items) > 2 and r.random() < 0.2:
        items = [items[0], {"type": "Sequence", key: items[1:]}]
    return {"type": "Sequence", key: items}


def random_template(r, special):
    chosen = r.sample(special, min(len(special), r.randint(0, 3)))
    before = r.randint(0, len(chosen))
    piece = [{"SpecialToken": {"id": name, "type_id": 0}} for name, _ in chosen]
    return {"type": "TemplateProcessing",
            "single": [*piece[:before], {"Sequence": {"id": "A", "type_id": 0}}, *piece[before:]],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {n: {"id": n, "ids": [i], "tokens": [n]} for n, i in chosen}}  # fmt: skip


def random_processor(r, special):
    items = [byte_level(r)] if r.random() < 0.3 else []
    kind = r.random()
    # Two that add tokens are refused, since Hugging Face's library loses some.
    if kind < 0.5 or len(special) < 2:
        items.append(random_template(r, special))
    elif kind < 0.8:
        (cls, cls_id), (sep, sep_id) = r.sample(special, 2)
        item = {"type": r.choice(["RobertaProcessing", "BertProcessing"]), "sep": [sep, sep_id], "cls": [cls, cls_id]}
        if item["type"] == "RobertaProcessing":
            item.update(trim_offsets=r.random() < 0.5, add_prefix_space=r.random() < 0.5)
        items.append(item)
    if r.random() < 0.2:
        items.append(byte_level(r))
    return nested(r, items, "processors")


class Vocabularies:
    def __init__(self, folder=VOCABULARIES):
        self.models = {}
        for path in sorted(glob.glob(os.path.join(folder, "*", "tokenizer.json"))):
            with open(path) as file:
                description = json.load(file)
            name = os.path.basename(os.path.dirname(path))
            if name in ("llama3", "gpt2", "tekken", "byte-normalizer", "llama2", "gemma", "metaspace-always-split",
                        "metaspace-never-whole", "suffix", "prefix", "no-unknown"):  # fmt: skip
                self.models[name] = description["model"]

    def random_model(self, r):
        name = r.choice(sorted(self.models))
        model = copy.copy(self.models[name])
        model["ignore_merges"] = r.random() < 0.4
        model["fuse_unk"] = r.random() < 0.5
        model["byte_fallback"] = r.random() < (0.8 if "<0x00>" in model["vocab"] else 0.1)
        if r.random() < 0.2:
            model["unk_token"] = r.choice([None, "<unk>", "a", "<s>"])
        if model.get("unk_token") and model["unk_token"] not in model["vocab"]:
            model["unk_token"] = None
        order = r.random()
        if order < 0.15:
            model["merges"] = model["merges"][: r.randint(0, len(model["merges"]))]
        elif order < 0.3:
            model["merges"] = r.sample(model["merges"], len(model["merges"]))
        if r.random() < 0.05:
            model["end_of_word_suffix"] = "</w>"
        return name, model

    def random(self, r):
        name, model = self.random_model(r)
        vocab = model["vocab"]
        added, ids, next_id = [], {}, max(vocab.values()) + 1
        for content in r.sample(texts.SPECIAL, r.choice([0, 1, 2, 4, 8])):
            if content in vocab:
                ids[content] = vocab[content]
            else:
                ids[content] = next_id
                next_id += 1
            flags = {f: r.random() < 0.3 for f in ("single_word", "lstrip", "rstrip", "normalized", "special")}
            added.append({"id": ids[content], "content": content, **flags})
        added.sort(key=lambda token: token["id"])
        special = [(t["content"], t["id"]) for t in added if t["special"]] or list(vocab.items())[:3]
        byte_vocabulary = "Ġ" in vocab
        pre = [random_pre_tokenizer(r) for _ in range(r.choice([0, 0, 1, 1, 2, 3]))]
        if byte_vocabulary and r.random() < 0.9:
            pre = [p for p in pre if p["type"] != "ByteLevel"] + [byte_level(r, use_regex=r.random() < 0.2)]
        # "first" asks where a piece stood in the text before it was normalized and cut. Swallow knows that of the text's
        # beginning only, so it stands first here, as it does in real tokenizers.
        for p in pre[1:]:
            if p.get("prepend_scheme") == "first":
                p["prepend_scheme"] = "always"
        normalizers = [random_normalizer(r) for _ in range(r.choice([0, 0, 0, 1, 1, 2, 3]))]
        if byte_vocabulary and r.random() < 0.4:
            decoder = byte_level(r)
        elif r.random() < 0.3:
            decoder = {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}  # fmt: skip
        else:
            decoder = nested(r, [random_decoder(r) for _ in range(r.choice([0, 1, 1, 2, 3, 4]))], "decoders")
        return name, {
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
            "normalizer": nested(r, normalizers, "normalizers"), "pre_tokenizer": nested(r, pre, "pretokenizers"),
            "post_processor": random_processor(r, special), "decoder": decoder, "model": model}  # fmt: skip
