//===- LayoutFilters.cpp - filters that lay out text ----------------------===//

#include "runtime/jinja/library/Arguments.h"
#include "runtime/jinja/library/filters/Filters.h"
#include "runtime/jinja/library/format/PrettyPrint.h"
#include "runtime/jinja/library/format/ToJson.h"
#include "runtime/jinja/library/methods/StrSupport.h"
#include "runtime/jinja/library/text/TextWrap.h"
#include "runtime/jinja/value/Operators.h"

#include <array>

namespace swallow::jinja {

namespace {

/// What Python says when it asks a method of something that lacks it.
Error noMethod(const Value &value, std::string_view method) {
  if (value.isUndefined())
    return value.asUndefined().error();
  std::string message = "'";
  message.append(value.typeName()).append("' object has no attribute '");
  return attributeError(message.append(method).append("'"));
}

/// " " * width, or the text that is given instead.
Result<std::string> indentation(const Value &width, Environment &env) {
  if (width.isString())
    return width.text();
  SWALLOW_ASSIGN(
      Value spaces,
      binary(BinaryOp::Multiply, Value::string(" ", &env.budget), width, env));
  return spaces.text();
}

Result<Value> indent(const Value &input, const Arguments &arguments,
                     Environment &env) {
  static const Signature signature("do_indent", 1, 0,
                                   {"width", "first", "blank"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  SWALLOW_ASSIGN(std::string indention,
                 indentation(bound[0] ? *bound[0] : Value::integer(4), env));
  bool first = bound[1] && truth(*bound[1]);
  bool blank = bound[2] && truth(*bound[2]);
  if (!input.isString()) {
    if (input.isUndefined() || input.isList())
      return noMethod(input, "splitlines");
    if (input.isTuple())
      return typeError("can only concatenate tuple (not \"str\") to tuple");
    return typeError("unsupported operand type(s) for +=: '" +
                     std::string(input.typeName()) + "' and 'str'");
  }
  if (input.asString().isSafe())
    indention = argumentText(input, Value::safeString(indention, nullptr));
  std::string text = input.text() + "\n";
  SWALLOW_TRY(env.budget.reserve(text.size()));
  Pieces lines = splitLines(text, false);
  SWALLOW_TRY(env.budget.reserve(lines.size(), indention.size()));
  std::string result = first ? indention : "";
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0)
      result += '\n';
    if (i > 0 && (blank || !lines[i].empty()))
      result += indention;
    result += lines[i];
  }
  return likeSelf(input, std::move(result), env);
}

Result<Value> wordWrap(const Value &input, const Arguments &arguments,
                       Environment &env) {
  static const Signature signature(
      "do_wordwrap", 2, 0,
      {"width", "break_long_words", "wrapstring", "break_on_hyphens"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  Value separator = bound[2] && !bound[2]->isNone()
                        ? *bound[2]
                        : Value::string("\n", nullptr);
  if (!separator.isString())
    return noMethod(separator, "join");
  if (!input.isString())
    return noMethod(input, "splitlines");
  WrapOptions options;
  options.breakLongWords = !bound[1] || truth(*bound[1]);
  options.breakOnHyphens = !bound[3] || truth(*bound[3]);
  Value width = bound[0] ? *bound[0] : Value::integer(79);
  // 40 bytes a character for pieces of one character each.
  SWALLOW_TRY(env.budget.reserve(input.text().size(), 40));
  std::string result;
  bool firstLine = true;
  for (std::string_view line : splitLines(input.text(), false)) {
    if (!std::exchange(firstLine, false))
      result += separator.text();
    SWALLOW_ASSIGN(bool invalid, compare(CompareOp::LessEqual, width,
                                         Value::integer(0), env));
    if (invalid) {
      SWALLOW_ASSIGN(std::string text, repr(width, env));
      return valueError("invalid width " + text + " (must be > 0)");
    }
    options.width = static_cast<int64_t>(std::min(width.asNumber(), 1e15));
    std::string between;
    for (const std::string &piece : wrapText(line, options)) {
      result += between + piece;
      between = separator.text();
      if (result.size() > env.budget.limits().bytes)
        SWALLOW_TRY(env.budget.reserve(result.size()));
    }
  }
  return Value::string(std::move(result), &env.budget);
}

Result<Value> prettyPrintFilter(const Value &input, const Arguments &arguments,
                                Environment &env) {
  static const Signature signature("do_pprint", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  SWALLOW_ASSIGN(std::string text, prettyPrint(input, env));
  return Value::string(std::move(text), &env.budget);
}

Result<std::vector<Value>> unpackSeparators(const Value &separators,
                                            Environment &env) {
  if (!isIterable(separators))
    return typeError("cannot unpack non-iterable " +
                     std::string(separators.typeName()) + " object");
  SWALLOW_ASSIGN(std::vector<Value> parts, toVector(separators, env));
  if (parts.size() > 2)
    return valueError("too many values to unpack (expected 2)");
  if (parts.size() < 2)
    return valueError("not enough values to unpack (expected 2, got " +
                      std::to_string(parts.size()) + ")");
  return parts;
}

Status useSeparators(const std::vector<Value> &parts, JsonOptions &options) {
  for (size_t i = 0; i < 2; ++i) {
    if (!parts[i].isString())
      return typeError("make_encoder() argument " + std::to_string(i + 5) +
                       " must be str, not " + std::string(parts[i].typeName()));
    (i == 0 ? options.itemSeparator : options.keySeparator) = parts[i].text();
  }
  return {};
}

/// transformers' own, which knows json.dumps' options and leaves HTML alone.
Result<Value> toJsonFilter(const Value &input, const Arguments &arguments,
                           Environment &env) {
  static const Signature signature(
      "_cached_compile_jinja_template.<locals>.tojson", 1, 0,
      {"ensure_ascii", "indent", "separators", "sort_keys"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  JsonOptions options;
  options.ensureAscii = bound[0] && truth(*bound[0]);
  options.sortKeys = bound[3] && truth(*bound[3]);
  std::vector<Value> separators;
  if (bound[2] && !bound[2]->isNone()) {
    SWALLOW_ASSIGN(separators, unpackSeparators(*bound[2], env));
  }
  // json.dumps does not look at the rest where all is one string.
  if (!input.isString()) {
    if (bound[1] && !bound[1]->isNone()) {
      SWALLOW_ASSIGN(options.indent, indentation(*bound[1], env));
      options.itemSeparator = ",";
    }
    if (!separators.empty())
      SWALLOW_TRY(useSeparators(separators, options));
  }
  SWALLOW_ASSIGN(std::string text, toJson(input, options, env));
  return Value::string(std::move(text), &env.budget);
}

constexpr std::array<NamedFilter, 4> filters = {{
    {"indent", indent},
    {"pprint", prettyPrintFilter},
    {"tojson", toJsonFilter},
    {"wordwrap", wordWrap},
}};

} // namespace

std::span<const NamedFilter> layoutFilters() { return filters; }

} // namespace swallow::jinja
