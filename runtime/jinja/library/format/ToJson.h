//===- ToJson.h - Python's json.dumps ---------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_LIBRARY_FORMAT_TOJSON_H
#define SWALLOW_RUNTIME_JINJA_LIBRARY_FORMAT_TOJSON_H

#include "runtime/jinja/value/Environment.h"
#include "runtime/jinja/value/Value.h"

#include <optional>
#include <string>

namespace swallow::jinja {

struct JsonOptions {
  bool ensureAscii = false;
  bool sortKeys = false;
  /// What a level is indented by; all on one line where there is none.
  std::optional<std::string> indent;
  std::string itemSeparator = ", ";
  std::string keySeparator = ": ";
};

/// json.dumps(value, ...): fails with Python's TypeError for what JSON does not
/// have.
Result<std::string> toJson(const Value &value, const JsonOptions &options,
                           Environment &env);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_LIBRARY_FORMAT_TOJSON_H
