#!/usr/bin/env python3
"""Measures the demonstration model with transformers: the exam, and the perplexity of the held-out text. See README.md.

    evaluate.py [--checkpoint DIR] [--dtype f32|bf16] [--write-expected]

f32 computes in float32 with the bfloat16 weights of the checkpoint, bf16 computes in bfloat16. --write-expected also
writes expected.json: the exact greedy continuations of a few prompts and the perplexity, both in f32.
"""

import argparse
import hashlib
import json
import math
import pathlib
from collections import defaultdict

import torch
from torch.nn import functional
from transformers import AutoTokenizer, LlamaForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
MAX_TOKENS = 32
PROMPTS = [
    "問: 三たす四は?\n答:", "Q: What is three plus four?\nA:", "問: 12+7は?\n答:", "問: 十二月三十一日の次の日は?\n答:",
    "Q: What is the day after February 28?\nA:", "問: 「燕」を英語で言うと?\n答:", "Q: What is the Japanese word for rain?\nA:",
    "問: みどり村の名物は?\n答:", "Q: Where does Haruka live?\nA:", "Q: What is the opposite of heavy?\nA:",
    "問: 今日が金曜日なら明日は何曜日?\n答:", "さざなみ村は", "In Kaze Village lives",
]


def greedy(model, tokenizer, prompt):
    """(ids of the prompt, generated ids without </s>, whether </s> ended it, smallest lead of a chosen token's logit)."""
    ids = tokenizer(prompt).input_ids
    out, lead, cache, step = [], math.inf, None, torch.tensor([ids])
    while len(out) < MAX_TOKENS:
        result = model(step, past_key_values=cache, use_cache=True)
        cache = result.past_key_values
        best = result.logits[0, -1].float().topk(2)
        lead = min(lead, (best.values[0] - best.values[1]).item())
        token = best.indices[0].item()
        if token == tokenizer.eos_token_id:
            return ids, out, True, lead
        out.append(token)
        step = torch.tensor([[token]])
    return ids, out, False, lead


def continuation(tokenizer, ids, out):
    """The text that `out` adds behind the prompt's ids."""
    before = tokenizer.decode(ids, skip_special_tokens=True)
    return tokenizer.decode(ids + out, skip_special_tokens=True)[len(before):]


def exam(model, tokenizer):
    right, asked, wrong = defaultdict(int), defaultdict(int), []
    for question in json.loads((HERE / "exam.json").read_text()):
        ids, out, _, _ = greedy(model, tokenizer, question["prompt"])
        answer = continuation(tokenizer, ids, out).strip()
        group = f"{question['category']} ({question['language']})"
        asked[group] += 1
        if answer == question["answer"]:
            right[group] += 1
        else:
            wrong.append((question["prompt"], answer, question["answer"]))
    return right, asked, wrong


def perplexity(model, tokenizer):
    """(perplexity, predicted tokens): every document, <s> in front, </s> behind, on its own."""
    total, count = 0.0, 0
    for text in (HERE / "heldout.txt").read_text().rstrip("\n").split("\n\n"):
        ids = torch.tensor(tokenizer(text).input_ids + [tokenizer.eos_token_id])
        logits = model(ids[None]).logits[0, :-1].float()
        total += functional.cross_entropy(logits, ids[1:], reduction="sum").item()
        count += len(ids) - 1
    return math.exp(total / count), count


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", type=pathlib.Path, default=HERE / "checkpoint")
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write-expected", action="store_true")
    args = parser.parse_args()
    if args.write_expected and args.dtype != "f32":
        parser.error("--write-expected needs --dtype f32")
    torch.set_num_threads(args.threads)
    tokenizer = AutoTokenizer.from_pretrained(args.checkpoint)
    dtype = torch.float32 if args.dtype == "f32" else torch.bfloat16
    model = LlamaForCausalLM.from_pretrained(args.checkpoint, dtype=dtype).eval()

    right, asked, wrong = exam(model, tokenizer)
    for group in asked:
        print(f"{group:22} {right[group]:3} of {asked[group]:3}  {100 * right[group] / asked[group]:5.1f} %")
    for prompt, got, expected in wrong:
        print(f"wrong: {prompt!r} -> {got!r}, not {expected!r}")
    print(f"all {sum(right.values())} of {sum(asked.values())}: {100 * sum(right.values()) / sum(asked.values()):.1f} %")
    ppl, count = perplexity(model, tokenizer)
    print(f"held-out perplexity {ppl:.5f} over {count} tokens")

    if args.write_expected:
        continuations = []
        for prompt in PROMPTS:
            ids, out, ended, lead = greedy(model, tokenizer, prompt)
            continuations.append({"prompt": prompt, "ids": ids, "generated": out, "ended": ended,
                                  "text": continuation(tokenizer, ids, out), "smallest_lead": round(lead, 4)})
        digest = hashlib.sha256((args.checkpoint / "model.safetensors").read_bytes()).hexdigest()
        expected = {"model_sha256": digest, "max_tokens": MAX_TOKENS, "continuations": continuations,
                    "heldout": {"perplexity": round(ppl, 5), "tokens": count}}
        (HERE / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
