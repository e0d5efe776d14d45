"""Makes a template and its variables smaller for as long as they still show a difference."""

import json
import re

from mutate import tokens_of

SEGMENTS = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|[^{]+|\{", re.S)
TAG = re.compile(r"\{%[-+]?\s*(\w+)")
BLOCKS = {"if", "for", "macro", "call", "filter", "with", "generation", "autoescape", "block", "raw", "set"}


def smaller_values(value):
    """Simpler values of about the same kind."""
    if isinstance(value, dict):
        for key in value:
            yield {other: item for other, item in value.items() if other != key}
        for key, item in value.items():
            for simpler in smaller_values(item):
                yield {**value, key: simpler}
    elif isinstance(value, list):
        for index in range(len(value)):
            yield value[:index] + value[index + 1:]
        for index, item in enumerate(value):
            for simpler in smaller_values(item):
                yield value[:index] + [simpler] + value[index + 1:]
    elif isinstance(value, str) and value:
        yield ""
        if len(value) > 1:
            yield from (value[: len(value) // 2], value[len(value) // 2:], value[1:], value[:-1])
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and value not in (0, 1):
        yield from (0, 1)


def pairs(segments):
    """Places of a block's first tag and of its last."""
    stack = []
    for index, segment in enumerate(segments):
        tag = TAG.match(segment)
        if not tag:
            continue
        name = tag.group(1)
        if name.startswith("end") and stack and stack[-1][0] == name[3:]:
            yield stack.pop()[1], index
        elif name in BLOCKS and (name != "set" or "=" not in segment):
            stack.append((name, index))


class Shrinker:
    def __init__(self, source, variables, differs, attempts):
        self.source, self.variables = source, variables
        self.differs = differs
        self.attempts = attempts

    def keeps(self, source, variables):
        if self.attempts <= 0:
            return False
        self.attempts -= 1
        if not self.differs(source, variables):
            return False
        self.source, self.variables = source, variables
        return True

    def drop_runs(self, items):
        """Leaves out runs of the template's pieces, long ones first."""
        length = max(1, len(items) // 2)
        while True:
            begin = 0
            while begin < len(items):
                fewer = items[:begin] + items[begin + length:]
                if self.keeps("".join(fewer), self.variables):
                    items = fewer
                else:
                    begin += length
            if length == 1:
                return
            length //= 2

    def unwrap(self):
        """Leaves out blocks around what they hold."""
        changed = True
        while changed:
            segments = SEGMENTS.findall(self.source)
            changed = any(
                self.keeps("".join(s for i, s in enumerate(segments) if i not in pair), self.variables) for pair in list(pairs(segments))
            )

    def simplify_variables(self):
        changed = True
        while changed:
            size = len(json.dumps(self.variables))
            changed = any(self.keeps(self.source, fewer) for fewer in smaller_values(self.variables) if len(json.dumps(fewer)) < size)

    def run(self):
        before = None
        while before != (self.source, self.variables) and self.attempts > 0:
            before = (self.source, self.variables)
            self.drop_runs(SEGMENTS.findall(self.source))
            self.unwrap()
            self.drop_runs(tokens_of(self.source))
            if len(self.source) < 200:
                self.drop_runs(list(self.source))
            self.simplify_variables()
        return self.source, self.variables


def shrink(source, variables, differs, attempts=2000):
    """`differs(source, variables)` says whether the difference is still there."""
    return Shrinker(source, variables, differs, attempts).run()
