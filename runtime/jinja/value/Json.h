//===- Json.h - values from JSON text ---------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_VALUE_JSON_H
#define SWALLOW_RUNTIME_JINJA_VALUE_JSON_H

#include "runtime/jinja/value/Value.h"

#include <string_view>

namespace swallow::jinja {

/// The value that Python's json.loads makes of `json`: objects keep their
/// order, the last of equal keys wins, NaN and Infinity are read. Refused, with
/// the byte where it stands: invalid UTF-8, lone surrogates, more than
/// maxValueDepth levels, integers of more than 64 bits. Not charged to a
/// budget: the caller bounds what it reads.
Result<Value> parseJson(std::string_view json);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_VALUE_JSON_H
