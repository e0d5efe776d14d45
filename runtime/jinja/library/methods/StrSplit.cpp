//===- StrSplit.cpp - str.split, strip, join, partition, ... --------------===//

#include "runtime/jinja/library/methods/StrSupport.h"
#include "runtime/jinja/value/Operators.h"

#include <string>

namespace swallow::jinja {

namespace {

/// Parameters of a method that takes keywords: by place or name.
Result<Bound> bindKeywords(const Arguments &arguments, std::string_view method,
                           std::initializer_list<std::string_view> parameters) {
  size_t most = parameters.size();
  size_t count = arguments.positional.size() + arguments.named.size();
  std::string name(method);
  if (count > most) {
    name += "() takes at most " + std::to_string(most);
    if (arguments.positional.empty())
      name += " keyword";
    return typeError(name + (most == 1 ? " argument (" : " arguments (") +
                     std::to_string(count) + " given)");
  }
  Bound bound{};
  for (size_t i = 0; i < arguments.positional.size(); ++i)
    bound[i] = &arguments.positional[i];
  for (const NamedValue &argument : arguments.named) {
    size_t place = 0;
    while (place < most && parameters.begin()[place] != argument.name)
      ++place;
    if (place == most)
      return typeError("'" + argument.name +
                       "' is an invalid keyword argument for " + name + "()");
    if (bound[place])
      return typeError("argument for " + name + "() given by name ('" +
                       argument.name + "') and position (" +
                       std::to_string(place + 1) + ")");
    bound[place] = &argument.value;
  }
  return bound;
}

template <bool FromEnd>
Result<Value> split(const Value &self, const Arguments &arguments,
                    Environment &env) {
  SWALLOW_ASSIGN(Bound bound,
                 bindKeywords(arguments, FromEnd ? "rsplit" : "split",
                              {"sep", "maxsplit"}));
  int64_t limit = -1;
  if (bound[1]) {
    SWALLOW_ASSIGN(limit, toIndex(*bound[1]));
  }
  const std::string &text = self.text();
  SWALLOW_TRY(env.budget.stepBytes(text.size()));
  if (!bound[0] || bound[0]->isNone())
    return listLikeSelf(self,
                        FromEnd ? splitSpacesFromEnd(text, limit)
                                : splitSpaces(text, limit),
                        env);
  if (!bound[0]->isString())
    return typeError("must be str or None, not " +
                     std::string(bound[0]->typeName()));
  const std::string &separator = bound[0]->text();
  if (separator.empty())
    return valueError("empty separator");
  return listLikeSelf(self,
                      FromEnd ? splitFromEnd(text, separator, limit)
                              : jinja::split(text, separator, limit),
                      env);
}

Result<Value> splitlines(const Value &self, const Arguments &arguments,
                         Environment &env) {
  SWALLOW_ASSIGN(Bound bound,
                 bindKeywords(arguments, "splitlines", {"keepends"}));
  bool keep = false;
  if (bound[0]) {
    SWALLOW_ASSIGN(int64_t flag, toIndex(*bound[0]));
    keep = flag != 0;
  }
  SWALLOW_TRY(env.budget.stepBytes(self.text().size()));
  return listLikeSelf(self, splitLines(self.text(), keep), env);
}

Result<Value> expandtabs(const Value &self, const Arguments &arguments,
                         Environment &env) {
  SWALLOW_ASSIGN(Bound bound,
                 bindKeywords(arguments, "expandtabs", {"tabsize"}));
  int64_t size = 8;
  if (bound[0]) {
    SWALLOW_ASSIGN(size, toIndex(*bound[0]));
  }
  const std::string &text = self.text();
  SWALLOW_TRY(env.budget.stepBytes(text.size()));
  if (size > 0)
    SWALLOW_TRY(
        env.budget.reserve(countOf(text, "\t"), static_cast<size_t>(size)));
  SWALLOW_TRY(env.budget.reserve(text.size()));
  return likeSelf(self, expandTabs(text, size), env);
}

template <bool FromEnd>
Result<Value> partition(const Value &self, const Arguments &arguments,
                        Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "str",
                              FromEnd ? "rpartition" : "partition", 1, 1));
  const Value &separator = arguments.positional[0];
  if (!separator.isString())
    return typeError("must be str, not " + std::string(separator.typeName()));
  if (separator.text().empty())
    return valueError("empty separator");
  const std::string &text = self.text();
  SWALLOW_TRY(env.budget.reserve(text.size()));
  size_t found = FromEnd ? findLast(text, separator.text())
                         : findText(text, separator.text());
  std::string before, middle, after;
  if (found != std::string::npos) {
    before = text.substr(0, found);
    middle = separator.text();
    after = text.substr(found + middle.size());
  } else {
    (FromEnd ? after : before) = text;
  }
  return Value::tuple({likeSelf(self, std::move(before), env),
                       likeSelf(self, std::move(middle), env),
                       likeSelf(self, std::move(after), env)},
                      &env.budget);
}

enum class Side { Both, Left, Right };

template <Side Where>
Result<Value> strip(const Value &self, const Arguments &arguments,
                    Environment &env) {
  constexpr std::string_view method = Where == Side::Left    ? "lstrip"
                                      : Where == Side::Right ? "rstrip"
                                                             : "strip";
  SWALLOW_TRY(expectArguments(arguments, "str", method, 0, 1));
  std::optional<std::string_view> set;
  if (!arguments.positional.empty() && !arguments.positional[0].isNone()) {
    if (!arguments.positional[0].isString())
      return typeError(std::string(method) + " arg must be None or str");
    set = arguments.positional[0].text();
    SWALLOW_TRY(env.budget.reserve(set->size(), sizeof(char32_t)));
  }
  SWALLOW_TRY(env.budget.reserve(self.text().size()));
  return likeSelf(self,
                  std::string(stripText(self.text(), set, Where != Side::Right,
                                        Where != Side::Left)),
                  env);
}

Result<Value> join(const Value &self, const Arguments &arguments,
                   Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "str", "join", 1, 1));
  const Value &argument = arguments.positional[0];
  if (!isIterable(argument))
    return typeError("can only join an iterable");
  SWALLOW_ASSIGN(std::vector<Value> items, toVector(argument, env));
  std::string result;
  for (size_t i = 0; i < items.size(); ++i) {
    const Value &item = items[i];
    if (!item.isString() && !self.asString().isSafe())
      return typeError("sequence item " + std::to_string(i) +
                       ": expected str instance, " +
                       std::string(item.typeName()) + " found");
    if (i > 0)
      result += self.text();
    if (item.isString()) {
      result += argumentText(self, item);
    } else {
      SWALLOW_ASSIGN(std::string text, str(item, env));
      result += argumentText(self, Value::string(std::move(text), nullptr));
    }
    SWALLOW_TRY(env.budget.reserve(self.text().size()));
    if (result.size() > env.budget.limits().bytes)
      SWALLOW_TRY(env.budget.reserve(result.size()));
  }
  SWALLOW_TRY(env.budget.reserve(result.size()));
  return likeSelf(self, std::move(result), env);
}

constexpr std::array<NamedMethod, 10> methods = {{
    {"expandtabs", expandtabs},
    {"join", join},
    {"lstrip", strip<Side::Left>},
    {"partition", partition<false>},
    {"rpartition", partition<true>},
    {"rsplit", split<true>},
    {"rstrip", strip<Side::Right>},
    {"split", split<false>},
    {"splitlines", splitlines},
    {"strip", strip<Side::Both>},
}};

} // namespace

std::span<const NamedMethod> strSplitMethods() { return methods; }

} // namespace swallow::jinja
