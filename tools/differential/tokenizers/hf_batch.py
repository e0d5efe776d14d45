#!/usr/bin/env python3
"""Hugging Face's tokenizers over a pipe, with the protocol of tokenizer-batch.cpp.

A folder is opened by transformers' AutoTokenizer, as a user would; the text of a tokenizer.json by tokenizers alone.
"""

import json
import os
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import tokenizers  # noqa: E402


class Folder:
    """A checkpoint folder as transformers runs it."""

    def __init__(self, path):
        from transformers import AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(path)

    def vocab(self):
        return len(self.tokenizer)

    def encode(self, texts, special):
        return [self.tokenizer(t, add_special_tokens=special)["input_ids"] for t in texts]

    def decode(self, ids, skip):
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


def decode(tokenizer, ids, skip):
    # tokenizers panics on some decoders (Strip of a token that is too short); None then.
    try:
        return tokenizer.decode(ids, skip)
    except BaseException:
        return None


def answer(state, request):
    if "folder" in request:
        state["tokenizer"] = Folder(request["folder"])
        return {"vocab": state["tokenizer"].vocab()}
    if "tokenizer" in request:
        state["tokenizer"] = Text(request["tokenizer"])
        return {"vocab": state["tokenizer"].vocab()}
    tokenizer = state["tokenizer"]
    if "encode" in request:
        texts = request["encode"]
        if request.get("latin1"):
            texts = [t.encode("latin1").decode("utf-8", errors="replace") for t in texts]
        return {"ids": tokenizer.encode(texts, request.get("special", True))}
    return {"texts": [decode(tokenizer, ids, request.get("skip", True)) for ids in request["decode"]]}


def main():
    # Panics are announced on standard error, one by one.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    state = {}
    for line in sys.stdin:
        try:
            reply = answer(state, json.loads(line))
        except BaseException as error:  # a panic of the Rust library is no Exception
            reply = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
