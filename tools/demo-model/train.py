#!/usr/bin/env python3
"""Trains the demonstration model and writes its checkpoint in Hugging Face layout. See README.md.

    train.py [--minutes M] [--threads N] [--work DIR] [--out DIR] [--fresh]

An interrupted training resumes from the work folder. All seeds are fixed; the learning rate follows the clock, so that
the training ends in time on a slower or busier machine too, and only its length differs.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import time

# Threads that wait must sleep, or a busy machine slows the training tenfold. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import sentencepiece
import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
VOCABULARY = 2048
ROW = 256  # tokens in a training row
BATCH = 16  # rows in a step
PEAK_LR = 2e-3
WARM_UP_STEPS = 100
ANSWER_WEIGHT = 3.0  # of an answer's tokens in the loss; a question's own tokens are mostly chance
PAD = -100
SAVE_EVERY_S = 180
AVERAGE_DECAY = 0.995  # of the running average of the weights that is saved

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '問: ' + message['content'].strip() + '\\n答:' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'].strip() + eos_token }}"
    "{% else %}{{ raise_exception('This model knows the roles user and assistant only') }}{% endif %}"
    "{% endfor %}")


def train_tokenizer(corpus, out):
    sentencepiece.set_random_generator_seed(1)
    lines = sorted({line for text in corpus for line in text.split("\n")})
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(out / "tokenizer"), vocab_size=VOCABULARY, model_type="bpe",
        byte_fallback=True, character_coverage=1.0, split_digits=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
        num_threads=1, minloglevel=2)
    (out / "tokenizer.vocab").unlink()


def write_settings(out):
    def write(name, value):
        (out / name).write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    write("tokenizer_config.json", {
        "tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
        "add_bos_token": True, "add_eos_token": False, "legacy": True, "clean_up_tokenization_spaces": False,
        "model_max_length": 1024, "chat_template": CHAT_TEMPLATE})
    write("special_tokens_map.json", {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"})
    write("generation_config.json", {"bos_token_id": 1, "eos_token_id": 2, "do_sample": False, "max_new_tokens": 64})


def make_model():
    torch.manual_seed(1)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=256, intermediate_size=768, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=1024, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2,
        pad_token_id=None, tie_word_embeddings=False, attn_implementation="sdpa"))


def encode(corpus, tokenizer):
    """(ids, weights) of every document: <s> text </s>. The weights are of predicting the token."""
    out = []
    for text in corpus:
        ids = tokenizer.encode(text)
        answer = len(ids)
        if "\n" in text:
            answer = ids.index(tokenizer.piece_to_id("<0x0A>"))
        out.append(([1] + ids + [2], [1.0] * (answer + 1) + [ANSWER_WEIGHT] * (len(ids) - answer + 1)))
    return out


def rows(documents, epoch):
    """All documents in this epoch's order, packed into rows that each begin with a document."""
    order = list(range(len(documents)))
    random.Random(epoch).shuffle(order)
    packed, ids, weights = [], [], []
    for i in order:
        if len(ids) + len(documents[i][0]) > ROW:
            packed.append((ids, weights))
            ids, weights = [], []
        ids, weights = ids + documents[i][0], weights + documents[i][1]
    return packed


def batches(documents, epoch):
    packed = rows(documents, epoch)
    for start in range(0, len(packed) - BATCH + 1, BATCH):
        part = packed[start:start + BATCH]
        ids = torch.zeros(BATCH, ROW, dtype=torch.long)
        labels = torch.full((BATCH, ROW), PAD)
        weights = torch.zeros(BATCH, ROW)
        for r, (row_ids, row_weights) in enumerate(part):
            n = len(row_ids)
            ids[r, :n] = labels[r, :n] = torch.tensor(row_ids)
            weights[r, :n] = torch.tensor(row_weights)
        yield ids, labels, weights


def loss_of(model, ids, labels, weights):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(ids).logits
    each = functional.cross_entropy(logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten(), ignore_index=PAD,
                                    reduction="none")
    w = weights[:, 1:].flatten()
    return (each * w).sum() / w.sum()


def save(model, average, state, work, out):
    """The state to resume from, and the checkpoint: the averaged weights, rounded to bfloat16."""
    torch.save(state, work / "state.tmp")
    (work / "state.tmp").replace(work / "state.pt")
    shadow = make_model()
    shadow.load_state_dict(average)
    shadow.to(torch.bfloat16).save_pretrained(out)
    write_settings(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=55, help="length of the training (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/swallow-demo"),
                        help="where the corpus and the state to resume from are kept (default: %(default)s)")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "checkpoint")
    parser.add_argument("--fresh", action="store_true", help="start anew even if there is a state to resume from")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    args.out.mkdir(parents=True, exist_ok=True)

    subprocess.run([sys.executable, HERE / "generate_corpus.py", "--work", args.work], check=True)
    corpus = json.loads((args.work / "train.json").read_text())
    train_tokenizer(corpus, args.out)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(args.out / "tokenizer.model"))
    documents = encode(corpus, tokenizer)
    model = make_model()
    print(f"{sum(p.numel() for p in model.parameters())} parameters, "
          f"{sum(len(ids) for ids, _ in documents)} training tokens", flush=True)

    decayed = [p for p in model.parameters() if p.dim() == 2]
    plain = [p for p in model.parameters() if p.dim() != 2]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
                                  betas=(0.9, 0.95))
    average = {k: v.clone() for k, v in model.state_dict().items()}
    step, epoch, elapsed = 0, 0, 0.0
    if (args.work / "state.pt").exists() and not args.fresh:
        state = torch.load(args.work / "state.pt")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average, step, epoch, elapsed = state["average"], state["step"], state["epoch"], state["elapsed"]
        print(f"resuming at step {step}, {elapsed / 60:.1f} minutes in", flush=True)

    def snapshot():
        return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "average": average, "step": step,
                "epoch": epoch, "elapsed": elapsed}

    saved, last = elapsed, time.monotonic()
    total = args.minutes * 60
    while elapsed < total:
        epoch += 1
        for batch in batches(documents, epoch):
            done = elapsed / total
            lr = PEAK_LR * min(1.0, (step + 1) / WARM_UP_STEPS) * (0.02 + 0.98 * (1 - done)**1.5)
            for group in optimizer.param_groups:
                group["lr"] = lr
            loss = loss_of(model, *batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            decay = min(AVERAGE_DECAY, step / (step + 10))
            with torch.no_grad():
                for name, value in model.state_dict().items():
                    average[name].lerp_(value, 1 - decay)
            now = time.monotonic()
            elapsed, last = elapsed + now - last, now
            if step % 20 == 0:
                print(f"step {step} epoch {epoch} minute {elapsed / 60:.1f} lr {lr:.5f} loss {loss.item():.4f}", flush=True)
            if elapsed - saved > SAVE_EVERY_S:
                save(model, average, snapshot(), args.work, args.out)
                saved = elapsed
            if elapsed >= total:
                break
    save(model, average, snapshot(), args.work, args.out)


if __name__ == "__main__":
    main()
