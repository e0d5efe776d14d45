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


def converted(tokenizer):
    """The tokenizer.json of a LlamaTokenizer with legacy behaviour as transformers 4 converts it and Llama 2's checkpoints
    have it. transformers 5 puts Metaspace in the place of the normalizer, whatever tokenizer.json says: a text that begins
    with a space then has one space less."""
    described = json.loads(tokenizer._tokenizer.to_str())
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    prepend = {"type": "Prepend", "prepend": "▁"}
    described["normalizer"] = {"type": "Sequence", "normalizers": [prepend, replace] if tokenizer.add_prefix_space is not False else [replace]}
    described["pre_tokenizer"] = None
    return tokenizers.Tokenizer.from_str(json.dumps(described))


class Folder:
    """A checkpoint folder as transformers runs it; as transformers 5 does it to the letter if `live`."""

    def __init__(self, path, live=False):
        from transformers import AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(path)
        self.converted = None
        if not live and type(self.tokenizer).__name__ == "LlamaTokenizer" and self.tokenizer.legacy:
            self.converted = converted(self.tokenizer)

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
