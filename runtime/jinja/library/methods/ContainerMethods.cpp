//===- ContainerMethods.cpp - methods of list, tuple, dict and range ------===//

#include "runtime/jinja/library/Arguments.h"
#include "runtime/jinja/library/methods/Methods.h"
#include "runtime/jinja/value/Operators.h"

#include <algorithm>

namespace swallow::jinja {

namespace {

//===----------------------------------------------------------------------===//
// list and tuple
//===----------------------------------------------------------------------===//

std::string_view typeOf(const Value &self) {
  return self.isTuple() ? "tuple" : self.typeName();
}

Result<bool> matches(const Value &candidate, const Value &wanted,
                     Environment &env) {
  if (candidate.isSame(wanted))
    return true;
  return equal(candidate, wanted, env);
}

Result<Value> countItems(const Value &self, const Arguments &arguments,
                         Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, typeOf(self), "count", 1, 1));
  int64_t count = 0;
  for (const Value &item : self.items()) {
    SWALLOW_ASSIGN(bool same, matches(item, arguments.positional[0], env));
    count += same;
  }
  return Value::integer(count);
}

Result<size_t> indexBound(const Arguments &arguments, size_t place, size_t size,
                          size_t otherwise) {
  if (arguments.positional.size() <= place)
    return otherwise;
  const Value &value = arguments.positional[place];
  if (!value.isIntegral())
    return typeError(
        "slice indices must be integers or have an __index__ method");
  int64_t bound = value.asInt();
  if (bound < 0)
    bound = std::max<int64_t>(bound + static_cast<int64_t>(size), 0);
  return std::min(static_cast<size_t>(bound), size);
}

Result<Value> indexOfItem(const Value &self, const Arguments &arguments,
                          Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, typeOf(self), "index", 1, 3));
  const std::vector<Value> &items = self.items();
  SWALLOW_ASSIGN(size_t start, indexBound(arguments, 1, items.size(), 0));
  SWALLOW_ASSIGN(size_t end,
                 indexBound(arguments, 2, items.size(), items.size()));
  const Value &wanted = arguments.positional[0];
  for (size_t i = start; i < end; ++i) {
    SWALLOW_ASSIGN(bool same, matches(items[i], wanted, env));
    if (same)
      return Value::integer(static_cast<int64_t>(i));
  }
  if (self.isTuple())
    return valueError("tuple.index(x): x not in tuple");
  SWALLOW_ASSIGN(std::string text, repr(wanted, env));
  return valueError(text + " is not in list");
}

Result<Value> copyList(const Value &self, const Arguments &arguments,
                       Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "list", "copy", 0, 0));
  SWALLOW_TRY(env.budget.reserve(self.items().size(), sizeof(Value)));
  return Value::list(self.items(), &env.budget);
}

//===----------------------------------------------------------------------===//
// dict
//===----------------------------------------------------------------------===//

Value partOf(const DictObject::Entry &entry, DictPart part, Environment &env) {
  switch (part) {
  case DictPart::Keys:
    return entry.key;
  case DictPart::Values:
    return entry.value;
  case DictPart::Items:
    break;
  }
  return Value::tuple({entry.key, entry.value}, &env.budget);
}

class DictViewIterator final : public Iterator {
public:
  DictViewIterator(const Value &dict, DictPart part, bool backwards,
                   Budget *budget)
      : Iterator(budget), dict_(dict), part_(part), backwards_(backwards) {
    charge(sizeof(*this));
    holds(dict.depth() + 1);
  }
  std::string_view typeName() const override {
    switch (part_) {
    case DictPart::Keys:
      return backwards_ ? "dict_reversekeyiterator" : "dict_keyiterator";
    case DictPart::Values:
      return backwards_ ? "dict_reversevalueiterator" : "dict_valueiterator";
    case DictPart::Items:
      break;
    }
    return backwards_ ? "dict_reverseitemiterator" : "dict_itemiterator";
  }
  Result<std::optional<Value>> next(Environment &env) override {
    SWALLOW_TRY(env.budget.step());
    const auto &entries = dict_.asDict().entries();
    if (done_ == entries.size())
      return std::optional<Value>();
    size_t index = backwards_ ? entries.size() - 1 - done_ : done_;
    ++done_;
    return std::optional<Value>(partOf(entries[index], part_, env));
  }

private:
  Value dict_;
  DictPart part_;
  bool backwards_;
  size_t done_ = 0;
};

class DictView final : public CustomObject {
public:
  DictView(const Value &dict, DictPart part, Budget *budget)
      : CustomObject(budget), dict_(dict), part_(part) {
    charge(sizeof(*this));
    holds(dict.depth() + 1);
  }
  std::string_view typeName() const override {
    switch (part_) {
    case DictPart::Keys:
      return "dict_keys";
    case DictPart::Values:
      return "dict_values";
    case DictPart::Items:
      break;
    }
    return "dict_items";
  }
  Result<std::string> repr(Environment &env, unsigned depth) const override {
    std::vector<Value> items;
    for (const DictObject::Entry &entry : dict_.asDict().entries())
      items.push_back(partOf(entry, part_, env));
    SWALLOW_ASSIGN(
        std::string text,
        jinja::repr(Value::list(std::move(items), &env.budget), env, depth));
    return std::string(typeName()) + "(" + text + ")";
  }
  bool truth() const override { return dict_.asDict().size() > 0; }
  Result<std::optional<size_t>> length(Environment &env) override {
    return std::optional<size_t>(dict_.asDict().size());
  }
  bool isIterable() const override { return true; }
  Result<Ref<Iterator>> iterate(Environment &env) override {
    return Ref<Iterator>(
        new DictViewIterator(dict_, part_, false, &env.budget));
  }
  Result<std::optional<Ref<Iterator>>> reversed(Environment &env) override {
    return std::optional<Ref<Iterator>>(
        Ref<Iterator>(new DictViewIterator(dict_, part_, true, &env.budget)));
  }
  Result<bool> contains(const Value &item, Environment &env) override {
    if (part_ == DictPart::Values)
      return CustomObject::contains(item, env);
    if (part_ == DictPart::Keys)
      return jinja::contains(dict_, item, env);
    if (!item.isTuple() || item.items().size() != 2)
      return false;
    SWALLOW_TRY(checkHashable(item.items()[0], &env.budget));
    const Value *found = dict_.asDict().find(item.items()[0]);
    if (!found)
      return false;
    return matches(*found, item.items()[1], env);
  }
  /// Keys and items compare as sets.
  Result<bool> equals(const Value &other, Environment &env) override {
    auto *view = other.as<DictView>();
    if (view == this)
      return true;
    if (!view || part_ == DictPart::Values || view->part_ == DictPart::Values ||
        dict_.asDict().size() != view->dict_.asDict().size())
      return false;
    for (const DictObject::Entry &entry : dict_.asDict().entries()) {
      SWALLOW_ASSIGN(bool found,
                     view->contains(partOf(entry, part_, env), env));
      if (!found)
        return false;
    }
    return true;
  }
  bool isHashable() const override { return part_ == DictPart::Values; }

private:
  Value dict_;
  DictPart part_;
};

template <DictPart Part>
Result<Value> viewOf(const Value &self, const Arguments &arguments,
                     Environment &env) {
  constexpr std::string_view method = Part == DictPart::Keys     ? "keys"
                                      : Part == DictPart::Values ? "values"
                                                                 : "items";
  SWALLOW_TRY(expectArguments(arguments, "dict", method, 0, 0));
  return makeDictView(self, Part, env);
}

Result<Value> get(const Value &self, const Arguments &arguments,
                  Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "dict", "get", 1, 2));
  const Value &key = arguments.positional[0];
  SWALLOW_TRY(checkHashable(key, &env.budget));
  if (const Value *found = self.asDict().find(key))
    return *found;
  return arguments.positional.size() > 1 ? arguments.positional[1]
                                         : Value::none();
}

Result<Value> copyDict(const Value &self, const Arguments &arguments,
                       Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "dict", "copy", 0, 0));
  auto copy = makeRef<DictObject>(&env.budget);
  for (const DictObject::Entry &entry : self.asDict().entries()) {
    SWALLOW_TRY(env.budget.step());
    SWALLOW_TRY(copy->set(entry.key, entry.value));
  }
  return Value::dict(copy);
}

Result<Value> fromKeys(const Value &self, const Arguments &arguments,
                       Environment &env) {
  return dictFromKeys(arguments, env);
}

//===----------------------------------------------------------------------===//
// range
//===----------------------------------------------------------------------===//

Result<Value> countInRange(const Value &self, const Arguments &arguments,
                           Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "range", "count", 1, 1));
  SWALLOW_ASSIGN(bool found, contains(self, arguments.positional[0], env));
  return Value::integer(found ? 1 : 0);
}

Result<Value> indexInRange(const Value &self, const Arguments &arguments,
                           Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "range", "index", 1, 1));
  const Value &wanted = arguments.positional[0];
  SWALLOW_ASSIGN(bool found, contains(self, wanted, env));
  if (!found && !wanted.isIntegral())
    return valueError("sequence.index(x): x not in sequence");
  if (!found) {
    SWALLOW_ASSIGN(std::string text, repr(wanted, env));
    return valueError(text + " is not in range");
  }
  const RangeObject &range = self.asRange();
  // What is in the range is a whole number.
  auto value = static_cast<int64_t>(wanted.asNumber());
  if (wanted.isIntegral())
    value = wanted.asInt();
  return Value::integer((value - range.start()) / range.step());
}

constexpr std::array<NamedMethod, 3> ofList = {
    {{"copy", copyList}, {"count", countItems}, {"index", indexOfItem}}};
constexpr std::array<NamedMethod, 2> ofTuple = {
    {{"count", countItems}, {"index", indexOfItem}}};
constexpr std::array<NamedMethod, 6> ofDict = {
    {{"items", viewOf<DictPart::Items>},
     {"keys", viewOf<DictPart::Keys>},
     {"values", viewOf<DictPart::Values>},
     {"get", get},
     {"copy", copyDict},
     {"fromkeys", fromKeys}}};
constexpr std::array<NamedMethod, 2> ofRange = {
    {{"count", countInRange}, {"index", indexInRange}}};

} // namespace

Value makeDictView(const Value &dict, DictPart part, Environment &env) {
  return Value::custom(
      Ref<CustomObject>(new DictView(dict, part, &env.budget)));
}

Result<Value> dictFromKeys(const Arguments &arguments, Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "dict", "fromkeys", 1, 2));
  SWALLOW_ASSIGN(std::vector<Value> keys,
                 toVector(arguments.positional[0], env));
  auto dict = makeRef<DictObject>(&env.budget);
  for (Value &key : keys) {
    SWALLOW_TRY(env.budget.step());
    SWALLOW_TRY(dict->set(std::move(key), arguments.positional.size() > 1
                                              ? arguments.positional[1]
                                              : Value::none()));
  }
  return Value::dict(dict);
}

std::span<const NamedMethod> listMethods() { return ofList; }
std::span<const NamedMethod> tupleMethods() { return ofTuple; }
std::span<const NamedMethod> dictMethods() { return ofDict; }
std::span<const NamedMethod> rangeMethods() { return ofRange; }

} // namespace swallow::jinja
