//===- Access.cpp - attributes, subscripts and slices ---------------------===//

#include "runtime/jinja/library/methods/Methods.h"
#include "runtime/jinja/value/Operators.h"
#include "runtime/text/Utf8.h"

#include <algorithm>

namespace swallow::jinja {

namespace {

/// An index from the front, or none where it is out of range.
std::optional<size_t> place(const Value &index, uint64_t size) {
  int64_t i = index.asInt();
  uint64_t place =
      i < 0 ? static_cast<uint64_t>(i) + size : static_cast<uint64_t>(i);
  // A negative one that is too low wraps around to a very large one.
  return place < size ? std::optional<size_t>(place) : std::nullopt;
}

Value characterAt(const Value &text, size_t index, Environment &env) {
  const StringObject &object = text.asString();
  size_t start = object.offset(index);
  std::string character =
      object.text().substr(start, utf8Length(object.text()[start]));
  return object.isSafe() ? Value::safeString(std::move(character), &env.budget)
                         : Value::string(std::move(character), &env.budget);
}

/// `object[key]` of Python, or none where it raises TypeError or LookupError.
Result<std::optional<Value>> subscript(const Value &object, const Value &key,
                                       Environment &env) {
  switch (object.kind()) {
  case Kind::Undefined:
    return object.asUndefined().error();
  case Kind::Dict: {
    if (!checkHashable(key, &env.budget).ok())
      return std::optional<Value>();
    const Value *found = object.asDict().find(key);
    return found ? std::optional<Value>(*found) : std::nullopt;
  }
  case Kind::Custom:
    return object.asCustom().item(key, env);
  case Kind::String:
    SWALLOW_TRY(env.budget.stepBytes(object.text().size()));
    if (key.isIntegral())
      if (auto index = place(key, object.asString().length()))
        return std::optional<Value>(characterAt(object, *index, env));
    return std::optional<Value>();
  case Kind::List:
  case Kind::Tuple:
    if (key.isIntegral())
      if (auto index = place(key, object.items().size()))
        return std::optional<Value>(object.items()[*index]);
    return std::optional<Value>();
  case Kind::Range:
    if (key.isIntegral())
      if (auto index = place(key, object.asRange().length()))
        return std::optional<Value>(
            Value::integer(object.asRange().at(*index)));
    return std::optional<Value>();
  default:
    return std::optional<Value>();
  }
}

Value unsafe(const Value &object, std::string_view name, Environment &env) {
  std::string message = "access to attribute ";
  message += reprText(name);
  message.append(" of '")
      .append(object.typeName())
      .append("' object is unsafe.");
  return Value::undefinedHint(std::move(message), &env.budget, true);
}

/// The attribute as the sandbox lets it through, or none where Python raises
/// AttributeError.
Result<std::optional<Value>>
attribute(const Value &object, std::string_view name, Environment &env) {
  if (hasUnsafeAttribute(object, name))
    return std::optional<Value>(unsafe(object, name, env));
  if (object.isUndefined())
    return object.asUndefined().error();
  if (object.isCustom() && !name.starts_with('_'))
    return object.asCustom().attribute(name, env);
  return findAttribute(object, name, env);
}

} // namespace

Result<Value> getAttribute(const Value &object, std::string_view name,
                           Environment &env) {
  SWALLOW_TRY(env.budget.step());
  SWALLOW_ASSIGN(std::optional<Value> found, attribute(object, name, env));
  if (found)
    return *found;
  if (object.isDict()) {
    if (const Value *item = object.asDict().find(name))
      return *item;
    return Value::undefined(
        object, Value::string(std::string(name), &env.budget), &env.budget);
  }
  Value key = Value::string(std::string(name), &env.budget);
  SWALLOW_ASSIGN(found, subscript(object, key, env));
  if (found)
    return *found;
  return Value::undefined(object, key, &env.budget);
}

Result<Value> getItem(const Value &object, const Value &key, Environment &env) {
  SWALLOW_TRY(env.budget.step());
  SWALLOW_ASSIGN(std::optional<Value> found, subscript(object, key, env));
  if (!found && key.isString()) {
    SWALLOW_ASSIGN(found, attribute(object, key.text(), env));
  }
  if (found)
    return *found;
  return Value::undefined(object, key, &env.budget);
}

Result<std::optional<Value>>
getAttributeOnly(const Value &object, std::string_view name, Environment &env) {
  return attribute(object, name, env);
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

namespace {

/// What slice.indices() gives: `count` items from `start` on.
struct Indices {
  int64_t start;
  int64_t step;
  size_t count;
};

Result<int64_t> bound(const Value &value, int64_t size, int64_t step,
                      int64_t otherwise) {
  if (value.isNone())
    return otherwise;
  if (value.isUndefined() || !value.isIntegral())
    return typeError("slice indices must be integers or None or have an "
                     "__index__ method");
  int64_t index = value.asInt();
  int64_t low = step < 0 ? -1 : 0;
  int64_t high = step < 0 ? size - 1 : size;
  if (index < 0)
    return std::max(index + size, low);
  return std::min(index, high);
}

Result<Indices> indices(int64_t size, const Value &start, const Value &stop,
                        const Value &step) {
  Indices result{0, 1, 0};
  if (!step.isNone()) {
    if (!step.isIntegral())
      return typeError("slice indices must be integers or None or have an "
                       "__index__ method");
    if (step.asInt() == 0)
      return valueError("slice step cannot be zero");
    result.step = std::max(step.asInt(), -INT64_MAX);
  }
  bool back = result.step < 0;
  SWALLOW_ASSIGN(result.start,
                 bound(start, size, result.step, back ? size - 1 : 0));
  SWALLOW_ASSIGN(int64_t end, bound(stop, size, result.step, back ? -1 : size));
  int64_t distance = back ? result.start - end : end - result.start;
  if (distance > 0)
    result.count = static_cast<size_t>(
        (distance - 1) / (back ? -result.step : result.step) + 1);
  return result;
}

Result<Value> sliceText(const StringObject &object, const Indices &slice,
                        Environment &env) {
  const std::string &text = object.text();
  SWALLOW_TRY(env.budget.stepBytes(text.size()));
  std::string result;
  if (slice.count > 0 && slice.step == 1) {
    size_t from = object.offset(static_cast<size_t>(slice.start));
    size_t to = object.offset(static_cast<size_t>(slice.start) + slice.count);
    result = text.substr(from, to - from);
  } else if (slice.count > 0 && object.isAscii()) {
    result.reserve(slice.count);
    for (size_t i = 0; i < slice.count; ++i)
      result += text[static_cast<size_t>(slice.start +
                                         static_cast<int64_t>(i) * slice.step)];
  } else if (slice.count > 0) {
    SWALLOW_TRY(env.budget.reserve(object.length(), sizeof(size_t)));
    std::vector<size_t> starts;
    starts.reserve(object.length());
    for (size_t i = 0; i < text.size(); i += utf8Length(text[i]))
      starts.push_back(i);
    for (size_t i = 0; i < slice.count; ++i) {
      size_t at = starts[static_cast<size_t>(
          slice.start + static_cast<int64_t>(i) * slice.step)];
      result.append(text, at, utf8Length(text[at]));
    }
  }
  return object.isSafe() ? Value::safeString(std::move(result), &env.budget)
                         : Value::string(std::move(result), &env.budget);
}

Result<Value> sliceItems(const Value &sequence, const Indices &slice,
                         Environment &env) {
  SWALLOW_TRY(env.budget.reserve(slice.count, sizeof(Value)));
  std::vector<Value> result;
  result.reserve(slice.count);
  for (size_t i = 0; i < slice.count; ++i)
    result.push_back(sequence.items()[static_cast<size_t>(
        slice.start + static_cast<int64_t>(i) * slice.step)]);
  return sequence.isList() ? Value::list(std::move(result), &env.budget)
                           : Value::tuple(std::move(result), &env.budget);
}

Result<Value> sliceRange(const RangeObject &range, const Value &start,
                         const Value &stop, const Value &step,
                         Environment &env) {
  // Ranges that templates can make are short.
  if (range.length() > INT32_MAX)
    return overflowError("range is too long to be sliced");
  auto size = static_cast<int64_t>(range.length());
  SWALLOW_ASSIGN(Indices slice, indices(size, start, stop, step));
  int64_t end = slice.step < 0 ? -1 : size;
  SWALLOW_ASSIGN(end, bound(stop, size, slice.step, end));
  int64_t newStep, from, to;
  if (__builtin_mul_overflow(range.step(), slice.step, &newStep) ||
      __builtin_mul_overflow(range.step(), slice.start, &from) ||
      __builtin_add_overflow(range.start(), from, &from) ||
      __builtin_mul_overflow(range.step(), end, &to) ||
      __builtin_add_overflow(range.start(), to, &to))
    return overflowError("range is too long to be sliced");
  return Value::range(from, to, newStep, &env.budget);
}

} // namespace

Result<Value> getSlice(const Value &object, const Value &start,
                       const Value &stop, const Value &step, Environment &env) {
  SWALLOW_TRY(env.budget.step());
  switch (object.kind()) {
  case Kind::Undefined:
    return object.asUndefined().error();
  case Kind::String: {
    SWALLOW_TRY(env.budget.stepBytes(object.text().size()));
    auto size = static_cast<int64_t>(object.asString().length());
    SWALLOW_ASSIGN(Indices slice, indices(size, start, stop, step));
    return sliceText(object.asString(), slice, env);
  }
  case Kind::List:
  case Kind::Tuple: {
    auto size = static_cast<int64_t>(object.items().size());
    SWALLOW_ASSIGN(Indices slice, indices(size, start, stop, step));
    return sliceItems(object, slice, env);
  }
  case Kind::Range:
    return sliceRange(object.asRange(), start, stop, step, env);
  case Kind::Dict:
    return typeError("unhashable type: 'slice'");
  default:
    return typeError("'" + std::string(object.typeName()) +
                     "' object is not subscriptable");
  }
}

} // namespace swallow::jinja
