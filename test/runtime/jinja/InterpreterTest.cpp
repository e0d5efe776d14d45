//===- InterpreterTest.cpp - what statements print ------------------------===//
//
// Expectations were printed by jinja2 3.1.6 in the environment that
// transformers renders chat templates in.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/jinja/Rendering.h"

namespace swallow::jinja {
namespace {

void check(std::initializer_list<RenderCase> cases) {
  checkAll(cases, R"({"x": "X", "y": "Y", "a": [1], "b": {"c": 2}})");
}

TEST(Interpreter, Expressions) {
  check({
      {"{{ [1,2,3] | map('string') | join('-') }}", "1-2-3"},
      {"{{ x.y }}", ""},
      {"{{ {'a': 1}.a }}{{ {'a': 1}['b'] }}{{ {'a': 1}.b }}{{ [1,2].0 }}{{ "
       "[1,2][5] }}{{ 'abc'[1] }}{{ 'abc'.upper() }}",
       "11bABC"},
      {"{{ 'a' is string and 1 or 2 }}{{ not 'a' is string }}{{ 1 is not none "
       "}}{{ 5 is divisibleby 5 }}{{ 5 is divisibleby(5) }}",
       "1FalseTrueTrueTrue"},
      {"{{ 1 if 0 }}|{{ (1 if 0) ~ 'x' }}", "|x"},
      {"{% if false %}{{ a | upper('x', y=1) }}{% endif %}", ""},
      {R"t({{ "a\"b" }}{{ 'a\'b' }}{{ 'a\nb\tc\\d' }}{{ '\x41\u0042\101' }}{{ '\é\q' }}{{ '\U0001F600' }})t",
       "a\"ba'ba\nb\tc\\dABA\\xe9\\q😀"},
      {"b' }}", "b' }}"},
      {"{{ 0x1F }}{{ 0b11 }}{{ 0o17 }}{{ 1_000 }}{{ 1e3 }}{{ 1.5e-3 }}{{ 1_0.5 "
       "}}{{ 00 }}{{ 1.0 }}",
       "3131510001000.00.001510.501.0"},
      {"{{ 1.foo }}", ""},
      {"{{ true }}{{ True }}{{ none }}{{ None }}{{ false }}{{ TRUE }}",
       "TrueTrueNoneNoneFalse"},
      {"{{ -1 | abs }}{{ -1.5 | abs }}{{ (-1) | abs }}{{ 2 ** -1 }}{{ - - 1 "
       "}}{{ +1 }}{{ not not 1 }}",
       "11.510.511True"},
      {"{{ 1 < 2 > 1 == 1 != 3 }}{{ 1 == 1.0 }}{{ 'a' < 'b' }}{{ 'a' in 'abc' "
       "}}{{ 'a' not in ['b'] }}",
       "TrueTrueTrueTrueTrue"},
      {"{{ a, b }}{{ 1, 2 }}{{ () }}{{ (1) }}{{ (1,) }}{{ [1,] }}{{ {'a':1,} "
       "}}",
       "([1], {'c': 2})(1, 2)()1(1,)[1]{'a': 1}"},
      {"{{ {1: 2, 'a': [1, {'b': none}]} }}", "{1: 2, 'a': [1, {'b': None}]}"},
      {"{% print 1, 2, 'x' %}", "12x"},
      {"{% print %}", ""},
      {"{% raw %}a{{ b }}{% endraw %}c", "a{{ b }}c"},
      {"{% raw %}", ""},
      {"{%- raw -%} a {%- endraw -%} c", "ac"},
      {"{% raw %}{% raw %}{% endraw %}", "{% raw %}"},
      {"{% raw %}", ""},
      {"{#", ""},
      {"{# a #}b{#- c -#} d {#+ e +#}", "bd "},
      {"f", "f"},
      {"{{- x -}} b {{+ x }}", "Xb X"},
      {"{%- if true -%} a {%+ endif +%} b", "a  b"},
      {"  {%+ if true %}a{% endif %}", "  a"},
      {"b", "b"},
      {"{{ 'x' }}", "x"},
      {"{{ 'x' -}}", "x"},
      {" y", " y"},
      {"{{ 'abc'[] }}", ""},
      {"{{ {'x': {'y': [1,2,{'z': 'deep'}]}}.x.y[2].z }}", "deep"},
      {"{{ 'a' ~ 1 + 2 ~ 'b' }}", "a12b"},
      {"{{ [1,2,3][-1] }}{{ [1,2,3][::2] }}{{ 'abcdef'[1:5:2] }}{{ "
       "(1,2,3)[:-1] }}{{ 'abc'[none:2] }}",
       "3[1, 3]bd(1, 2)ab"},
      {"{{ 1 is odd }}{{ [1,2,3]|select('odd')|list }}", "True[1, 3]"},
  });
}

TEST(Interpreter, Assignments) {
  check({
      {"{% if a %}{% set q=1 %}{% elif b %}{% set q=2 %}{% else %}{% set w=3 "
       "%}{% endif %}{{ q }}{{ w }}",
       "1"},
      {"{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (a, b) = [3, 4] %}{{ a }}{{ "
       "b }}",
       "1234"},
      {"{% set a = 1, 2 %}{{ a }}", "(1, 2)"},
      {"{% set ns = namespace(a=1) %}{% set ns.a, b = 5, 6 %}{{ ns.a }}{{ b }}",
       "56"},
      {"{% set ns = namespace(a=1) %}{% set ns.b %}x{% endset %}{{ ns.b }}",
       "x"},
      {"{% set ns = namespace(a=1) %}{{ ns }}{{ ns.zz }}{{ ns['a'] }}",
       "<Namespace {'a': 1}>1"},
      {"{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}", "1[1]"},
      {"{% set a = 7 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% set a = 4 %}{{ "
       "a }}{% endwith %}{{ a }}",
       "1747"},
      {"{% with %}{% set a = 4 %}{{ a }}{% endwith %}{{ a }}", "4[1]"},
      {"{% filter upper|lower %}Abc{% endfilter %}", "abc"},
      {"{% filter replace('a', y) %}Abca{% endfilter %}", "AbcY"},
      {"{% set y = 'Q' %}{% filter replace('a', y) %}{% set y = 'Z' %}Abca{{ y "
       "}}{% endfilter %}",
       "AbcZZ"},
      {"{% set x | replace('a', 'b') | upper %}aca{% endset %}{{ x }}", "BCB"},
      {"{% set y='b' %}{% set x | replace('a', y) %}aca{% endset %}{{ x }}",
       "bcb"},
      {"{% set x = 1 -%}  a", "a"},
      {"\t{% set x = 1 %}", ""},
      {"　{% set x = 1 %}x", "x"},
      {"a {% set x = 1 %} b", "a  b"},
  });
}

TEST(Interpreter, Loops) {
  check({
      {"{% for i in [1,2,3] %}{% if i == 2 %}{% set z = 5 %}{% endif %}{{ z "
       "}}{% endfor %}{{ z }}",
       "5"},
      {"{% set z=9 %}{% for i in [1,2,3] %}{% if i == 2 %}{% set z = 5 %}{% "
       "endif %}{{ z }}{% endfor %}{{ z }}",
       "9599"},
      {"{% for i in [1,2,3] %}{{ z }}{% set z = i %}{% endfor %}{{ z }}", ""},
      {"{% for x in [1,2] %}{% for x in [x, x*2] %}{{ x }},{% endfor %}{{ x "
       "}};{% endfor %}{{ x }}",
       "1,2,1;2,4,2;X"},
      {"{% for i in [1,2,3] %}{{ loop.index }}{% for j in [1,2] %}{{ "
       "loop.index }}{{ loop.length }}{% endfor %}{{ loop.index }}{% endfor %}",
       "112221212222312223"},
      {"{% for i in [1,2,3] if loop is defined %}{{ i }}{% endfor %}", ""},
      {"{% for i in [1,2] %}{% for j in [1,2,3] if j > loop.index %}{{ j }}{% "
       "endfor %};{% endfor %}",
       "23;3;"},
      {"{% set ns=namespace(n=0) %}{% for i in [1,2,3,4,5] if ns.n < 2 %}{% "
       "set ns.n = ns.n + 1 %}{{ i }}{% endfor %}",
       "12"},
      {"{% set ns=namespace(n=0) %}{% for i in [1,2,3,4,5] if ns.n < 2 %}{% "
       "set ns.n = ns.n + 1 %}{{ i }}{{ loop.last }}{% endfor %}",
       "1False2True"},
      {"{% set ns=namespace(n=0) %}{% for i in [1,2,3,4,5] if ns.n < 2 %}{% "
       "set ns.n = ns.n + 1 %}{{ i }}{{ loop.length }}{{ loop.revindex }}{{ "
       "loop.revindex0 }}{% endfor %}",
       "15542543353245215510"},
      {"{% for i in [1,2,3] %}{% continue %}{% else %}E{% endfor %}", "E"},
      {"{% for i in [1,2,3] %}{% break %}{% else %}E{% endfor %}", "E"},
      {"{% for i in [1,2,3] %}{% if i == 2 %}{% break %}{% endif %}{% else "
       "%}E{% endfor %}",
       ""},
      {"{% for i in [1,2,3] %}{% if i != 2 %}{% continue %}{% endif %}x{% else "
       "%}E{% endfor %}",
       "x"},
      {"{% for i in [1,2] %}{% filter upper %}a{% break %}b{% endfilter %}c{% "
       "endfor %}d",
       "d"},
      {"{% for i in [1,2] %}{% set x %}a{% continue %}b{% endset %}c{{ x }}{% "
       "endfor %}d{{ x }}",
       "dX"},
      {"{% for k in [1,2] %}{% for i in [] %}{% else %}{{ k }}{% break %}{% "
       "endfor %}z{% endfor %}",
       "1"},
      {"{% for i in [1,2,3] %}{{ loop.previtem }}|{{ loop.nextitem }}|{{ "
       "loop.changed(i > 1) }}|{{ loop.cycle('a','b') }};{% endfor %}",
       "|2|True|a;1|3|True|b;2||False|a;"},
      {"{% for i in [1,2,3] %}{{ loop }}{{ loop.cycle }}{% endfor %}",
       "<LoopContext 1/3><bound method LoopContext.cycle of <LoopContext "
       "1/3>><LoopContext 2/3><bound method LoopContext.cycle of <LoopContext "
       "2/3>><LoopContext 3/3><bound method LoopContext.cycle of <LoopContext "
       "3/3>>"},
      {"{% for a, (b, c) in [[1,[2,3]],[4,(5,6)]] %}{{ a }}{{ b }}{{ c }}{% "
       "endfor %}",
       "123456"},
      {"{% for a, b in ['xy'] %}{{ a }}{{ b }}{% endfor %}", "xy"},
      {"{% for a, b in [[1,2],[3,4]] if a == 3 %}{{ loop.index }}{{ a }}{{ b "
       "}}{{ loop.previtem }}{% endfor %}",
       "134"},
      {"{% for a, b in [[1,2],[3,4],[5,6]] if a > 1 %}{{ loop.previtem }}{{ "
       "loop.nextitem }}{% endfor %}",
       "(5, 6)(3, 4)"},
      {"{% for a in undefinedx %}x{% else %}E{% endfor %}", "E"},
      {"{% for a in {'x': 1, 'y': 2} %}{{ a }}{% endfor %}", "xy"},
      {"{% for a in 'héé' %}{{ a }}-{% endfor %}", "h-é-é-"},
      {"{% for k, v in {'x': 1, 'y': 2}.items() %}{{ k }}{{ v }}{{ loop.last "
       "}}{% endfor %}",
       "x1Falsey2True"},
      {"{% set loop = 1 %}{{ loop }}{% for i in [1] %}{{ loop.index }}{% "
       "endfor %}{{ loop }}",
       "111"},
      {"{% for i in [3,1,2]|sort %}{{ i }}{{ loop.length }}{{ loop.last }}{% "
       "endfor %}",
       "13False23False33True"},
      {"{% for i in [3,1,2]|map('string') %}{{ i }}{{ loop.length }}{{ "
       "loop.last }}{% endfor %}",
       "33False13False23True"},
      {"{% for i in [1,2,3,4] %}{% if loop.index is odd %}{{ loop.nextitem "
       "}}{% endif %}{% endfor %}",
       "24"},
  });
}

TEST(Interpreter, Macros) {
  check({
      {"{% set x=1 %}{% macro m() %}{{ x }}{% set x = 2 %}{{ x }}{% endmacro "
       "%}{{ m() }}{{ x }}",
       "121"},
      {"{% macro m() %}{% set x = 2 %}{% if y %}{% set x = 3 %}{% endif %}{{ x "
       "}}{% endmacro %}{{ m() }}",
       "3"},
      {"{% for i in [1,2,3] %}{% macro lp() %}{{ loop.index }}{{ i }}{% "
       "endmacro %}{{ lp() }}{% endfor %}",
       "112233"},
      {"{% set ns=namespace() %}{% for i in [1,2,3] %}{% macro lp() %}{{ i "
       "}}{% endmacro %}{% set ns.m = lp %}{{ ns.m() }}{% endfor %}",
       "123"},
      {"{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(1, 2) "
       "}}{{ f(b=3) }}",
       "11123"},
      {"{% set a = 5 %}{% macro f(b=a) %}{{ b }}{% endmacro %}{{ f() }}{% set "
       "a = 6 %}{{ f() }}",
       "56"},
      {"{% macro f(a) %}{{ a }}{% endmacro %}{{ f() }}|{{ f().x }}", "|"},
      {"{% macro f(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1,2,3,b=4) "
       "}}{{ f(*[1,2], **{'z': 3}) }}",
       "(2, 3){'b': 4}(2,){'z': 3}"},
      {"{% macro f(varargs) %}{{ varargs }}{% endmacro %}{{ f(1) }}", "1"},
      {"{% macro f(a, caller=none) %}{{ a }}{{ caller() if caller }}{% "
       "endmacro %}{{ f(1) }}{% call f(2) %}x{% endcall %}",
       "12x"},
      {"{% macro f() %}{{ caller(1, b=2) }}{% endmacro %}{% call(a, b=5, c=6) "
       "f() %}{{ a }}{{ b }}{{ c }}{% endcall %}",
       "126"},
      {"{% macro f() %}{{ caller }}{{ f }}{{ f.caller }}{{ f.catch_kwargs }}{{ "
       "f.catch_varargs }}{{ f.arguments }}{{ f.name }}{% endmacro %}{% call "
       "f() %}{% endcall %}",
       "<Macro anonymous><Macro 'f'>TrueFalseFalse()f"},
      {"{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n-1) }}{% endif %}{% "
       "endmacro %}{{ f(50) }}",
       "50494847464544434241403938373635343332313029282726252423222120191817161"
       "514131211109876543210"},
      {"{% macro outer() %}{% macro inner() %}I{{ x }}{% endmacro %}{% set x = "
       "3 %}{{ inner() }}{% endmacro %}{{ outer() }}{{ inner }}",
       "I3"},
      {"{% macro outer() %}[{{ caller() }}]{% endmacro %}{% call outer() %}A{% "
       "call outer() %}B{% endcall %}{% endcall %}",
       "[A[B]]"},
      {"{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ "
       "a() }}",
       "B"},
      {"{% if true %}{% macro a() %}A{% endmacro %}{% endif %}{{ a() }}", "A"},
  });
}

TEST(Interpreter, Blocks) {
  check({
      {"{% for i in [1,2] %}{% block a %}{{ i }}{% endblock %}{% endfor %}",
       ""},
      {"{% for i in [1,2] %}{% block a scoped %}{{ i }}{{ loop.index }}{% "
       "endblock %}{% endfor %}",
       "1122"},
      {"{% block a %}{{ super }}{{ self.a.name }}{% endblock %}", "a"},
      {"{% block a %}x{% endblock a %}", "x"},
      {"{% block a %}{% block b %}{{ x }}{% set x = 2 %}{{ x }}{% endblock "
       "%}{{ x }}{% endblock %}",
       "X2X"},
      {"{% macro m() %}{% block a %}{{ y }}{% endblock %}{% endmacro %}{% set "
       "y=1 %}{{ m() }}",
       "1"},
      {"{{ loop }}{{ self }}{{ caller }}{{ varargs }}",
       "<TemplateReference None>"},
      {"{% set self = 1 %}{{ self }}", "1"},
  });
}

TEST(Interpreter, Autoescape) {
  check({
      {"{% autoescape false %}{{ '<' }}{% endautoescape %}", "<"},
      {"{% autoescape x %}{{ '<' }}{% endautoescape %}", "<"},
      {"{% autoescape y %}{{ '<' }}{% endautoescape %}", "<"},
      {"{% macro f(x) %}<{{ x }}{% endmacro %}{% autoescape true %}{{ f('<') "
       "}}{{ '<b>' ~ '<'|safe }}{% set q %}<{{ '<' }}{% endset %}{{ q }}{% "
       "filter upper %}<{{ '<' }}{% endfilter %}{% endautoescape %}{{ q }}",
       "<<&lt;b&gt;&lt;<&lt;<&LT;"},
      {"{% macro m() %}<{% endmacro %}{% autoescape y %}{{ m() ~ '<' }}{{ m() "
       "}}{{ '<' }}{% endautoescape %}",
       "&lt;&lt;<<"},
      {"{% autoescape true %}{{ b ~ '<'|safe }}{{ 'a<' ~ '<'|safe }}{% "
       "endautoescape %}",
       "{&#39;c&#39;: 2}<a&lt;&lt;"},
      {"{% autoescape true %}{% for i in ['<'] recursive %}{{ i }}{{ "
       "loop(['>']) if i == '<' }}{% endfor %}{{ ['<'] }}{{ none }}{{ und }}{% "
       "endautoescape %}",
       "&lt;&gt;[&#39;&lt;&#39;]None"},
  });
}

} // namespace
} // namespace swallow::jinja
