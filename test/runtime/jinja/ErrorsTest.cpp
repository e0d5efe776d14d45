//===- ErrorsTest.cpp - places and reasons of failures --------------------===//
//
// The reasons are jinja2's or Python's, where they have no names of their own
// in them.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/jinja/Rendering.h"

namespace swallow::jinja {
namespace {

void check(std::initializer_list<RenderCase> cases) {
  checkAll(cases, R"({"x": "X", "y": "Y", "a": [1], "b": {"c": 2}})");
}

TEST(Errors, OfStatements) {
  check({
      {"{% for i in [1,2] %}{% call foo() %}{% break %}{% endcall %}{% endfor "
       "%}",
       "does not compile: template line 1, column 40: 'break' outside loop"},
      {"{% for i in [1,2] %}{% macro foo() %}{% break %}{% endmacro %}{% "
       "endfor %}",
       "does not compile: template line 1, column 41: 'break' outside loop"},
      {"{% break %}",
       "does not compile: template line 1, column 4: 'break' outside loop"},
      {"{% for i in [] %}{% else %}{% break %}{% endfor %}",
       "does not compile: template line 1, column 31: 'break' outside loop"},
      {"{% for i in [] recursive %}{% else %}{% break %}{% endfor %}",
       "does not compile: template line 1, column 41: 'break' outside loop"},
      {"{% for i in [1] %}{% generation %}{% break %}{% endgeneration %}{% "
       "endfor %}",
       "does not compile: template line 1, column 38: 'break' outside loop"},
      {"{% for i in [1] %}{% set loop = 1 %}{% endfor %}",
       "does not compile: template line 1, column 26: Can't assign to special "
       "loop variable"},
      {"{% for loop in [1] %}{% endfor %}",
       "does not compile: template line 1, column 8: Can't assign to special "
       "loop variable"},
      {"{% block a %}{% endblock %}{% block a %}{% endblock %}",
       "does not compile: template line 1, column 31: block 'a' defined twice"},
      {"{% block a required %}x{% endblock %}",
       "does not compile: template line 1, column 4: Required blocks can only "
       "contain comments or whitespace"},
      {"{% block a-b %}x{% endblock %}",
       "does not compile: template line 1, column 11: block names may not "
       "contain hyphens, use an underscore instead"},
      {"{% block a %}x{% endblock b %}",
       "does not compile: template line 1, column 27: expected 'end of "
       "statement block', got 'b'"},
      {"{% set %}", "does not compile: template line 1, column 8: Expected an "
                    "expression, got 'end of statement block'"},
      {"{% set 1 = 2 %}", "does not compile: template line 1, column 8: can't "
                          "assign to 'expression'"},
      {"{% set true = 2 %}", "does not compile: template line 1, column 8: "
                             "can't assign to 'expression'"},
      {"{% set a.b.c = 2 %}", "does not compile: template line 1, column 11: "
                              "expected 'end of statement block', got '.'"},
      {"{% set a[1] = 2 %}", "does not compile: template line 1, column 9: "
                             "expected 'end of statement block', got '['"},
      {"{% for x %}{% endfor %}",
       "does not compile: template line 1, column 10: expected 'in', got 'end "
       "of statement block'"},
      {"{% for x in %}{% endfor %}",
       "does not compile: template line 1, column 13: Expected an expression, "
       "got 'end of statement block'"},
      {"{% for x in [1] %}", "does not compile: template line 1, column 19: "
                             "Unexpected end of template. Looking for 'endfor' "
                             "or 'else'; the innermost open tag is 'for'."},
      {"{% if %}{% endif %}",
       "does not compile: template line 1, column 7: Expected an expression, "
       "got 'end of statement block'"},
      {"{% if x %}", "does not compile: template line 1, column 11: Unexpected "
                     "end of template. Looking for 'elif' or 'else' or "
                     "'endif'; the innermost open tag is 'if'."},
      {"{% if x %}{% else %}{% elif y %}{% endif %}",
       "does not compile: template line 1, column 24: Encountered unknown tag "
       "'elif'. Looking for 'endif'; the innermost open tag is 'if'."},
      {"{% elif x %}", "does not compile: template line 1, column 4: "
                       "Encountered unknown tag 'elif'."},
      {"{% endif %}", "does not compile: template line 1, column 4: "
                      "Encountered unknown tag 'endif'."},
      {"{% foo %}", "does not compile: template line 1, column 4: Encountered "
                    "unknown tag 'foo'."},
      {"{% if x %}{% endfor %}{% endif %}",
       "does not compile: template line 1, column 14: Encountered unknown tag "
       "'endfor'. Looking for 'elif' or 'else' or 'endif'; the innermost open "
       "tag is 'if'."},
      {"{% macro %}{% endmacro %}",
       "does not compile: template line 1, column 10: expected 'name', got "
       "'end of statement block'"},
      {"{% macro f %}{% endmacro %}",
       "does not compile: template line 1, column 12: expected '(', got 'end "
       "of statement block'"},
      {"{% macro f(a=1, b) %}{% endmacro %}",
       "does not compile: template line 1, column 17: non-default argument "
       "follows default argument"},
      {"{% macro f(a, a) %}{% endmacro %}",
       "does not compile: template line 1, column 15: duplicate parameter 'a'"},
      {"{% macro f(true) %}{% endmacro %}",
       "does not compile: template line 1, column 12: can't assign to 'true'"},
      {"{% call x %}{% endcall %}",
       "does not compile: template line 1, column 9: expected call"},
      {"{% call x()|upper %}{% endcall %}",
       "does not compile: template line 1, column 13: expected call"},
      {"{% filter %}{% endfilter %}",
       "does not compile: template line 1, column 11: expected 'name', got "
       "'end of statement block'"},
      {"{% include 'a' %}",
       "does not compile: template line 1, column 4: 'include' is not "
       "supported: a chat template stands alone"},
      {"{% extends 'a' %}",
       "does not compile: template line 1, column 4: 'extends' is not "
       "supported: a chat template stands alone"},
      {"{% import 'a' as b %}",
       "does not compile: template line 1, column 4: 'import' is not "
       "supported: a chat template stands alone"},
      {"{% from 'a' import b %}",
       "does not compile: template line 1, column 4: 'from' is not supported: "
       "a chat template stands alone"},
      {"{% do 1 %}", "does not compile: template line 1, column 4: Encountered "
                     "unknown tag 'do'."},
      {"{% raw %}x", "does not compile: template line 1, column 1: Missing end "
                     "of raw directive"},
      {"{% raw +%}x{% endraw %}", "does not compile: template line 1, column "
                                  "4: Encountered unknown tag 'raw'."},
      {"  {% if true %}a",
       "does not compile: template line 1, column 17: Unexpected end of "
       "template. Looking for 'elif' or 'else' or 'endif'; the innermost open "
       "tag is 'if'."},
      {"  {% endif %}", "does not compile: template line 1, column 6: "
                        "Encountered unknown tag 'endif'."},
      {"{% if x is defined if y %}{% endif %}",
       "does not compile: template line 1, column 23: expected 'end of "
       "statement block', got 'y'"},
  });
}

TEST(Errors, OfExpressionsAndText) {
  check({
      {"{% macro f(caller) %}{{ caller() }}{% endmacro %}",
       R"t(does not compile: template line 1, column 4: When defining macros or call blocks the special "caller" argument must be omitted or be given a default.)t"},
      {"{{ 1 + }}", "does not compile: template line 1, column 8: unexpected "
                    "'end of print statement'"},
      {"{{ 1 1 }}", "does not compile: template line 1, column 6: expected "
                    "'end of print statement', got 'integer'"},
      {"{{ }}", "does not compile: template line 1, column 4: Expected an "
                "expression, got 'end of print statement'"},
      {"{{ a | }}", "does not compile: template line 1, column 8: expected "
                    "'name', got 'end of print statement'"},
      {"{{ a | nofilter }}", "does not compile: template line 1, column 8: No "
                             "filter named 'nofilter'."},
      {"{{ a is notest }}",
       "does not compile: template line 1, column 9: No test named 'notest'."},
      {"{{ a. }}",
       "does not compile: template line 1, column 7: expected name or number"},
      {"{{ a[ }}", "does not compile: template line 1, column 7: unexpected "
                   "'}', expected ']'"},
      {"{{ (1 }}", "does not compile: template line 1, column 7: unexpected "
                   "'}', expected ')'"},
      {"{{ 1) }}",
       "does not compile: template line 1, column 5: unexpected ')'"},
      {"{{ [1) }}", "does not compile: template line 1, column 6: unexpected "
                    "')', expected ']'"},
      {"{{ 'abc }}", "does not compile: template line 1, column 4: a string "
                     "that does not end"},
      {R"t({{ '\x4' }})t",
       R"t(does not compile: template line 1, column 4: truncated \xXX escape)t"},
      {"{{ 'a", "does not compile: template line 1, column 4: a string that "
                "does not end"},
      {"{{ 012 }}", "does not compile: template line 1, column 5: expected "
                    "'end of print statement', got 'integer'"},
      {"{{ 1..2 }}",
       "does not compile: template line 1, column 6: expected name or number"},
      {"{{ f(a=1, a=2) }}", "does not compile: template line 1, column 11: "
                            "keyword argument repeated: a"},
      {"{{ f(*a, b) }}", "does not compile: template line 1, column 5: invalid "
                         "syntax for function call expression"},
      {"{{ f(**a, *b) }}", "does not compile: template line 1, column 5: "
                           "invalid syntax for function call expression"},
      {"{{ f(a=1, 2) }}", "does not compile: template line 1, column 5: "
                          "invalid syntax for function call expression"},
      {" a {% endraw %} c", "does not compile: template line 1, column 7: "
                            "Encountered unknown tag 'endraw'."},
      {"{# x", "does not compile: template line 1, column 1: Missing end of "
               "comment tag"},
      {"{{ x is defined is defined }}",
       "does not compile: template line 1, column 17: You cannot chain "
       "multiple tests with is"},
  });
}

TEST(Errors, AtRunTime) {
  check({
      {"{% for i in [1,2,3] %}{{ loop(1) }}{% endfor %}",
       "fails: template line 1, column 26: TypeError: The loop must have the "
       "'recursive' marker to be called recursively."},
      {"{% for a, b in [[1,2,3]] %}{{ a }}{% endfor %}",
       "fails: template line 1, column 8: ValueError: too many values to "
       "unpack (expected 2)"},
      {"{% for a, b in [[1]] %}{{ a }}{% endfor %}",
       "fails: template line 1, column 8: ValueError: not enough values to "
       "unpack (expected 2, got 1)"},
      {"{% for a, b in [1] %}{{ a }}{% endfor %}",
       "fails: template line 1, column 8: TypeError: cannot unpack "
       "non-iterable int object"},
      {"{% for a in 5 %}{% endfor %}",
       "fails: template line 1, column 13: TypeError: 'int' object is not "
       "iterable"},
      {"{% for a in none %}{% endfor %}",
       "fails: template line 1, column 13: TypeError: 'NoneType' object is not "
       "iterable"},
      {"{% set ns.a = 1 %}",
       "fails: template line 1, column 8: TemplateRuntimeError: cannot assign "
       "attribute on non-namespace object"},
      {"{% set x = 1 %}{% set x.a = 1 %}",
       "fails: template line 1, column 23: TemplateRuntimeError: cannot assign "
       "attribute on non-namespace object"},
      {"{% set ns = namespace(a=1) %}{% set ns.__b = 1 %}",
       "fails: template line 1, column 37: SecurityError: Chat templates "
       "cannot store underscore-prefixed attributes on a namespace, but got "
       "'__b'. Please rename the attribute."},
      {"{% macro f(a) %}{{ a.x }}{% endmacro %}{{ f() }}",
       "fails: template line 1, column 22: UndefinedError: parameter 'a' was "
       "not provided"},
      {"{% macro f(a) %}{% endmacro %}{{ f(1,2) }}",
       "fails: template line 1, column 34: TypeError: macro 'f' takes not more "
       "than 1 argument(s)"},
      {"{% macro f(a) %}{% endmacro %}{{ f(b=2) }}",
       "fails: template line 1, column 34: TypeError: macro 'f' takes no "
       "keyword argument 'b'"},
      {"{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}",
       "fails: template line 1, column 19: UndefinedError: No caller defined"},
      {"{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}",
       "fails: template line 1, column 34: TypeError: macro 'f' was invoked "
       "with two values for the special caller argument. This is most likely a "
       "bug."},
      {"{% macro o() %}{% call p() %}{{ caller() }}{% endcall %}{% endmacro "
       "%}{% macro p() %}<{{ caller() }}>{% endmacro %}{% call o() %}X{% "
       "endcall %}",
       "fails: template line 1, column 33: UndefinedError: No caller defined"},
      {"{{ a() }}{% macro a() %}A{% endmacro %}",
       "fails: template line 1, column 4: TypeError: 'list' object is not "
       "callable"},
      {"{% for i in [1] %}{% macro a() %}A{% endmacro %}{% endfor %}{{ a() }}",
       "fails: template line 1, column 64: TypeError: 'list' object is not "
       "callable"},
      {"{% block a %}{{ super() }}{% endblock %}",
       "fails: template line 1, column 17: UndefinedError: there is no parent "
       "block called 'a'."},
      {"{% block a required %} {% endblock %}",
       "fails: template line 1, column 4: TemplateRuntimeError: Required block "
       "'a' not found"},
      {"{{ x.y.z }}", "fails: template line 1, column 8: UndefinedError: 'str "
                      "object' has no attribute 'y'"},
      {"{{ 1 if 0 else 2 if 0 else 3 }}{{ (1 if 0).x is defined }}",
       "fails: template line 1, column 44: UndefinedError: the inline "
       "if-expression on line 1 evaluated to false and no else section was "
       "defined."},
      {"{{ (1 if 0) + 1 }}",
       "fails: template line 1, column 13: UndefinedError: the inline "
       "if-expression on line 1 evaluated to false and no else section was "
       "defined."},
      {"{{ a.1.2 }}", "fails: template line 1, column 8: UndefinedError: list "
                      "object has no element 1"},
      {"{{ 'a' < 1 }}", "fails: template line 1, column 8: TypeError: '<' not "
                        "supported between instances of 'str' and 'int'"},
      {"{{ 1 + 'a' }}", "fails: template line 1, column 6: TypeError: "
                        "unsupported operand type(s) for +: 'int' and 'str'"},
      {"{{ 'a' * 3 }}{{ [1] + [2] }}{{ 7 % 3 }}{{ -7 % 3 }}{{ -7 // 2 }}{{ 7 / "
       "2 }}{{ 1 / 0 }}",
       "fails: template line 1, column 81: ZeroDivisionError: division by "
       "zero"},
      {"{{ {[1]: 2} }}",
       "fails: template line 1, column 4: TypeError: unhashable type: 'list'"},
      {"{{ x(1) }}", "fails: template line 1, column 4: TypeError: 'str' "
                     "object is not callable"},
      {"{{ 'a'(1) }}", "fails: template line 1, column 4: TypeError: 'str' "
                       "object is not callable"},
      {"{% autoescape true %}{% macro f(x) %}<{{ x }}{% endmacro %}{{ f('<') "
       "}}{% endautoescape %}{{ f('<') }}",
       "fails: template line 1, column 94: UndefinedError: 'f' is undefined"},
      {"{{ a.b(c)[d].e | upper | lower }}",
       "fails: template line 1, column 6: UndefinedError: 'list object' has no "
       "attribute 'b'"},
      {"{{ und[1:2] }}",
       "fails: template line 1, column 7: UndefinedError: 'und' is undefined"},
      {"{{ foo.bar(1) }}",
       "fails: template line 1, column 8: UndefinedError: 'foo' is undefined"},
  });
}

} // namespace
} // namespace swallow::jinja
