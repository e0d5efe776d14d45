"""Random checkpoint folders: a tokenizer of the differential test with other settings beside it."""

import json
import os
import shutil

import random_tokenizer

BASES = ["llama3", "gpt2", "added", "llama2", "gemma", "model-legacy", "model-eos", "model-bare", "model-no-dummy"]
NAMES = ["bos_token", "eos_token", "unk_token", "pad_token", "cls_token", "sep_token", "mask_token"]
CONTENTS = ["<s>", "</s>", "<unk>", "<pad>", "<|eot_id|>", "<|begin_of_text|>", "<|im_end|>", "[INST]", "the", "日本", "<new>", "x y"]


def flags(r, special):
    result = {f: r.random() < 0.25 for f in ("single_word", "lstrip", "rstrip", "normalized")}
    return {**result, "special": special}


def named(r, forms, contents=CONTENTS):
    """A token by its text or with its flags, always the same in one folder: tokenizers decodes a token that was added with
    `normalized` and again without by what the first time made of it."""
    content = r.choice(contents)
    if content not in forms:
        forms[content] = content if r.random() < 0.5 else {"__type": "AddedToken", "content": content, **flags(r, True)}
    return forms[content]


def names(r, share, forms):
    return {name: named(r, forms) for name in NAMES if r.random() < share}


def settings(r, base, vocab, next_id):
    forms = {}
    config = {"tokenizer_class": "LlamaTokenizer" if base.startswith("model") else "PreTrainedTokenizerFast",
              "clean_up_tokenization_spaces": False, "model_max_length": 4096}  # fmt: skip
    model_type = r.choice(["llama", "mistral", None])
    files = {"config.json": {"model_type": model_type}} if model_type else {}
    if base.startswith("model"):
        config.update(bos_token="<s>", eos_token="</s>", unk_token="<unk>")
        for name in ("bos_token", "eos_token"):
            if r.random() < 0.3:
                config[name] = named(r, forms, [config[name]])
        for key, share in (("legacy", 0.8), ("add_bos_token", 0.8), ("add_eos_token", 0.5), ("add_prefix_space", 0.4)):
            if r.random() < share:
                config[key] = r.random() < 0.5
        if r.random() < 0.2:
            del config["tokenizer_class"]
    else:
        config.update(names(r, 0.3, forms))
        if base != "llama2" and r.random() < 0.2:
            config["tokenizer_class"] = "LlamaTokenizer"
    # transformers 5 forgets the tokens of a tokenizer.model that has such a list beside it.
    # And whether the flags of a token with a name count depends on it.
    if base not in ("model-eos", "model-bare") and not (base.startswith("model") and forms) and r.random() < 0.4:
        config["additional_special_tokens"] = [forms.get(c, c) for c in r.sample(CONTENTS, r.randint(0, 3))]
    files["tokenizer_config.json"] = config
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
        files["special_tokens_map.json"] = names(r, 0.3, forms) if not base.startswith("model") else {"bos_token": "<s>", "eos_token": "</s>"}
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
