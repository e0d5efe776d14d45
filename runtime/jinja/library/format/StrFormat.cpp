//===- StrFormat.cpp - str.format() in the sandbox ------------------------===//
//
// jinja2 replaces str.format by Python's string.Formatter, with fields looked
// up by the rules of templates.
//
//===----------------------------------------------------------------------===//

#include "runtime/jinja/library/format/Format.h"
#include "runtime/jinja/library/methods/StrSupport.h"
#include "runtime/jinja/library/text/Html.h"
#include "runtime/jinja/value/Exceptions.h"
#include "runtime/jinja/value/Operators.h"
#include "runtime/text/Utf8.h"

#include <charconv>

namespace swallow::jinja {

namespace {

bool isAllDigits(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// One replacement field: {name!conversion:specification}.
struct Field {
  std::string_view name;
  char32_t conversion = 0;
  std::string_view specification;
};

class Formatter {
public:
  Formatter(const Arguments &arguments, const Value *mapping, bool safe,
            Environment &env)
      : arguments_(arguments), mapping_(mapping), safe_(safe), env_(env) {}

  Result<std::string> format(std::string_view text, int levels) {
    if (levels < 0)
      return valueError("Max string recursion exceeded");
    std::string out;
    for (size_t i = 0; i < text.size();) {
      SWALLOW_TRY(env_.budget.step());
      size_t brace = text.find_first_of("{}", i);
      if (brace == std::string_view::npos)
        brace = text.size();
      out.append(text, i, brace - i);
      i = brace;
      if (i == text.size())
        break;
      char c = text[i++];
      if (i < text.size() && text[i] == c) {
        out += c;
        ++i;
        continue;
      }
      if (c == '}' || i == text.size())
        return valueError(std::string("Single '") + c +
                          "' encountered in format string");
      Field field;
      SWALLOW_TRY(readField(text, i, field));
      SWALLOW_TRY(appendField(out, field, levels));
      if (out.size() > env_.budget.limits().bytes)
        SWALLOW_TRY(env_.budget.reserve(out.size()));
    }
    SWALLOW_TRY(env_.budget.reserve(out.size()));
    return out;
  }

private:
  /// Reads what follows the opening brace, up to and with the closing one.
  static Status readField(std::string_view text, size_t &i, Field &field) {
    size_t start = i;
    char c = '\0';
    for (; i < text.size(); ++i) {
      c = text[i];
      if (c == '{')
        return valueError("unexpected '{' in field name");
      if (c == '}' || c == ':' || c == '!')
        break;
      if (c == '[') {
        size_t close = text.find(']', i);
        i = close == std::string_view::npos ? text.size() - 1 : close;
      }
    }
    if (i == text.size())
      return valueError("expected '}' before end of string");
    field.name = text.substr(start, i - start);
    ++i;
    if (c == '}')
      return {};
    if (c == '!') {
      if (i == text.size())
        return valueError("unmatched '{' in format spec");
      field.conversion = decodeUtf8(text.substr(i));
      i += utf8Length(text[i]);
      if (i < text.size()) {
        c = text[i++];
        if (c == '}')
          return {};
        if (c != ':')
          return valueError("expected ':' after conversion specifier");
      }
    }
    start = i;
    for (int open = 1; i < text.size(); ++i) {
      open += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
      if (open == 0) {
        field.specification = text.substr(start, i - start);
        ++i;
        return {};
      }
    }
    return valueError("unmatched '{' in format spec");
  }

  Status appendField(std::string &out, const Field &field, int levels) {
    std::string name(field.name);
    if (name.empty()) {
      if (numbering_ == Numbering::Manual)
        return cannotSwitch();
      numbering_ = Numbering::Automatic;
      name = std::to_string(next_++);
    } else if (isAllDigits(name)) {
      if (numbering_ == Numbering::Automatic)
        return cannotSwitch();
      numbering_ = Numbering::Manual;
    }
    SWALLOW_ASSIGN(Value value, lookUp(name));
    SWALLOW_ASSIGN(value, convert(value, field.conversion));
    SWALLOW_ASSIGN(std::string specification,
                   format(field.specification, levels - 1));
    if (!safe_) {
      SWALLOW_ASSIGN(std::string text, formatValue(value, specification, env_));
      out += text;
      return {};
    }
    if (value.isString() && value.asString().isSafe()) {
      if (!specification.empty())
        return valueError("Unsupported format specification for Markup.");
      out += value.text();
      return {};
    }
    SWALLOW_ASSIGN(std::string text, formatValue(value, specification, env_));
    appendEscaped(out, text);
    return {};
  }

  static Error cannotSwitch() {
    return valueError("cannot switch from manual field specification to "
                      "automatic field numbering");
  }

  static Result<int64_t> readIndex(std::string_view digits) {
    int64_t index = 0;
    auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (error != std::errc())
      return valueError("Too many decimal digits in format string");
    return index;
  }

  /// The positional argument, the keyword, or the mapping's item.
  Result<Value> first(std::string_view name) {
    if (isAllDigits(name)) {
      SWALLOW_ASSIGN(int64_t index, readIndex(name));
      size_t count = mapping_ ? 0 : arguments_.positional.size();
      if (static_cast<size_t>(index) >= count)
        return indexError("tuple index out of range");
      return arguments_.positional[static_cast<size_t>(index)];
    }
    if (!mapping_) {
      if (const Value *value = arguments_.find(name))
        return *value;
      return keyError(reprText(name));
    }
    if (mapping_->isDict()) {
      if (const Value *value = mapping_->asDict().find(name))
        return *value;
      return keyError(reprText(name));
    }
    if (mapping_->isUndefined())
      return mapping_->asUndefined().error();
    if (mapping_->isSequence() || mapping_->isRange() || mapping_->isString())
      return typeError((mapping_->isString()
                            ? std::string("string")
                            : std::string(mapping_->typeName())) +
                       " indices must be integers or slices, not str");
    return typeError("'" + std::string(mapping_->typeName()) +
                     "' object is not subscriptable");
  }

  /// name.attribute[item]...
  Result<Value> lookUp(std::string_view name) {
    size_t i = std::min(name.find_first_of(".["), name.size());
    SWALLOW_ASSIGN(Value value, first(name.substr(0, i)));
    while (i < name.size()) {
      if (name[i] != '.' && name[i] != '[')
        return valueError("Only '.' or '[' may follow ']' in format field "
                          "specifier");
      bool attribute = name[i] == '.';
      size_t start = ++i;
      if (attribute) {
        i = std::min(name.find_first_of(".[", i), name.size());
      } else {
        i = name.find(']', i);
        if (i == std::string_view::npos)
          return valueError("Missing ']' in format string");
      }
      std::string_view part = name.substr(start, i - start);
      if (!attribute)
        ++i;
      if (part.empty())
        return valueError("Empty attribute in format string");
      SWALLOW_ASSIGN(value, follow(value, part, attribute));
    }
    return value;
  }

  Result<Value> follow(const Value &value, std::string_view part,
                       bool attribute) {
    if (attribute)
      return getAttribute(value, part, env_);
    if (!isAllDigits(part))
      return getItem(value, Value::string(std::string(part), &env_.budget),
                     env_);
    SWALLOW_ASSIGN(int64_t index, readIndex(part));
    return getItem(value, Value::integer(index), env_);
  }

  Result<Value> convert(const Value &value, char32_t conversion) {
    if (conversion == 0)
      return value;
    if (conversion == 's') {
      SWALLOW_ASSIGN(std::string text, str(value, env_));
      return Value::string(std::move(text), &env_.budget);
    }
    if (conversion == 'r' || conversion == 'a') {
      SWALLOW_ASSIGN(std::string text, repr(value, env_));
      return Value::string(conversion == 'a' ? asciiOf(text) : std::move(text),
                           &env_.budget);
    }
    std::string message = "Unknown conversion specifier ";
    appendUtf8(message, conversion);
    return valueError(message);
  }

  enum class Numbering { Unknown, Automatic, Manual };

  const Arguments &arguments_;
  const Value *mapping_;
  bool safe_;
  Environment &env_;
  Numbering numbering_ = Numbering::Unknown;
  size_t next_ = 0;
};

Result<Value> run(const Value &format, const Arguments &arguments,
                  const Value *mapping, Environment &env) {
  Formatter formatter(arguments, mapping, format.asString().isSafe(), env);
  SWALLOW_ASSIGN(std::string text, formatter.format(format.text(), 2));
  return likeSelf(format, std::move(text), env);
}

} // namespace

std::string asciiOf(std::string_view repr) {
  std::string out;
  for (size_t i = 0; i < repr.size(); i += utf8Length(repr[i])) {
    char32_t c = decodeUtf8(repr.substr(i));
    if (c < 0x80) {
      out += static_cast<char>(c);
      continue;
    }
    constexpr std::string_view hex = "0123456789abcdef";
    out += c < 0x100 ? "\\x" : c < 0x10000 ? "\\u" : "\\U";
    int digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
      out += hex[(c >> shift) & 0xF];
  }
  return out;
}

Result<Value> formatText(const Value &format, const Arguments &arguments,
                         Environment &env) {
  return run(format, arguments, nullptr, env);
}

Result<Value> formatTextMap(const Value &format, const Value &mapping,
                            Environment &env) {
  return run(format, {}, &mapping, env);
}

} // namespace swallow::jinja
