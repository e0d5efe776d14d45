"""Random templates: every statement, and expressions that mostly have the types that their places want."""

import re

from vocabulary import ANY_TESTS, NAMES, ODD_TEXTS, STRING_METHODS, TEXTS, TYPED_TESTS, literal, string_literal

# Names with attributes and calls without arguments, and texts.
ATOM = re.compile(r"[A-Za-z_][\w.]*(\(\))?|'[^'\\]*'|\"[^\"\\]*\"")
FILTER_BLOCKS = ["upper", "trim", "title", "indent(2)", "replace('a', 'b')", "wordcount", "escape", "length", "center(20)",
                 "indent(first=true)|trim", "truncate(9, true)", "reverse", "list", "striptags"]


class Generator:
    """One template. `scope` holds the names that statements have made so far, by type."""

    def __init__(self, random):
        self.random = random
        self.macros = []
        self.loops = 0
        self.names = 0
        self.scope = {kind: list(names) for kind, names in NAMES.items()}
        self.sloppiness = random.choice([0, 0, 0, 0.01, 0.1])

    # --- statements ---

    def template(self):
        return "".join(self.statement(3) for _ in range(self.random.randint(1, 8)))

    def body(self, depth):
        return "".join(self.statement(depth) for _ in range(self.random.randint(0, 3)))

    def open(self):
        return self.random.choice(["{% ", "{% ", "{%- ", "{%+ ", "{%", "{%-"])

    def close(self):
        return self.random.choice([" %}", " %}", " -%}", " +%}", "%}", "-%}"])

    def block(self, text):
        return self.open() + text + self.close()

    def fresh(self, kind):
        self.names += 1
        name = f"v{self.names}"
        self.scope[kind].append(name)
        return name

    def statement(self, depth):
        choices = ["text"] * 4 + ["print"] * 6
        if depth > 0:
            choices += ["for"] * 3 + ["if"] * 3 + ["set"] * 3 + ["set_block", "filter_block", "macro", "macro", "call", "with",
                        "raw", "comment", "generation", "namespace", "control", "unpack", "recursive", "autoescape", "tuple", "block"]
        return getattr(self, "make_" + self.random.choice(choices))(depth)

    def make_text(self, depth):
        if self.random.random() < 0.01:
            return self.random.choice(ODD_TEXTS)
        return "".join(self.random.choice(TEXTS) for _ in range(self.random.randint(1, 3)))

    def make_print(self, depth):
        begin = self.random.choice(["{{ ", "{{ ", "{{- ", "{{", "{{+ "])
        end = self.random.choice([" }}", " }}", " -}}", "}}"])
        text = self.any(3)
        return begin + (" " if text.startswith("{") else "") + text + (" " if text.endswith("}") else "") + end

    def make_comment(self, depth):
        return self.random.choice(["{# c #}", "{#- c -#}", "{#c-#}", "{#- {{ x }} {% if %} #}", "{#+ c +#}", "{#\n#}"])

    def make_raw(self, depth):
        inner = self.random.choice(["{{ x }}", " {% if %} ", "\n  a\n ", "{# #}", "", "{%- raw -%}"])
        begin = self.random.choice(["{% raw %}", "{%- raw %}", "{% raw -%}", "{%raw-%}", "{%+ raw %}"])
        return begin + inner + self.block("endraw")

    def make_if(self, depth):
        parts = [self.block("if " + self.any(2)), self.body(depth - 1)]
        for _ in range(self.random.choice([0, 0, 0, 1, 2])):
            parts += [self.block("elif " + self.any(2)), self.body(depth - 1)]
        if self.random.random() < 0.5:
            parts += [self.block("else"), self.body(depth - 1)]
        return "".join(parts) + self.block("endif")

    def make_for(self, depth):
        kind, items = self.random.choice([
            ("str", lambda: self.strings(2)), ("int", lambda: self.ints(2)), ("any", lambda: self.list(2)),
            ("str", lambda: self.dict(2)), ("str", lambda: self.str(2)), ("dict", lambda: self.dicts(2)),
            ("any", lambda: self.any(2) if self.random.random() < self.sloppiness else self.list(1)),
        ])
        saved = {key: list(value) for key, value in self.scope.items()}
        source = items()
        name = self.fresh(kind)
        condition = " if " + self.any(1) if self.random.random() < 0.25 else ""
        self.loops += 1
        text = self.block(f"for {name} in {source}{condition}") + self.body(depth - 1)
        self.loops -= 1
        self.scope = saved
        if self.random.random() < 0.3:
            text += self.block("else") + self.body(depth - 1)
        return text + self.block("endfor")

    def make_unpack(self, depth):
        source = self.random.choice([self.dict(1) + ".items()", self.dict(1) + "|items", self.dict(1) + "|dictsort",
                                     self.dicts(1) + "|groupby('role')", "[(1, 'a'), (2, 'b')]", self.list(1)])
        saved = {key: list(value) for key, value in self.scope.items()}
        first, second = self.fresh("str"), self.fresh("any")
        self.loops += 1
        text = self.block(f"for {first}, {second} in {source}") + self.body(depth - 1) + self.block("endfor")
        self.loops -= 1
        self.scope = saved
        return text

    def make_recursive(self, depth):
        name = "r"
        inner = self.random.choice(["{{ loop(r) }}", "{{ loop(r.children) }}", "{{ loop(r[1:]) }}"])
        guard = self.random.choice(["r is iterable and r is not string", "r is mapping", "loop.depth < 3", "r is sequence and loop.depth0 < 2"])
        return (self.block(f"for {name} in {self.choice([self.list, self.dicts, self.strings])(1)} recursive") + "{{ loop.depth }}" + self.block("if " + guard) + inner
                + self.block("endif") + self.block("endfor"))

    def make_control(self, depth):
        if not self.loops and self.random.random() < 0.95:
            return self.make_text(depth)
        word = self.random.choice(["break", "continue"])
        if self.random.random() < 0.7:
            return self.block("if " + self.bool(1)) + self.block(word) + self.block("endif")
        return self.block(word)

    def make_set(self, depth):
        kind = self.random.choice(["str", "int", "list", "dict", "bool", "any", "strings", "float"])
        value = getattr(self, kind)(2)
        names = [name for name in self.scope[kind] if name.isidentifier() and name != "none"]
        if self.random.random() < 0.3 and names:
            return self.block(f"set {self.random.choice(names)} = {value}")
        return self.block(f"set {self.fresh(kind)} = {value}")

    def make_tuple(self, depth):
        values = f"{self.str(1)}, {self.int(1)}"
        return self.block(self.random.choice(["set {}, {} = ", "set ({}, {}) = "]).format(self.fresh("str"), self.fresh("int")) + values)

    def make_namespace(self, depth):
        if "ns" in self.scope["ns"]:
            return self.block(f"set ns.{self.random.choice('abc')} = {self.any(2)}")
        self.scope["ns"].append("ns")
        return self.block(f"set ns = namespace({self.random.choice(['', 'a=1', 'a=s1, b=[]', 'd1', '{}, c=true'])})")

    def make_set_block(self, depth):
        filters = self.random.choice(["", "", " | trim", " | upper", " | length"])
        text = self.body(depth - 1)
        return self.block(f"set {self.fresh('str')}{filters}") + text + self.block("endset")

    def make_filter_block(self, depth):
        return self.block("filter " + self.random.choice(FILTER_BLOCKS)) + self.body(depth - 1) + self.block("endfilter")

    def make_autoescape(self, depth):
        return self.block("autoescape " + self.random.choice(["true", "false"])) + self.body(depth - 1) + self.block("endautoescape")

    def make_generation(self, depth):
        return self.block("generation") + self.body(depth - 1) + self.block("endgeneration")

    def make_block(self, depth):
        self.names += 1
        text = self.block(f"block b{self.names}{self.random.choice(['', ' scoped'])}") + self.body(depth - 1)
        return text + self.block("endblock")

    def make_with(self, depth):
        saved = {key: list(value) for key, value in self.scope.items()}
        value = self.str(2)
        text = self.block(f"with {self.fresh('str')} = {value}") + self.body(depth - 1) + self.block("endwith")
        self.scope = saved
        return text

    def make_macro(self, depth):
        if depth < 2 or len(self.macros) > 3:
            return self.make_print(depth)
        saved, loops = {key: list(value) for key, value in self.scope.items()}, self.loops
        self.loops = 0
        name = f"m{len(self.macros)}"
        parameters = self.random.choice(["", "a", "a, b", "a, b=1", "a='x', b=a", "a, b=s1, c=none"])
        for parameter in "abc":
            if parameter in parameters:
                self.scope["any"].append(parameter)
        extra = self.random.choice(["", "", "", "{{ varargs }}", "{{ kwargs }}", "{{ caller() }}", "{{ caller(1) if caller }}"])
        text = self.block(f"macro {name}({parameters})") + self.body(depth - 1) + extra + self.block("endmacro")
        self.scope, self.loops = saved, loops
        self.macros.append(name)
        return text

    def make_call(self, depth):
        if not self.macros:
            return self.make_print(depth)
        parameters = self.random.choice(["", "", "(x)", "(x=1)"])
        saved = {key: list(value) for key, value in self.scope.items()}
        if parameters:
            self.scope["any"].append("x")
        text = self.block(f"call{parameters} {self.random.choice(self.macros)}({self.arguments(1)})")
        text += self.body(depth - 1) + self.block("endcall")
        self.scope = saved
        return text

    # --- expressions ---

    def any(self, depth):
        kind = self.random.choice(["str", "str", "str", "int", "float", "bool", "list", "dict", "strings", "ints", "dicts", "name", "call"])
        return getattr(self, kind)(depth)

    def name(self, depth):
        kinds = [kind for kind in self.scope if self.scope[kind]]
        return self.random.choice(self.scope[self.random.choice(kinds)])

    def call(self, depth):
        if self.macros and self.random.random() < 0.6:
            return f"{self.random.choice(self.macros)}({self.arguments(depth - 1)})"
        if self.loops and self.random.random() < 0.7:
            return self.random.choice(["loop.index", "loop.first", "loop.last", "loop.length", "loop.revindex0", "loop.previtem", "loop.nextitem",
                                       "loop.cycle('a', 'b')", "loop.changed(s1)", "loop.depth", "loop", "loop.index0", "loop.revindex"])
        return self.random.choice(["caller is defined", "ns.a" if self.scope["ns"] else "loop", "ns is defined", "ns", "cycler(1, 2).next()",
                                   "joiner()()", "strftime_now('%H:%M %A %d %b')", "raise_exception(" + self.str(1) + ")" if self.random.random() < 0.2 else "undef",
                                   "range(5)", "dict(a=1)", "varargs", "kwargs", "undef.x", "undef[0]", "none"])

    def arguments(self, depth):
        return self.random.choice(["", self.any(depth), f"{self.any(depth)}, {self.any(depth)}", f"a={self.any(depth)}", f"{self.any(depth)}, b={self.any(depth)}",
                                   f"*{self.list(depth)}", f"**{self.dict(depth)}", "1, 2, 3, 4", "q=1"])

    def pick(self, kind, depth, makers):
        """One of `makers`, the scope's names of that type, or rarely something of another type."""
        if self.random.random() < self.sloppiness:
            return self.any(depth - 1) if depth > 0 else self.name(0)
        names = self.scope[kind]
        if depth <= 0 or self.random.random() < 0.25:
            if names and self.random.random() < 0.6:
                return self.random.choice(names)
            return literal(self.random, kind)
        text = self.random.choice(makers)(depth - 1)
        return f"({text})" if self.random.random() < 0.1 else text

    def base(self, kind, depth):
        """One that a method, a subscript or a slice can follow."""
        text = getattr(self, kind)(depth)
        return text if ATOM.fullmatch(text) or self.random.random() < 0.01 else f"({text})"

    def choice(self, options):
        return self.random.choice(options)

    def str(self, depth):
        return self.pick("str", depth, [
            lambda d: f"{self.str(d)} ~ {self.any(d)}",
            lambda d: f"({self.str(d)} + {self.str(d)})",
            lambda d: f"{self.base('str', d)}.{self.choice(STRING_METHODS['str'])}",
            lambda d: f"{self.str(d)}|{self.string_filter(d)}",
            lambda d: f"{self.base('str', d)}{self.slice(d)}",
            lambda d: f"{self.list(d)}|join({self.choice(['', self.str(d), self.str(d)])})",
            lambda d: f"{self.any(d)}|string",
            lambda d: f"{self.any(d)}|tojson{self.choice(TOJSON_OPTIONS)}",
            lambda d: f"({self.str(d)} if {self.bool(d)} else {self.str(d)})",
            lambda d: f"({self.str(d)} if {self.bool(d)})",
            lambda d: f"{self.name(d)}|default({self.str(d)}{self.choice(['', ', true'])})",
            lambda d: f"{string_literal(self.random, format=True)}|format({self.any(d)}, {self.any(d)})",
            lambda d: f"({string_literal(self.random, format=True)} % {self.choice([self.any(d), '(' + self.any(d) + ', ' + self.any(d) + ')', self.dict(d)])})",
            lambda d: f"{self.choice(BRACES)}.format({self.any(d)}, {self.any(d)}, a={self.any(d)})",
            lambda d: f"({self.str(d)} * {self.small(d)})",
            lambda d: f"{self.base('str', d)}.join({self.strings(d)})",
            lambda d: f"{self.strings(d)}|first",
            lambda d: f"{self.base('dict', d)}.{self.choice(['role', 'content', 'a', 'name'])}",
            lambda d: f"{self.base('dict', d)}[{self.str(d)}]",
            lambda d: f"({self.str(d)} or {self.str(d)})",
            lambda d: f"{self.any(d)}|pprint",
            lambda d: f"{self.any(d)}|{self.choice(['upper', 'lower', 'title', 'trim', 'e', 'capitalize', 'urlencode', 'string|e', 'forceescape', 'safe', 'center'])}",
        ])

    def string_filter(self, d):
        r = self.choice
        return r(["upper", "lower", "capitalize", "title", "trim", "trim('a .')", "escape", "e|e", "safe", "safe|e", "striptags", "urlencode", "forceescape",
                  f"replace({self.str(d)}, {self.str(d)})", f"replace('a', 'bb', {self.small(d)})", f"truncate({self.small(d)})", "truncate(8, true)",
                  f"truncate(5, {r(['true', 'false'])}, '{r(['', '…', '..'])}', {r(['0', '2', '5'])})", f"center({self.small(d)})",
                  f"indent({r(['', '2', '1, true', 'first=true, blank=true', quote('> '), 'width=3'])})", f"wordwrap({r(['5', '10', '7, false', '6, true, ' + quote('|'), 'width=4, break_on_hyphens=false'])})",
                  "reverse", "string", "format", "default('x')", "first", "last", "urlize", f"urlize({self.small(d)})", "tojson", "list|join('-')", "pprint", "wordcount|string"])

    def slice(self, d):
        r = self.choice
        bound = lambda: r(["", "", "1", "-1", "2", "-2", "0", "5", self.int(0)])  # noqa: E731
        return r([f"[{bound()}:{bound()}]", f"[{bound()}:{bound()}:{r(['', '1', '2', '-1', '-2'])}]", f"[{r(['0', '-1', '1'])}]"])

    def small(self, d):
        return self.choice(["0", "1", "2", "3", "5", "8", "12", "20", "-1"])

    def int(self, depth):
        return self.pick("int", depth, [
            lambda d: f"({self.int(d)} {self.choice(['+', '-', '*', '//', '%'])} {self.int(d)})",
            lambda d: f"{self.any(d)}|length",
            lambda d: f"{self.base('str', d)}.{self.choice(STRING_METHODS['int'])}",
            lambda d: f"{self.any(d)}|int{self.choice(['', '(7)', '(base=16)', '(0, 2)', '(default=none)'])}",
            lambda d: f"-{self.int(0)}",
            lambda d: f"{self.int(0)} ** {self.choice('0123')}",
            lambda d: f"{self.ints(d)}|{self.choice(['sum', 'max', 'min', 'first', 'last', 'sum(start=5)'])}",
            lambda d: f"{self.base('list', d)}.{self.choice(['index', 'count'])}({self.any(d)})",
            lambda d: f"{self.str(d)}|wordcount",
            lambda d: f"{self.int(d)}|abs",
            lambda d: f"({self.int(d)} if {self.bool(d)} else {self.int(d)})",
        ])

    def float(self, depth):
        return self.pick("float", depth, [
            lambda d: f"({self.number(d)} / {self.number(d)})",
            lambda d: f"({self.number(d)} {self.choice(['+', '-', '*', '//', '%', '**'])} {self.float(d)})",
            lambda d: f"{self.number(d)}|round{self.choice(ROUND_OPTIONS)}",
            lambda d: f"{self.any(d)}|float{self.choice(['', '(1.5)'])}",
            lambda d: f"{self.float(d)}|abs",
            lambda d: f"{self.number(d)}|filesizeformat{self.choice(['', '(true)'])}",
            lambda d: f"-{self.float(0)}",
        ])

    def number(self, depth):
        return self.choice([self.int, self.float])(depth)

    def bool(self, depth):
        compare = ["==", "!=", "<", "<=", ">", ">="]
        return self.pick("bool", depth, [
            lambda d: f"{self.any(d)} {self.choice(['==', '!='])} {self.any(d)}",
            lambda d: f"{self.str(d)} {self.choice(compare)} {self.str(d)}",
            lambda d: f"{self.number(d)} {self.choice(compare)} {self.number(d)}",
            lambda d: f"{self.int(d)} {self.choice(compare)} {self.int(d)} {self.choice(compare)} {self.int(d)}",
            lambda d: f"{self.list(d)} {self.choice(compare)} {self.list(d)}",
            lambda d: f"not {self.any(d)}",
            lambda d: f"({self.any(d)} {self.choice(['and', 'or'])} {self.any(d)})",
            lambda d: f"{self.str(d)} {self.choice(['in', 'not in'])} {self.choice([self.str, self.strings, self.dict])(d)}",
            lambda d: f"{self.any(d)} {self.choice(['in', 'not in'])} {self.list(d)}",
            lambda d: f"{self.any(d)} {self.choice(['is', 'is not'])} {self.choice(ANY_TESTS)}",
            lambda d: f"{self.any(d)} is {self.choice(['sameas', 'eq', 'ne', 'in', 'lt'])}({self.any(d)})",
            lambda d: (lambda kind, test: f"{getattr(self, kind)(d)} is {test}")(*self.choice(TYPED_TESTS)),
            lambda d: f"{self.base('str', d)}.{self.choice(STRING_METHODS['bool'])}",
        ])

    def list(self, depth):
        return self.pick("list", depth, [
            lambda d: self.choice([self.strings, self.ints, self.dicts])(d),
            lambda d: f"[{', '.join(self.any(d) for _ in range(self.random.randint(0, 3)))}]",
            lambda d: f"({self.any(d)}, {self.any(d)})",
            lambda d: f"{self.base('list', d)}{self.slice(d)}",
            lambda d: f"({self.list(d)} + {self.list(d)})",
            lambda d: f"{self.list(d)} * {self.choice('0123')}",
            lambda d: f"{self.list(d)}|{self.choice(LIST_FILTERS)}",
            lambda d: f"{self.base('dict', d)}.{self.choice(['keys()', 'values()', 'items()'])}|list",
            lambda d: f"{self.dict(d)}|{self.choice(DICT_FILTERS)}",
            lambda d: f"{self.dicts(d)}|groupby('{self.choice(['role', 'a', 'content'])}'{self.choice(['', ', default=0', ', case_sensitive=true'])})",
            lambda d: f"{self.dicts(d)}|map(attribute='{self.choice(['role', 'content', 'a', 'function.name', 'x.y'])}'{self.choice(['', ', default=1'])})|list",
        ])

    def strings(self, depth):
        return self.pick("strings", depth, [
            lambda d: f"[{', '.join(self.str(d) for _ in range(self.random.randint(0, 3)))}]",
            lambda d: f"{self.base('str', d)}.{self.choice(STRING_METHODS['strings'])}",
            lambda d: f"{self.strings(d)}|map('{self.choice(['upper', 'trim', 'e', 'capitalize', 'title', 'tojson'])}')|list",
            lambda d: f"{self.strings(d)}|{self.choice(['sort', 'unique|list', 'sort(true)', 'sort(case_sensitive=true, reverse=true)', 'reverse|list', 'unique(true)|list'])}",
            lambda d: f"{self.strings(d)}|{self.choice(['select', 'reject'])}('{self.choice(['in', 'eq', '=='])}', {self.choice([self.str, self.strings])(d)})|list",
            lambda d: f"{self.dicts(d)}|map(attribute='role')|list",
            lambda d: f"{self.str(d)}|list",
            lambda d: f"{self.base('strings', d)}{self.slice(d)}",
        ])

    def ints(self, depth):
        return self.pick("ints", depth, [
            lambda d: f"range({', '.join(self.small(d) for _ in range(self.random.randint(1, 3)))}){self.choice(['', '|list'])}",
            lambda d: f"[{', '.join(self.int(d) for _ in range(self.random.randint(0, 4)))}]",
            lambda d: f"{self.strings(d)}|map('length')|list",
            lambda d: f"{self.ints(d)}|{self.choice(['select', 'reject'])}('{self.choice(['odd', 'even', 'divisibleby', 'gt', 'integer'])}'{self.choice(['', ', 2'])})|list",
            lambda d: f"{self.ints(d)}|sort|list",
        ])

    def dicts(self, depth):
        return self.pick("dicts", depth, [
            lambda d: f"[{', '.join(self.dict(d) for _ in range(self.random.randint(0, 3)))}]",
            lambda d: f"{self.base('dicts', d)}{self.slice(d) if self.random.random() < 0.7 else ''}",
            lambda d: f"{self.dicts(d)}|{self.choice(['selectattr', 'rejectattr'])}('{self.choice(['role', 'content', 'a', 'x.y'])}'{self.choice(['', ', ' + quote('defined'), ', ' + quote('equalto') + ', ' + self.str(d), ', ' + quote('in') + ', ' + self.strings(d)])})|list",
            lambda d: f"{self.dicts(d)}|sort(attribute='{self.choice(['role', 'content', 'role,content', 'a'])}'{self.choice(['', ', reverse=true', ', case_sensitive=true'])})",
            lambda d: f"{self.dicts(d)}|{self.choice(['reverse|list', 'unique(attribute=' + quote('role') + ')|list'])}",
        ])

    def dict(self, depth):
        return self.pick("dict", depth, [
            lambda d: "{" + ", ".join(f"{self.choice([self.str, self.str, self.int])(0)}: {self.any(d)}" for _ in range(self.random.randint(0, 3))) + " }",
            lambda d: f"{self.dicts(d)}|{self.choice(['first', 'last'])}",
            lambda d: f"{self.base('dicts', d)}[{self.choice(['0', '-1', 'n1'])}]",
            lambda d: f"dict({self.choice(['', self.dict(d), 'a=' + self.any(d), self.dict(d) + ', b=1', '[(1, 2)]'])})",
            lambda d: f"{self.base('dict', d)}.get({self.str(d)}, {self.dict(d)})",
            lambda d: f"{self.base('dict', d)}.copy()",
        ])


def quote(text):
    return f"'{text}'"


TOJSON_OPTIONS = ["", "", "(indent=2)", "(ensure_ascii=true)", "(sort_keys=true)", "(separators=(',', ':'))", "(indent=0)", "(indent='-')"]
ROUND_OPTIONS = ["", "(1)", "(2)", "(0, 'ceil')", "(1, 'floor')", "(-1)", "(method='common')"]
LIST_FILTERS = ["reverse|list", "list", "unique|list", "sort", "select|list", "reject|list", "map('string')|list", "batch(2)|list", "batch(3, 0)|list",
                "slice(2)|list", "slice(3, none)|list", "select('string')|list", "map('length')|list", "sort(reverse=true)", "map('default', 1)|list"]
DICT_FILTERS = ["dictsort", "items|list", "list", "dictsort(true)", "dictsort(by='value')", "dictsort(false, 'value', true)"]
BRACES = ["'{} {}'", "'{0}{1}{0}'", "'{a}'", "'{:>5}|{:<5}'", "'{a!r}'", "'{0!s:^9}'", "'{{}}{}'", "'{:d}'", "'{:.2f}'", "'{:,}'", "'{:05}'", "'{0:x}'", "'{a[0]}'", "'{a.b}'", "'{:{}}'",
          "'{:+} {: }'", "'{:*^8}'", "'{:.3}'", "'{:e}'", "'{:g}'", "'{:%}'", "'{'", "'{:q}'", "'{2}'", "'{:#x}'", "'{:_}'"]


def random_template(random):
    return Generator(random).template()
