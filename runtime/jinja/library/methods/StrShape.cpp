//===- StrShape.cpp - str.center, zfill, translate, format, ... -----------===//

#include "runtime/jinja/library/format/Format.h"
#include "runtime/jinja/library/methods/StrSupport.h"
#include "runtime/jinja/library/text/Html.h"
#include "runtime/jinja/value/Operators.h"
#include "runtime/text/Utf8.h"

#include <string>
#include <vector>

namespace swallow::jinja {

Value likeSelf(const Value &self, std::string text, Environment &env) {
  return self.asString().isSafe()
             ? Value::safeString(std::move(text), &env.budget)
             : Value::string(std::move(text), &env.budget);
}

Result<Value> listLikeSelf(const Value &self, const Pieces &pieces,
                           Environment &env) {
  SWALLOW_TRY(
      env.budget.reserve(pieces.size(), sizeof(Value) + sizeof(StringObject)));
  std::vector<Value> items;
  items.reserve(pieces.size());
  for (std::string_view piece : pieces)
    items.push_back(likeSelf(self, std::string(piece), env));
  return Value::list(std::move(items), &env.budget);
}

std::string argumentText(const Value &self, const Value &argument) {
  if (!self.asString().isSafe() || argument.asString().isSafe())
    return argument.text();
  std::string escaped;
  appendEscaped(escaped, argument.text());
  return escaped;
}

namespace {

enum class Align { Left, Center, Right };

template <Align Where>
Result<Value> pad(const Value &self, const Arguments &arguments,
                  Environment &env) {
  constexpr std::string_view method = Where == Align::Left    ? "ljust"
                                      : Where == Align::Right ? "rjust"
                                                              : "center";
  SWALLOW_TRY(expectArguments(arguments, "str", method, 1, 2));
  SWALLOW_ASSIGN(int64_t width, toIndex(arguments.positional[0]));
  std::string fill = " ";
  if (arguments.positional.size() > 1) {
    const Value &argument = arguments.positional[1];
    if (!argument.isString())
      return typeError("The fill character must be a unicode character, not " +
                       std::string(argument.typeName()));
    fill = argumentText(self, argument);
    if (countCharacters(fill) != 1)
      return typeError("The fill character must be exactly one character long");
  }
  SWALLOW_TRY(env.budget.stepBytes(self.text().size()));
  auto size = static_cast<int64_t>(self.asString().length());
  int64_t missing = width - size;
  if (width <= size)
    return self;
  // What cannot be halved goes to the left where the width is odd.
  int64_t left = Where == Align::Left    ? 0
                 : Where == Align::Right ? missing
                                         : missing / 2 + (missing & width & 1);
  SWALLOW_TRY(env.budget.reserve(static_cast<size_t>(missing), fill.size()));
  SWALLOW_TRY(env.budget.reserve(self.text().size()));
  std::string result;
  for (int64_t i = 0; i < left; ++i)
    result += fill;
  result += self.text();
  for (int64_t i = left; i < missing; ++i)
    result += fill;
  return likeSelf(self, std::move(result), env);
}

Result<Value> zfill(const Value &self, const Arguments &arguments,
                    Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "str", "zfill", 1, 1));
  SWALLOW_ASSIGN(int64_t width, toIndex(arguments.positional[0]));
  SWALLOW_TRY(env.budget.stepBytes(self.text().size()));
  auto size = static_cast<int64_t>(self.asString().length());
  if (width <= size)
    return self;
  SWALLOW_TRY(env.budget.reserve(static_cast<size_t>(width - size)));
  SWALLOW_TRY(env.budget.reserve(self.text().size()));
  const std::string &text = self.text();
  size_t sign = !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
  std::string result = text.substr(0, sign);
  result.append(static_cast<size_t>(width - size), '0').append(text, sign);
  return likeSelf(self, std::move(result), env);
}

/// What a character becomes: the table's item, or itself where there is none.
Status translateCharacter(std::string &out, std::string_view character,
                          const Value &table, Environment &env) {
  auto code = static_cast<int64_t>(decodeUtf8(character));
  SWALLOW_ASSIGN(Value mapped, getItem(table, Value::integer(code), env));
  if (mapped.isUndefined()) {
    out += character;
  } else if (mapped.isString()) {
    SWALLOW_TRY(env.budget.reserve(mapped.text().size()));
    out += mapped.text();
  } else if (mapped.isIntegral()) {
    int64_t to = mapped.asInt();
    if (to < 0 || to > 0x10FFFF)
      return valueError("character mapping must be in range(0x110000)");
    if (to >= 0xD800 && to < 0xE000)
      return valueError("surrogates are not supported");
    appendUtf8(out, static_cast<char32_t>(to));
  } else if (!mapped.isNone()) {
    return typeError("character mapping must return integer, None or str");
  }
  return {};
}

Result<Value> translate(const Value &self, const Arguments &arguments,
                        Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "str", "translate", 1, 1));
  const Value &table = arguments.positional[0];
  if (table.isNumber() || table.isNone())
    return typeError("'" + std::string(table.typeName()) +
                     "' object is not subscriptable");
  const std::string &text = self.text();
  std::string result;
  for (size_t i = 0; i < text.size(); i += utf8Length(text[i])) {
    SWALLOW_TRY(translateCharacter(
        result, std::string_view(text).substr(i, utf8Length(text[i])), table,
        env));
    if (result.size() > env.budget.limits().bytes)
      SWALLOW_TRY(env.budget.reserve(result.size()));
  }
  return likeSelf(self, std::move(result), env);
}

Result<Value> maketrans(const Value &self, const Arguments &arguments,
                        Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "", "maketrans", 1, 3));
  const std::vector<Value> &given = arguments.positional;
  auto table = makeRef<DictObject>(&env.budget);
  auto codeOf = [](std::string_view character) {
    return Value::integer(static_cast<int64_t>(decodeUtf8(character)));
  };
  if (given.size() == 1) {
    if (!given[0].isDict())
      return typeError(
          "if you give only one argument to maketrans it must be a dict");
    for (const DictObject::Entry &entry : given[0].asDict().entries()) {
      Value key = entry.key;
      if (key.isString()) {
        if (key.asString().length() != 1)
          return valueError(
              "string keys in translate table must be of length 1");
        key = codeOf(key.text());
      } else if (!key.isIntegral()) {
        return typeError("keys in translate table must be strings or integers");
      }
      SWALLOW_TRY(table->set(std::move(key), entry.value));
    }
    return Value::dict(table);
  }
  for (const Value &argument : given)
    if (!argument.isString())
      return typeError("maketrans() argument must be str, not " +
                       std::string(argument.typeName()));
  if (given[0].asString().length() != given[1].asString().length())
    return valueError(
        "the first two maketrans arguments must have equal length");
  std::string_view from = given[0].text();
  std::string_view to = given[1].text();
  while (!from.empty()) {
    SWALLOW_TRY(env.budget.step());
    SWALLOW_TRY(table->set(codeOf(from), codeOf(to)));
    from.remove_prefix(utf8Length(from[0]));
    to.remove_prefix(utf8Length(to[0]));
  }
  if (given.size() > 2) {
    std::string_view removed = given[2].text();
    for (size_t i = 0; i < removed.size(); i += utf8Length(removed[i]))
      SWALLOW_TRY(table->set(codeOf(removed.substr(i)), Value::none()));
  }
  return Value::dict(table);
}

Result<Value> encode(const Value &self, const Arguments &arguments,
                     Environment &env) {
  return typeError("bytes are not supported");
}

Result<Value> format(const Value &self, const Arguments &arguments,
                     Environment &env) {
  return formatText(self, arguments, env);
}

Result<Value> formatMap(const Value &self, const Arguments &arguments,
                        Environment &env) {
  if (!arguments.named.empty())
    return typeError("format_map() takes no keyword arguments");
  if (arguments.positional.size() != 1)
    return typeError("format_map() takes exactly one argument (" +
                     std::to_string(arguments.positional.size()) + " given)");
  return formatTextMap(self, arguments.positional[0], env);
}

constexpr std::array<NamedMethod, 9> methods = {{
    {"center", pad<Align::Center>},
    {"encode", encode},
    {"format", format},
    {"format_map", formatMap},
    {"ljust", pad<Align::Left>},
    {"maketrans", maketrans},
    {"rjust", pad<Align::Right>},
    {"translate", translate},
    {"zfill", zfill},
}};

} // namespace

std::span<const NamedMethod> strShapeMethods() { return methods; }

std::span<const NamedMethod> strMethods() {
  static const std::vector<NamedMethod> all = [] {
    std::vector<NamedMethod> collected;
    for (std::span<const NamedMethod> part :
         {strSplitMethods(), strSearchMethods(), strCaseMethods(),
          strShapeMethods()})
      collected.insert(collected.end(), part.begin(), part.end());
    return collected;
  }();
  return all;
}

} // namespace swallow::jinja
