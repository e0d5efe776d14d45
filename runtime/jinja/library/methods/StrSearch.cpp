//===- StrSearch.cpp - str.find, count, startswith, replace, ... ----------===//

#include "runtime/jinja/library/methods/StrSupport.h"

#include <algorithm>
#include <string>

namespace swallow::jinja {

namespace {

/// The part of a text that `start` and `end` arguments choose, or none where
/// start lies beyond end.
struct Window {
  std::string_view text;
  size_t firstCharacter = 0;
};

Result<int64_t> boundOf(const Arguments &arguments, size_t index, int64_t size,
                        int64_t otherwise) {
  if (index >= arguments.positional.size() ||
      arguments.positional[index].isNone())
    return otherwise;
  const Value &value = arguments.positional[index];
  if (!value.isIntegral())
    return typeError("slice indices must be integers or None or have an "
                     "__index__ method");
  int64_t bound = value.asInt();
  return bound < 0 ? std::max<int64_t>(bound + size, 0) : bound;
}

Result<std::optional<Window>>
windowOf(const Value &self, const Arguments &arguments, Environment &env) {
  SWALLOW_TRY(env.budget.stepBytes(self.text().size()));
  const StringObject &object = self.asString();
  auto size = static_cast<int64_t>(object.length());
  SWALLOW_ASSIGN(int64_t start, boundOf(arguments, 1, size, 0));
  SWALLOW_ASSIGN(int64_t end, boundOf(arguments, 2, size, size));
  end = std::min(end, size);
  if (start > end)
    return std::optional<Window>();
  auto first = static_cast<size_t>(start);
  size_t from = object.offset(first);
  size_t to = object.offset(static_cast<size_t>(end));
  return std::optional<Window>(
      Window{std::string_view(object.text()).substr(from, to - from), first});
}

Status checkCount(std::string_view method, const Arguments &arguments) {
  SWALLOW_TRY(refuseKeywords(arguments, "", method));
  size_t count = arguments.positional.size();
  if (count >= 1 && count <= 3)
    return {};
  return typeError(std::string(method) + "() takes at " +
                   (count < 1 ? "least 1 argument (" : "most 3 arguments (") +
                   std::to_string(count) + " given)");
}

Result<std::optional<size_t>> search(std::string_view method, bool last,
                                     const Value &self,
                                     const Arguments &arguments,
                                     Environment &env) {
  SWALLOW_TRY(checkCount(method, arguments));
  SWALLOW_ASSIGN(std::optional<Window> window, windowOf(self, arguments, env));
  const Value &part = arguments.positional[0];
  if (!part.isString())
    return typeError("must be str, not " + std::string(part.typeName()));
  if (!window)
    return std::optional<size_t>();
  size_t found = last ? findLast(window->text, part.text())
                      : findText(window->text, part.text());
  if (found == std::string_view::npos)
    return std::optional<size_t>();
  return std::optional<size_t>(window->firstCharacter +
                               countCharacters(window->text.substr(0, found)));
}

template <bool Last>
Result<Value> find(const Value &self, const Arguments &arguments,
                   Environment &env) {
  SWALLOW_ASSIGN(std::optional<size_t> found,
                 search(Last ? "rfind" : "find", Last, self, arguments, env));
  return Value::integer(found ? static_cast<int64_t>(*found) : -1);
}

template <bool Last>
Result<Value> index(const Value &self, const Arguments &arguments,
                    Environment &env) {
  SWALLOW_ASSIGN(std::optional<size_t> found,
                 search(Last ? "rindex" : "index", Last, self, arguments, env));
  if (!found)
    return valueError("substring not found");
  return Value::integer(static_cast<int64_t>(*found));
}

Result<Value> count(const Value &self, const Arguments &arguments,
                    Environment &env) {
  SWALLOW_TRY(checkCount("count", arguments));
  SWALLOW_ASSIGN(std::optional<Window> window, windowOf(self, arguments, env));
  const Value &part = arguments.positional[0];
  if (!part.isString())
    return typeError("must be str, not " + std::string(part.typeName()));
  size_t found = window ? countOf(window->text, part.text()) : 0;
  return Value::integer(static_cast<int64_t>(found));
}

template <bool AtEnd>
Result<Value> affix(const Value &self, const Arguments &arguments,
                    Environment &env) {
  constexpr std::string_view method = AtEnd ? "endswith" : "startswith";
  SWALLOW_TRY(checkCount(method, arguments));
  SWALLOW_ASSIGN(std::optional<Window> window, windowOf(self, arguments, env));
  auto matches = [&](const Value &part) {
    return window && (AtEnd ? window->text.ends_with(part.text())
                            : window->text.starts_with(part.text()));
  };
  const Value &wanted = arguments.positional[0];
  if (wanted.isString())
    return Value::boolean(matches(wanted));
  if (!wanted.isTuple())
    return typeError(std::string(method) +
                     " first arg must be str or a tuple of str, not " +
                     std::string(wanted.typeName()));
  for (const Value &part : wanted.items()) {
    if (!part.isString())
      return typeError("tuple for " + std::string(method) +
                       " must only contain str, not " +
                       std::string(part.typeName()));
    SWALLOW_TRY(env.budget.stepBytes(part.text().size()));
    if (matches(part))
      return Value::boolean(true);
  }
  return Value::boolean(false);
}

Result<Value> replace(const Value &self, const Arguments &arguments,
                      Environment &env) {
  const std::vector<Value> &given = arguments.positional;
  // Markup's replace is written in Python and knows the name of its count.
  bool named = self.asString().isSafe() && given.size() == 2 &&
               arguments.named.size() == 1 &&
               arguments.named[0].name == "count";
  if (!named)
    SWALLOW_TRY(expectArguments(arguments, "str", "replace", 2, 3));
  for (size_t i = 0; i < 2; ++i)
    if (!given[i].isString())
      return typeError("replace() argument " + std::to_string(i + 1) +
                       " must be str, not " + std::string(given[i].typeName()));
  int64_t limit = -1;
  if (given.size() > 2 || named) {
    SWALLOW_ASSIGN(limit, toIndex(named ? arguments.named[0].value : given[2]));
  }
  const std::string &text = self.text();
  const std::string &from = given[0].text();
  std::string to = argumentText(self, given[1]);
  SWALLOW_TRY(env.budget.stepBytes(text.size()));
  size_t count = replacements(text, from, limit);
  SWALLOW_TRY(env.budget.reserve(count, to.size()));
  SWALLOW_TRY(env.budget.reserve(text.size()));
  return likeSelf(self, replaceText(text, from, to, limit), env);
}

template <bool AtEnd>
Result<Value> removeAffix(const Value &self, const Arguments &arguments,
                          Environment &env) {
  constexpr std::string_view method = AtEnd ? "removesuffix" : "removeprefix";
  SWALLOW_TRY(expectArguments(arguments, "str", method, 1, 1));
  const Value &affix = arguments.positional[0];
  if (!affix.isString())
    return typeError(std::string(method) + "() argument must be str, not " +
                     std::string(affix.typeName()));
  SWALLOW_TRY(env.budget.reserve(self.text().size()));
  std::string_view text = self.text();
  if (AtEnd && text.ends_with(affix.text()))
    text.remove_suffix(affix.text().size());
  else if (!AtEnd && text.starts_with(affix.text()))
    text.remove_prefix(affix.text().size());
  return likeSelf(self, std::string(text), env);
}

constexpr std::array<NamedMethod, 10> methods = {{
    {"count", count},
    {"endswith", affix<true>},
    {"find", find<false>},
    {"index", index<false>},
    {"removeprefix", removeAffix<false>},
    {"removesuffix", removeAffix<true>},
    {"replace", replace},
    {"rfind", find<true>},
    {"rindex", index<true>},
    {"startswith", affix<false>},
}};

} // namespace

std::span<const NamedMethod> strSearchMethods() { return methods; }

} // namespace swallow::jinja
