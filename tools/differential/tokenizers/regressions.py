"""What the fuzz found, as small cases: each with its reason, a tokenizer, and what it is to encode or decode."""

import json

import hf_batch
import sweep

MARK = "\u2581"


def added(content, token_id=1000, **flags):
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return {"id": token_id, "content": content, **{name: flags.get(name, False) for name in names}}


def described(normalizer=None, pre=None, tokens=(), **model):
    """A byte-level tokenizer, whose ids show every byte."""
    result = sweep.tokenizer(normalizer, pre)
    result["added_tokens"] = list(tokens)
    result["model"].update(model)
    return result


def merging(tokens, merges, **model):
    """described() with more tokens and merges."""
    result = described(**model)
    vocab = result["model"]["vocab"]
    vocab.update({token: len(vocab) + i for i, token in enumerate(tokens)})
    result["model"]["merges"] = merges
    return result


def split(regex, behavior="Removed", invert=False):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": invert}


def metaspace(scheme):
    return {"type": "Metaspace", "replacement": MARK, "prepend_scheme": scheme, "split": True}


def found():
    numbers = "a\u00b2\u00b3\u00b9\u00bc\u00bd\u00be\u2153-"
    for regex in (r"\w", r"\W", r"[\w]", r"[^\w]", r"\b.", r"\B."):
        yield f"Latin-1's numbers are word characters for {regex}, unless in a class", described(pre=split(regex)), [numbers]
    both = added("\n\n", lstrip=True, rstrip=True)
    yield "an added token whose white space the one before took is not there", described(tokens=[both]), [
        "\n\n\n\n", "\n\n\n\n\n", "a\n\n \n\nb", "\n\n\n"]  # fmt: skip
    right, left = added("x", 1000, rstrip=True), added("\t", 1001, lstrip=True)
    yield "the same with two added tokens", described(tokens=[right, left]), ["x\t", "x\t\t", "x \t", "x\ty", " \tx"]
    kept = added("\t", 1001)
    yield "one that does not take white space keeps its own", described(tokens=[right, kept]), ["x\t", "x \t", "x\ty"]
    first = metaspace("first")
    yield "first: the first character is gone", described({"type": "StripAccents"}, first), ["\u0301a b", "a\u0301 b", "\u0301"]
    for content in ("-", "", "--"):
        for pattern in ({"Regex": "[?!]+"}, {"String": "?!"}, {"String": "?"}):
            normalizer = {"type": "Replace", "pattern": pattern, "content": content}
            yield "first: what stands for several characters comes from the last", described(normalizer, first), [
                "?", "?!", "?! a", "??", "a?! b", "?!?! x", "!"]  # fmt: skip
    sequence = [{"type": "Prepend", "prepend": "ab"}, {"type": "Replace", "pattern": {"String": "bc"}, "content": "x"}]
    yield "first: after Prepend", described({"type": "Sequence", "normalizers": sequence}, first), ["c", "cd", "d c", "cc"]
    sequence = [{"type": "NFD"}, {"type": "Replace", "pattern": {"String": "e\u0301"}, "content": "x"}]
    yield "first: after NFD", described({"type": "Sequence", "normalizers": sequence}, first), ["\u00e9", "e\u0301", "\u00e9 a"]
    # Once a word, once a part of one that is too long to be remembered; in both orders.
    long = ["abc", "abc" + 60 * "-" + "abc", "abc", 60 * "-" + "dbc" + 60 * "-", "dbc", "dbc" + 60 * "-"]
    yield "ignore_merges is about whole words", merging(
        ["ab", "bc", "db", "abc", "dbc"], [["a", "b"], ["b", "c"], ["d", "b"]], ignore_merges=True), long  # fmt: skip
    affixes = ["#" + c for c in "abc-d"] + ["ab", "#ab", "#bc"]
    yield "a prefix is for parts but the first", merging(
        affixes, [["a", "#b"], ["#a", "#b"], ["#b", "#c"]], continuing_subword_prefix="#"), long  # fmt: skip
    affixes = [c + "$" for c in "abc-d"] + ["ab", "bc", "bc$", "ab$"]
    yield "a suffix is for the last part", merging(
        affixes, [["b", "c$"], ["a", "b"], ["b", "c"]], end_of_word_suffix="$"), long  # fmt: skip


def cases():
    for why, tokenizer, strings in found():
        reference = hf_batch.Text(json.dumps(tokenizer))
        answers = zip(strings, hf_batch.encode(reference, strings, False))
        yield {"why": why, "tokenizer": tokenizer,
               "cases": [{"text": text, "ids": ids} for text, ids in answers if ids is not None]}  # fmt: skip
