//===- Represent.cpp - str() and repr() -----------------------------------===//

#include "runtime/jinja/value/Operators.h"
#include "runtime/jinja/value/Unicode.h"
#include "runtime/text/Utf8.h"

#include <array>
#include <charconv>
#include <cmath>

namespace swallow::jinja {

namespace {

void appendHex(std::string &out, char kind, char32_t c, int digits) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += '\\';
  out += kind;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    out += hex[(c >> shift) & 0xF];
}

void appendReprText(std::string &out, std::string_view text) {
  bool single = text.find('\'') != std::string_view::npos;
  bool twofold = text.find('"') != std::string_view::npos;
  char quote = single && !twofold ? '"' : '\'';
  out += quote;
  for (size_t i = 0; i < text.size();) {
    char32_t c = decodeUtf8(text.substr(i));
    size_t length = utf8Length(text[i]);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == ' ' || isPrintable(c)) {
      out.append(text, i, length);
    } else if (c < 0x100) {
      appendHex(out, 'x', c, 2);
    } else if (c < 0x10000) {
      appendHex(out, 'u', c, 4);
    } else {
      appendHex(out, 'U', c, 8);
    }
    i += length;
  }
  out += quote;
}

Status appendRepr(std::string &out, const Value &value, Environment &env,
                  unsigned depth);

Status appendItems(std::string &out, const std::vector<Value> &items,
                   Environment &env, unsigned depth) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0)
      out += ", ";
    SWALLOW_TRY(appendRepr(out, items[i], env, depth));
  }
  return {};
}

Status appendDict(std::string &out, const DictObject &dict, Environment &env,
                  unsigned depth) {
  out += '{';
  bool first = true;
  for (const DictObject::Entry &entry : dict.entries()) {
    if (!first)
      out += ", ";
    first = false;
    SWALLOW_TRY(appendRepr(out, entry.key, env, depth));
    out += ": ";
    SWALLOW_TRY(appendRepr(out, entry.value, env, depth));
  }
  out += '}';
  return {};
}

void appendRange(std::string &out, const RangeObject &range) {
  out += "range(" + std::to_string(range.start()) + ", " +
         std::to_string(range.stop());
  if (range.step() != 1)
    out += ", " + std::to_string(range.step());
  out += ')';
}

Status appendRepr(std::string &out, const Value &value, Environment &env,
                  unsigned depth) {
  if (depth > maxValueDepth)
    return recursionError();
  // Shared values can print as far more than they take in memory.
  SWALLOW_TRY(env.budget.step());
  if (out.size() + env.budget.bytesUsed() > env.budget.limits().bytes)
    return env.budget.reserve(out.size());
  switch (value.kind()) {
  case Kind::None:
    out += "None";
    return {};
  case Kind::Bool:
    out += value.asBool() ? "True" : "False";
    return {};
  case Kind::Int:
    out += std::to_string(value.asInt());
    return {};
  case Kind::Float:
    out += reprFloat(value.asNumber());
    return {};
  case Kind::Undefined:
    out += "Undefined";
    return {};
  case Kind::Range:
    appendRange(out, value.asRange());
    return {};
  case Kind::String:
    SWALLOW_TRY(env.budget.stepBytes(value.text().size()));
    if (value.asString().isSafe())
      out += "Markup(";
    appendReprText(out, value.text());
    if (value.asString().isSafe())
      out += ')';
    return {};
  case Kind::List:
    out += '[';
    SWALLOW_TRY(appendItems(out, value.items(), env, depth + 1));
    out += ']';
    return {};
  case Kind::Tuple:
    out += '(';
    SWALLOW_TRY(appendItems(out, value.items(), env, depth + 1));
    out += value.items().size() == 1 ? ",)" : ")";
    return {};
  case Kind::Dict:
    return appendDict(out, value.asDict(), env, depth + 1);
  case Kind::Custom: {
    SWALLOW_ASSIGN(std::string text, value.asCustom().repr(env, depth + 1));
    out += text;
    return {};
  }
  }
  return {};
}

} // namespace

std::string reprText(std::string_view text) {
  std::string out;
  appendReprText(out, text);
  return out;
}

std::string reprFloat(double value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  // The shortest digits that read back as the value; Python writes an exponent
  // for those below 1e-4 and from 1e16.
  std::array<char, 40> buffer;
  double magnitude = std::fabs(value);
  bool exponent = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e16);
  auto [end, error] = std::to_chars(
      buffer.data(), buffer.data() + buffer.size(), value,
      exponent ? std::chars_format::scientific : std::chars_format::fixed);
  std::string text(buffer.data(), end);
  if (!exponent && text.find('.') == std::string::npos)
    text += ".0";
  return text;
}

Result<std::string> repr(const Value &value, Environment &env, unsigned depth) {
  std::string out;
  SWALLOW_TRY(appendRepr(out, value, env, depth));
  return out;
}

Status appendStr(std::string &out, const Value &value, Environment &env) {
  switch (value.kind()) {
  case Kind::Undefined:
    return {};
  case Kind::String:
    SWALLOW_TRY(env.budget.stepBytes(value.text().size()));
    out += value.text();
    return {};
  case Kind::Custom: {
    SWALLOW_ASSIGN(std::string text, value.asCustom().str(env));
    out += text;
    return {};
  }
  default:
    return appendRepr(out, value, env, 0);
  }
}

Result<std::string> str(const Value &value, Environment &env) {
  std::string out;
  SWALLOW_TRY(appendStr(out, value, env));
  return out;
}

} // namespace swallow::jinja
