#!/usr/bin/env python3
"""Trains the demonstration model and writes its checkpoint in Hugging Face layout. See README.md.

    train.py [--minutes M] [--workers N] [--work DIR] [--out DIR] [--fresh]

An interrupted training resumes from the work folder. All seeds are fixed; the learning rate follows the processor time
of the first worker, which is the time on the clock where nothing else runs.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import time

import sentencepiece
import torch
from torch import distributed, multiprocessing
from torch.nn import functional
from transformers import AttentionInterface, LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
VOCABULARY = 2048
ROW = 128  # tokens in a training row
BATCH = 12  # rows in a step
PEAK_LR = 1.5e-3
WARM_UP_STEPS = 100
ANSWER_WEIGHT = 3.0  # of an answer's tokens in the loss; a question's own tokens are mostly chance
PAD = -100
SAVE_EVERY_S = 60
AVERAGE_DECAY = 0.998  # of the running average of the weights that is saved

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


def attention(module, query, key, value, mask, scaling, **_):
    """Causal attention as plain products: for rows as short as these many times faster on a CPU than torch's own."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores = (query * scaling) @ key.transpose(2, 3)
    future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return (scores.masked_fill(future, -1e9).softmax(dim=-1) @ value).transpose(1, 2), None


AttentionInterface.register("plain_causal", attention)


def make_model():
    torch.manual_seed(1)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=256, intermediate_size=768, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=1024, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2,
        pad_token_id=None, tie_word_embeddings=False, attn_implementation="plain_causal"))


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


def batches(documents, epoch, rank, workers):
    """Of each batch of BATCH rows, the rows of this worker: (ids, labels, weights)."""
    packed = rows(documents, epoch)
    for start in range(0, len(packed) - BATCH + 1, BATCH):
        part = packed[start + rank:start + BATCH:workers]
        ids = torch.zeros(len(part), ROW, dtype=torch.long)
        labels = torch.full((len(part), ROW), PAD)
        weights = torch.zeros(len(part), ROW)
        for r, (row_ids, row_weights) in enumerate(part):
            n = len(row_ids)
            ids[r, :n] = labels[r, :n] = torch.tensor(row_ids)
            weights[r, :n] = torch.tensor(row_weights)
        yield ids, labels, weights


def loss_of(model, ids, labels, weights):
    logits = model(ids).logits
    each = functional.cross_entropy(logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten(), ignore_index=PAD,
                                    reduction="none")
    w = weights[:, 1:].flatten()
    return (each * w).sum() / w.sum()


class Trainer:
    """The weights in float32 with their optimizer and running average, and the bfloat16 copy that computes."""

    def __init__(self):
        self.model = make_model().to(torch.bfloat16)
        self.names = [name for name, _ in self.model.named_parameters()]
        self.copies = list(self.model.parameters())
        self.master = [torch.nn.Parameter(p.detach().clone()) for p in make_model().parameters()]
        self.average = [p.detach().clone() for p in self.master]
        self.optimizer = torch.optim.AdamW([
            {"params": [p for p in self.master if p.dim() == 2], "weight_decay": 0.05},
            {"params": [p for p in self.master if p.dim() != 2], "weight_decay": 0.0}], betas=(0.9, 0.95), fused=True)
        self.step, self.epoch, self.elapsed = 0, 0, 0.0

    def state(self):
        return {"master": [p.detach() for p in self.master], "average": self.average, "step": self.step,
                "optimizer": self.optimizer.state_dict(), "epoch": self.epoch, "elapsed": self.elapsed}

    def resume(self, state):
        with torch.no_grad():
            for mine, theirs in zip(self.master + self.copies + self.average,
                                    state["master"] + state["master"] + state["average"]):
                mine.copy_(theirs)
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.epoch, self.elapsed = state["step"], state["epoch"], state["elapsed"]

    def update(self, batch, lr, seconds):
        """One step on all workers' batches together; the first worker's `seconds` are added to everybody's time."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        loss = loss_of(self.model, *batch)
        loss.backward()
        flat = torch.cat([p.grad.flatten().float() for p in self.copies] + [torch.tensor([loss.item(), seconds])])
        distributed.all_reduce(flat)
        flat /= distributed.get_world_size()
        offset = 0
        for master, copy in zip(self.master, self.copies):
            master.grad = flat[offset:offset + master.numel()].view_as(master)
            offset += master.numel()
            copy.grad = None
        torch.nn.utils.clip_grad_norm_(self.master, 1.0)
        self.optimizer.step()
        self.step += 1
        self.elapsed += flat[-1].item() * distributed.get_world_size()
        decay = min(AVERAGE_DECAY, self.step / (self.step + 10))
        with torch.no_grad():
            torch._foreach_copy_(self.copies, self.master)
            torch._foreach_lerp_(self.average, self.master, 1 - decay)
        return flat[-2].item()

    def save(self, work, out):
        """The state to resume from, and the checkpoint: the averaged weights, rounded to bfloat16."""
        torch.save(self.state(), work / "state.tmp")
        (work / "state.tmp").replace(work / "state.pt")
        rounded = make_model().to(torch.bfloat16)
        rounded.load_state_dict(dict(zip(self.names, self.average)))
        rounded.save_pretrained(out)
        write_settings(out)


def work(rank, args, corpus):
    """One worker process: it computes its share of every batch; the first one also reports and saves."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{args.work}/meeting", rank=rank,
                                   world_size=args.workers)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(args.out / "tokenizer.model"))
    documents = encode(corpus, tokenizer)
    trainer = Trainer()
    if rank == 0:
        print(f"{sum(p.numel() for p in trainer.master)} parameters, "
              f"{sum(len(ids) for ids, _ in documents)} training tokens", flush=True)
    if (args.work / "state.pt").exists():
        trainer.resume(torch.load(args.work / "state.pt"))
    total, last, saved = args.minutes * 60, time.process_time(), trainer.elapsed
    while trainer.elapsed < total:
        trainer.epoch += 1
        for batch in batches(documents, trainer.epoch, rank, args.workers):
            lr = PEAK_LR * min(1.0, (trainer.step + 1) / WARM_UP_STEPS) * (1 - 0.98 * trainer.elapsed / total)
            now = time.process_time()
            loss = trainer.update(batch, lr, now - last if rank == 0 else 0.0)
            last = now
            if rank == 0 and trainer.step % 100 == 0:
                print(f"step {trainer.step} epoch {trainer.epoch} minute {trainer.elapsed / 60:.1f} lr {lr:.5f} "
                      f"loss {loss:.4f}", flush=True)
            if trainer.elapsed - saved > SAVE_EVERY_S:
                saved = trainer.elapsed
                if rank == 0:
                    trainer.save(args.work, args.out)
            if trainer.elapsed >= total:
                break
    if rank == 0:
        trainer.save(args.work, args.out)
    distributed.barrier()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=20,
                        help="length of the training in processor time of a worker (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, choices=[1, 2, 3, 4, 6, 12], help="processes (default: %(default)s)")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/swallow-demo"),
                        help="where the corpus and the state to resume from are kept (default: %(default)s)")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "checkpoint")
    parser.add_argument("--fresh", action="store_true", help="start anew even if there is a state to resume from")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.work / "meeting").unlink(missing_ok=True)
    if args.fresh:
        (args.work / "state.pt").unlink(missing_ok=True)

    subprocess.run([sys.executable, HERE / "generate_corpus.py", "--work", args.work], check=True)
    corpus = json.loads((args.work / "train.json").read_text())
    train_tokenizer(corpus, args.out)
    multiprocessing.spawn(work, (args, corpus), nprocs=args.workers)


if __name__ == "__main__":
    main()
