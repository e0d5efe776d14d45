#!/usr/bin/env python3
"""Writes the corpus of the demonstration model. See README.md.

    generate_corpus.py [--work DIR]

train.json goes to the work folder; exam.json and heldout.txt, which belong to the checkpoint, beside this script. The
output depends on nothing but this folder's sources: all seeds are fixed.
"""

import argparse
import hashlib
import json
import pathlib
import random
from collections import defaultdict

import questions
import stories

HERE = pathlib.Path(__file__).resolve().parent
HELD_OUT_SHARE = 0.15  # of the (fact, wording) combinations other than the plainest wording, chosen by hash
TRAIN_STORIES = 4000
HELD_OUT_STORIES = 220
EXAM_PER_GROUP = 24  # questions per category and language
HELD_OUT_PER_GROUP = 12  # of them, those that stand in heldout.txt too
# A combination of a small category is seen more often in one epoch than one of a large category.
REPEATS = {"villages": 3, "people": 3, "opposites": 2, "days": 3, "months": 3, "colours": 3, "translation": 2, "kinds": 1,
           "clock": 2, "counting": 2}
# What must be computed, and not only looked up, takes several times more examples.
EMPHASIS = {"sums": 4, "differences": 4, "digits": 3, "clock": 3, "days": 3}


def document(q, rng=None):
    """The text of one question with its answer. With `rng`, some are in the other forms that people also type:
    full-width marks, and English behind the Japanese mark, which is what the chat template writes."""
    head, tail, text = "問: ", "\n答: ", q.question
    if q.language == "en" and not (rng and rng.random() < 0.25):
        head, tail = "Q: ", "\nA: "
    if rng and q.language == "ja" and rng.random() < 0.3:
        text = text.replace("?", "？")
        if rng.random() < 0.3:
            head = "問："
    return head + text + tail + q.answer


def held_out(q):
    """Whether this combination is kept from training; the plainest wording, on which all others build, never is."""
    if q.wording == 0:
        return False
    digest = hashlib.sha256(f"{q.language}/{q.category}/{q.fact}/{q.wording}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE * 2**32


def all_questions(world):
    return (questions.arithmetic() + questions.numbers() + questions.calendar() + questions.words() +
            questions.world_questions(world))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/swallow-demo"))
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)

    world = stories.make_world()
    rng = random.Random(1)
    train, groups = [], defaultdict(list)
    for q in all_questions(world):
        if held_out(q):
            groups[q.category, q.language].append(q)
        else:
            train += [document(q, rng) for _ in range(REPEATS.get(q.category, 1))] * EMPHASIS.get(q.category, 1)
    texts = [stories.story(rng, world) for _ in range(TRAIN_STORIES)]
    seen = set(texts)
    train += texts
    rng.shuffle(train)

    rng = random.Random(2)
    exam, heldout = [], []
    for (category, language), group in sorted(groups.items()):
        rng.shuffle(group)
        for q in group[:EXAM_PER_GROUP]:
            text = document(q)
            exam.append({"category": category, "language": language, "prompt": text[:-len(q.answer) - 1],
                         "answer": q.answer})
        heldout += [document(q) for q in group[:HELD_OUT_PER_GROUP]]
    while len(texts) < TRAIN_STORIES + HELD_OUT_STORIES:
        text = stories.story(rng, world)
        if text not in seen:
            seen.add(text)
            texts.append(text)
    heldout += texts[TRAIN_STORIES:]
    rng.shuffle(heldout)

    (work / "train.json").write_text(json.dumps(train, ensure_ascii=False, indent=0) + "\n")
    (HERE / "exam.json").write_text(json.dumps(exam, ensure_ascii=False, indent=1) + "\n")
    (HERE / "heldout.txt").write_text("\n\n".join(heldout) + "\n")
    print(f"{len(train)} training documents, {sum(map(len, train))} characters; {len(exam)} exam questions; "
          f"{len(heldout)} held-out documents, {(HERE / 'heldout.txt').stat().st_size} bytes")


if __name__ == "__main__":
    main()
