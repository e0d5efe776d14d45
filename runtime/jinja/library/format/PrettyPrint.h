//===- PrettyPrint.h - Python's pprint --------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_LIBRARY_FORMAT_PRETTYPRINT_H
#define SWALLOW_RUNTIME_JINJA_LIBRARY_FORMAT_PRETTYPRINT_H

#include "runtime/jinja/value/Environment.h"
#include "runtime/jinja/value/Value.h"

namespace swallow::jinja {

/// pprint.pformat(value): repr() over lines of at most 80 characters, with
/// dicts sorted by key.
Result<std::string> prettyPrint(const Value &value, Environment &env);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_LIBRARY_FORMAT_PRETTYPRINT_H
