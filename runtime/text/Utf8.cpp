//===- Utf8.cpp - UTF-8 and GPT-2's byte alphabet -------------------------===//

#include "runtime/text/Utf8.h"

#include <array>

using namespace swallow;

namespace {

/// The character of each byte, and the byte of each character below
/// U+0180 or -1.
struct ByteAlphabet {
  std::array<uint16_t, 256> character;
  std::array<int16_t, 0x180> byte;

  ByteAlphabet() {
    byte.fill(-1);
    uint16_t next = 0x100;
    for (unsigned b = 0; b < 256; ++b) {
      bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b != 0xAD);
      character[b] = printable ? static_cast<uint16_t>(b) : next++;
      byte[character[b]] = static_cast<int16_t>(b);
    }
  }
};

const ByteAlphabet &byteAlphabet() {
  static const ByteAlphabet alphabet;
  return alphabet;
}

} // namespace

Utf8Unit swallow::scanUtf8(std::string_view bytes) {
  auto at = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  unsigned char lead = at(0);
  if (lead < 0x80)
    return {Utf8Unit::Character, 1};
  // The range of the second byte excludes overlong forms, surrogates and code
  // points beyond U+10FFFF (Unicode standard, table 3-7).
  size_t length;
  unsigned char low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if ((lead & 0xF0) == 0xE0) {
    length = 3;
    if (lead == 0xE0)
      low = 0xA0;
    if (lead == 0xED)
      high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0)
      low = 0x90;
    if (lead == 0xF4)
      high = 0x8F;
  } else {
    return {Utf8Unit::Broken, 1};
  }
  for (size_t i = 1; i < length; ++i) {
    if (i == bytes.size())
      return {Utf8Unit::Incomplete, i};
    if (at(i) < low || at(i) > high)
      return {Utf8Unit::Broken, i};
    low = 0x80;
    high = 0xBF;
  }
  return {Utf8Unit::Character, length};
}

bool swallow::isValidUtf8(std::string_view text) {
  while (!text.empty()) {
    Utf8Unit unit = scanUtf8(text);
    if (unit.kind != Utf8Unit::Character)
      return false;
    text.remove_prefix(unit.length);
  }
  return true;
}

std::string swallow::toValidUtf8(std::string_view bytes) {
  std::string result;
  result.reserve(bytes.size());
  while (!bytes.empty()) {
    Utf8Unit unit = scanUtf8(bytes);
    result += unit.kind == Utf8Unit::Character ? bytes.substr(0, unit.length)
                                               : replacementCharacter;
    bytes.remove_prefix(unit.length);
  }
  return result;
}

char32_t swallow::decodeUtf8(std::string_view text) {
  auto at = [&](size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[i]));
  };
  switch (utf8Length(text[0])) {
  case 1:
    return at(0);
  case 2:
    return (at(0) & 0x1F) << 6 | (at(1) & 0x3F);
  case 3:
    return (at(0) & 0x0F) << 12 | (at(1) & 0x3F) << 6 | (at(2) & 0x3F);
  default:
    return (at(0) & 0x07) << 18 | (at(1) & 0x3F) << 12 | (at(2) & 0x3F) << 6 |
           (at(3) & 0x3F);
  }
}

void swallow::appendUtf8(std::string &out, char32_t codePoint) {
  auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (codePoint < 0x80) {
    put(codePoint);
  } else if (codePoint < 0x800) {
    put(0xC0 | codePoint >> 6);
    put(0x80 | (codePoint & 0x3F));
  } else if (codePoint < 0x10000) {
    put(0xE0 | codePoint >> 12);
    put(0x80 | (codePoint >> 6 & 0x3F));
    put(0x80 | (codePoint & 0x3F));
  } else {
    put(0xF0 | codePoint >> 18);
    put(0x80 | (codePoint >> 12 & 0x3F));
    put(0x80 | (codePoint >> 6 & 0x3F));
    put(0x80 | (codePoint & 0x3F));
  }
}

bool swallow::isWhiteSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::string swallow::toByteAlphabet(std::string_view text) {
  std::string result;
  result.reserve(text.size() * 2);
  for (char c : text)
    appendUtf8(result, byteAlphabet().character[static_cast<unsigned char>(c)]);
  return result;
}

std::optional<std::string> swallow::fromByteAlphabet(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    char32_t c = decodeUtf8(text);
    if (c >= byteAlphabet().byte.size() || byteAlphabet().byte[c] < 0)
      return std::nullopt;
    result += static_cast<char>(byteAlphabet().byte[c]);
    text.remove_prefix(utf8Length(text[0]));
  }
  return result;
}
