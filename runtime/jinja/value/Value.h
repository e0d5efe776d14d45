//===- Value.h - the values of a template -----------------------*- C++ -*-===//
//
// Python's values as far as templates meet them. A Value is 16 bytes and cheap
// to copy: what does not fit is an immutable object that is shared and counted.
// Text is valid UTF-8, and is counted and indexed in code points as in Python.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_JINJA_VALUE_VALUE_H
#define SWALLOW_RUNTIME_JINJA_VALUE_VALUE_H

#include "runtime/jinja/value/Budget.h"

#include <atomic>
#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace swallow::jinja {

class StringObject;
class SequenceObject;
class DictObject;
class UndefinedObject;
class CustomObject;

enum class Kind : uint8_t {
  None,
  Bool,
  Int,   // 64 bits; leaving them is an OverflowError
  Float, // double
  Range, // and the following are objects
  Undefined,
  String, // str, and Markup where isSafe()
  List,
  Tuple,
  Dict,
  Custom, // namespaces, iterators, functions, `loop`, ...: see Objects.h
};

/// Nesting of lists, tuples, dicts and iterators. Deeper ones are a
/// RecursionError (Python's limit is near 1000 and depends on its stack), which
/// is what makes every recursion over a value safe.
constexpr unsigned maxValueDepth = 400;

/// What is shared: counted atomically, so that inputs may be rendered by
/// several threads.
class Object {
public:
  Object(const Object &) = delete;
  Object &operator=(const Object &) = delete;

  void retain() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() const {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      delete this;
  }
  /// Levels of nesting: 1 for what holds no values.
  unsigned depth() const { return depth_; }

protected:
  /// `budget` may be null for what outlives a rendering: inputs, constants.
  explicit Object(Budget *budget) : budget_(budget) {}
  virtual ~Object() {
    if (budget_)
      budget_->give(charged_);
  }
  /// Charges `bytes` more to the budget, until destruction.
  void charge(size_t bytes) {
    if (!budget_)
      return;
    charged_ += bytes;
    budget_->take(bytes);
  }
  Budget *budget() const { return budget_; }
  /// Says that the object holds one of `depth`. Too deep makes the budget
  /// fail.
  void holds(unsigned depth);

private:
  mutable std::atomic<uint32_t> references_{0};
  uint32_t depth_ = 1;
  Budget *budget_;
  size_t charged_ = 0;
};

/// A counted pointer to a kind of Object.
template <typename T> class Ref {
public:
  Ref() = default;
  explicit Ref(T *object) : object_(object) {
    if (object_)
      object_->retain();
  }
  Ref(const Ref &other) : Ref(other.object_) {}
  /// To a base class.
  template <typename U>
    requires std::is_convertible_v<U *, T *>
  Ref(const Ref<U> &other) : Ref(other.get()) {}
  Ref(Ref &&other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref &operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_)
      object_->release();
  }
  T *get() const { return object_; }
  T *operator->() const { return object_; }
  T &operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

private:
  T *object_ = nullptr;
};

template <typename T, typename... Args> Ref<T> makeRef(Args &&...args) {
  return Ref<T>(new T(std::forward<Args>(args)...));
}

class Value {
public:
  /// None.
  Value() : bits_{.integer = 0} {}
  Value(const Value &other) : kind_(other.kind_), bits_(other.bits_) {
    if (isObject())
      bits_.object->retain();
  }
  Value(Value &&other) noexcept : kind_(other.kind_), bits_(other.bits_) {
    other.kind_ = Kind::None;
  }
  Value &operator=(Value other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(bits_, other.bits_);
    return *this;
  }
  ~Value() {
    if (isObject())
      bits_.object->release();
  }

  static Value none() { return {}; }
  static Value boolean(bool value);
  static Value integer(int64_t value);
  static Value number(double value);
  /// `text` must be valid UTF-8.
  static Value string(std::string text, Budget *budget);
  /// Markup: text that `escape` leaves alone.
  static Value safeString(std::string text, Budget *budget);
  static Value list(std::vector<Value> items, Budget *budget);
  static Value tuple(std::vector<Value> items, Budget *budget);
  /// What `groupby` makes: a tuple with names for its two items.
  static Value group(Value key, Value items, Budget *budget);
  static Value dict(const Ref<DictObject> &dict);
  /// Python's range; `step` is not 0.
  static Value range(int64_t start, int64_t stop, int64_t step, Budget *budget);
  static Value custom(const Ref<CustomObject> &object);

  /// jinja2's Undefined of a variable: "'x' is undefined".
  static Value undefined(std::string_view name, Budget *budget);
  /// Of a failed look-up: "'dict object' has no attribute 'y'", or "list object
  /// has no element 7" where `name` is not text.
  static Value undefined(const Value &object, const Value &name,
                         Budget *budget);
  /// With a message of its own, e.g. "No first item, sequence was empty.";
  /// using it fails with a SecurityError where `unsafe`.
  static Value undefinedHint(std::string message, Budget *budget,
                             bool unsafe = false);

  Kind kind() const { return kind_; }
  bool isNone() const { return kind_ == Kind::None; }
  bool isUndefined() const { return kind_ == Kind::Undefined; }
  bool isBool() const { return kind_ == Kind::Bool; }
  bool isInt() const { return kind_ == Kind::Int; }
  bool isFloat() const { return kind_ == Kind::Float; }
  /// Bool, Int or Float.
  bool isNumber() const {
    return kind_ == Kind::Bool || kind_ == Kind::Int || kind_ == Kind::Float;
  }
  /// Bool or Int: what Python takes for an int.
  bool isIntegral() const { return kind_ == Kind::Bool || kind_ == Kind::Int; }
  bool isString() const { return kind_ == Kind::String; }
  bool isList() const { return kind_ == Kind::List; }
  bool isTuple() const { return kind_ == Kind::Tuple; }
  bool isSequence() const { return isList() || isTuple(); }
  bool isDict() const { return kind_ == Kind::Dict; }
  bool isRange() const { return kind_ == Kind::Range; }
  bool isCustom() const { return kind_ == Kind::Custom; }
  bool isObject() const { return kind_ >= Kind::Range; }

  bool asBool() const {
    assert(isBool());
    return bits_.integer != 0;
  }
  /// Of a Bool or Int.
  int64_t asInt() const {
    assert(isIntegral());
    return bits_.integer;
  }
  /// Of a Bool, Int or Float.
  double asNumber() const {
    return isFloat() ? bits_.number : static_cast<double>(bits_.integer);
  }
  /// Of a String; valid as long as this value is.
  const std::string &text() const;
  const StringObject &asString() const;
  /// Of a List or Tuple.
  const std::vector<Value> &items() const;
  const SequenceObject &asSequence() const;
  const DictObject &asDict() const;
  const class RangeObject &asRange() const;
  const UndefinedObject &asUndefined() const;
  CustomObject &asCustom() const;
  /// The custom object as a T, or null where it is none.
  template <typename T> T *as() const;
  /// Nesting: 0 for what is no object.
  unsigned depth() const { return isObject() ? bits_.object->depth() : 0; }
  /// Python's `is`: the same object, or equal and of one kind where there is
  /// none.
  bool isSame(const Value &other) const;

  /// type(x).__name__: "int", "str", "NoneType", "dict", "generator", ...
  std::string_view typeName() const;
  /// How jinja2's messages name it: "dict object", "None", "jinja2.utils.Cycler
  /// object".
  std::string describe() const;

private:
  union Bits {
    int64_t integer;
    double number;
    Object *object;
  };
  Value(Kind kind, Bits bits) : kind_(kind), bits_(bits) {
    if (isObject())
      bits_.object->retain();
  }
  static Value ofObject(Kind kind, Object *object);

  Kind kind_ = Kind::None;
  Bits bits_;
};

class StringObject final : public Object {
public:
  StringObject(std::string text, bool safe, Budget *budget);
  const std::string &text() const { return text_; }
  bool isSafe() const { return safe_; }
  /// len() of Python: code points. Counted once.
  size_t length() const;
  bool isAscii() const { return length() == text_.size(); }
  /// The byte where code point `index` <= length() starts.
  size_t offset(size_t index) const;

private:
  static constexpr size_t unknown = ~size_t{0};
  std::string text_;
  mutable std::atomic<size_t> length_{unknown};
  bool safe_;
};

/// A list or tuple.
class SequenceObject final : public Object {
public:
  SequenceObject(std::vector<Value> items, Budget *budget);
  const std::vector<Value> &items() const { return items_; }
  /// `groupby` makes tuples whose two items also have names: (grouper, list).
  bool isGroup() const { return group_; }
  void setGroup() { group_ = true; }

private:
  std::vector<Value> items_;
  bool group_ = false;
};

/// Python's range.
class RangeObject final : public Object {
public:
  RangeObject(int64_t start, int64_t stop, int64_t step, Budget *budget);
  int64_t start() const { return start_; }
  int64_t stop() const { return stop_; }
  int64_t step() const { return step_; }
  uint64_t length() const { return length_; }
  /// `index` < length().
  int64_t at(uint64_t index) const;

private:
  int64_t start_;
  int64_t stop_;
  int64_t step_;
  uint64_t length_;
};

/// jinja2's Undefined: prints as nothing, is false, has no items; any other
/// use fails with its message.
class UndefinedObject final : public Object {
public:
  UndefinedObject(std::string objectType, Value name, Budget *budget);
  UndefinedObject(std::string hint, bool unsafe, Budget *budget);
  /// What a use of it is refused with.
  Error error() const;

private:
  std::string text_; // what the look-up was on, or the hint
  Value name_;
  bool hint_;
  bool unsafe_ = false;
};

inline Value Value::boolean(bool value) {
  return {Kind::Bool, Bits{.integer = value ? 1 : 0}};
}
inline Value Value::integer(int64_t value) {
  return {Kind::Int, Bits{.integer = value}};
}
inline Value Value::number(double value) {
  return {Kind::Float, Bits{.number = value}};
}
inline const StringObject &Value::asString() const {
  assert(isString());
  return *static_cast<const StringObject *>(bits_.object);
}
inline const std::string &Value::text() const { return asString().text(); }
inline const SequenceObject &Value::asSequence() const {
  assert(isSequence());
  return *static_cast<const SequenceObject *>(bits_.object);
}
inline const std::vector<Value> &Value::items() const {
  return asSequence().items();
}
inline const RangeObject &Value::asRange() const {
  assert(isRange());
  return *static_cast<const RangeObject *>(bits_.object);
}
inline const UndefinedObject &Value::asUndefined() const {
  assert(isUndefined());
  return *static_cast<const UndefinedObject *>(bits_.object);
}

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_VALUE_VALUE_H
