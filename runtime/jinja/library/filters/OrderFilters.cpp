//===- OrderFilters.cpp - filters that compare items ----------------------===//

#include "runtime/jinja/library/Arguments.h"
#include "runtime/jinja/library/filters/Filters.h"
#include "runtime/jinja/library/text/Text.h"
#include "runtime/jinja/value/Operators.h"

#include <array>
#include <set>

namespace swallow::jinja {

namespace {

bool flag(const Value *argument) { return argument && truth(*argument); }

Value orNone(const Value *argument) {
  return argument ? *argument : Value::none();
}

/// The list of what each of the comma-separated attributes names.
Result<std::vector<Value>> sortKeys(const std::vector<Value> &items,
                                    const Value &attribute, bool ignoreCase,
                                    Environment &env) {
  std::vector<AttributeGetter> getters;
  std::vector<Value> parts;
  if (attribute.isString())
    for (std::string_view part : split(attribute.text(), ",", -1))
      parts.push_back(Value::string(std::string(part), &env.budget));
  else
    parts.push_back(attribute);
  for (const Value &part : parts) {
    SWALLOW_ASSIGN(AttributeGetter getter,
                   AttributeGetter::create(part, ignoreCase, env));
    getters.push_back(std::move(getter));
  }
  std::vector<Value> keys;
  keys.reserve(items.size());
  for (const Value &item : items) {
    std::vector<Value> key;
    for (const AttributeGetter &getter : getters) {
      SWALLOW_ASSIGN(Value value, getter(item, env));
      key.push_back(std::move(value));
    }
    keys.push_back(Value::list(std::move(key), &env.budget));
  }
  return keys;
}

Result<Value> sort(const Value &input, const Arguments &arguments,
                   Environment &env) {
  static const Signature signature("do_sort", 2, 0,
                                   {"reverse", "case_sensitive", "attribute"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  SWALLOW_ASSIGN(std::vector<Value> items, toVector(input, env));
  SWALLOW_ASSIGN(std::vector<Value> keys,
                 sortKeys(items, orNone(bound[2]), !flag(bound[1]), env));
  // sorted(reverse=...) takes an int.
  bool reverse = false;
  if (bound[0]) {
    SWALLOW_ASSIGN(int64_t number, toIndex(*bound[0]));
    reverse = number != 0;
  }
  SWALLOW_TRY(sortBy(items, keys, reverse, env));
  return Value::list(std::move(items), &env.budget);
}

Result<Value> dictSort(const Value &input, const Arguments &arguments,
                       Environment &env) {
  static const Signature signature("do_dictsort", 1, 0,
                                   {"case_sensitive", "by", "reverse"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  std::string_view by = "key";
  if (bound[1])
    by = bound[1]->isString() ? std::string_view(bound[1]->text()) : "";
  if (by != "key" && by != "value")
    return filterArgumentError(
        "You can only sort by either \"key\" or \"value\"");
  if (input.isUndefined())
    return input.asUndefined().error();
  if (!input.isDict())
    return attributeError("'" + std::string(input.typeName()) +
                          "' object has no attribute 'items'");
  std::vector<Value> pairs;
  std::vector<Value> keys;
  for (const DictObject::Entry &entry : input.asDict().entries()) {
    SWALLOW_TRY(env.budget.step());
    pairs.push_back(Value::tuple({entry.key, entry.value}, &env.budget));
    Value key = by == "key" ? entry.key : entry.value;
    if (!flag(bound[0])) {
      SWALLOW_ASSIGN(key, foldCase(key, env));
    }
    keys.push_back(std::move(key));
  }
  bool reverse = false;
  if (bound[2]) {
    SWALLOW_ASSIGN(int64_t number, toIndex(*bound[2]));
    reverse = number != 0;
  }
  SWALLOW_TRY(sortBy(pairs, keys, reverse, env));
  return Value::list(std::move(pairs), &env.budget);
}

Result<Value> groupBy(const Value &input, const Arguments &arguments,
                      Environment &env) {
  static const Signature signature("sync_do_groupby", 2, 1,
                                   {"attribute", "default", "case_sensitive"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  bool ignoreCase = !flag(bound[2]);
  SWALLOW_ASSIGN(AttributeGetter keyOf,
                 AttributeGetter::create(*bound[0], ignoreCase, env));
  SWALLOW_ASSIGN(AttributeGetter nameOf,
                 AttributeGetter::create(*bound[0], false, env));
  keyOf.setDefault(orNone(bound[1]));
  nameOf.setDefault(orNone(bound[1]));
  SWALLOW_ASSIGN(std::vector<Value> items, toVector(input, env));
  std::vector<Value> keys;
  for (const Value &item : items) {
    SWALLOW_ASSIGN(Value key, keyOf(item, env));
    keys.push_back(std::move(key));
  }
  SWALLOW_TRY(sortBy(items, keys, false, env));
  std::vector<Value> groups;
  for (size_t start = 0; start < items.size();) {
    SWALLOW_ASSIGN(Value key, keyOf(items[start], env));
    size_t end = start + 1;
    for (; end < items.size(); ++end) {
      SWALLOW_ASSIGN(Value other, keyOf(items[end], env));
      SWALLOW_ASSIGN(bool same, equal(key, other, env));
      if (!same)
        break;
    }
    SWALLOW_ASSIGN(Value name, nameOf(items[start], env));
    std::vector<Value> members(items.begin() + static_cast<long>(start),
                               items.begin() + static_cast<long>(end));
    groups.push_back(Value::group(std::move(name),
                                  Value::list(std::move(members), &env.budget),
                                  &env.budget));
    start = end;
  }
  return Value::list(std::move(groups), &env.budget);
}

Result<Value> extreme(const Value &input, const Arguments &arguments,
                      CompareOp better, const Signature &signature,
                      Environment &env) {
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  SWALLOW_ASSIGN(Ref<Iterator> items, iterate(input, env));
  SWALLOW_ASSIGN(std::optional<Value> best, items->next(env));
  if (!best)
    return Value::undefinedHint("No aggregated item, sequence was empty.",
                                &env.budget);
  SWALLOW_ASSIGN(
      AttributeGetter keyOf,
      AttributeGetter::create(orNone(bound[1]), !flag(bound[0]), env));
  SWALLOW_ASSIGN(Value bestKey, keyOf(*best, env));
  while (true) {
    SWALLOW_TRY(env.budget.step());
    SWALLOW_ASSIGN(std::optional<Value> item, items->next(env));
    if (!item)
      return *best;
    SWALLOW_ASSIGN(Value key, keyOf(*item, env));
    SWALLOW_ASSIGN(bool wins, compare(better, key, bestKey, env));
    if (wins) {
      best = std::move(item);
      bestKey = std::move(key);
    }
  }
}

Result<Value> minimum(const Value &input, const Arguments &arguments,
                      Environment &env) {
  static const Signature signature("do_min", 2, 0,
                                   {"case_sensitive", "attribute"});
  return extreme(input, arguments, CompareOp::Less, signature, env);
}

Result<Value> maximum(const Value &input, const Arguments &arguments,
                      Environment &env) {
  static const Signature signature("do_max", 2, 0,
                                   {"case_sensitive", "attribute"});
  return extreme(input, arguments, CompareOp::Greater, signature, env);
}

Result<Value> unique(const Value &input, const Arguments &arguments,
                     Environment &env) {
  static const Signature signature("sync_do_unique", 2, 0,
                                   {"case_sensitive", "attribute"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  struct State {
    Value input;
    Value attribute;
    bool ignoreCase;
    AttributeGetter keyOf;
    Ref<Iterator> items;
    std::set<Value, KeyOrder> seen;
  };
  State state{input, orNone(bound[1]), !flag(bound[0]), {}, {}, {}};
  auto next =
      [state](Environment &env) mutable -> Result<std::optional<Value>> {
    if (!state.items) {
      SWALLOW_ASSIGN(state.keyOf, AttributeGetter::create(
                                      state.attribute, state.ignoreCase, env));
      SWALLOW_ASSIGN(state.items, iterate(state.input, env));
    }
    while (true) {
      SWALLOW_TRY(env.budget.step());
      SWALLOW_ASSIGN(std::optional<Value> item, state.items->next(env));
      if (!item)
        return std::optional<Value>();
      SWALLOW_ASSIGN(Value key, state.keyOf(*item, env));
      SWALLOW_TRY(checkHashable(key, &env.budget));
      if (state.seen.insert(std::move(key)).second)
        return item;
    }
  };
  return makeGenerator("sync_do_unique", input, std::move(next), env);
}

constexpr std::array<NamedFilter, 6> filters = {{
    {"dictsort", dictSort},
    {"groupby", groupBy},
    {"max", maximum},
    {"min", minimum},
    {"sort", sort},
    {"unique", unique},
}};

} // namespace

std::span<const NamedFilter> orderFilters() { return filters; }

} // namespace swallow::jinja
