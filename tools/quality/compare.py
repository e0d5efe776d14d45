#!/usr/bin/env python3
"""Compares what quantisation costs a model's predictions, in Swallow and in
llama.cpp: the same token ids go through both, and through transformers in
float32 as the reference. Needs torch, transformers, numpy and (for the bytes of
GGUF files) llama.cpp's gguf package.

  compare.py MODEL_DIR --text heldout.txt --length 128 \\
      --swallow-rt build/bin/swallow-rt --swallow int4=int4.swallow \\
      --dumper gguf-logits --gguf Q4_K_M=model-Q4_K_M.gguf

The text's documents are separated by blank lines; each becomes <s> ... </s>,
and all of them together are cut into sequences of --length ids. Instead of a
text, --random N draws N sequences of random ids.

A position counts when its next token is known and is not <s>. Reported are, of
the positions' KL divergences from the reference (in nats), the mean, median and
99th percentile; how often the most likely token is the reference's; and the
perplexity divided by the reference's. What stands behind a plus-minus is the
standard error, from the means of the sequences."""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile

import numpy as np


def sequences_of_text(model_dir, path, length, limit):
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    with open(path, encoding="utf-8") as file:
        documents = [d for d in file.read().split("\n\n") if d.strip()]
    ids = []
    for document in documents:
        ids.append(tokenizer.bos_token_id)
        ids += tokenizer(document.strip("\n"), add_special_tokens=False).input_ids
        ids.append(tokenizer.eos_token_id)
    rows = [ids[i:i + length] for i in range(0, len(ids), length)]
    return [row for row in rows if len(row) > 1][:limit]


def random_sequences(model_dir, count, length):
    with open(os.path.join(model_dir, "config.json"), encoding="utf-8") as file:
        vocab = json.load(file)["vocab_size"]
    return np.random.default_rng(1).integers(3, vocab, (count, length)).tolist()


def bos_of(model_dir):
    with open(os.path.join(model_dir, "config.json"), encoding="utf-8") as file:
        return json.load(file).get("bos_token_id")


# Each of the following yields the logits of one sequence after another, as a
# float32 array [position][vocabulary].

def reference_logits(model_dir, sequences, threads):
    import torch
    from transformers import AutoModelForCausalLM
    torch.set_num_threads(threads)
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    model.eval()
    for ids in sequences:
        with torch.no_grad():
            yield model(torch.tensor([ids])).logits[0].numpy()


def swallow_logits(program, artifact, sequences, step, options):
    for ids in sequences:
        text = subprocess.run(
            [program, "logits", artifact, "--json", "--chunk", str(step),
             "--context", str(len(ids)),
             "--ids", ",".join(map(str, ids))] + options,
            check=True, stdout=subprocess.PIPE).stdout
        numbers = text[text.index(b"[[") + 2:text.rindex(b"]]")]
        values = np.array(numbers.replace(b"],[", b",").split(b","),
                          dtype=np.float32)
        yield values.reshape(len(ids), -1)


def gguf_logits(dumper, model, sequences, step, threads):
    with tempfile.TemporaryDirectory() as folder:
        ids_path = os.path.join(folder, "ids")
        out_path = os.path.join(folder, "logits")
        with open(ids_path, "w", encoding="utf-8") as file:
            for ids in sequences:
                file.write(",".join(map(str, ids)) + "\n")
        subprocess.run([dumper, model, ids_path, out_path, str(step),
                        str(threads)], check=True)
        values = np.memmap(out_path, dtype=np.float32, mode="r")
        values = values.reshape(sum(map(len, sequences)), -1)
        begin = 0
        for ids in sequences:
            yield np.array(values[begin:begin + len(ids)])
            begin += len(ids)


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def cross_entropy_and_divergence(reference, logits, ids, bos):
    """Of one sequence, for each position that counts: the reference's negative
    log-likelihood of the next token, that of `logits`, the divergence, and
    whether both like the same token best."""
    following = np.array(ids[1:])
    counts = np.nonzero(following != bos)[0]
    following = following[counts]
    p, q = log_softmax(reference[counts]), log_softmax(logits[counts])
    each = np.arange(len(counts))
    return np.stack([-p[each, following], -q[each, following],
                     (np.exp(p) * (p - q)).sum(axis=1),
                     p.argmax(axis=1) == q.argmax(axis=1)])


def standard_error(means):
    return (np.std(means, ddof=1) / math.sqrt(len(means))
            if len(means) > 1 else math.nan)


class Figures:
    def __init__(self, per_sequence):
        together = np.concatenate(per_sequence, axis=1)
        kl = together[2]
        self.kl_mean = kl.mean()
        self.kl_error = standard_error([s[2].mean() for s in per_sequence])
        self.kl_median, self.kl_99 = np.percentile(kl, [50, 99])
        self.same_top = together[3].mean()
        self.reference_perplexity = math.exp(together[0].mean())
        self.perplexity = math.exp(together[1].mean())
        self.positions = kl.size
        # Of the logarithm of the perplexities' ratio; to first order that of
        # the ratio itself.
        self.ratio = self.perplexity / self.reference_perplexity
        self.ratio_error = standard_error([(s[1] - s[0]).mean()
                                           for s in per_sequence])


def swallow_bytes(program, artifact):
    text = subprocess.run([program, "inspect", artifact, "--json"], check=True,
                          stdout=subprocess.PIPE).stdout
    weights = json.loads(text)["weights"]
    ends = ("embed_tokens", "lm_head")
    parts = [v for k, v in weights["names"].items()
             if k.endswith("_proj") and k not in ends]
    return weights["bytes"], bits_per_weight(
        sum(p["bytes"] for p in parts), sum(p["parameters"] for p in parts))


def gguf_bytes(path):
    from gguf import GGUFReader
    total = part = values = 0
    for tensor in GGUFReader(path).tensors:
        total += int(tensor.n_bytes)
        if len(tensor.shape) > 1 and tensor.name.startswith("blk."):
            part += int(tensor.n_bytes)
            values += int(tensor.n_elements)
    return total, bits_per_weight(part, values)


def bits_per_weight(size, values):
    return 8 * size / values


def row(name, step, sizes, file, figures):
    weights, bits = sizes
    f = figures
    return (f"| {name} | {step} | {weights:,} | {bits:.2f} "
            f"| {os.path.getsize(file):,} | {f.kl_mean:.3g} ± {f.kl_error:.1g} "
            f"| {f.kl_median:.3g} | {f.kl_99:.3g} | {100 * f.same_top:.2f} % "
            f"| {f.ratio:.5f} ± {f.ratio_error:.5f} |")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--text")
    parser.add_argument("--random", type=int, metavar="N")
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--sequences", type=int, help="no more than these")
    parser.add_argument("--swallow-rt", default="swallow-rt")
    parser.add_argument("--swallow", action="append", default=[],
                        metavar="NAME=FILE")
    parser.add_argument("--swallow-steps", default="8,512",
                        help="tokens in a step, several separated by commas")
    parser.add_argument("--swallow-options", default="",
                        help="further options of swallow-rt logits")
    parser.add_argument("--dumper", default="gguf-logits")
    parser.add_argument("--gguf", action="append", default=[],
                        metavar="NAME=FILE")
    parser.add_argument("--gguf-steps", default="1,512")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--own", metavar="NAME",
                        help="take this artifact or GGUF (at its first step) as"
                        " the reference instead of transformers")
    parser.add_argument("--save", metavar="FILE.json",
                        help="also write the divergence of every position")
    args = parser.parse_args()

    if args.random:
        sequences = random_sequences(args.model, args.random, args.length)
    elif args.text:
        sequences = sequences_of_text(args.model, args.text, args.length,
                                      args.sequences)
    else:
        parser.error("--text or --random is missing")
    bos = bos_of(args.model)

    options = ["-t", str(args.threads)] + args.swallow_options.split()
    runs = []  # name, step, function that gives the logits, bytes, file
    for name, file in (entry.split("=", 1) for entry in args.swallow):
        for step in map(int, args.swallow_steps.split(",")):
            runs.append((name, step, lambda f=file, s=step: swallow_logits(
                args.swallow_rt, f, sequences, s, options),
                swallow_bytes(args.swallow_rt, file), file))
    for name, file in (entry.split("=", 1) for entry in args.gguf):
        for step in map(int, args.gguf_steps.split(",")):
            runs.append((name, step, lambda f=file, s=step: gguf_logits(
                args.dumper, f, sequences, s, args.threads),
                gguf_bytes(file), file))

    if args.own:
        own = next((run for run in runs if run[0] == args.own), None)
        if not own:
            parser.error("--own " + args.own + ": no such artifact or GGUF")
        reference = list(own[2]())
    else:
        reference = list(reference_logits(args.model, sequences, args.threads))

    print("| weights | step | bytes of weights | bits of projections "
          "| bytes of file | mean KL | median | 99 % | same top token "
          "| perplexity / reference's |")
    print("|" + "---|" * 10)
    saved = {}
    figures = None
    for name, step, logits, sizes, file in runs:
        parts = [cross_entropy_and_divergence(r, l, ids, bos)
                 for r, l, ids in zip(reference, logits(), sequences)]
        figures = Figures(parts)
        saved[f"{name} {step}"] = [part[2].tolist() for part in parts]
        print(row(name, step, sizes, file, figures), flush=True)
    if figures:
        print(f"\n{len(sequences)} sequences, {figures.positions} positions that"
              f" count, the reference's perplexity"
              f" {figures.reference_perplexity:.5f}")
    if args.save:
        with open(args.save, "w", encoding="utf-8") as file:
            json.dump(saved, file)


if __name__ == "__main__":
    sys.exit(main())
