"""Makes a difference small: the least tokenizer and text that still show it."""

import copy


def shrink_sequence(items, differs):
    """Leaves out what can be left out, in halves first (Zeller's delta debugging, with complements only)."""
    size = max(1, len(items) // 2)
    while size >= 1:
        at, changed = 0, False
        while at < len(items):
            candidate = items[:at] + items[at + size :]
            if len(candidate) < len(items) and differs(candidate):
                items, changed = candidate, True
            else:
                at += size
        if size == 1 and not changed:
            break
        size = size // 2 if size > 1 else 1
    return items


def simpler(description):
    """Tokenizers with one thing less each."""
    for key in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        component = description[key]
        if component is None:
            continue
        yield {**description, key: None}
        lists = [k for k in ("normalizers", "pretokenizers", "processors", "decoders") if k in component]
        for name in lists:
            for i in range(len(component[name])):
                rest = component[name][:i] + component[name][i + 1 :]
                yield {**description, key: {**component, name: rest}}
            if len(component[name]) == 1:
                yield {**description, key: component[name][0]}
    for i, token in enumerate(description["added_tokens"]):
        yield {**description, "added_tokens": description["added_tokens"][:i] + description["added_tokens"][i + 1 :]}
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special"):
            if token[flag]:
                tokens = copy.deepcopy(description["added_tokens"])
                tokens[i][flag] = False
                yield {**description, "added_tokens": tokens}
    model = description["model"]
    for flag in ("ignore_merges", "fuse_unk", "byte_fallback"):
        if model.get(flag):
            yield {**description, "model": {**model, flag: False}}
    if model["merges"]:
        yield {**description, "model": {**model, "merges": []}}


def shrink(description, items, differs):
    """`items` (the characters of a text, or ids) and the tokenizer as small as differs(description, items) lets them be."""
    items = shrink_sequence(items, lambda candidate: differs(description, candidate))
    progress = True
    while progress:
        progress = False
        for candidate in simpler(description):
            if differs(candidate, items):
                description, progress = candidate, True
                break
    merges = description["model"]["merges"]
    if merges:
        smaller = lambda m: {**description, "model": {**description["model"], "merges": m}}  # noqa: E731
        merges = shrink_sequence(merges, lambda candidate: differs(smaller(candidate), items))
        description = smaller(merges)
    items = shrink_sequence(items, lambda candidate: differs(description, candidate))
    return description, items
