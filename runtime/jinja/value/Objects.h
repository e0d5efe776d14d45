//===- Objects.h - dicts, iterators, functions, namespaces ------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_VALUE_OBJECTS_H
#define SWALLOW_RUNTIME_JINJA_VALUE_OBJECTS_H

#include "runtime/jinja/value/Value.h"

#include <functional>
#include <map>
#include <optional>

namespace swallow::jinja {

class Environment;

/// The order that dict keys and the items of `unique` are found by: equal
/// exactly where Python's == says so of hashable values (1 == 1.0 == True);
/// otherwise arbitrary but total, so that nobody can choose keys that collide.
struct KeyOrder {
  bool operator()(const Value &left, const Value &right) const;
};

/// Whether Python could hash it; fails with "unhashable type: 'list'". Charges
/// `budget`, if any, for comparing the key with others.
Status checkHashable(const Value &key, Budget *budget);

/// Python's dict, in order of insertion. Filled by its maker and never changed
/// once it is a Value.
class DictObject final : public Object {
public:
  struct Entry {
    Value key;
    Value value;
  };
  explicit DictObject(Budget *budget);
  /// Replaces the value, and keeps place and key, where the key is there.
  /// Fails for a key that is not hashable.
  Status set(Value key, Value value);
  /// For keys that are text.
  void set(std::string_view key, Value value);
  /// Null where there is none. A key that is not hashable is not there.
  const Value *find(const Value &key) const;
  const Value *find(std::string_view key) const;
  const std::vector<Entry> &entries() const { return entries_; }
  size_t size() const { return entries_.size(); }

private:
  void append(Value key, Value value);

  std::vector<Entry> entries_;
  /// Place in entries_ by key, for more than a few.
  std::map<Value, size_t, KeyOrder> index_;
};

struct NamedValue {
  std::string name;
  Value value;
};

/// What is passed to a filter, test, method, macro or function. The names are
/// different from each other.
struct Arguments {
  std::vector<Value> positional;
  std::vector<NamedValue> named;

  const Value *find(std::string_view name) const;
};

/// Everything that is not plain data. A subclass overrides what it can do; by
/// default it can be printed and nothing else.
class CustomObject : public Object {
public:
  /// type(x).__name__, e.g. "generator".
  virtual std::string_view typeName() const = 0;
  /// type(x).__module__, which jinja2 names in messages: "jinja2.runtime".
  virtual std::string_view moduleName() const { return "builtins"; }
  /// repr(x). The default is "<module.type object at 0x...>".
  virtual Result<std::string> repr(Environment &env, unsigned depth) const;
  /// str(x) where that is not repr(x).
  virtual Result<std::string> str(Environment &env) const;
  virtual bool truth() const { return true; }
  /// len(x), or none where Python says "object of type '...' has no len()".
  virtual Result<std::optional<size_t>> length(Environment &env);

  /// getattr(x, name), or none for AttributeError. Names with an underscore in
  /// front are refused before this is asked.
  virtual Result<std::optional<Value>> attribute(std::string_view name,
                                                 Environment &env);
  /// x[key], or none for TypeError and LookupError.
  virtual Result<std::optional<Value>> item(const Value &key, Environment &env);

  virtual bool isIterable() const { return false; }
  /// iter(x); only where isIterable().
  virtual Result<Ref<class Iterator>> iterate(Environment &env);
  /// `item in x`; the default goes through iterate().
  virtual Result<bool> contains(const Value &item, Environment &env);
  /// reversed(x), or none where Python says "... is not reversible".
  virtual Result<std::optional<Ref<Iterator>>> reversed(Environment &env);

  virtual bool isCallable() const { return false; }
  /// x(...); only where isCallable().
  virtual Result<Value> call(const Arguments &arguments, Environment &env);
  /// x == other and x != other; the default is identity.
  virtual Result<bool> equals(const Value &other, Environment &env);
  /// Where Python could hash it (by identity).
  virtual bool isHashable() const { return true; }

  /// Lets go of every value that it holds: what Environment::adopt needs.
  virtual void clear() {}

protected:
  using Object::Object;
  /// As repr() ends: "0x7f59d6559c80".
  std::string address() const;
};

/// Python's iterator or generator: what `map`, `select`, reversed() and loops
/// work through. It can be gone through once.
class Iterator : public CustomObject {
public:
  /// The next value, or none at the end (and ever after).
  virtual Result<std::optional<Value>> next(Environment &env) = 0;

  std::string_view typeName() const override { return "generator"; }
  bool isIterable() const override { return true; }
  Result<Ref<Iterator>> iterate(Environment &env) override;

protected:
  using CustomObject::CustomObject;
};

/// An iterator that calls `next` until it gives none.
class Generator final : public Iterator {
public:
  using Next = std::function<Result<std::optional<Value>>(Environment &)>;
  /// `source` is what `next` holds values of; `name` is printed: "<generator
  /// object do_batch at 0x...>".
  Generator(std::string_view name, const Value &source, Next next,
            Budget *budget);
  Result<std::optional<Value>> next(Environment &env) override;
  Result<std::string> repr(Environment &env, unsigned depth) const override;
  void clear() override;

private:
  std::string_view name_;
  Next next_;
};

/// `name` is a literal.
Value makeGenerator(std::string_view name, const Value &source,
                    Generator::Next next, Environment &env);

/// jinja2's namespace(...): the one container that a template can write to.
/// Make it by makeNamespace(), so that cycles through it are broken.
class NamespaceObject final : public CustomObject {
public:
  explicit NamespaceObject(Budget *budget) : CustomObject(budget) {}
  std::string_view typeName() const override { return "TemplateNamespace"; }
  std::string_view moduleName() const override {
    return "transformers.utils.chat_template_utils";
  }
  Result<std::string> repr(Environment &env, unsigned depth) const override;
  Result<std::optional<Value>> attribute(std::string_view name,
                                         Environment &env) override;
  void clear() override { entries_.clear(); }

  /// `{% set ns.name = value %}`. Names with an underscore in front are refused
  /// with transformers' SecurityError.
  Status set(std::string_view name, Value value);
  const Value *find(std::string_view name) const;

private:
  std::vector<NamedValue> entries_; // in order of first assignment
  mutable bool printing_ = false;
};

Ref<NamespaceObject> makeNamespace(Environment &env);

inline const DictObject &Value::asDict() const {
  assert(isDict());
  return *static_cast<const DictObject *>(bits_.object);
}
inline CustomObject &Value::asCustom() const {
  assert(isCustom());
  return *static_cast<CustomObject *>(bits_.object);
}
template <typename T> T *Value::as() const {
  return isCustom() ? dynamic_cast<T *>(&asCustom()) : nullptr;
}

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_VALUE_OBJECTS_H
