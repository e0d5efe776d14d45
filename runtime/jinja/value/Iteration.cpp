//===- Iteration.cpp - len(), iter(), reversed() and calls ----------------===//

#include "runtime/jinja/value/Operators.h"
#include "runtime/text/Utf8.h"

namespace swallow::jinja {

namespace {

/// Goes through text, a list, a tuple, a range or the keys of a dict.
class ItemIterator final : public Iterator {
public:
  ItemIterator(const Value &source, size_t size, bool backwards, Budget *budget)
      : Iterator(budget), source_(source), left_(size), backwards_(backwards) {
    charge(sizeof(*this));
    holds(source.depth());
    if (backwards)
      position_ = source.isString() ? source.text().size() : size;
  }

  std::string_view typeName() const override {
    switch (source_.kind()) {
    case Kind::List:
      return backwards_ ? "list_reverseiterator" : "list_iterator";
    case Kind::Dict:
      return backwards_ ? "dict_reversekeyiterator" : "dict_keyiterator";
    case Kind::Range:
      return "range_iterator";
    case Kind::String:
      return "str_iterator";
    default:
      return backwards_ ? "reversed" : "tuple_iterator";
    }
  }

  Result<std::optional<Value>> next(Environment &env) override {
    if (left_ == 0)
      return std::optional<Value>();
    SWALLOW_TRY(env.budget.step());
    --left_;
    if (source_.isString())
      return std::optional<Value>(character(env));
    size_t index = backwards_ ? --position_ : position_++;
    if (source_.isRange())
      return std::optional<Value>(Value::integer(source_.asRange().at(index)));
    if (source_.isDict())
      return std::optional<Value>(source_.asDict().entries()[index].key);
    return std::optional<Value>(source_.items()[index]);
  }

private:
  Value character(Environment &env) {
    const std::string &text = source_.text();
    size_t start = position_;
    if (backwards_) {
      do
        --start;
      while ((text[start] & 0xC0) == 0x80);
      position_ = start;
    } else {
      position_ += utf8Length(text[start]);
    }
    return Value::string(text.substr(start, utf8Length(text[start])),
                         &env.budget);
  }

  Value source_;
  size_t left_;
  size_t position_ = 0;
  bool backwards_;
};

/// The number of items where there is one without asking a custom object.
std::optional<size_t> plainLength(const Value &value) {
  switch (value.kind()) {
  case Kind::String:
    return value.asString().length();
  case Kind::List:
  case Kind::Tuple:
    return value.items().size();
  case Kind::Dict:
    return value.asDict().size();
  case Kind::Range:
    return value.asRange().length();
  case Kind::Undefined:
    return 0;
  default:
    return std::nullopt;
  }
}

Ref<Iterator> makeIterator(const Value &value, size_t size, bool backwards,
                           Environment &env) {
  return Ref<Iterator>(
      makeRef<ItemIterator>(value, size, backwards, &env.budget).get());
}

} // namespace

bool truth(const Value &value) {
  switch (value.kind()) {
  case Kind::None:
    return false;
  case Kind::Bool:
  case Kind::Int:
    return value.asInt() != 0;
  case Kind::Float:
    return value.asNumber() != 0;
  case Kind::String:
    return !value.text().empty();
  case Kind::Custom:
    return value.asCustom().truth();
  default:
    return plainLength(value) != size_t{0};
  }
}

Result<size_t> length(const Value &value, Environment &env) {
  if (value.isString())
    SWALLOW_TRY(env.budget.stepBytes(value.text().size()));
  std::optional<size_t> size = plainLength(value);
  if (value.isCustom()) {
    SWALLOW_ASSIGN(size, value.asCustom().length(env));
  }
  if (!size)
    return typeError("object of type '" + std::string(value.typeName()) +
                     "' has no len()");
  return *size;
}

bool isIterable(const Value &value) {
  if (value.isCustom())
    return value.asCustom().isIterable();
  return plainLength(value).has_value();
}

bool isCallable(const Value &value) {
  // Undefined has a __call__, which fails.
  return value.isUndefined() ||
         (value.isCustom() && value.asCustom().isCallable());
}

Result<Ref<Iterator>> iterate(const Value &value, Environment &env) {
  SWALLOW_TRY(env.budget.step());
  if (value.isCustom())
    return value.asCustom().iterate(env);
  std::optional<size_t> size = plainLength(value);
  if (!size)
    return typeError("'" + std::string(value.typeName()) +
                     "' object is not iterable");
  return makeIterator(value, *size, false, env);
}

Result<Ref<Iterator>> reversed(const Value &value, Environment &env) {
  SWALLOW_TRY(env.budget.step());
  if (value.isCustom()) {
    SWALLOW_ASSIGN(std::optional<Ref<Iterator>> backwards,
                   value.asCustom().reversed(env));
    if (backwards)
      return *backwards;
  } else if (std::optional<size_t> size = plainLength(value)) {
    return makeIterator(value, *size, true, env);
  }
  return typeError("'" + std::string(value.typeName()) +
                   "' object is not reversible");
}

Result<std::vector<Value>> toVector(const Value &value, Environment &env) {
  if (value.isSequence()) {
    SWALLOW_TRY(env.budget.reserve(value.items().size(), sizeof(Value)));
    return value.items();
  }
  SWALLOW_ASSIGN(Ref<Iterator> items, iterate(value, env));
  std::vector<Value> result;
  if (std::optional<size_t> size = plainLength(value)) {
    SWALLOW_TRY(env.budget.reserve(*size, sizeof(Value)));
    result.reserve(*size);
  }
  while (true) {
    SWALLOW_TRY(env.budget.step());
    SWALLOW_ASSIGN(std::optional<Value> item, items->next(env));
    if (!item)
      return result;
    result.push_back(std::move(*item));
    // What the vector itself takes is charged only once it is a value.
    if (result.size() == result.capacity())
      SWALLOW_TRY(env.budget.reserve(result.size(), 2 * sizeof(Value)));
  }
}

Result<Value> call(const Value &callee, const Arguments &arguments,
                   Environment &env) {
  SWALLOW_TRY(env.budget.step());
  if (callee.isUndefined())
    return callee.asUndefined().error();
  if (!isCallable(callee))
    return typeError("'" + std::string(callee.typeName()) +
                     "' object is not callable");
  return callee.asCustom().call(arguments, env);
}

} // namespace swallow::jinja
