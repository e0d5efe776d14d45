#!/usr/bin/env python3
"""Writes perplexity.json: the perplexity of heldout.txt, all of it as one text,
by the strided sliding window of "Perplexity of fixed-length models" in the
documentation of transformers, in float32. Needs torch and transformers."""

import json
import os

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
# The model, the length of the windows, and how far apart they begin.
CASES = [("tools/demo-model/checkpoint", 128, 64),
         ("tools/demo-model/checkpoint", 128, 128),
         ("tools/demo-model/checkpoint", 100, 33),
         ("test/golden/llama31-tied", 64, 48),
         ("test/golden/mistral-window", 256, 100)]


def perplexity(model, ids, max_length, stride):
    nll, weight, seen = 0.0, 0, 0
    for begin in range(0, ids.size(1), stride):
        end = min(begin + max_length, ids.size(1))
        window = ids[:, begin:end]
        labels = window.clone()
        labels[:, :-(end - seen)] = -100
        with torch.no_grad():
            loss = model(window, labels=labels).loss
        # As the guide counts: one label of each window is lost to the shift.
        tokens = end - seen - 1
        nll += loss.double().item() * tokens
        weight += tokens
        seen = end
        if end == ids.size(1):
            break
    return {"perplexity": float(torch.tensor(nll / weight,
                                             dtype=torch.float64).exp()),
            "tokens": weight}


def main():
    with open(os.path.join(HERE, "heldout.txt"), encoding="utf-8") as file:
        text = file.read()
    results = []
    for folder, max_length, stride in CASES:
        path = os.path.join(HERE, "..", "..", folder)
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
        ids = AutoTokenizer.from_pretrained(path)(
            text, return_tensors="pt").input_ids
        results.append({"model": folder, "max_length": max_length,
                        "stride": stride,
                        **perplexity(model.eval(), ids, max_length, stride)})
    with open(os.path.join(HERE, "perplexity.json"), "w",
              encoding="utf-8") as file:
        json.dump(results, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
