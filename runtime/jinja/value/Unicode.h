//===- Unicode.h - Python's classes and cases of characters -----*- C++ -*-===//
//
// What str's methods ask of a code point, by utf8proc. Python's own tables may
// be of another version of Unicode: characters assigned in between differ.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_JINJA_VALUE_UNICODE_H
#define SWALLOW_RUNTIME_JINJA_VALUE_UNICODE_H

#include <cstdint>
#include <string>
#include <string_view>

namespace swallow::jinja {

bool isSpace(char32_t c);     // str.isspace, str.split, int()
bool isLineBreak(char32_t c); // str.splitlines
bool isPrintable(char32_t c);
bool isAlpha(char32_t c);
bool isDecimal(char32_t c);
bool isDigit(char32_t c);
bool isNumeric(char32_t c);
bool isAlnum(char32_t c);
bool isLower(char32_t c);
bool isUpper(char32_t c);
bool isTitle(char32_t c);
bool isCased(char32_t c);
bool isWord(char32_t c); // \w of Python's re
bool isIdentifierStart(char32_t c);
bool isIdentifierPart(char32_t c);
/// 0 to 9, or -1 where it is no decimal digit.
int decimalValue(char32_t c);

std::string toUpper(std::string_view text);
std::string toLower(std::string_view text);
std::string toCaseFold(std::string_view text);
std::string toTitle(std::string_view text);
std::string capitalize(std::string_view text);
std::string swapCase(std::string_view text);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_VALUE_UNICODE_H
