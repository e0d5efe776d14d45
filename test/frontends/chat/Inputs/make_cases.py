#!/usr/bin/env python3
"""Makes folders.json: what transformers reads from odd checkpoint folders.

Run by hand when a case is added:

    pip install transformers==5.23.* sentencepiece && python3 make_cases.py

A case is a folder with tokenizer files of a golden model (`model`: where they
come from, `copied`: which) and written ones (`files`). `tokens` is then the
special_tokens_map of the tokenizer that AutoTokenizer loads, `templates` its
chat templates by name.
"""

import json
import os
import shutil
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
from transformers import AutoTokenizer  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "..", "..", "golden")
LLAMA2 = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>",
          "eos_token": "</s>", "unk_token": "<unk>"}
FAST = {"tokenizer_class": "PreTrainedTokenizerFast"}
FLAGS = {"lstrip": False, "rstrip": False, "normalized": False,
         "single_word": False}


def added(content, **more):
    return {"content": content, **FLAGS, **more}


def tagged(content):
    return {"__type": "AddedToken", "content": content, **FLAGS}


def config(*parts, **more):
    result = {}
    for part in parts:
        result.update(part)
    result.update(more)
    return {"tokenizer_config.json": json.dumps(result, ensure_ascii=False)}


def token_map(**tokens):
    return {"special_tokens_map.json": json.dumps(tokens)}


# What the class and the files beside it make of the tokens.
TOKEN_CASES = {
    "named": config(LLAMA2),
    "no-config": {},
    "llama-class": config(tokenizer_class="LlamaTokenizer"),
    "llama-fast-class": config(tokenizer_class="LlamaTokenizerFast"),
    "no-class": config(bos_token="<s>"),
    "general-class": config(FAST),
    "gpt2-class": config(tokenizer_class="GPT2Tokenizer"),
    "null": config(LLAMA2, bos_token=None, eos_token=None, unk_token=None),
    "null-in-map": {**config(LLAMA2), **token_map(eos_token=None)},
    "map-first": {**config(LLAMA2, pad_token=tagged("<PAD>")),
                  **token_map(eos_token=added("<E>"), unk_token="<U>",
                              sep_token="<SEP>", odd="<odd>")},
    "decoder-hides-map": {
        **config(FAST, bos_token="<B>",
                 added_tokens_decoder={"3": added("<B>", special=True)}),
        **token_map(eos_token="<E>", sep_token="<SEP>")},
    "own-names": config(
        LLAMA2, additional_special_tokens=["<x>", "<y>"], image_token="<img>",
        audio_token=tagged("<audio>"), none_token=None,
        extra_special_tokens={"boi_token": "<boi>", "odd": "<odd>"}),
    "own-names-in-map": {
        **config(LLAMA2, image_token="<first>"),
        **token_map(additional_special_tokens=["<q>"], image_token="<img>",
                    video_token="<video>", mask_token="<m>")},
    "object-in-map": {
        **config(LLAMA2),
        **token_map(extra_special_tokens={"boi_token": "<boi>"})},
}

TEMPLATE_CASES = {
    "text": config(FAST, chat_template="{{ a }}\r\n"),
    "empty-text": config(FAST, chat_template=""),
    "null-template": config(FAST, chat_template=None),
    "list": config(FAST, chat_template=[
        {"name": "rag", "template": "r"}, {"name": "default", "template": "d"},
        {"name": "rag", "template": "r2"}]),
    "no-default": config(FAST, chat_template=[
        {"name": "tool_use", "template": "t"}]),
    "object": config(FAST, chat_template={"default": "d", "道具": "t"}),
    "file": {**config(FAST, chat_template="hidden"),
             "chat_template.jinja": "\ufefffile\r\nnext\rlast\n"},
    "empty-file": {**config(FAST, chat_template="hidden"),
                   "chat_template.jinja": ""},
    "folder": {**config(FAST, chat_template="hidden"),
               "additional_chat_templates/tool_use.jinja": "t",
               "additional_chat_templates/notes.txt": "no template"},
    "file-and-folder": {
        **config(FAST, chat_template=[{"name": "rag", "template": "hidden"}]),
        "chat_template.jinja": "d", "additional_chat_templates/rag.jinja": "r",
        "additional_chat_templates/tool_use.jinja": "t"},
    "default-in-folder": {
        **config(FAST), "chat_template.jinja": "d",
        "additional_chat_templates/default.jinja": "other"},
    "processor-file": {
        **config(FAST),
        "chat_template.json": json.dumps({"chat_template": "p"})},
}

MODELS = {"llama2-gqa": "tokenizer.json", "llama2-mha": "tokenizer.model",
          "llama31": "tokenizer.json", "mistral-window": "tokenizer.json"}


def cases():
    for model, tokenizer in MODELS.items():
        for name, files in TOKEN_CASES.items():
            yield f"{name} {model}", model, ["config.json", tokenizer], files
    # Mistral's settings with a tokenizer.model alone.
    mistral = {"config.json": json.dumps({"model_type": "mistral"})}
    for name in ("named", "llama-class", "null"):
        yield (f"{name} mistral", "llama2-mha", ["tokenizer.model"],
               {**mistral, **TOKEN_CASES[name]})
    with open(os.path.join(GOLDEN, "llama31", "tokenizer.json"),
              encoding="utf-8") as file:
        padded = json.load(file)
    padded["model"].update(vocab={"a": 0}, merges=[])
    padded["padding"] = {"strategy": "BatchLongest", "direction": "Right",
                         "pad_to_multiple_of": None, "pad_id": 0,
                         "pad_type_id": 0, "pad_token": "[PAD]"}
    for name, more in (("padding", {}), ("padding-null", {"pad_token": None}),
                       ("padding-named", {"pad_token": "<P>"})):
        yield (name, "llama31", ["config.json"],
               {"tokenizer.json": json.dumps(padded, indent=1),
                **config(FAST, more)})
    for name, files in TEMPLATE_CASES.items():
        yield name, "llama31", ["config.json", "tokenizer.json"], files


def main():
    result = []
    for name, model, copied, files in cases():
        with tempfile.TemporaryDirectory() as folder:
            for file in copied:
                shutil.copy(os.path.join(GOLDEN, model, file), folder)
            for file, text in files.items():
                path = os.path.join(folder, file)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8", newline="") as out:
                    out.write(text)
            tokenizer = AutoTokenizer.from_pretrained(folder)
            templates = tokenizer.chat_template
            if templates is None:
                templates = {}
            elif isinstance(templates, str):
                templates = {"default": templates}
            result.append({"name": name, "model": model, "copied": copied,
                           "files": files,
                           "tokens": tokenizer.special_tokens_map,
                           "templates": templates})
    with open(os.path.join(HERE, "folders.json"), "w",
              encoding="utf-8") as file:
        json.dump(result, file, ensure_ascii=False, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
