//===- RegexSets.cpp - Oniguruma's character sets for PCRE2 ---------------===//
//
// What a name means is Oniguruma's; the characters are the library's. (Both
// follow the Unicode standard, of which they may know different versions.)
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/tokenizer/RegexSets.h"
#include "runtime/text/Regex.h"

#include <utf8proc.h>

#include <algorithm>
#include <set>
#include <utility>

using namespace swallow;

// Oniguruma's \s is White_Space and its \w is Alphabetic, M, Nd and Pc (its
// CR_Space and CR_Word). PCRE2's are others: its \s has U+180E, its \w has no
// marks. Ranges below U+0100 are what PCRE2 tests fastest.
const std::string_view swallow::spaceItems =
    R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029})"
    R"(\x{202F}\x{205F}\x{3000})";
const std::string_view swallow::wordItems =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
// Outside of a class Oniguruma asks its table of Latin-1 for the characters
// that are in it, and there the numbers are word characters: 2 3 1 as
// superscripts and 1/4 1/2 3/4.
const std::string_view swallow::wordAtomItems =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";

namespace {

using Names = std::pair<std::string_view, std::string_view>;

constexpr Names categories[] = {
    {"letter", "L"},
    {"casedletter", "L&"},
    {"uppercaseletter", "Lu"},
    {"lowercaseletter", "Ll"},
    {"titlecaseletter", "Lt"},
    {"modifierletter", "Lm"},
    {"otherletter", "Lo"},
    {"mark", "M"},
    {"combiningmark", "M"},
    {"nonspacingmark", "Mn"},
    {"spacingmark", "Mc"},
    {"enclosingmark", "Me"},
    {"number", "N"},
    {"decimalnumber", "Nd"},
    {"letternumber", "Nl"},
    {"othernumber", "No"},
    {"punctuation", "P"},
    {"connectorpunctuation", "Pc"},
    {"dashpunctuation", "Pd"},
    {"openpunctuation", "Ps"},
    {"closepunctuation", "Pe"},
    {"initialpunctuation", "Pi"},
    {"finalpunctuation", "Pf"},
    {"otherpunctuation", "Po"},
    {"symbol", "S"},
    {"mathsymbol", "Sm"},
    {"currencysymbol", "Sc"},
    {"modifiersymbol", "Sk"},
    {"othersymbol", "So"},
    {"separator", "Z"},
    {"spaceseparator", "Zs"},
    {"lineseparator", "Zl"},
    {"paragraphseparator", "Zp"},
    {"other", "C"},
    {"control", "Cc"},
    {"format", "Cf"},
    {"privateuse", "Co"},
    {"surrogate", "Cs"},
    {"unassigned", "Cn"},
};
constexpr std::string_view shortCategories[] = {
    "c",  "cc", "cf", "cn", "co", "cs", "l",  "ll", "lm", "lo",
    "lt", "lu", "m",  "mc", "me", "mn", "n",  "nd", "nl", "no",
    "p",  "pc", "pd", "pe", "pf", "pi", "po", "ps", "s",  "sc",
    "sk", "sm", "so", "z",  "zl", "zp", "zs"};

constexpr std::string_view blankItems = R"(\p{Zs}\x{9})";

/// Lower case, without what does not count; empty for other than a name.
std::string looseName(std::string_view name) {
  std::string result;
  for (char c : name) {
    if (c == ' ' || c == '-' || c == '_')
      continue;
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
    if ((c < 'a' || c > 'z') && (c < '0' || c > '9'))
      return {};
    result += c;
  }
  return result;
}

bool compiles(const std::string &pattern) {
  return static_cast<bool>(Regex::compile(pattern));
}

CharacterSet items(std::string_view text, bool negated = false) {
  return {std::string(text), negated};
}

} // namespace

std::optional<CharacterSet> swallow::posixSet(std::string_view name) {
  if (name == "alnum")
    return items(R"(\p{Alphabetic}\p{Nd})");
  if (name == "alpha")
    return items(R"(\p{Alphabetic})");
  if (name == "ascii")
    return items(R"(\x{0}-\x{7F})");
  if (name == "blank")
    return items(blankItems);
  if (name == "cntrl")
    return items(R"(\p{Cc})");
  if (name == "digit")
    return items(R"(\p{Nd})");
  if (name == "graph") // all but white space, Cc, Cn and Cs
    return items(R"(\p{Z}\p{Cc}\p{Cn}\p{Cs})", /*negated=*/true);
  if (name == "lower")
    return items(R"(\p{Lowercase})");
  if (name == "print") // the same and Zs
    return items(R"(\p{Zl}\p{Zp}\p{Cc}\p{Cn}\p{Cs})", /*negated=*/true);
  if (name == "punct")
    return items(R"(\p{P}\p{S})");
  if (name == "space")
    return items(spaceItems);
  if (name == "upper")
    return items(R"(\p{Uppercase})");
  if (name == "word")
    return items(wordItems);
  if (name == "xdigit")
    return items("0-9A-Fa-f");
  return std::nullopt;
}

std::optional<CharacterSet> swallow::propertySet(std::string_view name) {
  std::string loose = looseName(name);
  auto property = [](std::string_view text) {
    return items("\\p{" + std::string(text) + "}");
  };
  if (loose.empty())
    return std::nullopt;
  for (std::string_view category : shortCategories)
    if (loose == category)
      return property(loose);
  for (auto [longName, category] : categories)
    if (loose == longName)
      return property(category);
  if (loose == "lc")
    return property("L&");
  if (loose == "any")
    return property("Any");
  if (loose == "assigned")
    return items(R"(\p{Cn})", /*negated=*/true);
  if (loose == "punct") // without the symbols
    return property("P");
  // Oniguruma takes this one for the bare \w in some places, for the other in
  // others.
  if (loose == "word")
    return std::nullopt;
  if (std::optional<CharacterSet> set = posixSet(loose))
    return set;
  // Without "sc:" PCRE2 would ask for script extensions, which is another
  // property than Oniguruma's.
  if (compiles("\\p{sc:" + loose + "}"))
    return property("sc:" + loose);
  // Names that are PCRE2's own.
  if (loose.starts_with("bidi") ||
      (loose.starts_with("x") && !loose.starts_with("xid")))
    return std::nullopt;
  if (compiles("\\p{" + loose + "}"))
    return property(loose);
  return std::nullopt;
}

bool swallow::isCaseProperty(std::string_view name) {
  constexpr std::string_view names[] = {
      "ll",    "lu",    "lt",        "lowercaseletter", "uppercaseletter",
      "lower", "upper", "lowercase", "uppercase",       "titlecaseletter"};
  return std::find(std::begin(names), std::end(names), looseName(name)) !=
         std::end(names);
}

namespace {

/// `c` where case does not count (Unicode standard, section 3.13, full case
/// folding); up to three characters.
size_t foldCase(char32_t c, utf8proc_int32_t (&folded)[4]) {
  utf8proc_ssize_t count = utf8proc_decompose_char(
      static_cast<utf8proc_int32_t>(c), folded, 4, UTF8PROC_CASEFOLD, nullptr);
  return count > 0 && count <= 4 ? static_cast<size_t>(count) : 0;
}

} // namespace

bool swallow::foldsToSeveral(char32_t c) {
  utf8proc_int32_t folded[4];
  return foldCase(c, folded) > 1;
}

bool swallow::beginsCaseFolding(char32_t first, char32_t second) {
  using Pair = std::pair<utf8proc_int32_t, utf8proc_int32_t>;
  static const std::set<Pair> beginnings = [] {
    std::set<Pair> pairs;
    utf8proc_int32_t folded[4];
    for (char32_t c = 0x80; c < 0x10000; ++c)
      if ((c < 0xD800 || c >= 0xE000) && foldCase(c, folded) > 1)
        pairs.emplace(folded[0], folded[1]);
    return pairs;
  }();
  utf8proc_int32_t one[4], other[4];
  return foldCase(first, one) > 0 && foldCase(second, other) > 0 &&
         beginnings.count({one[0], other[0]}) != 0;
}
