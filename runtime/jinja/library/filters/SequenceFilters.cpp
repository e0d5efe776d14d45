//===- SequenceFilters.cpp - filters on what has items --------------------===//

#include "runtime/jinja/library/Arguments.h"
#include "runtime/jinja/library/filters/Filters.h"
#include "runtime/jinja/library/text/Html.h"
#include "runtime/jinja/value/Operators.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace swallow::jinja {

namespace {

Result<Value> lengthFilter(const Value &input, const Arguments &arguments,
                           Environment &env) {
  SWALLOW_TRY(expectInputOnly(arguments, "len"));
  SWALLOW_ASSIGN(size_t size, length(input, env));
  return Value::integer(static_cast<int64_t>(size));
}

Result<Value> first(const Value &input, const Arguments &arguments,
                    Environment &env) {
  static const Signature signature("sync_do_first", 2, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  SWALLOW_ASSIGN(Ref<Iterator> items, iterate(input, env));
  SWALLOW_ASSIGN(std::optional<Value> item, items->next(env));
  return item ? *item
              : Value::undefinedHint("No first item, sequence was empty.",
                                     &env.budget);
}

Result<Value> last(const Value &input, const Arguments &arguments,
                   Environment &env) {
  static const Signature signature("do_last", 2, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  SWALLOW_ASSIGN(Ref<Iterator> items, reversed(input, env));
  SWALLOW_ASSIGN(std::optional<Value> item, items->next(env));
  return item ? *item
              : Value::undefinedHint("No last item, sequence was empty.",
                                     &env.budget);
}

/// One of the items, by the rendering's seed and how many were chosen before.
Result<Value> random(const Value &input, const Arguments &arguments,
                     Environment &env) {
  static const Signature signature("do_random", 2, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  SWALLOW_ASSIGN(size_t size, length(input, env));
  if (size == 0)
    return Value::undefinedHint("No random item, sequence was empty.",
                                &env.budget);
  // SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
  // Generators).
  env.randomSeed += 0x9E3779B97F4A7C15;
  uint64_t bits = env.randomSeed;
  bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
  bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
  bits ^= bits >> 31;
  auto index =
      static_cast<int64_t>((static_cast<unsigned __int128>(bits) * size) >> 64);
  SWALLOW_ASSIGN(Value item, getItem(input, Value::integer(index), env));
  if (item.isUndefined() && input.isDict())
    return keyError(std::to_string(index));
  return item;
}

Result<Value> list(const Value &input, const Arguments &arguments,
                   Environment &env) {
  static const Signature signature("sync_do_list", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  SWALLOW_ASSIGN(std::vector<Value> items, toVector(input, env));
  return Value::list(std::move(items), &env.budget);
}

/// The input's items, or what `attribute` names of them.
Result<std::vector<Value>> itemsOf(const Value &input, const Value *attribute,
                                   Environment &env) {
  SWALLOW_ASSIGN(std::vector<Value> items, toVector(input, env));
  if (!attribute || attribute->isNone())
    return items;
  SWALLOW_ASSIGN(AttributeGetter getter,
                 AttributeGetter::create(*attribute, false, env));
  for (Value &item : items) {
    SWALLOW_ASSIGN(item, getter(item, env));
  }
  return items;
}

bool isSafe(const Value &value) {
  return value.isString() && value.asString().isSafe();
}

Result<Value> join(const Value &input, const Arguments &arguments,
                   Environment &env) {
  static const Signature signature("sync_do_join", 2, 0, {"d", "attribute"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  Value separator = bound[0] ? *bound[0] : Value::string("", &env.budget);
  SWALLOW_ASSIGN(std::vector<Value> items, itemsOf(input, bound[1], env));
  bool safe = env.autoescape &&
              (isSafe(separator) || std::ranges::any_of(items, isSafe));
  if (safe) {
    SWALLOW_ASSIGN(separator, escape(separator, env));
  }
  SWALLOW_ASSIGN(std::string between, str(separator, env));
  std::string result;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0)
      result += between;
    if (safe) {
      SWALLOW_ASSIGN(items[i], escape(items[i], env));
    }
    SWALLOW_TRY(appendStr(result, items[i], env));
    SWALLOW_TRY(env.budget.stepBytes(between.size()));
    if (result.size() > env.budget.limits().bytes)
      SWALLOW_TRY(env.budget.reserve(result.size()));
  }
  SWALLOW_TRY(env.budget.reserve(result.size()));
  return safe ? Value::safeString(std::move(result), &env.budget)
              : Value::string(std::move(result), &env.budget);
}

Result<Value> sum(const Value &input, const Arguments &arguments,
                  Environment &env) {
  static const Signature signature("sync_do_sum", 2, 0, {"attribute", "start"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  SWALLOW_ASSIGN(std::vector<Value> items, itemsOf(input, bound[0], env));
  Value total = bound[1] ? *bound[1] : Value::integer(0);
  if (total.isString())
    return typeError("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value &item : items) {
    SWALLOW_ASSIGN(total, binary(BinaryOp::Add, total, item, env));
  }
  return total;
}

Result<Value> reverse(const Value &input, const Arguments &arguments,
                      Environment &env) {
  static const Signature signature("do_reverse", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  if (input.isString())
    return getSlice(input, Value::none(), Value::none(), Value::integer(-1),
                    env);
  Result<Ref<Iterator>> backwards = reversed(input, env);
  if (backwards)
    return Value::custom(Ref<CustomObject>(backwards->get()));
  if (!isException(backwards.error(), "TypeError"))
    return backwards.error();
  Result<std::vector<Value>> listed = toVector(input, env);
  if (!listed)
    return isException(listed.error(), "TypeError")
               ? filterArgumentError("argument must be iterable")
               : listed.error();
  std::vector<Value> items = std::move(*listed);
  std::ranges::reverse(items);
  return Value::list(std::move(items), &env.budget);
}

Result<Value> items(const Value &input, const Arguments &arguments,
                    Environment &env) {
  static const Signature signature("do_items", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  auto next = [input, place = size_t{0}](
                  Environment &env) mutable -> Result<std::optional<Value>> {
    if (input.isUndefined())
      return std::optional<Value>();
    if (!input.isDict())
      return typeError("Can only get item pairs from a mapping.");
    const auto &entries = input.asDict().entries();
    if (place == entries.size())
      return std::optional<Value>();
    const DictObject::Entry &entry = entries[place++];
    return std::optional<Value>(
        Value::tuple({entry.key, entry.value}, &env.budget));
  };
  return makeGenerator("do_items", input, std::move(next), env);
}

/// What `batch` and `slice` need of a number argument that may be anything.
std::optional<int64_t> wholeNumber(const Value &value) {
  if (value.isIntegral())
    return value.asInt();
  if (value.isFloat() && value.asNumber() == std::trunc(value.asNumber()) &&
      std::fabs(value.asNumber()) < 0x1p53)
    return static_cast<int64_t>(value.asNumber());
  return std::nullopt;
}

/// Adds `fill` up to `size` items.
Status fillRow(std::vector<Value> &row, const Value &fill, const Value &size,
               Environment &env) {
  SWALLOW_ASSIGN(bool shorter,
                 compare(CompareOp::Less,
                         Value::integer(static_cast<int64_t>(row.size())), size,
                         env));
  if (!shorter)
    return {};
  if (!size.isIntegral())
    return typeError("can't multiply sequence by non-int of type '" +
                     std::string(size.typeName()) + "'");
  auto wanted = static_cast<size_t>(size.asInt());
  SWALLOW_TRY(env.budget.reserve(wanted, sizeof(Value)));
  row.resize(wanted, fill);
  return {};
}

Result<Value> batch(const Value &input, const Arguments &arguments,
                    Environment &env) {
  static const Signature signature("do_batch", 1, 1,
                                   {"linecount", "fill_with"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  struct State {
    Value input;
    Value size;
    Value fill;
    Ref<Iterator> items;
    std::optional<Value> ahead; // read, and not yet in a row
    bool done = false;
  };
  State state{input, *bound[0], bound[1] ? *bound[1] : Value::none(),
              {},    {},        false};
  auto next =
      [state](Environment &env) mutable -> Result<std::optional<Value>> {
    if (!state.items) {
      SWALLOW_ASSIGN(state.items, iterate(state.input, env));
    }
    std::optional<int64_t> size = wholeNumber(state.size);
    std::vector<Value> row;
    bool started = state.ahead.has_value();
    if (started)
      row.push_back(std::move(*state.ahead));
    state.ahead.reset();
    while (!state.done) {
      SWALLOW_TRY(env.budget.step());
      SWALLOW_ASSIGN(std::optional<Value> item, state.items->next(env));
      if (!item) {
        state.done = true;
        break;
      }
      // Of no items is the first row, where that is asked for.
      if (size && static_cast<int64_t>(row.size()) == *size) {
        state.ahead = std::move(item);
        return std::optional<Value>(Value::list(std::move(row), &env.budget));
      }
      row.push_back(std::move(*item));
    }
    if (row.empty())
      return std::optional<Value>();
    if (!state.fill.isNone())
      SWALLOW_TRY(fillRow(row, state.fill, state.size, env));
    return std::optional<Value>(Value::list(std::move(row), &env.budget));
  };
  return makeGenerator("do_batch", input, std::move(next), env);
}

Result<Value> slice(const Value &input, const Arguments &arguments,
                    Environment &env) {
  static const Signature signature("sync_do_slice", 1, 1,
                                   {"slices", "fill_with"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  struct State {
    Value input;
    Value slices;
    Value fill;
    bool started = false;
    std::vector<Value> items;
    int64_t done = 0;
  };
  State state{input, *bound[0], bound[1] ? *bound[1] : Value::none(),
              false, {},        0};
  auto next =
      [state](Environment &env) mutable -> Result<std::optional<Value>> {
    if (!state.started) {
      state.started = true;
      SWALLOW_ASSIGN(state.items, toVector(state.input, env));
      SWALLOW_TRY(
          binary(BinaryOp::FloorDivide,
                 Value::integer(static_cast<int64_t>(state.items.size())),
                 state.slices, env));
      SWALLOW_TRY(toIndex(state.slices));
    }
    int64_t count = state.slices.asInt();
    if (state.done >= count)
      return std::optional<Value>();
    auto size = static_cast<int64_t>(state.items.size());
    // The first `longer` slices have one item more.
    int64_t each = size / count;
    int64_t longer = size % count;
    int64_t index = state.done++;
    int64_t start = index * each + std::min(index, longer);
    int64_t end = start + each + (index < longer ? 1 : 0);
    std::vector<Value> part(state.items.begin() + start,
                            state.items.begin() + end);
    if (!state.fill.isNone() && index >= longer)
      part.push_back(state.fill);
    return std::optional<Value>(Value::list(std::move(part), &env.budget));
  };
  return makeGenerator("sync_do_slice", input, std::move(next), env);
}

constexpr std::array<NamedFilter, 12> filters = {{
    {"batch", batch},
    {"count", lengthFilter},
    {"first", first},
    {"items", items},
    {"join", join},
    {"last", last},
    {"length", lengthFilter},
    {"list", list},
    {"random", random},
    {"reverse", reverse},
    {"slice", slice},
    {"sum", sum},
}};

} // namespace

std::span<const NamedFilter> sequenceFilters() { return filters; }

} // namespace swallow::jinja
