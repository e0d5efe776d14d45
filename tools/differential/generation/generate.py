#!/usr/bin/env python3
"""Writes what transformers' generate() makes of golden models whose
generation_config.json has various settings.

    pip install torch transformers
    tools/differential/generation/generate.py

Writes test/e2e/generation.json: a list of {"model", "config" (keys for its
generation_config.json), "prompt", "prompt_ids", "ids" (generated), "text" (of
ids without the EOS, up to the first stop string)}. Everything is greedy: only transformers can
draw transformers' random numbers. A case in which two tokens come close to each
other, so that rounding may choose, is made anew with another prompt.
"""

import json
import os
import shutil
import tempfile
import warnings

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
TEST = os.path.join(HERE, "../../../test")
PROMPTS = [
    "The capital of Japan is Tokyo, and", "東京工業大学の主なキャンパスは、",
    "Once upon a time", "def main():\n    return", "吾輩は猫である。名前は",
    "1, 2, 3, 4, 5,", "Dear Sir or Madam,", "春はあけぼの。", "In the beginning",
    "Call me Ishmael."
]
MARGIN = 0.02  # of the best and second logit after all processors


class Model:
    def __init__(self, name):
        self.name = name
        self.folder = os.path.join(TEST, "golden", name)
        self.tokenizer = AutoTokenizer.from_pretrained(self.folder)

    def run(self, config, prompt):
        """The ids, and the smallest margin."""
        with tempfile.TemporaryDirectory() as copy:
            shutil.copytree(self.folder, copy, dirs_exist_ok=True)
            path = os.path.join(copy, "generation_config.json")
            merged = {}
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    merged = json.load(file)
            merged.pop("_from_model_config", None)
            merged.update(config)
            with open(path, "w", encoding="utf-8") as file:
                json.dump(merged, file)
            model = AutoModelForCausalLM.from_pretrained(
                copy, dtype=torch.float32, attn_implementation="eager")
        ids = self.tokenizer(prompt, return_tensors="pt").input_ids
        out = model.generate(ids, tokenizer=self.tokenizer, output_scores=True,
                             return_dict_in_generate=True,
                             attention_mask=torch.ones_like(ids))
        margin = float("inf")
        for scores in out.scores:
            best = torch.topk(scores[0], 2).values
            margin = min(margin, (best[0] - best[1]).item())
        length = ids.shape[1]
        return ids[0].tolist(), out.sequences[0, length:].tolist(), margin

    def text(self, ids, config):
        stops = config.get("stop_strings", [])
        ends = config.get("eos_token_id", [])
        # These EOS are usual tokens; an end is no text, special or not.
        if ids[-1] in (ends if isinstance(ends, list) else [ends]):
            ids = ids[:-1]
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        found = [text.find(stop) for stop in stops if stop in text]
        return text[:min(found)] if found else text


def cases(model, prompt):
    """Settings, made from what comes without them, so that they matter."""
    prompt_ids, plain, _ = model.run({"max_new_tokens": 32}, prompt)
    special = set(model.tokenizer.all_special_ids)
    usual = [token for token in plain if token not in special]
    pieces = [model.tokenizer.decode(usual[i:i + 2]).strip()
              for i in range(4, 14)]
    pieces = [p for p in pieces if p and "\ufffd" not in p]
    yield {"repetition_penalty": 1.3, "max_new_tokens": 32}
    yield {"no_repeat_ngram_size": 2, "max_new_tokens": 32}
    yield {"eos_token_id": [usual[9], usual[5]], "max_new_tokens": 32}
    yield {"eos_token_id": usual[3], "min_new_tokens": 12,
           "max_new_tokens": 20}
    yield {"suppress_tokens": usual[2:6], "begin_suppress_tokens": usual[:1],
           "max_new_tokens": 24}
    yield {"bad_words_ids": [usual[1:3], usual[4:7], [usual[8]]],
           "sequence_bias": [[usual[0:2], 3.5], [[usual[0]], -2.0]],
           "max_new_tokens": 24}
    yield {"forced_eos_token_id": usual[0], "max_new_tokens": 10,
           "exponential_decay_length_penalty": [3, 1.05]}
    yield {"stop_strings": ["never", *pieces[:2]], "max_new_tokens": 32}
    yield {"max_length": len(prompt_ids) + 7, "min_length": 4}
    yield {"repetition_penalty": 1.2, "no_repeat_ngram_size": 3,
           "eos_token_id": usual[4], "min_new_tokens": 9,
           "suppress_tokens": usual[6:8], "bad_words_ids": [usual[2:4]],
           "remove_invalid_values": True, "renormalize_logits": True,
           "max_new_tokens": 40}


def main():
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    result = []
    for name in ("llama31", "mistral-window"):
        model = Model(name)
        for number in range(10):
            for prompt in PROMPTS[number:] + PROMPTS[:number]:
                config = list(cases(model, prompt))[number]
                prompt_ids, ids, margin = model.run(config, prompt)
                if margin >= MARGIN:
                    break
            else:
                raise SystemExit(f"{name} {number}: every prompt comes close")
            result.append({
                "model": name, "config": config, "prompt": prompt,
                "prompt_ids": prompt_ids, "ids": ids,
                "text": model.text(ids, config)})
            print(name, config, len(ids), f"margin {margin:.3f}")
    with open(os.path.join(TEST, "e2e", "generation.json"), "w",
              encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(
            json.dumps(case, ensure_ascii=False) for case in result) + "\n]\n")


if __name__ == "__main__":
    main()
