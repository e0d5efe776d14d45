"""Words, literals, methods, tests and pieces of text that random templates and contexts are made of."""

# The context's names by the type that random_context() gives them. "ns" exists only where a template makes it.
NAMES = {
    "str": ["s1", "s2", "s3"],
    "int": ["n1", "n2"],
    "float": ["f1"],
    "bool": ["b1", "add_generation_prompt"],
    "list": ["l1", "l2"],
    "strings": ["words"],
    "ints": ["numbers"],
    "dict": ["d1", "d2", "messages[0]"],
    "dicts": ["messages", "people"],
    "any": ["x1", "x1", "x1", "undef", "tools", "none"],
    "ns": [],
}

WORDS = ["", "a", "b", "Ab", "role", "content", "user", "assistant", "hello world", " padded ", "two\nlines", "\n", "x.y", "0", "42", "-7", "3.5", "1e3", "0x1f", "True", "None",
         "<b>bold</b> & 'q' \"d\"", "&amp;&lt;", "日本語", "é", "e\u0301", "👩\u200d👧", "ÄÖß", "İı", "ﬁ", "Ǆǆ", "٣", "a-b_c", "one  two\tthree", "\r\n", "\u00a0\u3000x\u2028", "%s {} %(a)s", "\\", "'", '"',
         "http://example.com/?a=b&c=d", "www.example.org.", "me@example.com", "x" * 30, "lorem ipsum dolor-sit amet, consectetur", "<think>\nhm\n</think>\nyes", "a\x00b", "\x7f\x1b"]

TEXTS = [" ", "\n", "  ", "\t", "\n\n", "a", "word", " b ", "\n   ", "x\n", "}", "{ } ", "% } ", "日", "🎉", "\r\n", "- ", "\"", "'", "<|im_start|>", "\n  \n", "}}", "%}", "#}", "\\n", "\r", "&", "\u00a0", "\x0b"]

# Of these, many make what follows another token.
ODD_TEXTS = ["{", "%", "#", "{{", "{%", "{#", "-%}", "-"]

STRING_METHODS = {
    "str": ["upper()", "lower()", "title()", "capitalize()", "swapcase()", "casefold()", "strip()", "lstrip()", "rstrip()", "strip('a ')", "rstrip('\\n')", "lstrip('<')", "replace('a', 'b')",
            "replace('', '-')", "replace('a', '', 1)", "center(7)", "ljust(5, '.')", "rjust(6)", "zfill(5)", "expandtabs(4)", "removeprefix('a')", "removesuffix('b')", "format()", "strip(none)", "split(' ')[0]",
            "split('</think>')[-1].lstrip('\\n')", "partition(' ')[2]", "replace('l', 'L', count=1)", "center(9, '*')", "expandtabs()", "join(words)", "splitlines()[0]", "translate({97: 'X'})"],
    "int": ["find('a')", "rfind('b')", "count('a')", "index('a')", "count('')", "find('')", "find('a', 1)", "rindex('o')", "find('o', -3, 9)", "__len__()"],
    "bool": ["startswith('a')", "endswith('b')", "startswith(('a', 'h'))", "isdigit()", "isalpha()", "isalnum()", "isspace()", "isupper()", "islower()", "istitle()", "isnumeric()", "isdecimal()", "isascii()",
             "isidentifier()", "isprintable()", "endswith('', 2)", "startswith('b', 1)"],
    "strings": ["split()", "split(' ')", "split(',', 1)", "rsplit(' ', 1)", "splitlines()", "splitlines(true)", "partition(' ')", "rpartition('a')", "split(none, 1)", "split('\\n')", "rsplit()", "split(sep='a')", "split(maxsplit=1)"],
}

ANY_TESTS = ["defined", "undefined", "none", "string", "number", "mapping", "sequence", "iterable", "callable", "boolean", "true", "false", "integer", "float", "sameas none", "eq 1", "in words", "escaped",
             "equalto 'a'", "ne 'a'", "odd", "lower", "upper", "filter", "test"]

TYPED_TESTS = [("int", "odd"), ("int", "even"), ("int", "divisibleby 3"), ("int", "divisibleby(2)"), ("int", "gt 2"), ("int", "lessthan(3)"), ("int", "ge 0"), ("number", "le 1"), ("str", "upper"), ("str", "lower"),
               ("str", "in 'abc'"), ("str", "gt 'b'"), ("str", "filter"), ("str", "test"), ("str", "equalto 'a'"), ("str", "== 'a'")]

FORMATS = ["%s", "%d", "%5s|", "%-5s|", "%05d", "%.2f", "%x", "%r", "%%", "%(a)s", "%c", "%e", "%g", "%s %s", "%i", "%+d", "% d", "%#x", "%.3s", "%o", "%a", "%5.1f", "%s%", "%q", "%*d"]


def quoted(random, text):
    mark = random.choice("'\"")
    text = text.replace("\\", "\\\\").replace(mark, "\\" + mark)
    if random.random() < 0.8:
        text = text.replace("\n", "\\n")
    if random.random() < 0.1:
        text = "".join(character if character.isascii() else character.encode("unicode-escape").decode() for character in text)
    return mark + text + mark


def string_literal(random, format=False):
    if format:
        return quoted(random, "".join(random.choice(FORMATS) for _ in range(random.randint(1, 2))))
    return quoted(random, random.choice(WORDS))


def number_literal(random):
    return random.choice(["0", "1", "2", "3", "7", "10", "-1", "-3", "100", "1_000", "0x1f", "0b11", "0o17", "255"])


def literal(random, kind):
    """Source text of a constant."""
    if kind == "str":
        return string_literal(random)
    if kind == "int":
        return number_literal(random)
    if kind == "float":
        return random.choice(["0.5", "1.0", "-2.5", "3.14159", "1e3", "1.5e-7", "2.675", "100.0", "0.1", "1e16", "1e22", "123456.789", "-0.0"])
    if kind == "bool":
        return random.choice(["true", "false", "True", "False"])
    if kind == "strings":
        return "[" + ", ".join(string_literal(random) for _ in range(random.randint(0, 3))) + "]"
    if kind == "ints":
        return "[" + ", ".join(number_literal(random) for _ in range(random.randint(0, 3))) + "]"
    if kind == "list":
        return random.choice(["[]", "()", "[1, 'a', none, true, 2.5]", "(1,)", "[[1, 2], [3]]", "['b', 'A', 'c']", "[{'a': 1}, {'a': 2}]", "[1, 1.0, true]"])
    if kind == "dict":
        return random.choice(["{ }", "{'a': 1 }", "{'role': 'user', 'content': 'hi' }", "{'b': [1], 'A': none, 'c': 'x' }", "{1: 'a', 'x': {'y': 2 } }"])
    if kind == "dicts":
        return random.choice(["[]", "[{'role': 'user', 'a': 1}, {'role': 'User', 'a': 0}]", "[{'role': 'tool', 'x': {'y': 1 } }]"])
    return random.choice(["none", "undef", "true", "1", "'x'", "[]", "range(3)", "None"])
