//===- TemplateCase.h - one rendering, described by JSON --------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_DIFFERENTIAL_TEMPLATES_TEMPLATECASE_H
#define SWALLOW_TOOLS_DIFFERENTIAL_TEMPLATES_TEMPLATECASE_H

#include "runtime/jinja/Template.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace swallow::differential {

/// Keeps the order of keys, as Python's dicts do.
using Json = nlohmann::ordered_json;

/// The variables of a template. Integers beyond 64 bits become floats.
Result<jinja::Value> valueFromJson(const Json &json);

/// A clock that stands still, in a zone without a name at UTC.
jinja::RenderOptions optionsAt(int64_t seconds, int32_t microseconds);

/// Renders through the compiled form's bytes, as an artifact stores them.
Result<jinja::RenderResult> render(std::string_view source,
                                   const jinja::Value &variables,
                                   const jinja::RenderOptions &options);

/// Where a message says that it happened: "template line 3, column 14: ...".
/// Both are 0 in what the template raised by itself.
struct Position {
  unsigned line = 0;
  unsigned column = 0;
};
Position positionOf(std::string_view message);

} // namespace swallow::differential

#endif // SWALLOW_TOOLS_DIFFERENTIAL_TEMPLATES_TEMPLATECASE_H
