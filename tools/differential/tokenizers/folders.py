#!/usr/bin/env python3
"""Small checkpoint folders around one tokenizer, and what transformers makes of them. See README.md.

    folders.py

Writes test/frontends/tokenizer/differential/folders.json: for each folder its files, the ids that Swallow has to give, and
whether transformers 5 gives others, which Swallow's compiler then has to tell.
"""

import itertools
import json
import os
import shutil
import tempfile

import hf_batch
import texts

DATA = os.path.join(texts.HERE, "..", "..", "..", "test", "frontends", "tokenizer", "differential")
TEXTS = ["a", " a", "  a", "\u2581a", "", " ", "\n a", "a</s>b", "a</s> b", "</s>a", "<s>a", "x\u65e5\u672c \u65e5\u672c", "\u65e5\u672c\u65e5\u672c",
         "[INST] a [/INST]", "word a word", "aword", "\u6771\u4eac \u30bf\u30ef\u30fc x", "a<new> b", "a<mask>b"]  # fmt: skip
IDS = [[1, 300, 2, 301], [260, 13, 900, 901], [902, 500]]


def entry(content, **flags):
    names = ("lstrip", "normalized", "rstrip", "single_word", "special")
    return {"content": content, **{name: flags.get(name, False) for name in names}}


def given(**settings):
    return {key: value for key, value in settings.items() if value != "absent"}


def alone():
    """Folders with a tokenizer.model: (source, files)."""
    types = ("llama", "mistral", None)
    for model_type in types:
        model = {"config.json": {"model_type": model_type}} if model_type else {}
        yield "model-legacy", model
        yield "model-eos", model
        yield "model-no-dummy", model
        named = {"tokenizer_class": "LlamaTokenizer"}
        for config in ({}, {"model_max_length": 4096}, {"tokenizer_class": "PreTrainedTokenizerFast"}, named):
            yield "model-legacy", {**model, "tokenizer_config.json": config}
        for legacy, bos, prefix in itertools.product(("absent", True, False), ("absent", True), ("absent", True, False)):
            config = {**named, **given(legacy=legacy, add_bos_token=bos, add_prefix_space=prefix)}
            yield "model-legacy", {**model, "tokenizer_config.json": config}
        yield "model-legacy", {**model, "tokenizer_config.json": {**named, "legacy": None, "add_bos_token": None}}
        for source in ("model-eos", "model-no-dummy"):
            for legacy, prefix in itertools.product((True, False), ("absent", True, False)):
                config = {**named, **given(legacy=legacy, add_bos_token=True, add_prefix_space=prefix)}
                yield source, {**model, "tokenizer_config.json": config}
        bos = {"__type": "AddedToken", **entry("<s>", normalized=True)}
        eos = {**bos, "content": "</s>"}
        for legacy in (True, False):
            config = {**named, "legacy": legacy, "add_bos_token": True, "bos_token": bos, "eos_token": eos}
            yield "model-legacy", {**model, "tokenizer_config.json": config}
        for listed in ([], ["<new>"]):
            config = {**named, "legacy": False, "add_bos_token": True, "additional_special_tokens": listed}
            yield "model-bare", {**model, "tokenizer_config.json": config}
        for legacy in (True, False):
            config = {**named, "legacy": legacy, "add_bos_token": False, "add_eos_token": True}
            added = {"\u65e5\u672c": 900, "<new>": 901}
            yield "model-legacy", {**model, "tokenizer_config.json": config, "added_tokens.json": added}
            yield "model-legacy", {**model, "tokenizer_config.json": {**config, "pad_token": "<new>"},
                                   "added_tokens.json": added}  # fmt: skip
            for normalized in (True, False):
                decoder = {"900": entry("\u65e5\u672c", normalized=normalized), "901": entry("<new>", special=True)}
                yield "model-legacy", {**model, "tokenizer_config.json": {**config, "added_tokens_decoder": decoder}}
            # Names for pieces that the model has.
            decoder = {"500": entry("<new>", special=True), "501": entry("[INST]")}
            yield "model-legacy", {**model, "tokenizer_config.json": {**config, "added_tokens_decoder": decoder}}


def fast():
    """The same with a tokenizer.json."""
    for model_type in ("llama", "mistral"):
        model = {"config.json": {"model_type": model_type}}
        for source in ("llama2", "metaspace-always-whole", "metaspace-first-whole", "llama3"):
            for legacy in ("absent", True, False):
                config = given(tokenizer_class="LlamaTokenizer", legacy=legacy)
                yield source, {**model, "tokenizer_config.json": config}


def answers(folder, live):
    tokenizer = hf_batch.Folder(folder, live)
    return [hf_batch.encode(tokenizer, TEXTS, special) for special in (True, False)] + [
        [hf_batch.decode(tokenizer, ids, False) for ids in IDS]]  # fmt: skip


def main():
    entries = []
    with tempfile.TemporaryDirectory() as scratch:
        for source, files in itertools.chain(alone(), fast()):
            folder = os.path.join(scratch, str(len(entries)))
            os.mkdir(folder)
            for name in ("tokenizer.model", "tokenizer.json"):
                path = os.path.join(DATA, source, name)
                if os.path.exists(path):
                    shutil.copy(path, folder)
            for name, content in files.items():
                with open(os.path.join(folder, name), "w") as file:
                    json.dump(content, file)
            mine, live = answers(folder, False), answers(folder, True)
            entries.append({"tokenizer": source, "files": files, "ids": mine[0], "bare": mine[1], "decoded": mine[2],
                            "transformers_5_differs": mine != live})  # fmt: skip
    lines = [json.dumps(entry, separators=(",", ":")) for entry in entries]
    with open(os.path.join(DATA, "folders.json"), "w") as file:
        file.write('{"texts": ' + json.dumps(TEXTS) + ',\n"decode": ' + json.dumps(IDS) + ',\n"folders": [\n'
                   + ",\n".join(lines) + "\n]}\n")  # fmt: skip
    differing = sum(entry["transformers_5_differs"] for entry in entries)
    print(f"{len(entries)} folders, transformers 5 differs in {differing}")


if __name__ == "__main__":
    main()
