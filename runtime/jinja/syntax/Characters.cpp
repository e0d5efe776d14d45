//===- Characters.cpp -----------------------------------------------------===//

#include "runtime/jinja/syntax/Characters.h"

#include "runtime/text/Utf8.h"

#include <utf8proc.h>

namespace swallow::jinja {

bool isPythonSpace(char32_t character) {
  if (character < 0x80)
    return character == ' ' || (character >= 0x09 && character <= 0x0D) ||
           (character >= 0x1C && character <= 0x1F);
  return character == 0x85 || character == 0xA0 || character == 0x1680 ||
         (character >= 0x2000 && character <= 0x200A) || character == 0x2028 ||
         character == 0x2029 || character == 0x202F || character == 0x205F ||
         character == 0x3000;
}

size_t leadingSpace(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && isPythonSpace(decodeUtf8(text.substr(end))))
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
    if (!isPythonSpace(decodeUtf8(text.substr(start))))
      break;
    begin = start;
  }
  return text.size() - begin;
}

namespace {

enum class WordClass { None, Start, Continue, Other };

WordClass classOf(char32_t character) {
  if (character < 0x80) {
    if ((character >= 'a' && character <= 'z') ||
        (character >= 'A' && character <= 'Z') || character == '_')
      return WordClass::Start;
    return character >= '0' && character <= '9' ? WordClass::Continue
                                                : WordClass::None;
  }
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(character))) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
  case UTF8PROC_CATEGORY_NL:
    return WordClass::Start;
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_PC:
    return WordClass::Continue;
  case UTF8PROC_CATEGORY_NO:
    return WordClass::Other; // `\w` has it, identifiers do not
  default:
    // Other_ID_Continue.
    return character == 0xB7 || character == 0x387 ? WordClass::Continue
                                                   : WordClass::None;
  }
}

} // namespace

size_t leadingWord(std::string_view text) {
  size_t end = 0;
  while (end < text.size() &&
         classOf(decodeUtf8(text.substr(end))) != WordClass::None)
    end += utf8Length(text[end]);
  return end;
}

bool isIdentifier(std::string_view word) {
  for (size_t at = 0; at < word.size(); at += utf8Length(word[at])) {
    WordClass kind = classOf(decodeUtf8(word.substr(at)));
    if (kind != WordClass::Start && (at == 0 || kind != WordClass::Continue))
      return false;
  }
  return !word.empty();
}

} // namespace swallow::jinja
