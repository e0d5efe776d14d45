//===- Value.cpp ----------------------------------------------------------===//

#include "runtime/jinja/value/Value.h"

#include "runtime/jinja/value/Exceptions.h"
#include "runtime/jinja/value/Objects.h"
#include "runtime/jinja/value/Operators.h"
#include "runtime/text/Utf8.h"

#include <bit>

namespace swallow::jinja {

void Object::holds(unsigned depth) {
  if (depth < depth_)
    return;
  depth_ = depth + 1;
  if (depth_ > maxValueDepth && budget_)
    budget_->fail(recursionError());
}

Value Value::ofObject(Kind kind, Object *object) {
  return {kind, Bits{.object = object}};
}

Value Value::string(std::string text, Budget *budget) {
  return ofObject(Kind::String,
                  new StringObject(std::move(text), false, budget));
}
Value Value::safeString(std::string text, Budget *budget) {
  return ofObject(Kind::String,
                  new StringObject(std::move(text), true, budget));
}
Value Value::list(std::vector<Value> items, Budget *budget) {
  return ofObject(Kind::List, new SequenceObject(std::move(items), budget));
}
Value Value::tuple(std::vector<Value> items, Budget *budget) {
  return ofObject(Kind::Tuple, new SequenceObject(std::move(items), budget));
}
Value Value::group(Value key, Value items, Budget *budget) {
  auto *object = new SequenceObject({std::move(key), std::move(items)}, budget);
  object->setGroup();
  return ofObject(Kind::Tuple, object);
}
Value Value::dict(const Ref<DictObject> &dict) {
  return ofObject(Kind::Dict, dict.get());
}
Value Value::range(int64_t start, int64_t stop, int64_t step, Budget *budget) {
  return ofObject(Kind::Range, new RangeObject(start, stop, step, budget));
}
Value Value::custom(const Ref<CustomObject> &object) {
  return ofObject(Kind::Custom, object.get());
}
Value Value::undefined(std::string_view name, Budget *budget) {
  return ofObject(
      Kind::Undefined,
      new UndefinedObject(reprText(name) + " is undefined", false, budget));
}
Value Value::undefined(const Value &object, const Value &name, Budget *budget) {
  return ofObject(Kind::Undefined,
                  new UndefinedObject(object.describe(), name, budget));
}
Value Value::undefinedHint(std::string message, Budget *budget, bool unsafe) {
  return ofObject(Kind::Undefined,
                  new UndefinedObject(std::move(message), unsafe, budget));
}

bool Value::isSame(const Value &other) const {
  if (kind_ != other.kind_)
    return false;
  if (isObject())
    return bits_.object == other.bits_.object;
  if (isFloat())
    return std::bit_cast<uint64_t>(bits_.number) ==
           std::bit_cast<uint64_t>(other.bits_.number);
  return isNone() || bits_.integer == other.bits_.integer;
}

std::string_view Value::typeName() const {
  switch (kind_) {
  case Kind::None:
    return "NoneType";
  case Kind::Bool:
    return "bool";
  case Kind::Int:
    return "int";
  case Kind::Float:
    return "float";
  case Kind::Range:
    return "range";
  case Kind::Undefined:
    return "Undefined";
  case Kind::String:
    return asString().isSafe() ? "Markup" : "str";
  case Kind::List:
    return "list";
  case Kind::Tuple:
    return asSequence().isGroup() ? "_GroupTuple" : "tuple";
  case Kind::Dict:
    return "dict";
  case Kind::Custom:
    return asCustom().typeName();
  }
  return {};
}

std::string Value::describe() const {
  if (isNone())
    return "None";
  std::string_view module;
  if (isUndefined())
    module = "jinja2.runtime";
  else if (isString() && asString().isSafe())
    module = "markupsafe";
  else if (isTuple() && asSequence().isGroup())
    module = "jinja2.filters";
  else if (isCustom() && asCustom().moduleName() != "builtins")
    module = asCustom().moduleName();
  std::string text(module);
  if (!module.empty())
    text += '.';
  return text.append(typeName()).append(" object");
}

StringObject::StringObject(std::string text, bool safe, Budget *budget)
    : Object(budget), text_(std::move(text)), safe_(safe) {
  charge(sizeof(*this) + text_.capacity());
}

size_t StringObject::length() const {
  size_t known = length_.load(std::memory_order_relaxed);
  if (known != unknown)
    return known;
  size_t count = 0;
  for (char c : text_)
    count += (c & 0xC0) != 0x80;
  length_.store(count, std::memory_order_relaxed);
  return count;
}

size_t StringObject::offset(size_t index) const {
  assert(index <= length());
  if (isAscii())
    return index;
  size_t byte = 0;
  for (; index > 0; --index)
    byte += utf8Length(text_[byte]);
  return byte;
}

SequenceObject::SequenceObject(std::vector<Value> items, Budget *budget)
    : Object(budget), items_(std::move(items)) {
  charge(sizeof(*this) + items_.capacity() * sizeof(Value));
  for (const Value &item : items_)
    holds(item.depth());
}

RangeObject::RangeObject(int64_t start, int64_t stop, int64_t step,
                         Budget *budget)
    : Object(budget), start_(start), stop_(stop), step_(step) {
  charge(sizeof(*this));
  // The distance of two 64-bit numbers fits the unsigned type.
  uint64_t low = static_cast<uint64_t>(step > 0 ? start : stop);
  uint64_t high = static_cast<uint64_t>(step > 0 ? stop : start);
  uint64_t stride =
      step > 0 ? static_cast<uint64_t>(step) : -static_cast<uint64_t>(step);
  bool empty = step > 0 ? start >= stop : start <= stop;
  length_ = empty ? 0 : (high - low - 1) / stride + 1;
}

int64_t RangeObject::at(uint64_t index) const {
  return static_cast<int64_t>(static_cast<uint64_t>(start_) +
                              index * static_cast<uint64_t>(step_));
}

UndefinedObject::UndefinedObject(std::string objectType, Value name,
                                 Budget *budget)
    : Object(budget), text_(std::move(objectType)), name_(std::move(name)),
      hint_(false) {
  charge(sizeof(*this) + text_.capacity());
  holds(name_.depth());
}

UndefinedObject::UndefinedObject(std::string hint, bool unsafe, Budget *budget)
    : Object(budget), text_(std::move(hint)), hint_(true), unsafe_(unsafe) {
  charge(sizeof(*this) + text_.capacity());
}

Error UndefinedObject::error() const {
  if (hint_)
    return unsafe_ ? securityError(text_) : undefinedError(text_);
  // A key that is printed was made within a budget.
  Environment env;
  Result<std::string> repr = jinja::repr(name_, env);
  std::string name = repr ? *repr : std::string(name_.typeName());
  return undefinedError(name_.isString()
                            ? reprText(text_) + " has no attribute " + name
                            : text_ + " has no element " + name);
}

} // namespace swallow::jinja
