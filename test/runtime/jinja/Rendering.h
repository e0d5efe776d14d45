//===- Rendering.h - tables of templates and their text ---------*- C++ -*-===//

#ifndef SWALLOW_TEST_RUNTIME_JINJA_RENDERING_H
#define SWALLOW_TEST_RUNTIME_JINJA_RENDERING_H

#include "runtime/jinja/Template.h"
#include "runtime/jinja/value/Json.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

namespace swallow::jinja {

/// A template, and what it renders; or "does not compile: " or "fails: " and
/// the message.
struct RenderCase {
  std::string_view source;
  std::string_view expected;
};

inline std::string render(std::string_view source, const Value &context,
                          const RenderOptions &options = {}) {
  Result<Template> compiled = Template::compile(source);
  if (!compiled)
    return "does not compile: " + compiled.error().message;
  Result<RenderResult> result = compiled->render(context, options);
  return result ? result->text : "fails: " + result.error().message;
}

inline std::string render(std::string_view source,
                          std::string_view variables = "{}",
                          const RenderOptions &options = {}) {
  Result<Value> context = parseJson(variables);
  return context ? render(source, *context, options) : context.error().message;
}

inline void checkAll(std::initializer_list<RenderCase> cases,
                     std::string_view variables) {
  Result<Value> context = parseJson(variables);
  ASSERT_TRUE(context) << context.error().message;
  for (const RenderCase &test : cases)
    EXPECT_EQ(render(test.source, *context), test.expected) << test.source;
}

} // namespace swallow::jinja

#endif // SWALLOW_TEST_RUNTIME_JINJA_RENDERING_H
