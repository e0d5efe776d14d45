//===- Characters.h - Python's classes of characters ------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_SYNTAX_CHARACTERS_H
#define SWALLOW_RUNTIME_JINJA_SYNTAX_CHARACTERS_H

#include <cstddef>
#include <string_view>

namespace swallow::jinja {

/// What str.isspace(), str.strip() and `\s` of Python's re agree on. Not
/// Unicode's White_Space: the separators U+001C to U+001F belong to it.
bool isPythonSpace(char32_t character);

/// The bytes of white space that valid `text` starts or ends with.
size_t leadingSpace(std::string_view text);
size_t trailingSpace(std::string_view text);

/// The bytes of the word that valid `text` starts with: `\w` of Python's re and
/// what else an identifier may contain.
size_t leadingWord(std::string_view text);

/// str.isidentifier(), of a word.
bool isIdentifier(std::string_view word);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_SYNTAX_CHARACTERS_H
