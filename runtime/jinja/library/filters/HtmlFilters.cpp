//===- HtmlFilters.cpp - filters for HTML and URLs ------------------------===//

#include "runtime/jinja/library/Arguments.h"
#include "runtime/jinja/library/filters/Filters.h"
#include "runtime/jinja/library/text/Html.h"
#include "runtime/jinja/library/text/Text.h"
#include "runtime/jinja/library/text/Urlize.h"
#include "runtime/jinja/value/Operators.h"

#include <array>
#include <set>

namespace swallow::jinja {

namespace {

Result<Value> escapeFilter(const Value &input, const Arguments &arguments,
                           Environment &env) {
  static const Signature signature("escape", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  return escape(input, env);
}

Result<Value> forceEscape(const Value &input, const Arguments &arguments,
                          Environment &env) {
  static const Signature signature("do_forceescape", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  SWALLOW_ASSIGN(std::string text, str(input, env));
  return escape(Value::string(std::move(text), &env.budget), env);
}

Result<Value> safe(const Value &input, const Arguments &arguments,
                   Environment &env) {
  static const Signature signature("do_mark_safe", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  SWALLOW_ASSIGN(std::string text, str(input, env));
  return Value::safeString(std::move(text), &env.budget);
}

Result<Value> stripTagsFilter(const Value &input, const Arguments &arguments,
                              Environment &env) {
  static const Signature signature("do_striptags", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  SWALLOW_ASSIGN(std::string text, str(input, env));
  SWALLOW_TRY(env.budget.reserve(text.size(), 4));
  return Value::string(stripTags(text), &env.budget);
}

Result<Value> xmlAttributes(const Value &input, const Arguments &arguments,
                            Environment &env) {
  static const Signature signature("do_xmlattr", 2, 0, {"autospace"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  if (input.isUndefined())
    return input.asUndefined().error();
  if (!input.isDict())
    return attributeError("'" + std::string(input.typeName()) +
                          "' object has no attribute 'items'");
  bool autospace = !bound[0] || truth(*bound[0]);
  std::string result;
  for (const DictObject::Entry &entry : input.asDict().entries()) {
    if (entry.value.isNone() || entry.value.isUndefined())
      continue;
    if (!entry.key.isString())
      return typeError("expected string or bytes-like object, got '" +
                       std::string(entry.key.typeName()) + "'");
    if (entry.key.text().find_first_of(" \t\n\v\f\r/>=") != std::string::npos)
      return valueError("Invalid character in attribute name: " +
                        reprText(entry.key.text()));
    if (autospace || !result.empty())
      result += ' ';
    SWALLOW_ASSIGN(Value key, escape(entry.key, env));
    SWALLOW_ASSIGN(Value value, escape(entry.value, env));
    result.append(key.text()).append("=\"");
    result.append(value.text()).append("\"");
    if (result.size() > env.budget.limits().bytes)
      SWALLOW_TRY(env.budget.reserve(result.size()));
  }
  return env.autoescape ? Value::safeString(std::move(result), &env.budget)
                        : Value::string(std::move(result), &env.budget);
}

//===----------------------------------------------------------------------===//
// URLs
//===----------------------------------------------------------------------===//

/// Percent-encodes what is not safe in a path, or in a query where `query`.
Status appendQuoted(std::string &out, const Value &value, bool query,
                    Environment &env) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  SWALLOW_ASSIGN(std::string text, str(value, env));
  SWALLOW_TRY(env.budget.reserve(text.size(), 3));
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    bool plain = (byte >= '0' && byte <= '9') ||
                 ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') ||
                 std::string_view("_.-~").find(c) != std::string_view::npos ||
                 (c == '/' && !query);
    if (plain && byte < 0x80) {
      out += c;
    } else if (c == ' ' && query) {
      out += '+';
    } else {
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 0xF];
    }
  }
  return {};
}

/// The two items of a pair, with the messages of Python's unpacking.
Result<std::vector<Value>> unpackPair(const Value &pair, Environment &env) {
  if (!isIterable(pair))
    return typeError("cannot unpack non-iterable " +
                     std::string(pair.typeName()) + " object");
  SWALLOW_ASSIGN(std::vector<Value> items, toVector(pair, env));
  if (items.size() > 2)
    return valueError("too many values to unpack (expected 2)");
  if (items.size() < 2)
    return valueError("not enough values to unpack (expected 2, got " +
                      std::to_string(items.size()) + ")");
  return items;
}

Result<Value> urlEncode(const Value &input, const Arguments &arguments,
                        Environment &env) {
  static const Signature signature("do_urlencode", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  std::string result;
  if (input.isString() || !isIterable(input)) {
    SWALLOW_TRY(appendQuoted(result, input, false, env));
    return Value::string(std::move(result), &env.budget);
  }
  auto appendPair = [&](const Value &key, const Value &value) -> Status {
    if (!result.empty())
      result += '&';
    SWALLOW_TRY(appendQuoted(result, key, true, env));
    result += '=';
    SWALLOW_TRY(appendQuoted(result, value, true, env));
    return env.budget.reserve(
        result.size() > env.budget.limits().bytes ? result.size() : 0);
  };
  if (input.isDict()) {
    for (const DictObject::Entry &entry : input.asDict().entries())
      SWALLOW_TRY(appendPair(entry.key, entry.value));
  } else {
    SWALLOW_ASSIGN(std::vector<Value> pairs, toVector(input, env));
    for (const Value &pair : pairs) {
      SWALLOW_ASSIGN(std::vector<Value> items, unpackPair(pair, env));
      SWALLOW_TRY(appendPair(items[0], items[1]));
    }
  }
  return Value::string(std::move(result), &env.budget);
}

/// "mailto:", "tel://": two characters or more, a colon, up to two slashes.
bool isSchemePrefix(std::string_view text) {
  size_t colon = text.find(':');
  std::string_view slashes =
      colon == std::string_view::npos ? "" : text.substr(colon + 1);
  return colon != std::string_view::npos &&
         countCharacters(text.substr(0, colon)) >= 2 &&
         isSchemeText(text.substr(0, colon)) &&
         (slashes.empty() || slashes == "/" || slashes == "//");
}

/// The first `limit` characters and an ellipsis, where there are more.
Result<std::string> shortenUrl(const std::string &url, const Value &limit,
                               Environment &env) {
  if (limit.isNone())
    return url;
  Value text = Value::string(url, &env.budget);
  auto size = static_cast<int64_t>(text.asString().length());
  SWALLOW_ASSIGN(bool tooLong,
                 compare(CompareOp::Greater, Value::integer(size), limit, env));
  if (!tooLong)
    return url;
  SWALLOW_ASSIGN(Value shown,
                 getSlice(text, Value::none(), limit, Value::none(), env));
  return shown.text() + "...";
}

Result<Value> urlizeFilter(const Value &input, const Arguments &arguments,
                           Environment &env) {
  static const Signature signature(
      "do_urlize", 2, 0,
      {"trim_url_limit", "nofollow", "target", "rel", "extra_schemes"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  UrlizeOptions options;
  Value limit = bound[0] ? *bound[0] : Value::none();
  options.shorten = [&](const std::string &url) {
    return shortenUrl(url, limit, env);
  };
  std::set<std::string> rel = {"noopener"};
  if (bound[1] && truth(*bound[1]))
    rel.insert("nofollow");
  if (bound[3] && truth(*bound[3])) {
    if (!bound[3]->isString())
      return attributeError("'" + std::string(bound[3]->typeName()) +
                            "' object has no attribute 'split'");
    for (std::string_view part : splitSpaces(bound[3]->text(), -1))
      rel.emplace(part);
  }
  for (const std::string &part : rel)
    options.rel += (options.rel.empty() ? "" : " ") + part;
  if (bound[2] && truth(*bound[2])) {
    SWALLOW_ASSIGN(options.target, str(*bound[2], env));
  }
  if (bound[4] && !bound[4]->isNone()) {
    SWALLOW_ASSIGN(std::vector<Value> schemes, toVector(*bound[4], env));
    for (const Value &scheme : schemes) {
      if (!scheme.isString())
        return typeError("expected string or bytes-like object, got '" +
                         std::string(scheme.typeName()) + "'");
      if (!isSchemePrefix(scheme.text()))
        return filterArgumentError(reprText(scheme.text()) +
                                   " is not a valid URI scheme prefix.");
      options.extraSchemes.push_back(scheme.text());
    }
  }
  SWALLOW_ASSIGN(Value text, escape(input, env));
  SWALLOW_ASSIGN(std::string result, urlize(text.text(), options, env.budget));
  return env.autoescape ? Value::safeString(std::move(result), &env.budget)
                        : Value::string(std::move(result), &env.budget);
}

constexpr std::array<NamedFilter, 8> filters = {{
    {"e", escapeFilter},
    {"escape", escapeFilter},
    {"forceescape", forceEscape},
    {"safe", safe},
    {"striptags", stripTagsFilter},
    {"urlencode", urlEncode},
    {"urlize", urlizeFilter},
    {"xmlattr", xmlAttributes},
}};

} // namespace

std::span<const NamedFilter> htmlFilters() { return filters; }

} // namespace swallow::jinja
