//===- Expressions.h - tables of expressions and their values ---*- C++ -*-===//
//
// What the tables expect was printed by jinja2 3.1.6 on Python 3.11, in the
// environment that transformers renders chat templates in.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_RUNTIME_JINJA_EXPRESSIONS_H
#define SWALLOW_TEST_RUNTIME_JINJA_EXPRESSIONS_H

#include "runtime/jinja/Template.h"
#include "runtime/jinja/value/Json.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>

namespace swallow::jinja {

/// An expression, and what {{ expression }} prints: or, after "error: ", the
/// exception that it raises.
struct ExpressionCase {
  std::string_view expression;
  std::string_view expected;
};

inline std::string evaluate(std::string_view expression, const Value &context) {
  Result<Template> compiled =
      Template::compile("{{ " + std::string(expression) + " }}");
  if (!compiled)
    return "does not compile: " + compiled.error().message;
  RenderOptions options;
  // 2024-07-26 12:08:09.123456, two hours east of UTC.
  options.clock = [] { return LocalTime{1721988489, 123456, 7200}; };
  Result<RenderResult> result = compiled->render(context, options);
  if (result)
    return result->text;
  // "template line 1, column 4: TypeError: ..." without the place.
  std::string message = result.error().message;
  if (message.starts_with("template line "))
    message.erase(0, message.find(": ") + 2);
  return "error: " + message;
}

inline void check(std::span<const ExpressionCase> cases,
                  std::string_view variables) {
  Result<Value> context = parseJson(variables);
  ASSERT_TRUE(context) << context.error().message;
  for (const ExpressionCase &test : cases)
    EXPECT_EQ(evaluate(test.expression, *context), test.expected)
        << "{{ " << test.expression << " }}";
}

} // namespace swallow::jinja

#endif // SWALLOW_TEST_RUNTIME_JINJA_EXPRESSIONS_H
