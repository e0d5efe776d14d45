//===- Characters.cpp -----------------------------------------------------===//

#include "runtime/jinja/syntax/Characters.h"

#include "runtime/jinja/value/Unicode.h"
#include "runtime/text/Utf8.h"

namespace swallow::jinja {

size_t leadingSpace(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && isSpace(decodeUtf8(text.substr(end))))
    end += utf8Length(text[end]);
  return end;
}

size_t trailingSpace(std::string_view text) {
  size_t begin = text.size();
  while (begin > 0) {
    size_t start = begin - 1;
    while (start > 0 &&
           (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80)
      --start;
    if (!isSpace(decodeUtf8(text.substr(start))))
      break;
    begin = start;
  }
  return text.size() - begin;
}

size_t leadingWord(std::string_view text) {
  size_t end = 0;
  while (end < text.size()) {
    char32_t character = decodeUtf8(text.substr(end));
    if (!isWord(character) && !isIdentifierPart(character))
      break;
    end += utf8Length(text[end]);
  }
  return end;
}

bool isIdentifier(std::string_view word) {
  for (size_t at = 0; at < word.size(); at += utf8Length(word[at])) {
    char32_t character = decodeUtf8(word.substr(at));
    if (at == 0 ? !isIdentifierStart(character) : !isIdentifierPart(character))
      return false;
  }
  return !word.empty();
}

} // namespace swallow::jinja
