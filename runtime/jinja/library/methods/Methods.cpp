//===- Methods.cpp - attributes of values ---------------------------------===//

#include "runtime/jinja/library/methods/Methods.h"

#include "runtime/jinja/value/Exceptions.h"
#include "runtime/jinja/value/Operators.h"

#include <algorithm>

namespace swallow::jinja {

namespace {

/// `value.method`, to be called.
class BoundMethod final : public CustomObject {
public:
  BoundMethod(const Value &self, const NamedMethod &method, Budget *budget)
      : CustomObject(budget), self_(self), method_(method) {
    charge(sizeof(*this));
    holds(self.depth());
  }
  std::string_view typeName() const override {
    return "builtin_function_or_method";
  }
  Result<std::string> repr(Environment &env, unsigned depth) const override {
    std::string text = "<built-in method ";
    text.append(method_.name).append(" of ").append(self_.typeName());
    return text.append(" object at ") + address() + ">";
  }
  bool isCallable() const override { return true; }
  Result<Value> call(const Arguments &arguments, Environment &env) override {
    return method_.method(self_, arguments, env);
  }

private:
  Value self_;
  const NamedMethod &method_;
};

std::span<const NamedMethod> methodsOf(const Value &value) {
  switch (value.kind()) {
  case Kind::String:
    return strMethods();
  case Kind::List:
    return listMethods();
  case Kind::Tuple:
    return tupleMethods();
  case Kind::Dict:
    return dictMethods();
  case Kind::Range:
    return rangeMethods();
  case Kind::Bool:
  case Kind::Int:
    return intMethods();
  case Kind::Float:
    return floatMethods();
  default:
    return {};
  }
}

std::optional<Value> propertyOf(const Value &value, std::string_view name) {
  if (value.isNumber()) {
    Value real = value.isFloat() ? value : Value::integer(value.asInt());
    if (name == "real")
      return real;
    if (name == "imag")
      return value.isFloat() ? Value::number(0) : Value::integer(0);
    if (value.isIntegral() && name == "numerator")
      return real;
    if (value.isIntegral() && name == "denominator")
      return Value::integer(1);
  }
  if (value.isRange()) {
    if (name == "start")
      return Value::integer(value.asRange().start());
    if (name == "stop")
      return Value::integer(value.asRange().stop());
    if (name == "step")
      return Value::integer(value.asRange().step());
  }
  if (value.isTuple() && value.asSequence().isGroup()) {
    if (name == "grouper")
      return value.items()[0];
    if (name == "list")
      return value.items()[1];
  }
  return std::nullopt;
}

/// `names` are separated by spaces.
bool isAmong(std::string_view name, std::string_view names) {
  for (size_t i = names.find(name); i != std::string_view::npos;
       i = names.find(name, i + 1)) {
    size_t end = i + name.size();
    if ((i == 0 || names[i - 1] == ' ') &&
        (end == names.size() || names[end] == ' '))
      return true;
  }
  return false;
}

/// Python's documented special methods, by the kinds that have them.
constexpr std::string_view everyObject =
    "__class__ __delattr__ __dir__ __doc__ __eq__ __format__ __ge__ "
    "__getattribute__ __getstate__ __gt__ __hash__ __init__ __init_subclass__ "
    "__le__ __lt__ __ne__ __new__ __reduce__ __reduce_ex__ __repr__ "
    "__setattr__ __sizeof__ __str__ __subclasshook__";
constexpr std::string_view everyNumber =
    "__abs__ __add__ __bool__ __ceil__ __divmod__ __float__ __floor__ "
    "__floordiv__ __getnewargs__ __int__ __mod__ __mul__ __neg__ __pos__ "
    "__pow__ __radd__ __rdivmod__ __rfloordiv__ __rmod__ __rmul__ __round__ "
    "__rpow__ __rsub__ __rtruediv__ __sub__ __truediv__ __trunc__";
constexpr std::string_view everyInt =
    "__and__ __index__ __invert__ __lshift__ __or__ __rand__ __rlshift__ "
    "__ror__ __rrshift__ __rshift__ __rxor__ __xor__";
constexpr std::string_view everyContainer =
    "__contains__ __getitem__ __iter__ __len__";

std::string_view specialNames(const Value &value) {
  switch (value.kind()) {
  case Kind::None:
    return "__bool__";
  case Kind::Float:
    return "__getformat__";
  case Kind::String:
    return value.asString().isSafe()
               ? "__add__ __getnewargs__ __mod__ __mul__ __rmod__ __rmul__ "
                 "__html__ __html_format__ __radd__ __module__ __slots__"
               : "__add__ __getnewargs__ __mod__ __mul__ __rmod__ __rmul__";
  case Kind::List:
    return "__add__ __class_getitem__ __delitem__ __iadd__ __imul__ __mul__ "
           "__reversed__ __rmul__ __setitem__";
  case Kind::Tuple:
    return "__add__ __class_getitem__ __getnewargs__ __mul__ __rmul__";
  case Kind::Dict:
    return "__class_getitem__ __delitem__ __ior__ __or__ __reversed__ __ror__ "
           "__setitem__";
  case Kind::Range:
    return "__bool__ __reversed__";
  case Kind::Custom:
    return "__call__ __dict__ __module__ __next__ __weakref__";
  default:
    return "";
  }
}

} // namespace

bool hasUnsafeAttribute(const Value &value, std::string_view name) {
  if (name.starts_with('_')) {
    if (!name.starts_with("__"))
      return false;
    bool number = value.isNumber();
    bool container = !number && !value.isNone() && !value.isCustom();
    return isAmong(name, everyObject) || isAmong(name, specialNames(value)) ||
           (number && isAmong(name, everyNumber)) ||
           (value.isIntegral() && isAmong(name, everyInt)) ||
           (container && isAmong(name, everyContainer));
  }
  if (value.isList())
    return isAmong(name, "append clear pop reverse insert sort extend remove");
  if (value.isDict())
    return isAmong(name, "clear pop popitem setdefault update");
  return false;
}

Result<std::optional<Value>>
findAttribute(const Value &value, std::string_view name, Environment &env) {
  for (const NamedMethod &method : methodsOf(value))
    if (method.name == name)
      return std::optional<Value>(Value::custom(
          Ref<CustomObject>(new BoundMethod(value, method, &env.budget))));
  return propertyOf(value, name);
}

} // namespace swallow::jinja
