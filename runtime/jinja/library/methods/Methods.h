//===- Methods.h - what values answer to ------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_LIBRARY_METHODS_METHODS_H
#define SWALLOW_RUNTIME_JINJA_LIBRARY_METHODS_METHODS_H

#include "runtime/jinja/value/Environment.h"
#include "runtime/jinja/value/Value.h"

#include <optional>
#include <span>
#include <string_view>

namespace swallow::jinja {

/// A method in Python's sense.
using Method = Result<Value> (*)(const Value &self, const Arguments &arguments,
                                 Environment &env);

struct NamedMethod {
  std::string_view name;
  Method method;
};

std::span<const NamedMethod> strMethods();
std::span<const NamedMethod> listMethods();
std::span<const NamedMethod> tupleMethods();
std::span<const NamedMethod> dictMethods();
std::span<const NamedMethod> rangeMethods();
std::span<const NamedMethod> intMethods();
std::span<const NamedMethod> floatMethods();

/// getattr(value, name): a method bound to `value` or a property, none for an
/// AttributeError. For everything but custom objects.
Result<std::optional<Value>>
findAttribute(const Value &value, std::string_view name, Environment &env);

/// Whether the attribute exists and the sandbox keeps it from templates: what
/// Python calls by itself (__class__) and what would change a list or dict.
bool hasUnsafeAttribute(const Value &value, std::string_view name);

/// dict.fromkeys(...).
Result<Value> dictFromKeys(const Arguments &arguments, Environment &env);

/// `dict.items()`, `dict.keys()`, `dict.values()`.
enum class DictPart { Keys, Values, Items };
Value makeDictView(const Value &dict, DictPart part, Environment &env);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_LIBRARY_METHODS_METHODS_H
