"""Small changes of templates that people wrote, token by token."""

import re

TOKENS = re.compile(r"""\{%[-+]?|[-+]?%\}|\{\{[-+]?|-?\}\}|\{\#-?|-?\#\}|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|\w+|\s+|==|!=|<=|>=|//|\*\*|.""", re.S)

LITERALS = ["''", "'a'", "0", "1", "-1", "none", "true", "false", "[]", "{}", "'\\n'", "messages", "loop.index", "undefined_name", "'user'", "2"]
OPERATORS = ["==", "!=", "<", ">=", "+", "~", "-", "*", "/", "//", "%", "**", "and", "or", "in", "not in", "is", "is not", "|", ".", ","]
FILTERS = ["trim", "tojson", "length", "string", "list", "upper", "first", "last", "join", "default('x')", "items", "int", "reverse", "e", "safe", "sort", "unique", "indent", "map(attribute='role')", "title", "dictsort"]
SNIPPETS = ["{% set x = 1 %}", "{{ loop.index }}", "{% if loop.first %}a{% endif %}", "{%- ", " -%}", "{# c #}", "{{ 'x' -}}", "{% break %}", "{% continue %}", "\n", "  ", "{{ messages | length }}", "{{ x }}",
            "{% generation %}g{% endgeneration %}", "{% raw %}{{{% endraw %}", "{% set content = 'changed' %}", "{% for c in 'abc' %}{{ c }}{{ loop.last }}{% endfor %}"]
SIGNS = {"{%": ["{%-", "{%+", "{%"], "%}": ["-%}", "+%}", "%}"], "{{": ["{{-", "{{"], "}}": ["-}}", "}}"]}


def tokens_of(source):
    return TOKENS.findall(source)


def core(token):
    """A delimiter without its sign, or None."""
    stripped = token.strip("-+")
    return stripped if stripped in SIGNS else None


def mutate(random, source):
    tokens = tokens_of(source)
    for _ in range(random.choice([1, 1, 1, 2, 3, 6])):
        if not tokens:
            break
        at = random.randrange(len(tokens))
        token = tokens[at]
        action = random.random()
        if action < 0.3:
            # Mostly harmless: white space control, literals, operators.
            places = [i for i, t in enumerate(tokens) if core(t) or t[0] in "'\"" or t.isdigit() or t in OPERATORS]
            if places:
                at = random.choice(places)
                token = tokens[at]
                if core(token):
                    tokens[at] = random.choice(SIGNS[core(token)])
                elif token in OPERATORS:
                    tokens[at] = " " + random.choice(OPERATORS) + " "
                else:
                    tokens[at] = random.choice(LITERALS)
        elif action < 0.4:
            ends = [i for i, t in enumerate(tokens) if core(t) in ("}}", "%}")]
            if ends:
                tokens.insert(random.choice(ends), " | " + random.choice(FILTERS))
        elif action < 0.5:
            starts = [i for i, t in enumerate(tokens) if core(t) in ("{{", "{%")]
            tokens.insert(random.choice(starts) if starts else at, random.choice(SNIPPETS))
        elif action < 0.65:
            del tokens[at]
        elif action < 0.75:
            tokens.insert(at, token)
        elif action < 0.85:
            other = random.randrange(len(tokens))
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif action < 0.95:
            if re.fullmatch(r"\w+", token):
                tokens[at] = random.choice([t for t in tokens if re.fullmatch(r"\w+", t)])
        else:
            length = random.randint(1, 12)
            cut = tokens[at:at + length]
            del tokens[at:at + length]
            if random.random() < 0.5:
                other = random.randrange(len(tokens) + 1)
                tokens[other:other] = cut
    return "".join(tokens)
