//===- Objects.cpp --------------------------------------------------------===//

#include "runtime/jinja/value/Objects.h"

#include "runtime/jinja/value/Environment.h"
#include "runtime/jinja/value/Exceptions.h"
#include "runtime/jinja/value/Numbers.h"
#include "runtime/jinja/value/Operators.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace swallow::jinja {

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

namespace {

/// Kinds that can be equal to each other share a class.
int keyClass(const Value &value) {
  switch (value.kind()) {
  case Kind::None:
    return 0;
  case Kind::Bool:
  case Kind::Int:
  case Kind::Float:
    return 1;
  case Kind::String:
    return 2;
  case Kind::Tuple:
    return 3;
  case Kind::Range:
    return 4;
  case Kind::Undefined:
    return 5;
  default:
    return 6;
  }
}

int compareKeys(const Value &left, const Value &right) {
  int kind = keyClass(left) - keyClass(right);
  if (kind != 0)
    return kind;
  switch (left.kind()) {
  case Kind::None:
  case Kind::Undefined: // all equal
    return 0;
  case Kind::Bool:
  case Kind::Int:
  case Kind::Float:
    // NaN, which == says is not itself, is found again as the same object is
    // in Python.
    switch (compareNumbers(left, right)) {
    case NumberOrder::Less:
      return -1;
    case NumberOrder::Equal:
      return 0;
    case NumberOrder::Greater:
      return 1;
    case NumberOrder::Unordered:
      break;
    }
    return static_cast<int>(isNan(left)) - static_cast<int>(isNan(right));
  case Kind::String:
    return left.text().compare(right.text());
  case Kind::Tuple: {
    const auto &a = left.items();
    const auto &b = right.items();
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
      if (int order = compareKeys(a[i], b[i]))
        return order;
    return a.size() < b.size() ? -1 : a.size() > b.size();
  }
  case Kind::Range: {
    const RangeObject &a = left.asRange();
    const RangeObject &b = right.asRange();
    auto key = [](const RangeObject &range) {
      uint64_t length = range.length();
      return std::array<int64_t, 3>{static_cast<int64_t>(length),
                                    length > 0 ? range.start() : 0,
                                    length > 1 ? range.step() : 0};
    };
    auto order = key(a) <=> key(b);
    return order < 0 ? -1 : order > 0;
  }
  default: {
    std::less<const CustomObject *> less;
    const CustomObject *a = &left.asCustom();
    const CustomObject *b = &right.asCustom();
    return less(a, b) ? -1 : less(b, a);
  }
  }
}

} // namespace

bool KeyOrder::operator()(const Value &left, const Value &right) const {
  return compareKeys(left, right) < 0;
}

Status checkHashable(const Value &key, Budget *budget) {
  if (key.isTuple()) {
    for (const Value &item : key.items()) {
      // Shared tuples can have far more items than there is memory.
      if (budget)
        SWALLOW_TRY(budget->step());
      SWALLOW_TRY(checkHashable(item, budget));
    }
    return {};
  }
  if (key.isList() || key.isDict() ||
      (key.isCustom() && !key.asCustom().isHashable()))
    return typeError("unhashable type: '" + std::string(key.typeName()) + "'");
  return {};
}

//===----------------------------------------------------------------------===//
// Dicts
//===----------------------------------------------------------------------===//

namespace {
/// Up to here a look-up goes through the entries one by one.
constexpr size_t smallDict = 8;
} // namespace

DictObject::DictObject(Budget *budget) : Object(budget) {
  charge(sizeof(*this));
}

const Value *DictObject::find(const Value &key) const {
  if (entries_.size() > smallDict) {
    auto found = index_.find(key);
    return found == index_.end() ? nullptr : &entries_[found->second].value;
  }
  for (const Entry &entry : entries_)
    if (compareKeys(entry.key, key) == 0)
      return &entry.value;
  return nullptr;
}

const Value *DictObject::find(std::string_view key) const {
  if (entries_.size() > smallDict)
    return find(Value::string(std::string(key), nullptr));
  for (const Entry &entry : entries_)
    if (entry.key.isString() && entry.key.text() == key)
      return &entry.value;
  return nullptr;
}

Status DictObject::set(Value key, Value value) {
  SWALLOW_TRY(checkHashable(key, budget()));
  // The maker is the only one to have the object yet.
  if (auto *place = const_cast<Value *>(find(key))) {
    holds(value.depth());
    *place = std::move(value);
    return {};
  }
  append(std::move(key), std::move(value));
  return {};
}

void DictObject::set(std::string_view key, Value value) {
  // A key that is text can be hashed.
  (void)set(Value::string(std::string(key), budget()), std::move(value));
}

void DictObject::append(Value key, Value value) {
  holds(key.depth());
  holds(value.depth());
  entries_.push_back({std::move(key), std::move(value)});
  charge(2 * sizeof(Entry));
  if (entries_.size() <= smallDict)
    return;
  // About what a node of the index weighs.
  charge(96);
  size_t first = entries_.size() == smallDict + 1 ? 0 : entries_.size() - 1;
  for (size_t i = first; i < entries_.size(); ++i)
    index_.emplace(entries_[i].key, i);
}

const Value *Arguments::find(std::string_view name) const {
  for (const NamedValue &argument : named)
    if (argument.name == name)
      return &argument.value;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Custom objects
//===----------------------------------------------------------------------===//

std::string CustomObject::address() const {
  char text[2 + 2 * sizeof(void *) + 1];
  std::snprintf(
      text, sizeof(text), "0x%012llx",
      static_cast<unsigned long long>(reinterpret_cast<uintptr_t>(this)));
  return text;
}

Result<std::string> CustomObject::repr(Environment &env, unsigned depth) const {
  std::string text = "<";
  if (moduleName() != "builtins")
    text.append(moduleName()).append(".");
  return text.append(typeName()).append(" object at ") + address() + ">";
}

Result<std::string> CustomObject::str(Environment &env) const {
  return repr(env, 0);
}

Result<std::optional<size_t>> CustomObject::length(Environment &env) {
  return std::optional<size_t>();
}

Result<std::optional<Value>> CustomObject::attribute(std::string_view name,
                                                     Environment &env) {
  return std::optional<Value>();
}

Result<std::optional<Value>> CustomObject::item(const Value &key,
                                                Environment &env) {
  return std::optional<Value>();
}

Result<Ref<Iterator>> CustomObject::iterate(Environment &env) {
  return typeError("'" + std::string(typeName()) + "' object is not iterable");
}

Result<bool> CustomObject::contains(const Value &item, Environment &env) {
  if (!isIterable())
    return typeError("argument of type '" + std::string(typeName()) +
                     "' is not iterable");
  SWALLOW_ASSIGN(Ref<Iterator> items, iterate(env));
  while (true) {
    SWALLOW_TRY(env.budget.step());
    SWALLOW_ASSIGN(std::optional<Value> next, items->next(env));
    if (!next)
      return false;
    if (next->isSame(item))
      return true;
    SWALLOW_ASSIGN(bool same, equal(*next, item, env));
    if (same)
      return true;
  }
}

Result<std::optional<Ref<Iterator>>> CustomObject::reversed(Environment &env) {
  return std::optional<Ref<Iterator>>();
}

Result<Value> CustomObject::call(const Arguments &arguments, Environment &env) {
  return typeError("'" + std::string(typeName()) + "' object is not callable");
}

Result<bool> CustomObject::equals(const Value &other, Environment &env) {
  return other.isCustom() && &other.asCustom() == this;
}

Result<Ref<Iterator>> Iterator::iterate(Environment &env) {
  return Ref<Iterator>(this);
}

Generator::Generator(std::string_view name, const Value &source, Next next,
                     Budget *budget)
    : Iterator(budget), name_(name), next_(std::move(next)) {
  charge(sizeof(*this));
  holds(source.depth());
}

Result<std::optional<Value>> Generator::next(Environment &env) {
  SWALLOW_TRY(env.budget.step());
  if (!next_)
    return std::optional<Value>();
  Result<std::optional<Value>> value = next_(env);
  if (!value || !*value)
    next_ = nullptr;
  return value;
}

Result<std::string> Generator::repr(Environment &env, unsigned depth) const {
  return "<generator object " + std::string(name_) + " at " + address() + ">";
}

void Generator::clear() { next_ = nullptr; }

Value makeGenerator(std::string_view name, const Value &source,
                    Generator::Next next, Environment &env) {
  return Value::custom(
      makeRef<Generator>(name, source, std::move(next), &env.budget));
}

//===----------------------------------------------------------------------===//
// Namespaces
//===----------------------------------------------------------------------===//

Ref<NamespaceObject> makeNamespace(Environment &env) {
  auto object = makeRef<NamespaceObject>(&env.budget);
  env.adopt(object);
  return object;
}

const Value *NamespaceObject::find(std::string_view name) const {
  for (const NamedValue &entry : entries_)
    if (entry.name == name)
      return &entry.value;
  return nullptr;
}

Status NamespaceObject::set(std::string_view name, Value value) {
  if (name.starts_with('_'))
    return securityError(
        "Chat templates cannot store underscore-prefixed attributes on a "
        "namespace, but got " +
        reprText(name) + ". Please rename the attribute.");
  for (NamedValue &entry : entries_) {
    if (entry.name == name) {
      entry.value = std::move(value);
      return {};
    }
  }
  charge(sizeof(NamedValue) + name.size());
  entries_.push_back({std::string(name), std::move(value)});
  return {};
}

Result<std::optional<Value>> NamespaceObject::attribute(std::string_view name,
                                                        Environment &env) {
  const Value *found = find(name);
  return found ? std::optional<Value>(*found) : std::nullopt;
}

Result<std::string> NamespaceObject::repr(Environment &env,
                                          unsigned depth) const {
  // A namespace may have been assigned to itself: then Python's dict prints
  // as {...}.
  if (printing_)
    return std::string("<Namespace {...}>");
  printing_ = true;
  std::string text = "<Namespace {";
  Status status;
  for (size_t i = 0; i < entries_.size() && status.ok(); ++i) {
    if (i > 0)
      text += ", ";
    text += reprText(entries_[i].name) + ": ";
    Result<std::string> value = jinja::repr(entries_[i].value, env, depth + 1);
    if (value)
      text += *value;
    else
      status = value.error();
  }
  printing_ = false;
  SWALLOW_TRY(status);
  return text + "}>";
}

} // namespace swallow::jinja
