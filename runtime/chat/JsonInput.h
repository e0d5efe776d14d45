//===- JsonInput.h - JSON to a template's values ----------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_CHAT_JSONINPUT_H
#define SWALLOW_RUNTIME_CHAT_JSONINPUT_H

#include "runtime/jinja/value/Value.h"

#include <string>
#include <string_view>

namespace swallow {

/// jinja::parseJson with its error as InvalidArgument, after `what`
/// ("messages").
Result<jinja::Value> parseJsonInput(std::string_view text,
                                    const std::string &what);

/// "a list", "an object", "a string", ... for messages.
const char *describeKind(const jinja::Value &value);

/// `text` on one line and not too long to read: control characters become
/// spaces.
std::string oneLine(std::string_view text);

} // namespace swallow

#endif // SWALLOW_RUNTIME_CHAT_JSONINPUT_H
