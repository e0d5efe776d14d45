//===- ToJson.cpp ---------------------------------------------------------===//

#include "runtime/jinja/library/format/ToJson.h"

#include "runtime/jinja/library/filters/Filters.h"
#include "runtime/jinja/value/Operators.h"
#include "runtime/text/Utf8.h"

#include <cmath>

namespace swallow::jinja {

namespace {

void appendUnit(std::string &out, uint32_t unit) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4)
    out += hex[(unit >> shift) & 0xF];
}

void appendQuoted(std::string &out, std::string_view text, bool ensureAscii) {
  out += '"';
  for (size_t i = 0; i < text.size();) {
    size_t length = utf8Length(text[i]);
    char32_t c = decodeUtf8(text.substr(i));
    switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    case '\b':
      out += "\\b";
      break;
    case '\f':
      out += "\\f";
      break;
    default:
      if (c >= 0x20 && (c < 0x7F || !ensureAscii)) {
        out.append(text, i, length);
      } else if (c < 0x10000) {
        appendUnit(out, c);
      } else {
        appendUnit(out, 0xD800 + ((c - 0x10000) >> 10));
        appendUnit(out, 0xDC00 + ((c - 0x10000) & 0x3FF));
      }
    }
    i += length;
  }
  out += '"';
}

std::string jsonFloat(double value) {
  if (std::isnan(value))
    return "NaN";
  if (std::isinf(value))
    return value < 0 ? "-Infinity" : "Infinity";
  return reprFloat(value);
}

class Writer {
public:
  Writer(const JsonOptions &options, Environment &env)
      : options_(options), env_(env) {}

  Status write(const Value &value, size_t level) {
    SWALLOW_TRY(env_.budget.step());
    if (out.size() > env_.budget.limits().bytes)
      SWALLOW_TRY(env_.budget.reserve(out.size()));
    switch (value.kind()) {
    case Kind::None:
      out += "null";
      return {};
    case Kind::Bool:
      out += value.asBool() ? "true" : "false";
      return {};
    case Kind::Int:
      out += std::to_string(value.asInt());
      return {};
    case Kind::Float:
      out += jsonFloat(value.asNumber());
      return {};
    case Kind::String:
      SWALLOW_TRY(env_.budget.stepBytes(value.text().size()));
      appendQuoted(out, value.text(), options_.ensureAscii);
      return {};
    case Kind::List:
    case Kind::Tuple:
      return writeItems(value.items(), level + 1);
    case Kind::Dict:
      return writeDict(value.asDict(), level + 1);
    default:
      return typeError("Object of type " + std::string(value.typeName()) +
                       " is not JSON serializable");
    }
  }

  std::string out;

private:
  void newLine(size_t level) {
    if (!options_.indent)
      return;
    out += '\n';
    for (size_t i = 0; i < level; ++i)
      out += *options_.indent;
  }

  Status writeItems(const std::vector<Value> &items, size_t level) {
    out += '[';
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0)
        out += options_.itemSeparator;
      newLine(level);
      SWALLOW_TRY(write(items[i], level));
    }
    if (!items.empty())
      newLine(level - 1);
    out += ']';
    return {};
  }

  Status writeDict(const DictObject &dict, size_t level) {
    std::vector<Value> places;
    std::vector<Value> keys;
    places.reserve(dict.size());
    for (size_t i = 0; i < dict.size(); ++i)
      places.push_back(Value::integer(static_cast<int64_t>(i)));
    if (options_.sortKeys) {
      keys.reserve(dict.size());
      for (const DictObject::Entry &entry : dict.entries())
        keys.push_back(entry.key);
      SWALLOW_TRY(sortBy(places, keys, false, env_));
    }
    out += '{';
    for (size_t i = 0; i < places.size(); ++i) {
      const DictObject::Entry &entry =
          dict.entries()[static_cast<size_t>(places[i].asInt())];
      if (i > 0)
        out += options_.itemSeparator;
      newLine(level);
      SWALLOW_TRY(writeKey(entry.key));
      out += options_.keySeparator;
      SWALLOW_TRY(write(entry.value, level));
    }
    if (!places.empty())
      newLine(level - 1);
    out += '}';
    return {};
  }

  Status writeKey(const Value &key) {
    if (key.isString() || key.isNone() || key.isNumber()) {
      if (!key.isString())
        out += '"';
      SWALLOW_TRY(write(key, 0));
      if (!key.isString())
        out += '"';
      return {};
    }
    return typeError("keys must be str, int, float, bool or None, not " +
                     std::string(key.typeName()));
  }

  const JsonOptions &options_;
  Environment &env_;
};

} // namespace

Result<std::string> toJson(const Value &value, const JsonOptions &options,
                           Environment &env) {
  Writer writer(options, env);
  SWALLOW_TRY(writer.write(value, 0));
  SWALLOW_TRY(env.budget.reserve(writer.out.size()));
  return std::move(writer.out);
}

} // namespace swallow::jinja
