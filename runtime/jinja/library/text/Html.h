//===- Html.h - markupsafe --------------------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_HTML_H
#define SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_HTML_H

#include "runtime/jinja/value/Environment.h"
#include "runtime/jinja/value/Value.h"

#include <string>
#include <string_view>

namespace swallow::jinja {

/// Appends `text` with &, <, >, ' and " as entities.
void appendEscaped(std::string &out, std::string_view text);

/// markupsafe.escape(value): Markup, which stays as it is.
Result<Value> escape(const Value &value, Environment &env);

/// Markup(text).striptags(): without tags and comments, white space as single
/// spaces, entities as the characters that they stand for.
std::string stripTags(std::string_view text);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_HTML_H
