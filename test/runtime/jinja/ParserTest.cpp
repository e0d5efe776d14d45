//===- ParserTest.cpp - trees of expressions and statements ---------------===//

#include "runtime/jinja/syntax/Parser.h"

#include <gtest/gtest.h>

namespace swallow::jinja {
namespace {

using ast::Expr;
using ast::ExprKind;

std::string show(const Expr &expr);

std::string showAll(const std::vector<ast::ExprPtr> &exprs) {
  std::string text;
  for (const ast::ExprPtr &expr : exprs)
    text += " " + show(*expr);
  return text;
}

std::string showArguments(const Expr &expr) {
  std::string text = showAll(expr.positional);
  for (const ast::Keyword &keyword : expr.keywords)
    text += " " + keyword.name + "=" + show(*keyword.value);
  if (expr.star)
    text += " *" + show(*expr.star);
  if (expr.doubleStar)
    text += " **" + show(*expr.doubleStar);
  return text;
}

/// As a Lisp would write it.
std::string show(const Expr &expr) {
  constexpr const char *binary[] = {"+", "-", "*", "/", "//", "%", "**"};
  constexpr const char *comparison[] = {
      "==", "!=", "<", "<=", ">", ">=", "in", "notin"};
  switch (expr.kind) {
  case ExprKind::None:
    return "none";
  case ExprKind::Bool:
    return expr.integer ? "true" : "false";
  case ExprKind::Int:
    return std::to_string(expr.integer);
  case ExprKind::Float:
    return std::to_string(expr.number);
  case ExprKind::String:
    return "'" + expr.text + "'";
  case ExprKind::Data:
    return "data";
  case ExprKind::Name:
    return expr.text;
  case ExprKind::NamespaceRef:
    return expr.text + "." + expr.attribute;
  case ExprKind::Tuple:
    return "(tuple" + showAll(expr.operands) + ")";
  case ExprKind::List:
    return "(list" + showAll(expr.operands) + ")";
  case ExprKind::Dict:
    return "(dict" + showAll(expr.operands) + ")";
  case ExprKind::Binary:
    return std::string("(") + binary[expr.operators[0]] +
           showAll(expr.operands) + ")";
  case ExprKind::Negative:
    return "(-" + showAll(expr.operands) + ")";
  case ExprKind::Positive:
    return "(+" + showAll(expr.operands) + ")";
  case ExprKind::Not:
    return "(not" + showAll(expr.operands) + ")";
  case ExprKind::And:
    return "(and" + showAll(expr.operands) + ")";
  case ExprKind::Or:
    return "(or" + showAll(expr.operands) + ")";
  case ExprKind::Concat:
    return "(~" + showAll(expr.operands) + ")";
  case ExprKind::Compare: {
    std::string text = "(" + show(*expr.operands[0]);
    for (size_t i = 0; i < expr.operators.size(); ++i)
      text += std::string(" ") + comparison[expr.operators[i]] + " " +
              show(*expr.operands[i + 1]);
    return text + ")";
  }
  case ExprKind::Conditional:
    return "(if" + showAll(expr.operands) + ")";
  case ExprKind::Attribute:
    return "(." + expr.text + showAll(expr.operands) + ")";
  case ExprKind::Item:
    return "([]" + showAll(expr.operands) + ")";
  case ExprKind::Slice:
    return "(slice" + showAll(expr.operands) + ")";
  case ExprKind::Call:
    return "(call" + showAll(expr.operands) + showArguments(expr) + ")";
  case ExprKind::Filter:
    return "(|" + expr.text + showAll(expr.operands) + showArguments(expr) +
           ")";
  case ExprKind::Test:
    return "(is-" + expr.text + showAll(expr.operands) + showArguments(expr) +
           ")";
  }
  return "?";
}

std::string parsed(std::string_view expression) {
  auto tree = parse("{{ " + std::string(expression) + " }}");
  return tree ? show(*(*tree)->body[0]->expressions[0]) : tree.error().message;
}

TEST(Parser, Precedence) {
  EXPECT_EQ(parsed("1 + 2 * 3 - 4"), "(- (+ 1 (* 2 3)) 4)");
  EXPECT_EQ(parsed("2 ** 3 ** 2"), "(** (** 2 3) 2)");
  EXPECT_EQ(parsed("-2 ** 2"), "(** (- 2) 2)");
  EXPECT_EQ(parsed("-a.b|abs"), "(|abs (- (.b a)))");
  EXPECT_EQ(parsed("a ~ b + c ~ d * e"), "(+ (~ a b) (~ c (* d e)))");
  EXPECT_EQ(parsed("a or b and not c == d"), "(or a (and b (not (c == d))))");
  EXPECT_EQ(parsed("a < b <= c in d not in e"), "(a < b <= c in d notin e)");
  EXPECT_EQ(parsed("a if b else c if d else e"), "(if a b (if c d e))");
  EXPECT_EQ(parsed("a if b"), "(if a b)");
  EXPECT_EQ(parsed("a + b|upper"), "(+ a (|upper b))");
  EXPECT_EQ(parsed("not a is defined"), "(not (is-defined a))");
}

TEST(Parser, Primaries) {
  EXPECT_EQ(parsed("true, False, none"), "(tuple true false none)");
  EXPECT_EQ(parsed("()"), "(tuple)");
  EXPECT_EQ(parsed("(1,)"), "(tuple 1)");
  EXPECT_EQ(parsed("(1)"), "1");
  EXPECT_EQ(parsed("[1, [2],]"), "(list 1 (list 2))");
  EXPECT_EQ(parsed("{'a': 1, b: [],}"), "(dict 'a' 1 b (list))");
  EXPECT_EQ(parsed("'a' \"b\" 'c'"), "'abc'");
}

TEST(Parser, Postfix) {
  EXPECT_EQ(parsed("a.b[c].0(d)"), "(call ([] ([] (.b a) c) 0) d)");
  EXPECT_EQ(parsed("a[1:], a[:1], a[::2], a[b:c:d]"),
            "(tuple ([] a (slice 1 none none)) ([] a (slice none 1 none)) "
            "([] a (slice none none 2)) ([] a (slice b c d)))");
  EXPECT_EQ(parsed("a[1, 2]"), "([] a (tuple 1 2))");
  EXPECT_EQ(parsed("f(a, b=1, *c, **d)"), "(call f a b=1 *c **d)");
  EXPECT_EQ(parsed("a|b.c(1)|d"), "(|d (|b.c a 1))");
  EXPECT_EQ(parsed("a is not b"), "(not (is-b a))");
  EXPECT_EQ(parsed("a is b c.d"), "(is-b a (.d c))");
  EXPECT_EQ(parsed("a is b(1, 2)"), "(is-b a 1 2)");
  EXPECT_EQ(parsed("a is b else"),
            "template line 1, column 11: expected 'end of print statement', "
            "got 'else'");
  EXPECT_EQ(parsed("a is b and c"), "(and (is-b a) c)");
}

TEST(Parser, Statements) {
  auto tree = parse("{% for a, (b, c) in x if y recursive: %}1{% else %}2"
                    "{% endfor %}{% if a %}{% elif b %}{% else %}{% endif %}"
                    "{% set ns.x, y = 1 %}{% set z | f(1) | g %}{% endset %}"
                    "{% macro m(a, b=1) %}{% endmacro %}"
                    "{% call(u) m(2) %}{% endcall %}"
                    "{% block b scoped required %}{% endblock b %}");
  ASSERT_TRUE(tree) << tree.error().message;
  const auto &body = (*tree)->body;
  ASSERT_EQ(body.size(), 7u);
  EXPECT_EQ(show(*body[0]->target), "(tuple a (tuple b c))");
  EXPECT_TRUE(body[0]->recursive);
  EXPECT_EQ(show(*body[0]->test), "y");
  EXPECT_EQ(body[0]->elseBody.size(), 1u);
  EXPECT_EQ(body[1]->branches.size(), 1u);
  EXPECT_EQ(show(*body[2]->target), "(tuple ns.x y)");
  EXPECT_EQ(body[3]->kind, ast::StmtKind::SetBlock);
  EXPECT_EQ(show(*body[3]->value), "(|g (|f 1))");
  EXPECT_EQ(body[4]->parameters, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(showAll(body[4]->expressions), " 1");
  EXPECT_EQ(body[5]->parameters, std::vector<std::string>{"u"});
  EXPECT_EQ(show(*body[5]->value), "(call m 2)");
  EXPECT_TRUE(body[6]->scoped && body[6]->required);
}

TEST(Parser, PositionsAreThoseOfOperators) {
  auto tree = parse("{{ abc + d.e }}\n{{ f|g }}");
  ASSERT_TRUE(tree);
  const Expr &sum = *(*tree)->body[0]->expressions[0];
  EXPECT_EQ(sum.position.column, 8u);
  EXPECT_EQ(sum.operands[1]->position.column, 12u); // the name behind the dot
  const Expr &filter = *(*tree)->body[0]->expressions[2];
  EXPECT_EQ(filter.position.line, 2u);
  EXPECT_EQ(filter.position.column, 6u);
}

TEST(Parser, NestingIsBounded) {
  auto repeat = [](std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i)
      all += text;
    return all;
  };
  constexpr std::string_view tooDeep = "nested more than 200 levels deep";
  EXPECT_EQ(parsed(repeat("(", 190) + "1" + repeat(")", 190)), "1");
  for (const std::string &expression :
       {repeat("(", 300) + "1" + repeat(")", 300),
        repeat("[", 100000) + repeat("]", 100000), repeat("-", 300) + "1",
        repeat("not ", 300) + "1", "1" + repeat("+1", 300),
        "a" + repeat(".a", 300), "a" + repeat("|a", 300),
        "a" + repeat("()", 300), repeat("a if ", 300) + "b",
        repeat("{1:", 300) + "1" + repeat("}", 300)})
    EXPECT_NE(parsed(expression).find(tooDeep), std::string::npos)
        << parsed(expression).substr(0, 100);
  for (const std::string &source :
       {repeat("{% if a %}", 300) + repeat("{% endif %}", 300),
        repeat("{% if a %}", 120) + "{{ " + repeat("[", 120) +
            repeat("]", 120) + " }}" + repeat("{% endif %}", 120)}) {
    auto tree = parse(source);
    ASSERT_FALSE(tree);
    EXPECT_EQ(tree.error().code, ErrorCode::MalformedFile);
    EXPECT_NE(tree.error().message.find(tooDeep), std::string::npos);
  }
  // Long is not deep.
  EXPECT_TRUE(parse("{{ 1" + repeat(" ~ 1 or 1 and 1", 10000) + " }}"));
  EXPECT_TRUE(
      parse("{% if a %}" + repeat("{% elif b %}", 10000) + "{% endif %}"));
}

} // namespace
} // namespace swallow::jinja
