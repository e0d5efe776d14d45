#!/usr/bin/env python3
"""Hugging Face's tokenizers over a pipe, with the protocol of tokenizer-batch.cpp.

A folder is opened by transformers' AutoTokenizer (see Folder); the text of a tokenizer.json by tokenizers alone.
"""

import json
import os
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import tokenizers  # noqa: E402


def read_json(path):
    if not os.path.exists(path):
        return None
    with open(path) as file:
        return json.load(file)


def prepare(described, legacy, prefix):
    """Lets a tokenizer.model's tokenizer prepare text as transformers' general class does it, whatever the class."""
    mark = "\u2581"
    replaces = [{"type": "Replace", "pattern": {"String": " "}, "content": mark}]
    # Metaspace leaves the mark out where there is one; sentencepiece does not.
    if prefix and legacy:
        replaces.append({"type": "Replace", "pattern": {"Regex": "\\A" + mark}, "content": mark * 2})
    steps = described["pre_tokenizer"] or {}
    steps = [s for s in steps.get("pretokenizers", [steps]) if s.get("type") == "Split"]
    if prefix:
        scheme = "always" if legacy else "first"
        steps.insert(0, {"type": "Metaspace", "replacement": mark, "prepend_scheme": scheme, "split": False})
    decoders = [{"type": "Replace", "pattern": {"String": mark}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]
    if prefix:
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    # LlamaTokenizer has no normalizer, so that none of them is looked for in what one makes of the text.
    for token in described["added_tokens"]:
        token["normalized"] = False
    described["normalizer"] = {"type": "Sequence", "normalizers": replaces}
    described["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": steps} if steps else None
    described["decoder"] = {"type": "Sequence", "decoders": decoders}


def forgotten(path, described, is_llama):
    """Tokens of a tokenizer.model that transformers 5 does not add where there is a list of other special tokens."""
    from transformers.convert_slow_tokenizer import import_protobuf

    model = import_protobuf().ModelProto()
    with open(path, "rb") as file:
        model.ParseFromString(file.read())
    known = {token["id"] for token in described["added_tokens"]}
    flags = {flag: False for flag in ("single_word", "lstrip", "rstrip", "normalized")}
    return [{"id": i, "content": piece.piece, **flags, "special": piece.type == 3} for i, piece in enumerate(model.pieces)
            if i not in known and (piece.type == 3 or piece.type == 4 and is_llama)]  # fmt: skip


class Folder:
    """A checkpoint folder as Swallow runs it: as transformers 5 does, but for what README.md lists; to the letter if
    `live`."""

    def __init__(self, path, live=False):
        from transformers import AutoTokenizer, TokenizersBackend

        config = read_json(os.path.join(path, "tokenizer_config.json")) or {}
        file = read_json(os.path.join(path, "tokenizer.json"))
        self.converted = None
        if live:
            self.tokenizer = AutoTokenizer.from_pretrained(path)
        elif file:
            self.tokenizer = TokenizersBackend.from_pretrained(path)
        else:
            given = {"legacy": config.get("legacy") is not False, "add_bos_token": config.get("add_bos_token", True)}
            self.tokenizer = AutoTokenizer.from_pretrained(path, **given)
            described = json.loads(self.tokenizer._tokenizer.to_str())
            is_llama = type(self.tokenizer).__name__ == "LlamaTokenizer"
            # The decoder that strips a space is there where the dummy prefix is.
            prefix = any(d["type"] == "Strip" for d in described["decoder"]["decoders"])
            if config.get("add_prefix_space") is not None:
                prefix = config["add_prefix_space"]
            prepare(described, given["legacy"], prefix)
            described["added_tokens"] += forgotten(os.path.join(path, "tokenizer.model"), described, is_llama)
            self.converted = tokenizers.Tokenizer.from_str(json.dumps(described))

    def vocab(self):
        return len(self.tokenizer)

    def encode(self, texts, special):
        if self.converted:
            return [e.ids for e in self.converted.encode_batch_fast(texts, add_special_tokens=special)]
        return [self.tokenizer(t, add_special_tokens=special)["input_ids"] for t in texts]

    def decode(self, ids, skip):
        if self.converted:
            return self.converted.decode(ids, skip_special_tokens=skip)
        return self.tokenizer.decode(ids, skip_special_tokens=skip, clean_up_tokenization_spaces=False)


class Text:
    """A tokenizer.json as tokenizers runs it."""

    def __init__(self, text):
        self.tokenizer = tokenizers.Tokenizer.from_str(text)

    def vocab(self):
        return self.tokenizer.get_vocab_size()

    def encode(self, texts, special):
        return [e.ids for e in self.tokenizer.encode_batch_fast(texts, add_special_tokens=special)]

    def decode(self, ids, skip):
        return self.tokenizer.decode(ids, skip_special_tokens=skip)


def encode(tokenizer, texts, special):
    """As tokenizer.encode, with None where tokenizers panics ("AddedVocabulary bad split")."""
    try:
        return tokenizer.encode(texts, special)
    except BaseException:  # a panic is no Exception
        return [encode(tokenizer, [text], special)[0] for text in texts] if len(texts) > 1 else [None]


def decode(tokenizer, ids, skip):
    """None where tokenizers panics (Strip of a token that is too short)."""
    try:
        return tokenizer.decode(ids, skip)
    except BaseException:
        return None


def answer(state, request):
    if "folder" in request:
        state["tokenizer"] = Folder(request["folder"], request.get("live", False))
        return {"vocab": state["tokenizer"].vocab()}
    if "tokenizer" in request:
        state["tokenizer"] = Text(request["tokenizer"])
        return {"vocab": state["tokenizer"].vocab()}
    tokenizer = state["tokenizer"]
    if "encode" in request:
        texts = request["encode"]
        if request.get("latin1"):
            texts = [t.encode("latin1").decode("utf-8", errors="replace") for t in texts]
        return {"ids": encode(tokenizer, texts, request.get("special", True))}
    return {"texts": [decode(tokenizer, ids, request.get("skip", True)) for ids in request["decode"]]}


def main():
    # Panics are announced on standard error, one by one, and transformers prints now and then.
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    state = {}
    for line in sys.stdin:
        try:
            reply = answer(state, json.loads(line))
        except BaseException as error:  # a panic of the Rust library is no Exception
            reply = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
