//===- Entities.cpp -------------------------------------------------------===//
//
// HTML, "13.2.5.72 Character reference state" and the states that follow it:
// html.spec.whatwg.org/multipage/parsing.html.
//
//===----------------------------------------------------------------------===//

#include "runtime/jinja/library/text/Entities.h"

#include "runtime/text/Utf8.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace swallow::jinja {

namespace {

struct Entity {
  std::string_view name;
  char32_t character;
};

/// The names that the standard also takes without a semicolon.
constexpr std::array<Entity, 106> entities = {{
    {"AElig", 0xC6},  {"AMP", 0x26},    {"Aacute", 0xC1}, {"Acirc", 0xC2},
    {"Agrave", 0xC0}, {"Aring", 0xC5},  {"Atilde", 0xC3}, {"Auml", 0xC4},
    {"COPY", 0xA9},   {"Ccedil", 0xC7}, {"ETH", 0xD0},    {"Eacute", 0xC9},
    {"Ecirc", 0xCA},  {"Egrave", 0xC8}, {"Euml", 0xCB},   {"GT", 0x3E},
    {"Iacute", 0xCD}, {"Icirc", 0xCE},  {"Igrave", 0xCC}, {"Iuml", 0xCF},
    {"LT", 0x3C},     {"Ntilde", 0xD1}, {"Oacute", 0xD3}, {"Ocirc", 0xD4},
    {"Ograve", 0xD2}, {"Oslash", 0xD8}, {"Otilde", 0xD5}, {"Ouml", 0xD6},
    {"QUOT", 0x22},   {"REG", 0xAE},    {"THORN", 0xDE},  {"Uacute", 0xDA},
    {"Ucirc", 0xDB},  {"Ugrave", 0xD9}, {"Uuml", 0xDC},   {"Yacute", 0xDD},
    {"aacute", 0xE1}, {"acirc", 0xE2},  {"acute", 0xB4},  {"aelig", 0xE6},
    {"agrave", 0xE0}, {"amp", 0x26},    {"aring", 0xE5},  {"atilde", 0xE3},
    {"auml", 0xE4},   {"brvbar", 0xA6}, {"ccedil", 0xE7}, {"cedil", 0xB8},
    {"cent", 0xA2},   {"copy", 0xA9},   {"curren", 0xA4}, {"deg", 0xB0},
    {"divide", 0xF7}, {"eacute", 0xE9}, {"ecirc", 0xEA},  {"egrave", 0xE8},
    {"eth", 0xF0},    {"euml", 0xEB},   {"frac12", 0xBD}, {"frac14", 0xBC},
    {"frac34", 0xBE}, {"gt", 0x3E},     {"iacute", 0xED}, {"icirc", 0xEE},
    {"iexcl", 0xA1},  {"igrave", 0xEC}, {"iquest", 0xBF}, {"iuml", 0xEF},
    {"laquo", 0xAB},  {"lt", 0x3C},     {"macr", 0xAF},   {"micro", 0xB5},
    {"middot", 0xB7}, {"nbsp", 0xA0},   {"not", 0xAC},    {"ntilde", 0xF1},
    {"oacute", 0xF3}, {"ocirc", 0xF4},  {"ograve", 0xF2}, {"ordf", 0xAA},
    {"ordm", 0xBA},   {"oslash", 0xF8}, {"otilde", 0xF5}, {"ouml", 0xF6},
    {"para", 0xB6},   {"plusmn", 0xB1}, {"pound", 0xA3},  {"quot", 0x22},
    {"raquo", 0xBB},  {"reg", 0xAE},    {"sect", 0xA7},   {"shy", 0xAD},
    {"sup1", 0xB9},   {"sup2", 0xB2},   {"sup3", 0xB3},   {"szlig", 0xDF},
    {"thorn", 0xFE},  {"times", 0xD7},  {"uacute", 0xFA}, {"ucirc", 0xFB},
    {"ugrave", 0xF9}, {"uml", 0xA8},    {"uuml", 0xFC},   {"yacute", 0xFD},
    {"yen", 0xA5},    {"yuml", 0xFF},
}};

/// What the standard makes of 0x80 to 0x9F: windows-1252.
constexpr std::array<char16_t, 32> windows1252 = {
    0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021,
    0x2C6,  0x2030, 0x160,  0x2039, 0x152,  0x8D,   0x17D,  0x8F,
    0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
    0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};

void appendNumeric(std::string &out, uint32_t code) {
  if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
    out += replacementCharacter;
    return;
  }
  if (code == '\r') {
    out += '\r';
    return;
  }
  if (code >= 0x80 && code < 0xA0) {
    appendUtf8(out, windows1252[code - 0x80]);
    return;
  }
  // Control characters and noncharacters vanish.
  bool control =
      code < 9 || (code > 10 && code < 0x20 && code != 12) || code == 0x7F;
  bool noncharacter =
      (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFE) == 0xFFFE;
  if (!control && !noncharacter)
    appendUtf8(out, code);
}

int digitOf(char c, bool hexadecimal) {
  if (c >= '0' && c <= '9')
    return c - '0';
  char lower = static_cast<char>(c | 0x20);
  return hexadecimal && lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Reads a reference that starts at `at`, after "&#"; false if it is none.
bool readNumeric(std::string_view text, size_t &at, std::string &out) {
  size_t i = at;
  bool hexadecimal = i < text.size() && (text[i] | 0x20) == 'x';
  i += hexadecimal;
  size_t first = i;
  uint32_t code = 0;
  for (; i < text.size() && digitOf(text[i], hexadecimal) >= 0; ++i)
    code = std::min<uint32_t>(
        code * (hexadecimal ? 16 : 10) +
            static_cast<uint32_t>(digitOf(text[i], hexadecimal)),
        0x110000);
  if (i == first)
    return false;
  if (i < text.size() && text[i] == ';')
    ++i;
  appendNumeric(out, code);
  at = i;
  return true;
}

/// The longest name that the text starts with.
const Entity *findNamed(std::string_view text) {
  const Entity *longest = nullptr;
  for (const Entity &entity : entities)
    if (text.starts_with(entity.name) &&
        (!longest || entity.name.size() > longest->name.size()))
      longest = &entity;
  return longest;
}

} // namespace

std::string resolveEntities(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t ampersand = std::min(text.find('&', i), text.size());
    out.append(text, i, ampersand - i);
    i = ampersand;
    if (i == text.size())
      break;
    ++i;
    if (i < text.size() && text[i] == '#') {
      size_t at = i + 1;
      if (readNumeric(text, at, out)) {
        i = at;
        continue;
      }
    } else if (const Entity *entity = findNamed(text.substr(i))) {
      appendUtf8(out, entity->character);
      i += entity->name.size();
      if (i < text.size() && text[i] == ';')
        ++i;
      continue;
    } else if (text.substr(i).starts_with("apos;")) {
      out += '\'';
      i += 5;
      continue;
    }
    out += '&';
  }
  return out;
}

} // namespace swallow::jinja
