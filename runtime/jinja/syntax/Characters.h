//===- Characters.h - runs of white space and words -------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_SYNTAX_CHARACTERS_H
#define SWALLOW_RUNTIME_JINJA_SYNTAX_CHARACTERS_H

#include <cstddef>
#include <string_view>

namespace swallow::jinja {

/// The bytes of white space that valid `text` starts or ends with: `\s` of
/// Python's re, which is what str.strip() takes.
size_t leadingSpace(std::string_view text);
size_t trailingSpace(std::string_view text);

/// The bytes of the word that valid `text` starts with: `\w` of Python's re and
/// what else an identifier may contain.
size_t leadingWord(std::string_view text);

/// str.isidentifier(), of a word.
bool isIdentifier(std::string_view word);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_SYNTAX_CHARACTERS_H
