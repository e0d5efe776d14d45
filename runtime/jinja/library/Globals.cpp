//===- Globals.cpp - functions by name ------------------------------------===//

#include "runtime/jinja/library/Arguments.h"
#include "runtime/jinja/library/Library.h"
#include "runtime/jinja/library/Strftime.h"
#include "runtime/jinja/library/methods/Methods.h"
#include "runtime/jinja/value/Operators.h"

#include <map>

namespace swallow::jinja {

namespace {

using FunctionBody = Result<Value> (*)(const Arguments &, Environment &);

/// A function or class of the environment.
class Function final : public CustomObject {
public:
  Function(std::string_view type, std::string_view printed, FunctionBody body)
      : CustomObject(nullptr), type_(type), printed_(printed), body_(body) {}
  std::string_view typeName() const override { return type_; }
  Result<std::string> repr(Environment &env, unsigned depth) const override {
    std::string text = "<" + std::string(printed_);
    return type_ == "type" ? text + ">" : text + " at " + address() + ">";
  }
  bool isCallable() const override { return true; }
  Result<Value> call(const Arguments &arguments, Environment &env) override {
    return body_(arguments, env);
  }

private:
  std::string_view type_;
  std::string_view printed_;
  FunctionBody body_;
};

//===----------------------------------------------------------------------===//
// range
//===----------------------------------------------------------------------===//

Result<Value> makeRange(const Arguments &arguments, Environment &env) {
  if (!arguments.named.empty())
    return typeError("safe_range() got an unexpected keyword argument '" +
                     arguments.named[0].name + "'");
  SWALLOW_TRY(expectArguments(arguments, "", "range", 1, 3));
  std::array<int64_t, 3> numbers{};
  size_t count = arguments.positional.size();
  for (size_t i = 0; i < count; ++i) {
    SWALLOW_ASSIGN(numbers[i], toIndex(arguments.positional[i]));
  }
  int64_t start = count > 1 ? numbers[0] : 0;
  int64_t stop = count > 1 ? numbers[1] : numbers[0];
  int64_t step = count > 2 ? numbers[2] : 1;
  if (step == 0)
    return valueError("range() arg 3 must not be zero");
  constexpr uint64_t maxRange = 100000;
  Value range = Value::range(start, stop, step, &env.budget);
  if (range.asRange().length() > maxRange)
    return overflowError("Range too big. The sandbox blocks ranges larger than "
                         "MAX_RANGE (100000).");
  return range;
}

//===----------------------------------------------------------------------===//
// dict and namespace
//===----------------------------------------------------------------------===//

Status addPair(DictObject &dict, const Value &pair, size_t index,
               Environment &env) {
  std::string place = "#" + std::to_string(index);
  if (!isIterable(pair))
    return typeError("cannot convert dictionary update sequence element " +
                     place + " to a sequence");
  SWALLOW_ASSIGN(std::vector<Value> items, toVector(pair, env));
  if (items.size() != 2)
    return valueError("dictionary update sequence element " + place +
                      " has length " + std::to_string(items.size()) +
                      "; 2 is required");
  return dict.set(items[0], items[1]);
}

/// dict(*args, **kwargs).
Result<Ref<DictObject>> buildDict(const Arguments &arguments,
                                  Environment &env) {
  if (arguments.positional.size() > 1)
    return typeError("dict expected at most 1 argument, got " +
                     std::to_string(arguments.positional.size()));
  auto dict = makeRef<DictObject>(&env.budget);
  if (!arguments.positional.empty()) {
    const Value &source = arguments.positional[0];
    // Python looks for keys(), which an Undefined refuses.
    if (source.isUndefined())
      return source.asUndefined().error();
    if (source.isDict()) {
      for (const DictObject::Entry &entry : source.asDict().entries()) {
        SWALLOW_TRY(env.budget.step());
        SWALLOW_TRY(dict->set(entry.key, entry.value));
      }
    } else {
      SWALLOW_ASSIGN(Ref<Iterator> pairs, iterate(source, env));
      for (size_t i = 0;; ++i) {
        SWALLOW_TRY(env.budget.step());
        SWALLOW_ASSIGN(std::optional<Value> pair, pairs->next(env));
        if (!pair)
          break;
        SWALLOW_TRY(addPair(*dict, *pair, i, env));
      }
    }
  }
  for (const NamedValue &argument : arguments.named)
    dict->set(argument.name, argument.value);
  return dict;
}

Result<Value> makeDict(const Arguments &arguments, Environment &env) {
  SWALLOW_ASSIGN(Ref<DictObject> dict, buildDict(arguments, env));
  return Value::dict(dict);
}

Result<Value> fromKeys(const Arguments &arguments, Environment &env) {
  return dictFromKeys(arguments, env);
}

/// transformers' TemplateDict, which stands for dict.
class TemplateDict final : public CustomObject {
public:
  TemplateDict() : CustomObject(nullptr) {}
  std::string_view typeName() const override { return "TemplateDict"; }
  std::string_view moduleName() const override {
    return "transformers.utils.chat_template_utils";
  }
  Result<std::string> repr(Environment &env, unsigned depth) const override {
    return "<transformers.utils.chat_template_utils."
           "_cached_compile_jinja_template.<locals>.TemplateDict object at " +
           address() + ">";
  }
  bool isCallable() const override { return true; }
  Result<Value> call(const Arguments &arguments, Environment &env) override {
    return makeDict(arguments, env);
  }
  Result<std::optional<Value>> attribute(std::string_view name,
                                         Environment &env) override {
    if (name != "fromkeys")
      return std::optional<Value>();
    return std::optional<Value>(Value::custom(Ref<CustomObject>(new Function(
        "method", "bound method TemplateDict.fromkeys", fromKeys))));
  }
};

Result<Value> makeNamespaceValue(const Arguments &arguments, Environment &env) {
  SWALLOW_ASSIGN(Ref<DictObject> dict, buildDict(arguments, env));
  Ref<NamespaceObject> object = makeNamespace(env);
  for (const DictObject::Entry &entry : dict->entries()) {
    if (!entry.key.isString())
      return typeError("the names of a namespace must be text, not " +
                       std::string(entry.key.typeName()));
    SWALLOW_TRY(object->set(entry.key.text(), entry.value));
  }
  return Value::custom(Ref<CustomObject>(object.get()));
}

//===----------------------------------------------------------------------===//
// cycler and joiner
//===----------------------------------------------------------------------===//

class Cycler;

/// `cycler.next` or `cycler.reset`, to be called.
class CyclerMethod final : public CustomObject {
public:
  CyclerMethod(Ref<Cycler> cycler, bool advances, Budget *budget);
  std::string_view typeName() const override { return "method"; }
  bool isCallable() const override { return true; }
  Result<Value> call(const Arguments &arguments, Environment &env) override;

private:
  Ref<Cycler> cycler_;
  bool advances_;
};

class Cycler final : public CustomObject {
public:
  Cycler(Value items, Budget *budget)
      : CustomObject(budget), items_(std::move(items)) {
    charge(sizeof(*this));
    holds(items_.depth());
  }
  std::string_view typeName() const override { return "Cycler"; }
  std::string_view moduleName() const override { return "jinja2.utils"; }
  Value current() const { return items_.items()[position_]; }
  void advance() { position_ = (position_ + 1) % items_.items().size(); }
  void reset() { position_ = 0; }
  Result<std::optional<Value>> attribute(std::string_view name,
                                         Environment &env) override {
    if (name == "current")
      return std::optional<Value>(current());
    if (name == "pos")
      return std::optional<Value>(
          Value::integer(static_cast<int64_t>(position_)));
    if (name == "items")
      return std::optional<Value>(items_);
    if (name != "next" && name != "reset")
      return std::optional<Value>();
    return std::optional<Value>(Value::custom(Ref<CustomObject>(
        new CyclerMethod(Ref<Cycler>(this), name == "next", &env.budget))));
  }

private:
  Value items_;
  size_t position_ = 0;
};

CyclerMethod::CyclerMethod(Ref<Cycler> cycler, bool advances, Budget *budget)
    : CustomObject(budget), cycler_(std::move(cycler)), advances_(advances) {
  charge(sizeof(*this));
  holds(cycler_->depth());
}

Result<Value> CyclerMethod::call(const Arguments &arguments, Environment &env) {
  static const Signature next("Cycler.next", 1, 0, {});
  static const Signature reset("Cycler.reset", 1, 0, {});
  SWALLOW_TRY((advances_ ? next : reset).bind(arguments));
  if (!advances_) {
    cycler_->reset();
    return Value::none();
  }
  Value current = cycler_->current();
  cycler_->advance();
  return current;
}

Result<Value> makeCycler(const Arguments &arguments, Environment &env) {
  if (!arguments.named.empty())
    return typeError("Cycler.__init__() got an unexpected keyword argument '" +
                     arguments.named[0].name + "'");
  if (arguments.positional.empty())
    return exception("RuntimeError", "at least one item has to be provided");
  Value items = Value::tuple(arguments.positional, &env.budget);
  return Value::custom(
      Ref<CustomObject>(new Cycler(std::move(items), &env.budget)));
}

class Joiner final : public CustomObject {
public:
  Joiner(Value separator, Budget *budget)
      : CustomObject(budget), separator_(std::move(separator)) {
    charge(sizeof(*this));
    holds(separator_.depth());
  }
  std::string_view typeName() const override { return "Joiner"; }
  std::string_view moduleName() const override { return "jinja2.utils"; }
  bool isCallable() const override { return true; }
  Result<Value> call(const Arguments &arguments, Environment &env) override {
    static const Signature signature("Joiner.__call__", 1, 0, {});
    SWALLOW_TRY(signature.bind(arguments));
    if (std::exchange(used_, true))
      return separator_;
    return Value::string("", &env.budget);
  }
  Result<std::optional<Value>> attribute(std::string_view name,
                                         Environment &env) override {
    if (name == "sep")
      return std::optional<Value>(separator_);
    if (name == "used")
      return std::optional<Value>(Value::boolean(used_));
    return std::optional<Value>();
  }

private:
  Value separator_;
  bool used_ = false;
};

Result<Value> makeJoiner(const Arguments &arguments, Environment &env) {
  static const Signature signature("Joiner.__init__", 1, 0, {"sep"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  Value separator = bound[0] ? *bound[0] : Value::string(", ", &env.budget);
  return Value::custom(
      Ref<CustomObject>(new Joiner(std::move(separator), &env.budget)));
}

//===----------------------------------------------------------------------===//
// raise_exception, strftime_now, lipsum
//===----------------------------------------------------------------------===//

Result<Value> raiseException(const Arguments &arguments, Environment &env) {
  static const Signature signature(
      "_cached_compile_jinja_template.<locals>.raise_exception", 0, 1,
      {"message"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  SWALLOW_ASSIGN(std::string message, str(*bound[0], env));
  env.raised = true;
  return templateError(message);
}

Result<Value> strftimeNow(const Arguments &arguments, Environment &env) {
  static const Signature signature(
      "_cached_compile_jinja_template.<locals>.strftime_now", 0, 1, {"format"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  if (!bound[0]->isString())
    return typeError("strftime() argument 1 must be str, not " +
                     std::string(bound[0]->typeName()));
  const std::string &format = bound[0]->text();
  SWALLOW_TRY(env.budget.reserve(format.size(), 512));
  return Value::string(formatTime(env.clock(), format), &env.budget);
}

Result<Value> lipsum(const Arguments &arguments, Environment &env) {
  return templateRuntimeError("lipsum() is not supported: its text is random");
}

using Globals = std::map<std::string_view, Value>;

Globals allGlobals() {
  auto function = [](std::string_view printed, FunctionBody body) {
    return Value::custom(
        Ref<CustomObject>(new Function("function", printed, body)));
  };
  auto type = [](std::string_view printed, FunctionBody body) {
    return Value::custom(
        Ref<CustomObject>(new Function("type", printed, body)));
  };
  return {
      {"range", function("function safe_range", makeRange)},
      {"dict", Value::custom(Ref<CustomObject>(new TemplateDict()))},
      {"lipsum", function("function generate_lorem_ipsum", lipsum)},
      {"cycler", type("class 'jinja2.utils.Cycler'", makeCycler)},
      {"joiner", type("class 'jinja2.utils.Joiner'", makeJoiner)},
      {"namespace",
       type("class 'transformers.utils.chat_template_utils."
            "_cached_compile_jinja_template.<locals>.TemplateNamespace'",
            makeNamespaceValue)},
      {"raise_exception",
       function("function _cached_compile_jinja_template.<locals>."
                "raise_exception",
                raiseException)},
      {"strftime_now",
       function("function _cached_compile_jinja_template.<locals>."
                "strftime_now",
                strftimeNow)},
  };
}

} // namespace

std::optional<Value> findGlobal(std::string_view name) {
  static const Globals globals = allGlobals();
  auto found = globals.find(name);
  return found == globals.end() ? std::nullopt
                                : std::optional<Value>(found->second);
}

} // namespace swallow::jinja
