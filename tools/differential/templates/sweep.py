"""Asks jinja2 and Swallow what they make of every code point: its cases, its classes, how it is printed and split.

Prints the code points on which they differ, by expression. Python and Swallow know different versions of Unicode: code
points that only one of them knows may differ."""

import argparse
import sys
import unicodedata

from fuzz import Engine, evaluate_with_jinja2

EXPRESSIONS = [
    "c.upper()", "c.lower()", "c.title()", "c.capitalize()", "c.casefold()", "c.swapcase()", "(c ~ 'a')|title", "('a' ~ c)|title", "('a' ~ c)|capitalize", "('a' ~ c ~ 'b').title()", "('Σ' ~ c).lower()",
    "(c ~ 'Σ').lower()", "('a' ~ c ~ 'Σ').lower()", "c.isalpha()", "c.isdigit()", "c.isdecimal()", "c.isnumeric()", "c.isalnum()", "c.isspace()", "c.isupper()", "c.islower()", "c.istitle()", "c.isidentifier()",
    "('a' ~ c).isidentifier()", "c.isprintable()", "[c]", "c|tojson", "c|tojson(ensure_ascii=true)", "c|urlencode", "c|e", "('a' ~ c ~ 'b').splitlines()", "('a' ~ c ~ 'b').split()", "(c ~ 'b' ~ c).strip()",
    "(c ~ 'b' ~ c)|trim", "('a' ~ c ~ 'b')|wordcount", "c|int(-1)", "('1' ~ c)|int(-1)", "c|float(-1)", "c|lower", "c|upper", "c is lower", "c is upper", "('a' ~ c ~ 'b c')|wordwrap(2)", "('<' ~ c ~ '>')|striptags",
    "(c * 3).center(5, c)", "(c ~ 'B')|sort|join", "[c ~ 'B', 'b']|unique|list|length",
]
BLOCK = 4096


def code_points(begin):
    return [chr(value) for value in range(begin, begin + BLOCK) if not 0xD800 <= value <= 0xDFFF]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--batch", required=True, help="the program template-batch")
    parser.add_argument("--last", type=lambda text: int(text, 16), default=0x10FFFF, help="the last code point, in hexadecimal (default 10FFFF)")
    arguments = parser.parse_args()
    engine = Engine(arguments.batch)
    print(f"Python knows Unicode {unicodedata.unidata_version}")
    failed = False
    for expression in EXPRESSIONS:
        source = "{% for c in all %}{{ " + expression + " }}\x1f\x1e{% endfor %}"
        different, example = [], None
        for begin in range(0, arguments.last + 1, BLOCK):
            characters = code_points(begin)
            if not characters:
                continue
            variables = {"all": characters}
            reference, answer = evaluate_with_jinja2(source, variables), engine.evaluate(source, variables)
            if "text" not in reference or "text" not in answer:
                print(f"{expression}: {reference.get('message')} / {answer.get('error')} in U+{begin:04X}...")
                failed = True
                break
            pairs = zip(characters, reference["text"].split("\x1f\x1e"), answer["text"].split("\x1f\x1e"))
            for character, theirs, ours in pairs:
                if theirs != ours:
                    different.append(ord(character))
                    example = example or (theirs, ours)
        if different:
            known = [value for value in different if unicodedata.category(chr(value)) != "Cn"]
            failed = failed or bool(known)
            shown = " ".join(f"U+{value:04X}" for value in known[:24])
            print(f"{expression}: {len(different)} differ, {len(known)} of them known to Python: {shown}; first: {example[0]!r}, Swallow {example[1]!r}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
