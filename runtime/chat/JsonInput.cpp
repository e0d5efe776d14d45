//===- JsonInput.cpp - JSON to a template's values ------------------------===//

#include "runtime/chat/JsonInput.h"

#include "runtime/jinja/value/Json.h"

#include <algorithm>

using namespace swallow;
using jinja::Value;

Result<Value> swallow::parseJsonInput(std::string_view text,
                                      const std::string &what) {
  Result<Value> value = jinja::parseJson(text);
  if (!value)
    return {ErrorCode::InvalidArgument,
            what + ": " + oneLine(value.error().message)};
  return value;
}

const char *swallow::describeKind(const Value &value) {
  switch (value.kind()) {
  case jinja::Kind::None:
    return "null";
  case jinja::Kind::Bool:
    return value.asBool() ? "true" : "false";
  case jinja::Kind::Int:
  case jinja::Kind::Float:
    return "a number";
  case jinja::Kind::String:
    return "a string";
  case jinja::Kind::Dict:
    return "an object";
  default:
    return "a list";
  }
}

std::string swallow::oneLine(std::string_view text) {
  constexpr size_t maxBytes = 1000;
  size_t end = std::min(text.size(), maxBytes);
  while (end > 0 && end < text.size() && (text[end] & 0xc0) == 0x80)
    --end; // not in the middle of a character
  std::string result(text.substr(0, end));
  for (char &c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = ' ';
  if (end < text.size())
    result += "...";
  return result;
}
