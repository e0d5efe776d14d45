//===- RegexTranslator.cpp - Oniguruma patterns to PCRE2 ------------------===//

#include "frontends/huggingface/tokenizer/RegexTranslator.h"
#include "runtime/text/Regex.h"
#include "runtime/text/Utf8.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

using namespace swallow;

namespace {

// Oniguruma's \s is White_Space and its \w is Alphabetic, M, Nd and Pc (its
// CR_Space and CR_Word). PCRE2's are others: its \s has U+180E, its \w has no
// marks. Ranges below U+0100 are what PCRE2 tests fastest.
constexpr std::string_view spaceRanges =
    R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029})"
    R"(\x{202F}\x{205F}\x{3000})";
constexpr std::string_view wordRanges = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
// Outside of a class Oniguruma asks its table of Latin-1 for the characters
// that are in it, and there the numbers are word characters: 2 3 1 as
// superscripts and 1/4 1/2 3/4.
constexpr std::string_view wordAtomRanges =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";

// Scripts as PCRE2's \p{sc:...}: without "sc:" it would ask for script
// extensions, which is another property than Oniguruma's.
constexpr std::array<std::string_view, 29> scripts = {
    "Arabic",   "Armenian", "Bengali",  "Bopomofo",  "Common",    "Cyrillic",
    "Ethiopic", "Georgian", "Greek",    "Gujarati",  "Gurmukhi",  "Han",
    "Hangul",   "Hebrew",   "Hiragana", "Inherited", "Kannada",   "Katakana",
    "Khmer",    "Lao",      "Latin",    "Malayalam", "Mongolian", "Myanmar",
    "Sinhala",  "Tamil",    "Telugu",   "Thai",      "Tibetan"};
constexpr std::array<std::string_view, 37> properties = {
    "C",  "Cc", "Cf", "Cn", "Co", "L",  "Ll",        "Lm", "Lo", "Lt",
    "Lu", "M",  "Mc", "Me", "Mn", "N",  "Nd",        "Nl", "No", "P",
    "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps",        "S",  "Sc", "Sk",
    "Sm", "So", "Z",  "Zl", "Zp", "Zs", "Alphabetic"};

template <typename List>
bool contains(const List &list, std::string_view name) {
  for (std::string_view item : list)
    if (item == name)
      return true;
  return false;
}

class Translator {
public:
  explicit Translator(std::string_view pattern) : in_(pattern) {}

  Result<std::string> run() {
    groups_.push_back(0);
    while (at_ < in_.size())
      if (!item())
        return failure();
    if (groups_.size() != 1) {
      fail("a group that does not end");
      return failure();
    }
    out_.append(groups_.back(), ')');
    return out_;
  }

private:
  bool fail(std::string what) {
    if (problem_.empty())
      problem_ = std::move(what);
    return false;
  }
  Error failure() const {
    return {ErrorCode::UnsupportedTokenizer,
            "regular expression with " + problem_ + ": " + std::string(in_)};
  }

  bool next(std::string_view text) {
    if (!in_.substr(at_).starts_with(text))
      return false;
    at_ += text.size();
    return true;
  }

  void atom(std::string_view text) {
    atomStart_ = out_.size();
    out_ += text;
  }

  /// A character by its number, so that none has a meaning of its own.
  static std::string literal(char32_t c) {
    char text[16];
    std::snprintf(text, sizeof text, "\\x{%X}", static_cast<unsigned>(c));
    return text;
  }

  bool item() {
    char c = in_[at_];
    switch (c) {
    case '\\':
      return escape();
    case '[':
      return characterClass();
    case '(':
      return openGroup();
    case ')':
      return closeGroup();
    case '|':
      ++at_;
      out_ += '|';
      atomStart_.reset();
      return true;
    case '*':
    case '+':
    case '?':
    case '{':
      return quantifier();
    case '.':
    case '^':
    case '$':
      ++at_;
      atom(std::string_view(&c, 1));
      return true;
    default:
      atom(literal(takeCharacter()));
      return true;
    }
  }

  char32_t takeCharacter() {
    char32_t c = decodeUtf8(in_.substr(at_));
    at_ += utf8Length(in_[at_]);
    return c;
  }

  bool openGroup() {
    ++at_;
    size_t start = out_.size();
    if (!next("?")) {
      out_ += "(?:"; // a capture; nothing can refer to it
    } else if (next(":")) {
      out_ += "(?:";
    } else if (next("=")) {
      out_ += "(?=";
    } else if (next("!")) {
      out_ += "(?!";
    } else if (next(">")) {
      out_ += "(?>";
    } else if (next("<=")) {
      out_ += "(?<=";
    } else if (next("<!")) {
      out_ += "(?<!";
    } else if (in_.substr(at_).starts_with("<")) {
      size_t end = in_.find('>', at_);
      if (end == in_.npos)
        return fail("a group name that does not end");
      at_ = end + 1;
      out_ += "(?:";
    } else {
      return options();
    }
    groups_.push_back(0);
    groupStarts_.push_back(start);
    atomStart_.reset();
    return true;
  }

  /// "(?i)", "(?i-m:...)": in Ruby m lets . match newlines, and options without
  /// a colon hold for the rest of the group, alternatives included.
  bool options() {
    std::string text = "(?";
    for (; at_ < in_.size() && in_[at_] != ')' && in_[at_] != ':'; ++at_) {
      char c = in_[at_];
      if (c != 'i' && c != 'm' && c != '-')
        return fail(std::string("the option (?") + c + ")");
      text += c == 'm' ? 's' : c;
    }
    if (at_ == in_.size())
      return fail("options that do not end");
    bool restOfGroup = in_[at_++] == ')';
    size_t start = out_.size();
    out_ += text + ":";
    atomStart_.reset();
    if (restOfGroup) {
      ++groups_.back();
      return true;
    }
    groups_.push_back(0);
    groupStarts_.push_back(start);
    return true;
  }

  bool closeGroup() {
    ++at_;
    if (groups_.size() == 1)
      return fail("a ) too many");
    out_.append(groups_.back() + 1, ')');
    groups_.pop_back();
    atomStart_ = groupStarts_.back();
    groupStarts_.pop_back();
    return true;
  }

  bool quantifier() {
    if (in_[at_] == '{')
      return interval();
    if (!atomStart_)
      return fail("a quantifier with nothing before it");
    out_ += in_[at_++];
    if (next("?"))
      out_ += '?';
    else if (next("+"))
      out_ += '+';
    // Another quantifier repeats the whole; rare, and PCRE2 would read it as
    // an error.
    if (at_ < in_.size() && (in_[at_] == '*' || in_[at_] == '+' ||
                             in_[at_] == '?' || in_[at_] == '{'))
      return fail("a quantifier of a quantifier");
    atomStart_.reset();
    return true;
  }

  /// {n}, {n,}, {,m} or {n,m}; any other { is a character.
  bool interval() {
    size_t i = at_ + 1;
    auto number = [&] {
      std::string digits;
      while (i < in_.size() && in_[i] >= '0' && in_[i] <= '9')
        digits += in_[i++];
      return digits;
    };
    std::string low = number();
    bool comma = i < in_.size() && in_[i] == ',';
    std::string high;
    if (comma) {
      ++i;
      high = number();
    }
    bool valid = i < in_.size() && in_[i] == '}' &&
                 (!low.empty() || !high.empty()) && (comma || !low.empty());
    if (!valid) {
      ++at_;
      atom(literal('{'));
      return true;
    }
    if (!atomStart_)
      return fail("a quantifier with nothing before it");
    at_ = i + 1;
    out_ += "{" + (low.empty() ? "0" : low) + (comma ? "," + high : "") + "}";
    if (at_ < in_.size() && in_[at_] == '?') {
      if (!comma)
        return fail("{n}?"); // optional in Ruby, lazy elsewhere
      ++at_;
      out_ += '?';
    } else if (at_ < in_.size() && in_[at_] == '+') {
      // Ruby has no possessive interval: this repeats the repetition.
      ++at_;
      out_.insert(*atomStart_, "(?:");
      out_ += ")+";
    }
    if (at_ < in_.size() && (in_[at_] == '*' || in_[at_] == '+' ||
                             in_[at_] == '?' || in_[at_] == '{'))
      return fail("a quantifier of a quantifier");
    atomStart_.reset();
    return true;
  }

  /// \p{...} or \P{...}, after the p.
  std::optional<std::string> property(bool negate) {
    size_t end = in_.find('}', at_);
    if (!next("{") || end == in_.npos) {
      fail("\\p without a name");
      return std::nullopt;
    }
    if (next("^"))
      negate = !negate;
    std::string name(in_.substr(at_, end - at_));
    at_ = end + 1;
    std::string_view prefix = negate ? "\\P{" : "\\p{";
    if (contains(properties, name))
      return std::string(prefix) + name + "}";
    if (contains(scripts, name))
      return std::string(prefix) + "sc:" + name + "}";
    fail("the property \\p{" + name + "}");
    return std::nullopt;
  }

  /// A character that an escape stands for, after the backslash.
  std::optional<char32_t> escapedCharacter() {
    char c = in_[at_];
    constexpr std::string_view names = "tnrfvae";
    constexpr std::string_view values = "\t\n\r\f\v\a\x1B";
    if (size_t i = names.find(c); i != names.npos) {
      ++at_;
      return static_cast<char32_t>(values[i]);
    }
    if (c == 'x' || c == 'u') {
      ++at_;
      bool braces = c == 'x' && next("{");
      size_t limit = braces ? 6 : c == 'x' ? 2 : 4;
      char32_t value = 0;
      size_t digits = 0;
      for (; digits < limit && at_ < in_.size(); ++digits, ++at_) {
        char d = in_[at_];
        int v = d >= '0' && d <= '9'   ? d - '0'
                : d >= 'a' && d <= 'f' ? d - 'a' + 10
                : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                       : -1;
        if (v < 0)
          break;
        value = value * 16 + static_cast<char32_t>(v);
      }
      // \xE3 is a byte to Oniguruma, not a character.
      if (digits == 0 || (braces && !next("}")) || (c == 'u' && digits != 4) ||
          (c == 'x' && !braces && value > 0x7F) || value > 0x10FFFF) {
        fail("a bad \\x or \\u");
        return std::nullopt;
      }
      return value;
    }
    bool wordLike = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                    (c >= 'A' && c <= 'Z');
    if (wordLike) {
      fail(std::string("\\") + c);
      return std::nullopt;
    }
    return takeCharacter();
  }

  bool escape() {
    ++at_;
    if (at_ == in_.size())
      return fail("a \\ at the end");
    auto take = [&](const std::string &text) {
      ++at_;
      atom(text);
      return true;
    };
    auto set = [](std::string_view open, std::string_view ranges) {
      return std::string(open) + std::string(ranges) + "]";
    };
    const std::string word = set("[", wordAtomRanges);
    const std::string before = "(?<=" + word + ")", after = "(?=" + word + ")";
    const std::string notBefore = "(?<!" + word + ")",
                      notAfter = "(?!" + word + ")";
    switch (in_[at_]) {
    case 's':
      return take(set("[", spaceRanges));
    case 'S':
      return take(set("[^", spaceRanges));
    case 'w':
      return take(word);
    case 'W':
      return take(set("[^", wordAtomRanges));
    case 'd':
      return take("\\p{Nd}");
    case 'D':
      return take("\\P{Nd}");
    case 'h':
      return take("[0-9A-Fa-f]");
    case 'H':
      return take("[^0-9A-Fa-f]");
    case 'b':
      return take("(?:" + before + notAfter + "|" + notBefore + after + ")");
    case 'B':
      return take("(?:" + before + after + "|" + notBefore + notAfter + ")");
    case 'A':
    case 'z':
    case 'Z':
      return take(std::string("\\") + in_[at_]);
    case 'p':
    case 'P': {
      bool negate = in_[at_++] == 'P';
      std::optional<std::string> text = property(negate);
      if (text)
        atom(*text);
      return text.has_value();
    }
    default:
      std::optional<char32_t> c = escapedCharacter();
      if (c)
        atom(literal(*c));
      return c.has_value();
    }
  }

  /// One escape inside a class: a set, or a character that may start a range.
  bool classEscape(std::string &text, std::optional<char32_t> &character) {
    if (at_ == in_.size())
      return fail("a \\ at the end");
    auto take = [&](std::string_view set) {
      ++at_;
      text += set;
      return true;
    };
    switch (in_[at_]) {
    case 's':
      return take(spaceRanges);
    case 'S':
      return take("\\P{White_Space}");
    case 'w':
      return take(wordRanges);
    case 'd':
      return take("\\p{Nd}");
    case 'D':
      return take("\\P{Nd}");
    case 'h':
      return take("0-9A-Fa-f");
    case 'b':
      ++at_;
      character = 8;
      return true;
    case 'p':
    case 'P': {
      bool negate = in_[at_++] == 'P';
      std::optional<std::string> set = property(negate);
      if (set)
        text += *set;
      return set.has_value();
    }
    default:
      character = escapedCharacter();
      return character.has_value();
    }
  }

  bool characterClass() {
    ++at_;
    std::string text = next("^") ? "[^" : "[";
    size_t empty = text.size();
    while (true) {
      if (at_ == in_.size())
        return fail("a character class that does not end");
      if (in_[at_] == ']') {
        if (text.size() == empty)
          return fail("an empty character class");
        break;
      }
      if (in_[at_] == '[' || in_.substr(at_).starts_with("&&"))
        return fail("a character class within another");
      std::optional<char32_t> first;
      if (next("\\")) {
        if (!classEscape(text, first))
          return false;
      } else {
        first = takeCharacter();
      }
      if (!first)
        continue;
      text += literal(*first);
      // A - that is followed by ] is a character.
      if (at_ + 1 < in_.size() && in_[at_] == '-' && in_[at_ + 1] != ']') {
        ++at_;
        std::optional<char32_t> last;
        if (next("\\")) {
          std::string set;
          if (!classEscape(set, last))
            return false;
          if (!last)
            return fail("a range that ends in a set");
        } else if (in_[at_] == '[') {
          return fail("a character class within another");
        } else {
          last = takeCharacter();
        }
        if (*last < *first)
          return fail("a range that is empty");
        text += "-" + literal(*last);
      }
    }
    ++at_;
    atom(text + "]");
    return true;
  }

  std::string_view in_;
  size_t at_ = 0;
  std::string out_;
  std::string problem_;
  // For each open group the number of option groups open inside it, and for
  // each but the outermost where it starts.
  std::vector<size_t> groups_, groupStarts_;
  std::optional<size_t> atomStart_; // what a quantifier would repeat
};

} // namespace

Result<std::string> swallow::translateRegex(std::string_view pattern) {
  if (!isValidUtf8(pattern))
    return {ErrorCode::UnsupportedTokenizer,
            "regular expression that is not UTF-8"};
  SWALLOW_ASSIGN(std::string result, Translator(pattern).run());
  if (Result<Regex> regex = Regex::compile(result); !regex)
    return {ErrorCode::UnsupportedTokenizer, "regular expression (" +
                                                 regex.error().message +
                                                 "): " + std::string(pattern)};
  return result;
}
