//===- TextFilters.cpp - filters on text ----------------------------------===//

#include "runtime/jinja/library/Arguments.h"
#include "runtime/jinja/library/filters/Filters.h"
#include "runtime/jinja/library/format/Format.h"
#include "runtime/jinja/library/methods/StrSupport.h"
#include "runtime/jinja/library/text/Html.h"
#include "runtime/jinja/value/Operators.h"
#include "runtime/jinja/value/Unicode.h"
#include "runtime/text/Utf8.h"

#include <array>

namespace swallow::jinja {

namespace {

/// A method of str, called on soft_str(input).
Result<Value> callMethod(const Value &input, std::string_view method,
                         const Arguments &arguments, Environment &env) {
  SWALLOW_ASSIGN(Value text, softString(input, env));
  SWALLOW_ASSIGN(std::optional<Value> bound,
                 getAttributeOnly(text, method, env));
  return call(*bound, arguments, env);
}

Result<Value> upper(const Value &input, const Arguments &arguments,
                    Environment &env) {
  static const Signature signature("do_upper", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  return callMethod(input, "upper", {}, env);
}

Result<Value> lower(const Value &input, const Arguments &arguments,
                    Environment &env) {
  static const Signature signature("do_lower", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  return callMethod(input, "lower", {}, env);
}

Result<Value> capitalizeFilter(const Value &input, const Arguments &arguments,
                               Environment &env) {
  static const Signature signature("do_capitalize", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  return callMethod(input, "capitalize", {}, env);
}

Result<Value> center(const Value &input, const Arguments &arguments,
                     Environment &env) {
  static const Signature signature("do_center", 1, 0, {"width"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  return callMethod(input, "center",
                    {{bound[0] ? *bound[0] : Value::integer(80)}, {}}, env);
}

Result<Value> trim(const Value &input, const Arguments &arguments,
                   Environment &env) {
  static const Signature signature("do_trim", 1, 0, {"chars"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  return callMethod(input, "strip",
                    {{bound[0] ? *bound[0] : Value::none()}, {}}, env);
}

/// str(x) without autoescape; Markup's own replace with it.
Result<Value> replace(const Value &input, const Arguments &arguments,
                      Environment &env) {
  static const Signature signature("do_replace", 2, 2, {"old", "new", "count"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  Value count =
      bound[2] && !bound[2]->isNone() ? *bound[2] : Value::integer(-1);
  auto isSafe = [](const Value &value) {
    return value.isString() && value.asString().isSafe();
  };
  if (env.autoescape) {
    Value text = input;
    if (isSafe(*bound[0]) || (isSafe(*bound[1]) && !isSafe(input))) {
      SWALLOW_ASSIGN(text, escape(input, env));
    }
    SWALLOW_ASSIGN(Value from, softString(*bound[0], env));
    SWALLOW_ASSIGN(Value to, softString(*bound[1], env));
    return callMethod(text, "replace", {{from, to, count}, {}}, env);
  }
  SWALLOW_ASSIGN(std::string text, str(input, env));
  SWALLOW_ASSIGN(std::string from, str(*bound[0], env));
  SWALLOW_ASSIGN(std::string to, str(*bound[1], env));
  return callMethod(Value::string(std::move(text), &env.budget), "replace",
                    {{Value::string(std::move(from), &env.budget),
                      Value::string(std::move(to), &env.budget), count},
                     {}},
                    env);
}

/// A capital after white space, hyphens and opening brackets; unlike str.title,
/// apostrophes do not begin a word.
Result<Value> title(const Value &input, const Arguments &arguments,
                    Environment &env) {
  static const Signature signature("do_title", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  SWALLOW_ASSIGN(Value value, softString(input, env));
  std::string_view text = value.text();
  SWALLOW_TRY(env.budget.reserve(text.size(), 8));
  auto begins = [](char32_t c) {
    return isSpace(c) ||
           std::u32string_view(U"-({[<").find(c) != std::u32string_view::npos;
  };
  std::string result;
  for (size_t i = 0; i < text.size();) {
    size_t start = i;
    bool separator = begins(decodeUtf8(text.substr(i)));
    while (i < text.size() && begins(decodeUtf8(text.substr(i))) == separator)
      i += utf8Length(text[i]);
    size_t first = utf8Length(text[start]);
    result += toUpper(text.substr(start, first));
    result += toLower(text.substr(start + first, i - start - first));
  }
  return Value::string(std::move(result), &env.budget);
}

Result<Value> string(const Value &input, const Arguments &arguments,
                     Environment &env) {
  static const Signature signature("soft_str", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  return softString(input, env);
}

Result<Value> formatFilter(const Value &input, const Arguments &arguments,
                           Environment &env) {
  if (!arguments.positional.empty() && !arguments.named.empty())
    return filterArgumentError(
        "can't handle positional and keyword arguments at the same time");
  SWALLOW_ASSIGN(Value text, softString(input, env));
  if (arguments.named.empty())
    return percentFormat(text, Value::tuple(arguments.positional, &env.budget),
                         env);
  auto values = makeRef<DictObject>(&env.budget);
  for (const NamedValue &argument : arguments.named)
    values->set(argument.name, argument.value);
  return percentFormat(text, Value::dict(values), env);
}

Result<Value> wordCount(const Value &input, const Arguments &arguments,
                        Environment &env) {
  static const Signature signature("do_wordcount", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  SWALLOW_ASSIGN(Value value, softString(input, env));
  std::string_view text = value.text();
  SWALLOW_TRY(env.budget.step(1 + text.size() / 8));
  int64_t count = 0;
  bool inside = false;
  for (size_t i = 0; i < text.size(); i += utf8Length(text[i])) {
    bool word = isWord(decodeUtf8(text.substr(i)));
    count += word && !inside;
    inside = word;
  }
  return Value::integer(count);
}

/// len(s), and s[:count] with the errors of what is no text.
Result<Value> truncateFilter(const Value &input, const Arguments &arguments,
                             Environment &env) {
  static const Signature signature("do_truncate", 2, 0,
                                   {"length", "killwords", "end", "leeway"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  Value wanted = bound[0] ? *bound[0] : Value::integer(255);
  bool killWords = bound[1] && truth(*bound[1]);
  Value end = bound[2] ? *bound[2] : Value::string("...", &env.budget);
  Value leeway =
      bound[3] && !bound[3]->isNone() ? *bound[3] : Value::integer(5);
  SWALLOW_ASSIGN(size_t endLength, length(end, env));
  Value endSize = Value::integer(static_cast<int64_t>(endLength));
  SWALLOW_ASSIGN(bool longEnough,
                 compare(CompareOp::GreaterEqual, wanted, endSize, env));
  if (!longEnough) {
    SWALLOW_ASSIGN(std::string got, str(wanted, env));
    return exception("AssertionError",
                     "expected length >= " + std::to_string(endLength) +
                         ", got " + got);
  }
  SWALLOW_ASSIGN(bool sane, compare(CompareOp::GreaterEqual, leeway,
                                    Value::integer(0), env));
  if (!sane) {
    SWALLOW_ASSIGN(std::string got, str(leeway, env));
    return exception("AssertionError", "expected leeway >= 0, got " + got);
  }
  SWALLOW_ASSIGN(size_t size, length(input, env));
  SWALLOW_ASSIGN(Value most, binary(BinaryOp::Add, wanted, leeway, env));
  SWALLOW_ASSIGN(bool fits, compare(CompareOp::LessEqual,
                                    Value::integer(static_cast<int64_t>(size)),
                                    most, env));
  if (fits)
    return input;
  SWALLOW_ASSIGN(Value keep, binary(BinaryOp::Subtract, wanted, endSize, env));
  SWALLOW_ASSIGN(Value kept,
                 getSlice(input, Value::none(), keep, Value::none(), env));
  if (!killWords) {
    if (!kept.isString())
      return attributeError("'" + std::string(kept.typeName()) +
                            "' object has no attribute 'rsplit'");
    std::string_view text = kept.text();
    size_t space = text.rfind(' ');
    if (space != std::string_view::npos)
      text = text.substr(0, space);
    kept = likeSelf(kept, std::string(text), env);
  }
  return binary(BinaryOp::Add, kept, end, env);
}

constexpr std::array<NamedFilter, 11> filters = {{
    {"capitalize", capitalizeFilter},
    {"center", center},
    {"format", formatFilter},
    {"lower", lower},
    {"replace", replace},
    {"string", string},
    {"title", title},
    {"trim", trim},
    {"truncate", truncateFilter},
    {"upper", upper},
    {"wordcount", wordCount},
}};

} // namespace

std::span<const NamedFilter> textFilters() { return filters; }

} // namespace swallow::jinja
