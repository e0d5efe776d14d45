//===- Unicode.cpp --------------------------------------------------------===//

#include "runtime/jinja/value/Unicode.h"

#include "runtime/text/Regex.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utf8proc.h>
#include <utility>
#include <vector>

namespace swallow::jinja {

namespace {

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

using Range = std::pair<char32_t, char32_t>;

/// `ranges` are in order.
bool isIn(std::initializer_list<Range> ranges, char32_t c) {
  return std::ranges::any_of(ranges, [c](const Range &range) {
    return c >= range.first && c <= range.second;
  });
}

/// A binary property that utf8proc does not know and PCRE2 does.
class Property {
public:
  explicit Property(const char *pattern) : regex_(Regex::compile(pattern)) {}
  bool operator()(char32_t c) const {
    if (!regex_)
      return false;
    std::string text;
    appendUtf8(text, c);
    Regex::Matcher matcher(*regex_);
    matcher.allow(text.size());
    size_t start, end;
    return matcher.find(text, 0, start, end);
  }

private:
  Result<Regex> regex_;
};

bool hasLowercase(char32_t c) {
  static const Property property("\\p{Lowercase}");
  return property(c);
}
bool hasUppercase(char32_t c) {
  static const Property property("\\p{Uppercase}");
  return property(c);
}
bool hasXidStart(char32_t c) {
  static const Property property("\\p{XID_Start}");
  return property(c);
}
bool hasXidContinue(char32_t c) {
  static const Property property("\\p{XID_Continue}");
  return property(c);
}
bool isCaseIgnorable(char32_t c) {
  static const Property property("\\p{Case_Ignorable}");
  return property(c);
}

/// Whether a character outside Lu, Ll and Lt could still be called upper or
/// lower case.
bool mayHaveCase(char32_t c) {
  switch (category(c)) {
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_SO:
    return c >= 0x80;
  default:
    return false;
  }
}

char32_t simpleUpper(char32_t c) {
  return static_cast<char32_t>(
      utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
}
char32_t simpleLower(char32_t c) {
  return static_cast<char32_t>(
      utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}
char32_t simpleTitle(char32_t c) {
  return static_cast<char32_t>(
      utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
}

/// Full case folding of one character.
struct Folded {
  std::array<utf8proc_int32_t, 4> characters{};
  size_t count = 0;
};

Folded fold(char32_t c) {
  Folded folded;
  int boundary = UTF8PROC_BOUNDCLASS_START;
  utf8proc_ssize_t count = utf8proc_decompose_char(
      static_cast<utf8proc_int32_t>(c), folded.characters.data(),
      static_cast<utf8proc_ssize_t>(folded.characters.size()),
      UTF8PROC_CASEFOLD, &boundary);
  folded.count = count < 0 ? 0 : std::min<size_t>(count, 4);
  return folded;
}

/// Unicode's SpecialCasing: what one character becomes in several. They are
/// the lower-case and title-case characters that also fold to several, and
/// their upper case is that of those.
Folded expansion(char32_t c) {
  if (c < 0x80 || category(c) == UTF8PROC_CATEGORY_LU)
    return {};
  Folded folded = fold(c);
  return folded.count > 1 ? folded : Folded{};
}

void appendUpper(std::string &out, char32_t c) {
  Folded special = expansion(c);
  for (size_t i = 0; i < special.count; ++i)
    appendUtf8(out, simpleUpper(static_cast<char32_t>(special.characters[i])));
  if (special.count == 0)
    appendUtf8(out, simpleUpper(c));
}

constexpr char32_t sharpS = 0xDF;
constexpr char32_t apostropheN = 0x149;
constexpr char32_t capitalIWithDot = 0x130;
constexpr char32_t capitalSigma = 0x3A3;

void appendTitle(std::string &out, char32_t c) {
  char32_t simple = simpleTitle(c);
  Folded special;
  // utf8proc gives sharp s a capital that Unicode's default mapping does not.
  if ((simple == c && !isTitle(c)) || c == sharpS)
    special = expansion(c);
  if (special.count == 0) {
    appendUtf8(out, simple);
    return;
  }
  if (c == apostropheN) {
    appendUpper(out, c);
    return;
  }
  appendUtf8(out, simpleTitle(static_cast<char32_t>(special.characters[0])));
  for (size_t i = 1; i < special.count; ++i) {
    auto next = static_cast<char32_t>(special.characters[i]);
    // The iota that Greek writes below a vowel stays below a capital one.
    bool subscript = next == 0x3B9 && c >= 0x1F80 && i + 1 == special.count;
    appendUtf8(out, subscript ? 0x345 : next);
  }
}

/// Whether the sigma at `index` ends a word: a cased letter before it and none
/// after it, characters that case ignores left out.
bool isFinalSigma(const std::vector<char32_t> &text, size_t index) {
  size_t i = index;
  while (i > 0 && isCaseIgnorable(text[i - 1]))
    --i;
  if (i == 0 || !isCased(text[i - 1]))
    return false;
  size_t j = index + 1;
  while (j < text.size() && isCaseIgnorable(text[j]))
    ++j;
  return j == text.size() || !isCased(text[j]);
}

std::vector<char32_t> decode(std::string_view text) {
  std::vector<char32_t> characters;
  characters.reserve(text.size());
  for (size_t i = 0; i < text.size(); i += utf8Length(text[i]))
    characters.push_back(decodeUtf8(text.substr(i)));
  return characters;
}

void appendLower(std::string &out, const std::vector<char32_t> &text,
                 size_t index) {
  char32_t c = text[index];
  if (c == capitalSigma)
    appendUtf8(out, isFinalSigma(text, index) ? 0x3C2 : 0x3C3);
  else if (c == capitalIWithDot)
    out += "i\xCC\x87";
  else
    appendUtf8(out, simpleLower(c));
}

/// Ideographs that mean a number: Numeric_Type, which neither library knows.
constexpr std::array<char32_t, 81> numericIdeographs = {
    0x3405,  0x3483,  0x382A,  0x3B4D,  0x4E00,  0x4E03,  0x4E07,  0x4E09,
    0x4E5D,  0x4E8C,  0x4E94,  0x4E96,  0x4EBF,  0x4EC0,  0x4EDF,  0x4EE8,
    0x4F0D,  0x4F70,  0x5104,  0x5146,  0x5169,  0x516B,  0x516D,  0x5341,
    0x5343,  0x5344,  0x5345,  0x534C,  0x53C1,  0x53C2,  0x53C3,  0x53C4,
    0x56DB,  0x58F1,  0x58F9,  0x5E7A,  0x5EFE,  0x5EFF,  0x5F0C,  0x5F0D,
    0x5F0E,  0x5F10,  0x62FE,  0x634C,  0x67D2,  0x6F06,  0x7396,  0x767E,
    0x8086,  0x842C,  0x8CAE,  0x8CB3,  0x8D30,  0x9621,  0x9646,  0x964C,
    0x9678,  0x96F6,  0xF96B,  0xF973,  0xF978,  0xF9B2,  0xF9D1,  0xF9D3,
    0xF9FD,  0x20001, 0x20064, 0x200E2, 0x20121, 0x2092A, 0x20983, 0x2098C,
    0x2099C, 0x20AEA, 0x20AFD, 0x20B19, 0x22390, 0x22998, 0x23B1B, 0x2626D,
    0x2F890,
};

bool isNumericIdeograph(char32_t c) {
  return std::ranges::binary_search(numericIdeographs, c);
}

bool isAscii(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

char asciiUpper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}
char asciiLower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

} // namespace

bool isSpace(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) ||
         (c >= 0x80 && (c == 0x85 || c == 0x2028 || c == 0x2029 ||
                        category(c) == UTF8PROC_CATEGORY_ZS));
}

bool isLineBreak(char32_t c) {
  return (c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 ||
         c == 0x2028 || c == 0x2029;
}

bool isPrintable(char32_t c) {
  if (c < 0x80)
    return c >= 0x20 && c < 0x7F;
  switch (category(c)) {
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_CS:
  case UTF8PROC_CATEGORY_CO:
  case UTF8PROC_CATEGORY_CN:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP:
  case UTF8PROC_CATEGORY_ZS:
    return false;
  default:
    return true;
  }
}

bool isAlpha(char32_t c) {
  if (c < 0x80)
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
  utf8proc_category_t kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool isDecimal(char32_t c) {
  if (c < 0x80)
    return c >= '0' && c <= '9';
  return category(c) == UTF8PROC_CATEGORY_ND;
}

int decimalValue(char32_t c) {
  if (!isDecimal(c))
    return -1;
  if (c < 0x80)
    return static_cast<int>(c - '0');
  // Digits of a script stand in order, and sets of digits in runs of ten.
  int before = 0;
  while (isDecimal(c - static_cast<char32_t>(before) - 1))
    ++before;
  return before % 10;
}

bool isDigit(char32_t c) {
  // Numeric_Type=Digit, which neither library knows: digits that are raised,
  // lowered, circled and the like.
  return isDecimal(c) ||
         (c >= 0x80 &&
          isIn({{0xB2, 0xB3},       {0xB9, 0xB9},       {0x1369, 0x1371},
                {0x19DA, 0x19DA},   {0x2070, 0x2070},   {0x2074, 0x2079},
                {0x2080, 0x2089},   {0x2460, 0x2468},   {0x2474, 0x247C},
                {0x2488, 0x2490},   {0x24EA, 0x24EA},   {0x24F5, 0x24FD},
                {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},
                {0x278A, 0x2792},   {0x10A40, 0x10A43}, {0x10E60, 0x10E68},
                {0x11052, 0x1105A}, {0x1F100, 0x1F10A}},
               c));
}

bool isNumeric(char32_t c) {
  if (c < 0x80)
    return c >= '0' && c <= '9';
  utf8proc_category_t kind = category(c);
  return kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL ||
         kind == UTF8PROC_CATEGORY_NO || isNumericIdeograph(c);
}

bool isAlnum(char32_t c) { return isAlpha(c) || isNumeric(c); }

bool isLower(char32_t c) {
  if (c < 0x80)
    return c >= 'a' && c <= 'z';
  return category(c) == UTF8PROC_CATEGORY_LL ||
         (mayHaveCase(c) && hasLowercase(c));
}

bool isUpper(char32_t c) {
  if (c < 0x80)
    return c >= 'A' && c <= 'Z';
  return category(c) == UTF8PROC_CATEGORY_LU ||
         (mayHaveCase(c) && hasUppercase(c));
}

bool isTitle(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LT; }

bool isCased(char32_t c) { return isLower(c) || isUpper(c) || isTitle(c); }

bool isWord(char32_t c) { return c == '_' || isAlnum(c); }

bool isIdentifierStart(char32_t c) {
  return c < 0x80 ? c == '_' || isAlpha(c) : hasXidStart(c);
}

bool isIdentifierPart(char32_t c) {
  return c < 0x80 ? isWord(c) : hasXidContinue(c);
}

std::string toUpper(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  if (isAscii(text)) {
    std::ranges::transform(text, std::back_inserter(out), asciiUpper);
    return out;
  }
  for (char32_t c : decode(text))
    appendUpper(out, c);
  return out;
}

std::string toLower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  if (isAscii(text)) {
    std::ranges::transform(text, std::back_inserter(out), asciiLower);
    return out;
  }
  std::vector<char32_t> characters = decode(text);
  for (size_t i = 0; i < characters.size(); ++i)
    appendLower(out, characters, i);
  return out;
}

std::string toCaseFold(std::string_view text) {
  std::string out;
  for (char32_t c : decode(text)) {
    Folded folded = fold(c);
    for (size_t i = 0; i < folded.count; ++i)
      appendUtf8(out, static_cast<char32_t>(folded.characters[i]));
  }
  return out;
}

std::string toTitle(std::string_view text) {
  std::string out;
  std::vector<char32_t> characters = decode(text);
  bool afterCased = false;
  for (size_t i = 0; i < characters.size(); ++i) {
    if (afterCased)
      appendLower(out, characters, i);
    else
      appendTitle(out, characters[i]);
    afterCased = isCased(characters[i]);
  }
  return out;
}

std::string capitalize(std::string_view text) {
  std::string out;
  std::vector<char32_t> characters = decode(text);
  for (size_t i = 0; i < characters.size(); ++i) {
    if (i == 0)
      appendTitle(out, characters[i]);
    else
      appendLower(out, characters, i);
  }
  return out;
}

std::string swapCase(std::string_view text) {
  std::string out;
  std::vector<char32_t> characters = decode(text);
  for (size_t i = 0; i < characters.size(); ++i) {
    if (isUpper(characters[i]))
      appendLower(out, characters, i);
    else if (isLower(characters[i]))
      appendUpper(out, characters[i]);
    else
      appendUtf8(out, characters[i]);
  }
  return out;
}

} // namespace swallow::jinja
