//===- Html.cpp -----------------------------------------------------------===//

#include "runtime/jinja/library/text/Html.h"

#include "runtime/jinja/library/text/Entities.h"
#include "runtime/jinja/library/text/Text.h"
#include "runtime/jinja/value/Operators.h"

namespace swallow::jinja {

void appendEscaped(std::string &out, std::string_view text) {
  for (char c : text) {
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '\'':
      out += "&#39;";
      break;
    case '"':
      out += "&#34;";
      break;
    default:
      out += c;
    }
  }
}

Result<Value> escape(const Value &value, Environment &env) {
  if (value.isString() && value.asString().isSafe())
    return value;
  SWALLOW_ASSIGN(std::string text, str(value, env));
  // Five bytes are the most that one becomes.
  SWALLOW_TRY(env.budget.reserve(text.size(), 5));
  std::string escaped;
  escaped.reserve(text.size());
  appendEscaped(escaped, text);
  return Value::safeString(std::move(escaped), &env.budget);
}

std::string stripTags(std::string_view text) {
  std::string kept;
  size_t at = 0;
  for (size_t start = text.find('<'); start != std::string_view::npos;
       start = text.find('<', at)) {
    bool comment = text.substr(start).starts_with("<!--");
    size_t end = comment ? text.find("-->", start + 4) : text.find('>', start);
    if (end == std::string_view::npos)
      break;
    kept.append(text, at, start - at);
    at = end + (comment ? 3 : 1);
  }
  kept.append(text.substr(at));
  std::string collapsed;
  for (std::string_view word : splitSpaces(kept, -1)) {
    if (!collapsed.empty())
      collapsed += ' ';
    collapsed += word;
  }
  return resolveEntities(collapsed);
}

} // namespace swallow::jinja
