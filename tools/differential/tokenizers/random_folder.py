"""Random checkpoint folders: a tokenizer of the differential test with other settings beside it."""

import json
import os
import shutil

import random_tokenizer

BASES = ["llama3", "gpt2", "added", "llama2", "gemma", "model-legacy", "model-eos"]
NAMES = ["bos_token", "eos_token", "unk_token", "pad_token", "cls_token", "sep_token", "mask_token"]
CONTENTS = ["<s>", "</s>", "<unk>", "<pad>", "<|eot_id|>", "<|begin_of_text|>", "<|im_end|>", "[INST]", "the", "日本", "<new>", "x y"]


def flags(r, special):
    result = {f: r.random() < 0.25 for f in ("single_word", "lstrip", "rstrip", "normalized")}
    return {**result, "special": special}


def named(r):
    content = r.choice(CONTENTS)
    if r.random() < 0.5:
        return content
    return {"__type": "AddedToken", "content": content, **flags(r, True)}


def names(r, share):
    return {name: named(r) for name in NAMES if r.random() < share}


def settings(r, base, vocab, next_id):
    config = {"tokenizer_class": "LlamaTokenizer" if base.startswith("model") else "PreTrainedTokenizerFast",
              "clean_up_tokenization_spaces": False, "model_max_length": 4096}  # fmt: skip
    if base.startswith("model"):
        config.update(legacy=r.random() < 0.5, add_bos_token=r.random() < 0.5, add_eos_token=r.random() < 0.5,
                      bos_token="<s>", eos_token="</s>", unk_token="<unk>")  # fmt: skip
        if r.random() < 0.5:
            config["add_prefix_space"] = r.random() < 0.5
    else:
        config.update(names(r, 0.3))
    # transformers 5 forgets the user-defined pieces of a tokenizer.model that has such a list beside it.
    if base != "model-eos" and r.random() < 0.4:
        config["additional_special_tokens"] = r.sample(CONTENTS, r.randint(0, 3))
    files = {"tokenizer_config.json": config}
    new = [c for c in r.sample(CONTENTS, len(CONTENTS)) if c not in vocab]
    if r.random() < 0.4:
        config["added_tokens_decoder"] = {
            str(next_id + i): {"content": c, **flags(r, r.random() < 0.5)} for i, c in enumerate(new[: r.randint(1, 4)])}  # fmt: skip
    elif r.random() < 0.4:
        # transformers takes a token of this file for a normal one if its name in the config is an object.
        objects = {v["content"] for v in config.values() if isinstance(v, dict) and "content" in v}
        new = [c for c in new if c not in objects]
        files["added_tokens.json"] = {c: next_id + i for i, c in enumerate(new[: r.randint(1, 4)])}
    if r.random() < 0.3:
        files["special_tokens_map.json"] = names(r, 0.3) if not base.startswith("model") else {"bos_token": "<s>", "eos_token": "</s>"}
    return files


def write(r, folder):
    """Makes `folder` anew; returns what is in it, for messages."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    base = r.choice(BASES)
    source = os.path.join(random_tokenizer.VOCABULARIES, base)
    vocab, next_id = {}, 900  # of the models
    for name in ("tokenizer.json", "tokenizer.model"):
        if os.path.exists(os.path.join(source, name)):
            shutil.copy(os.path.join(source, name), folder)
    if not base.startswith("model"):
        with open(os.path.join(folder, "tokenizer.json")) as file:
            described = json.load(file)
        vocab = described["model"]["vocab"] | {t["content"]: t["id"] for t in described["added_tokens"]}
        next_id = max(vocab.values()) + 1
    else:
        vocab = {"<s>": 1, "</s>": 2, "<unk>": 0, "the": 0}
    files = settings(r, base, vocab, next_id)
    for name, content in files.items():
        with open(os.path.join(folder, name), "w") as file:
            json.dump(content, file)
    return {"base": base, **files}
