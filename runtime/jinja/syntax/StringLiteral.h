//===- StringLiteral.h - escapes in string literals -------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_SYNTAX_STRINGLITERAL_H
#define SWALLOW_RUNTIME_JINJA_SYNTAX_STRINGLITERAL_H

#include "runtime/support/Result.h"

#include <string>
#include <string_view>

namespace swallow::jinja {

/// The text that a literal without its quotes stands for. jinja2 turns what is
/// not ASCII into escapes first and then decodes all of them with Python's
/// unicode-escape codec, so that a backslash before a character that is not
/// ASCII gives that character's escape: "\é" is `\xe9`. Fails with a bare
/// message for a truncated escape and for what UTF-8 cannot hold.
Result<std::string> decodeStringLiteral(std::string_view literal);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_SYNTAX_STRINGLITERAL_H
