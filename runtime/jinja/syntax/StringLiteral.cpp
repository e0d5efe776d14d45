//===- StringLiteral.cpp --------------------------------------------------===//

#include "runtime/jinja/syntax/StringLiteral.h"

#include "runtime/text/Utf8.h"

#include <cstdint>
#include <cstdio>
#include <optional>

namespace swallow::jinja {

namespace {

int hexDigit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Python's str.encode("ascii", "backslashreplace").
std::string replaceByEscapes(std::string_view text) {
  std::string ascii;
  for (size_t at = 0; at < text.size(); at += utf8Length(text[at])) {
    char32_t character = decodeUtf8(text.substr(at));
    if (character < 0x80) {
      ascii += static_cast<char>(character);
      continue;
    }
    const char *format = character < 0x100     ? "\\x%02x"
                         : character < 0x10000 ? "\\u%04x"
                                               : "\\U%08x";
    char escape[16];
    std::snprintf(escape, sizeof(escape), format,
                  static_cast<unsigned>(character));
    ascii += escape;
  }
  return ascii;
}

std::optional<char> simpleEscape(char c) {
  switch (c) {
  case '\\':
  case '\'':
  case '"':
    return c;
  case 'a':
    return '\a';
  case 'b':
    return '\b';
  case 'f':
    return '\f';
  case 'n':
    return '\n';
  case 'r':
    return '\r';
  case 't':
    return '\t';
  case 'v':
    return '\v';
  default:
    return std::nullopt;
  }
}

// Up to three octal digits; `at` is the first.
char32_t octalEscape(std::string_view text, size_t &at) {
  char32_t value = 0;
  for (int digits = 0;
       digits < 3 && at < text.size() && text[at] >= '0' && text[at] <= '7';
       ++digits, ++at)
    value = value * 8 + static_cast<char32_t>(text[at] - '0');
  return value;
}

// `at` is behind the letter, which says how many digits follow.
Result<char32_t> hexEscape(std::string_view text, size_t &at, char letter) {
  size_t digits = letter == 'x' ? 2 : letter == 'u' ? 4 : 8;
  char32_t value = 0;
  for (size_t i = 0; i < digits; ++i, ++at) {
    int digit = at < text.size() ? hexDigit(text[at]) : -1;
    if (digit < 0)
      return Error{ErrorCode::MalformedFile,
                   std::string("truncated \\") + letter +
                       std::string(digits, 'X') + " escape"};
    value = value * 16 + static_cast<char32_t>(digit);
  }
  if (value > 0x10FFFF)
    return Error{ErrorCode::MalformedFile, "illegal Unicode character"};
  if (value >= 0xD800 && value <= 0xDFFF)
    return Error{ErrorCode::MalformedFile,
                 "an escape for half a surrogate pair, which no text can have"};
  return value;
}

} // namespace

Result<std::string> decodeStringLiteral(std::string_view literal) {
  if (literal.find('\\') == std::string_view::npos)
    return std::string(literal);
  std::string text = replaceByEscapes(literal);
  std::string decoded;
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      decoded += text[at++];
      continue;
    }
    char letter = text[at + 1];
    if (letter == '\n') {
      at += 2;
    } else if (std::optional<char> simple = simpleEscape(letter)) {
      decoded += *simple;
      at += 2;
    } else if (letter >= '0' && letter <= '7') {
      ++at;
      appendUtf8(decoded, octalEscape(text, at));
    } else if (letter == 'x' || letter == 'u' || letter == 'U') {
      at += 2;
      SWALLOW_ASSIGN(char32_t character, hexEscape(text, at, letter));
      appendUtf8(decoded, character);
    } else if (letter == 'N') {
      return Error{ErrorCode::MalformedFile,
                   "\\N{...} is not supported: write the character or \\u"};
    } else {
      // Python keeps the backslash of what is no escape.
      decoded += text[at++];
    }
  }
  return decoded;
}

} // namespace swallow::jinja
