#!/usr/bin/env python3
"""Writes what transformers' logits processors make of rows of logits.

    pip install torch transformers
    tools/differential/generation/processors.py

Writes test/runtime/generation/data/processors.jsonl, one case a line:

    {"logits": [...], "prompt": [ids], "generated": [ids],
     "settings": [[name, value], ...], "after": [[p, ...], ...]}

after[i] is the distribution when the first i + 1 settings are on. Which
processors run, and in which order, is generate()'s own decision
(_get_logits_processor). The presence and frequency penalties, which
transformers lacks, are vLLM's formula. Null stands for minus infinity.
"""

import json
import math
import os
import random
import types

import torch
import transformers
from transformers import GenerationConfig, LogitsProcessor
from transformers.generation.logits_process import (
    RepetitionPenaltyLogitsProcessor, SequenceBiasLogitsProcessor)
from transformers.generation.utils import GenerationMixin

HERE = os.path.dirname(os.path.abspath(__file__))
OUTPUT = os.path.join(HERE, "../../../test/runtime/generation/data",
                      "processors.jsonl")
EOS = [3, 1]

# In the order in which they are applied.
BEFORE_SAMPLING = [
    "logit_bias", "sequence_bias", "repetition_penalty", "frequency_penalty",
    "presence_penalty", "no_repeat_ngram_size", "bad_words", "min_tokens",
    "forced_bos_token_id", "forced_eos_token_ids", "remove_invalid_values",
    "decay_penalty", "suppress_tokens", "begin_suppress_tokens"
]
SAMPLING = [
    "temperature", "top_h", "top_k", "top_p", "min_p", "typical_p",
    "epsilon_cutoff", "eta_cutoff"
]


class OpenAiPenalties(LogitsProcessor):
    """vllm/v1/sample/ops/penalties.py, apply_penalties."""

    def __init__(self, generated, frequency, presence):
        self.generated = generated
        self.frequency = frequency
        self.presence = presence

    def __call__(self, input_ids, scores):
        counts = torch.bincount(torch.tensor(self.generated, dtype=torch.long),
                                minlength=scores.shape[-1])
        scores = scores - self.frequency * counts
        return scores - self.presence * (counts > 0)


def processors(settings, prompt, generated):
    """The list that generate() would use."""
    s = dict(settings)
    config = GenerationConfig(do_sample=True)
    config._eos_token_tensor = torch.tensor(EOS)
    biases = [[[token], bias] for token, bias in s.get("logit_bias", [])]
    biases += s.get("sequence_bias", [])
    if biases:
        config.sequence_bias = [[ids, -math.inf if bias is None else bias]
                                for ids, bias in biases]
    if "bad_words" in s:
        config.bad_words_ids = s["bad_words"]
    if "min_tokens" in s:
        config.min_new_tokens = s["min_tokens"]
    if "forced_eos_token_ids" in s:
        ids, limit = s["forced_eos_token_ids"]
        config.forced_eos_token_id = ids
        config.max_length = len(prompt) + limit
    if "decay_penalty" in s:
        config.exponential_decay_length_penalty = tuple(s["decay_penalty"])
    for name in ("repetition_penalty", "no_repeat_ngram_size",
                 "forced_bos_token_id", "remove_invalid_values",
                 "suppress_tokens", "begin_suppress_tokens", *SAMPLING):
        if name in s:
            setattr(config, name, s[name])
    model = types.SimpleNamespace(
        config=types.SimpleNamespace(is_encoder_decoder=False),
        _merge_criteria_processor_list=lambda default, custom: default)
    result = list(
        GenerationMixin._get_logits_processor(
            model, config, input_ids_seq_length=len(prompt), device="cpu"))
    penalties = OpenAiPenalties(generated, s.get("frequency_penalty", 0.0),
                                s.get("presence_penalty", 0.0))
    place = sum(
        type(p) in (SequenceBiasLogitsProcessor,
                    RepetitionPenaltyLogitsProcessor) for p in result)
    result.insert(place, penalties)
    return result


def run(case, settings, dtype=torch.float32):
    ids = torch.tensor([case["prompt"] + case["generated"]])
    scores = torch.tensor([[-math.inf if x is None else x
                            for x in case["logits"]]], dtype=torch.float32)
    scores = scores.to(dtype)
    for processor in processors(settings, case["prompt"], case["generated"]):
        scores = processor(ids, scores)
    return scores[0]


def distribution(case, count):
    """After the first `count` settings; None where a token's place beside a
    threshold is a matter of rounding."""
    settings = case["settings"][:count]
    try:
        scores = run(case, settings)
    except ValueError:  # torch.distributions will not have NaN
        return None
    if torch.isnan(scores).any() or torch.isposinf(scores).any() or torch.isinf(scores).all():
        return None
    # Sums of equal probabilities have to fall on the same side of a threshold;
    # sums of entropies depend on the order of summation.
    if not case["ties"] or "top_h" in dict(settings):
        exact = run(case, settings, torch.float64)
        if not torch.equal(torch.isinf(scores), torch.isinf(exact)):
            return None
    # Nine of ten equal entropies are 0.9 of them only as rounding has it.
    for factor in (1 - 2e-5, 1 + 2e-5):
        near = [[n, min(v * factor, 1.0) if n == "top_h" else v]
                for n, v in settings]
        if not torch.equal(torch.isinf(scores), torch.isinf(run(case, near))):
            return None
    result = torch.softmax(scores.double(), -1).tolist()
    # torch's sort leaves open which of equal tokens a threshold keeps; here
    # those with lower ids.
    warped = [s for s in settings if s[0] not in SAMPLING]
    groups = {}
    for token, score in enumerate(run(case, warped).tolist()):
        groups.setdefault(score, []).append(token)
    for tokens in groups.values():
        ordered = sorted((result[token] for token in tokens), reverse=True)
        for token, p in zip(tokens, ordered):
            result[token] = p
    return [float(f"{p:.8g}") for p in result]


def row(rng, vocab):
    kind = rng.choice(
        ["normal"] * 4 + ["ties", "uniform", "masked", "huge", "peak", "flat"])
    if kind == "normal":
        logits = [rng.gauss(0, 3) for _ in range(vocab)]
    elif kind == "ties":
        logits = [round(rng.gauss(0, 2)) / 2 for _ in range(vocab)]
    elif kind == "uniform":
        logits = [rng.choice([0.0, 1.5, -7.25])] * vocab
    elif kind == "masked":
        logits = [rng.gauss(0, 3) if i == 0 or rng.random() < 0.6 else None
                  for i in range(vocab)]
    elif kind == "huge":
        scale = rng.choice([1e3, 1e6, 1e30, 3e38])
        logits = [rng.uniform(-1, 1) * scale for _ in range(vocab)]
    elif kind == "peak":
        logits = [rng.gauss(0, 0.5) for _ in range(vocab)]
        logits[rng.randrange(vocab)] = rng.uniform(5, 40)
    else:
        logits = [rng.gauss(0, 0.01) for _ in range(vocab)]
    logits = [None if x is None else
              torch.tensor(x, dtype=torch.float32).item() for x in logits]
    return [None if x is None else float(f"{x:.9g}")
            for x in logits], kind in ("ties", "uniform")


def ids(rng, vocab, most, least=1):
    return [rng.randrange(vocab) for _ in range(rng.randint(least, most))]


def setting(rng, name, case):
    vocab = len(case["logits"])
    text = case["prompt"] + case["generated"]
    # Ends of the text, so that sequences match.
    endings = [text[-k:] + [rng.randrange(vocab)] for k in range(1, 4)
               if k <= len(text)]
    if name == "logit_bias":
        return [[token, rng.choice([-100.0, -1.5, 0.25, 3.0, None])]
                for token in sorted(set(ids(rng, vocab, 5)))]
    if name == "sequence_bias":
        return [[e, rng.choice([-2.5, 1.25, None])]
                for e in endings + [ids(rng, vocab, 3, 2)]]
    if name == "bad_words":
        return endings + [ids(rng, vocab, 3), [rng.randrange(vocab)], [EOS[0]]]
    if name == "forced_eos_token_ids":
        return [sorted(set(ids(rng, vocab, 2))),
                len(case["generated"]) + rng.choice([0, 1, 1, 2])]
    if name == "decay_penalty":
        return [rng.randint(0, 6), rng.choice([0.9, 1.01, 1.5])]
    if name in ("suppress_tokens", "begin_suppress_tokens"):
        return ids(rng, vocab, 6)
    return rng.choice({
        "repetition_penalty": [0.7, 1.1, 1.3, 2.0],
        "frequency_penalty": [-1.0, 0.3, 2.0],
        "presence_penalty": [-0.5, 0.7, 2.0],
        "no_repeat_ngram_size": [1, 2, 3],
        "min_tokens": [1, 4, 20],
        "forced_bos_token_id": [rng.randrange(vocab)],
        "remove_invalid_values": [True],
        "temperature": [0.05, 0.6, 0.7, 1.5, 4.0],
        "top_h": [0.1, 0.4, 0.9],
        "top_k": [1, 2, 5, 20, 50, 1000],
        "top_p": [0.0, 0.1, 0.5, 0.7, 0.9, 0.95, 0.999],
        "min_p": [0.02, 0.1, 0.5, 1.0],
        "typical_p": [0.1, 0.2, 0.5, 0.7, 0.9, 0.95],
        "epsilon_cutoff": [0.0003, 0.01, 0.3],
        "eta_cutoff": [0.0003, 0.01, 0.3],
    }[name])


def make(rng, names):
    vocab = rng.choice([4, 5, 10, 17, 20, 60, 120, 200])
    case = {}
    case["logits"], case["ties"] = row(rng, vocab)
    case["prompt"] = ids(rng, vocab, 12)
    case["generated"] = ids(rng, vocab, 12, 0) if rng.random() < 0.8 else []
    if "forced_bos_token_id" in names and rng.random() < 0.7:
        case["prompt"], case["generated"] = case["prompt"][:1], []
    if "no_repeat_ngram_size" in names:
        case["generated"] += case["prompt"][:3]
    case["settings"] = [[name, setting(rng, name, case)] for name in names]
    case["after"] = [distribution(case, i + 1) for i in range(len(names))]
    if None in case["after"]:
        return None
    del case["ties"]
    return case


def main():
    rng = random.Random(20260)
    every = BEFORE_SAMPLING + SAMPLING
    plans = [[name] for name in every for _ in range(14)]
    for _ in range(150):
        plans.append([n for n in SAMPLING if rng.random() < 0.5])
    for _ in range(150):
        plans.append([n for n in every if rng.random() < 0.25])
    # A row of one token, which everything must leave.
    cases, skipped = [], 0
    for names in plans:
        while names:
            case = make(rng, names)
            if case:
                cases.append(case)
                break
            skipped += 1
    single = {"logits": [2.5], "ties": True, "prompt": [0], "generated": [0]}
    single["settings"] = [["temperature", 0.5], ["top_h", 0.1], ["top_k", 1],
                          ["top_p", 0.1], ["min_p", 1.0], ["typical_p", 0.1],
                          ["epsilon_cutoff", 0.5], ["eta_cutoff", 0.5]]
    single["after"] = [distribution(single, i + 1) for i in range(8)]
    del single["ties"]
    cases.append(single)
    # Of a sequence that is named twice the last bias counts.
    case = {"logits": [1.0, 2.0, 3.0, 4.0, 5.0], "ties": False,
            "prompt": [3], "generated": [1]}
    case["settings"] = [["sequence_bias", [[[1, 3], 1.25], [[2], 0.5],
                                           [[1, 3], -2.5], [[2], 1.5]]]]
    case["after"] = [distribution(case, 1)]
    del case["ties"]
    cases.append(case)
    # What begins comes after a token that is forced to be the first of all.
    for prompt in ([3], [3, 1]):
        for generated in ([], [2]):
            case = {"logits": [1.0, 2.0, 3.0, 4.0, 5.0], "ties": False,
                    "prompt": prompt, "generated": generated}
            case["settings"] = [["forced_bos_token_id", 4],
                                ["begin_suppress_tokens", [2, 0]]]
            case["after"] = [distribution(case, i + 1) for i in range(2)]
            del case["ties"]
            cases.append(case)
    with open(OUTPUT, "w", encoding="utf-8") as file:
        for case in cases:
            file.write(json.dumps(case, separators=(",", ":")) + "\n")
    print(f"transformers {transformers.__version__}, torch "
          f"{torch.__version__}: {len(cases)} cases; {skipped} drafts left "
          "out, where rounding decides or no token is left")


if __name__ == "__main__":
    main()
