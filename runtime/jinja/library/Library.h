//===- Library.h - filters, tests and globals by name -----------*- C++ -*-===//
//
// What jinja2 3.1 documents, in the environment that Hugging Face's
// transformers renders chat templates in (ImmutableSandboxedEnvironment with
// its own tojson, raise_exception and strftime_now). Methods of values are
// found by getAttribute() of Operators.h.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_JINJA_LIBRARY_LIBRARY_H
#define SWALLOW_RUNTIME_JINJA_LIBRARY_LIBRARY_H

#include "runtime/jinja/value/Environment.h"
#include "runtime/jinja/value/Value.h"

#include <optional>
#include <string_view>

namespace swallow::jinja {

/// `input|name(arguments)`.
using Filter = Result<Value> (*)(const Value &input, const Arguments &arguments,
                                 Environment &env);
/// `input is name(arguments)`.
using Test = Result<bool> (*)(const Value &input, const Arguments &arguments,
                              Environment &env);

/// Null for a name that jinja2 does not have either.
Filter findFilter(std::string_view name);
Test findTest(std::string_view name);

/// range, dict, lipsum, cycler, joiner, namespace, raise_exception,
/// strftime_now: functions that live as long as the program.
std::optional<Value> findGlobal(std::string_view name);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_LIBRARY_LIBRARY_H
