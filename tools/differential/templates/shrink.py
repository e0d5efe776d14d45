"""Makes a template and its variables smaller for as long as they still show a difference."""

import json

from mutate import tokens_of


def smaller_lists(items):
    """Copies of a list with runs left out: long runs first."""
    length = len(items) // 2
    while length >= 1:
        for begin in range(0, len(items), length):
            yield items[:begin] + items[begin + length:]
        length //= 2


def smaller_values(value):
    """Simpler values of about the same kind."""
    if isinstance(value, dict):
        for key in value:
            yield {other: item for other, item in value.items() if other != key}
        for key, item in value.items():
            for simpler in smaller_values(item):
                yield {**value, key: simpler}
    elif isinstance(value, list):
        yield from smaller_lists(value)
        for index, item in enumerate(value):
            for simpler in smaller_values(item):
                yield value[:index] + [simpler] + value[index + 1:]
    elif isinstance(value, str) and value:
        yield ""
        if len(value) > 1:
            yield from (value[: len(value) // 2], value[len(value) // 2:], value[1:], value[:-1])
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and value not in (0, 1):
        yield from (0, 1)


def shrink(source, variables, differs, attempts=600):
    """`differs(source, variables)` says whether the difference is still there."""

    def try_all(candidates):
        nonlocal attempts
        for candidate in candidates:
            if attempts <= 0:
                return None
            attempts -= 1
            if differs(*candidate):
                return candidate
        return None

    while True:
        found = try_all(("".join(tokens), variables) for tokens in smaller_lists(tokens_of(source)))
        if not found:
            found = try_all((source[:i] + source[i + 1:], variables) for i in range(len(source)) if len(source) < 120)
        if not found:
            size = len(json.dumps(variables))
            found = try_all((source, smaller) for smaller in smaller_values(variables) if len(json.dumps(smaller)) < size)
        if not found:
            return source, variables
        source, variables = found
