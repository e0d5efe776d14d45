//===- RegexTranslator.cpp - Oniguruma patterns to PCRE2 ------------------===//

#include "frontends/huggingface/tokenizer/RegexTranslator.h"
#include "frontends/huggingface/tokenizer/RegexReader.h"
#include "runtime/text/Regex.h"
#include "runtime/text/Utf8.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

using namespace swallow;

namespace {

constexpr int maxRepetitions = 16;

class Translator {
public:
  explicit Translator(std::string_view pattern) : reader_(pattern) {}

  Result<std::string> run() {
    if (!translate())
      return reader_.failure();
    if (!hasReferences_)
      return out_;
    // Groups capture only where something refers to them: PCRE2 is slower with
    // captures, and real patterns have groups and no references. With named
    // groups the others do not capture (ONIG_OPTION_CAPTURE_GROUP is off).
    capturing_ = true;
    groupCount_ = names_.empty() ? groupCount_ : names_.size();
    allNames_ = std::move(names_);
    names_.clear();
    reader_.restart();
    out_.clear();
    groups_.clear();
    atomStart_.reset();
    quantified_.reset();
    literalEnd_.reset();
    if (!translate())
      return reader_.failure();
    return out_;
  }

private:
  /// An open group.
  struct Group {
    size_t start;     // where it starts in out_
    size_t unclosed;  // option groups inside it that end with it
    bool ignoredCase; // outside of it
  };

  bool translate() {
    reader_.ignoresCase = false;
    groups_.push_back({0, 0, false});
    while (!reader_.atEnd())
      if (!item())
        return false;
    if (groups_.size() != 1)
      return reader_.fail("a group that does not end");
    out_.append(groups_.back().unclosed, ')');
    return true;
  }

  void atom(std::string_view text) {
    atomStart_ = out_.size();
    out_ += text;
  }

  bool item() {
    char c = reader_.peek();
    switch (c) {
    case '\\':
      return escape();
    case '[': {
      size_t start = out_.size();
      reader_.skip(1);
      if (!readCharacterClass(reader_, out_))
        return false;
      atomStart_ = start;
      return true;
    }
    case '(':
      return openGroup();
    case ')':
      return closeGroup();
    case '|':
      reader_.skip(1);
      out_ += '|';
      atomStart_.reset();
      return true;
    case '*':
    case '+':
    case '?':
      return quantifier();
    case '{':
      return interval();
    case '.':
    case '^':
    case '$':
      reader_.skip(1);
      atom(std::string_view(&c, 1));
      return true;
    default:
      return literal(reader_.takeCharacter());
    }
  }

  /// A character that stands for itself. Where case does not count Oniguruma
  /// lets one character match several, which PCRE2 does not.
  bool literal(char32_t c) {
    if (reader_.ignoresCase) {
      bool follows = literalEnd_ == out_.size();
      if (foldsToSeveral(c) || (follows && beginsCaseFolding(lastLiteral_, c)))
        return reader_.fail(
            "several characters that equal one where case does not count");
    }
    atom(literalPattern(c));
    lastLiteral_ = c;
    literalEnd_ = out_.size();
    return true;
  }

  void enter(std::string_view opening) {
    groups_.push_back({out_.size(), 0, reader_.ignoresCase});
    out_ += opening;
    atomStart_.reset();
  }

  bool openGroup() {
    static constexpr std::string_view plain[] = {"(?:", "(?=",  "(?!",
                                                 "(?>", "(?<=", "(?<!"};
    for (std::string_view opening : plain)
      if (reader_.next(opening)) {
        enter(opening);
        return true;
      }
    if (reader_.next("(?#"))
      return reader_.takeUntil(')').has_value() ||
             reader_.fail("a comment that does not end");
    if (reader_.rest().starts_with("(?~"))
      return reader_.fail("an absence operator (?~");
    if (reader_.rest().starts_with("(?("))
      return reader_.fail("a condition (?(");
    if (reader_.rest().starts_with("(?{") || reader_.rest().starts_with("(*"))
      return reader_.fail("a callout");
    bool angled = reader_.rest().starts_with("(?<");
    if (angled || reader_.rest().starts_with("(?'")) {
      reader_.skip(3);
      std::optional<std::string_view> name =
          reader_.takeUntil(angled ? '>' : '\'');
      if (!name || name->empty())
        return reader_.fail("a group name that does not end");
      for (const std::string &other : names_)
        if (other == *name)
          return reader_.fail("two groups named " + other);
      names_.emplace_back(*name);
      enter(capturing_ ? "(" : "(?:");
      return true;
    }
    if (reader_.rest().starts_with("(?"))
      return options();
    reader_.skip(1);
    if (!capturing_)
      ++groupCount_;
    enter(capturing_ && allNames_.empty() ? "(" : "(?:");
    return true;
  }

  /// "(?i)", "(?i-m:...)": in Ruby m lets . match newlines, and options without
  /// a colon hold for the rest of the group, alternatives included.
  bool options() {
    reader_.skip(2);
    std::string text = "(?";
    bool ignoresCase = reader_.ignoresCase, on = true;
    while (!reader_.atEnd() && reader_.peek() != ')' && reader_.peek() != ':') {
      char c = reader_.peek();
      if (c != 'i' && c != 'm' && c != '-')
        return reader_.fail(std::string("the option (?") + c + ")");
      if (c == 'i')
        ignoresCase = on;
      on &= c != '-';
      text += c == 'm' ? 's' : c;
      reader_.skip(1);
    }
    if (reader_.atEnd())
      return reader_.fail("options that do not end");
    bool restOfGroup = reader_.peek() == ')';
    reader_.skip(1);
    text += ":";
    if (!restOfGroup) {
      enter(text);
      reader_.ignoresCase = ignoresCase;
      return true;
    }
    reader_.ignoresCase = ignoresCase;
    out_ += text;
    atomStart_.reset();
    ++groups_.back().unclosed;
    return true;
  }

  bool closeGroup() {
    if (groups_.size() == 1)
      return reader_.fail("a ) too many");
    reader_.skip(1);
    out_.append(groups_.back().unclosed + 1, ')');
    atomStart_ = groups_.back().start;
    reader_.ignoresCase = groups_.back().ignoredCase;
    groups_.pop_back();
    return true;
  }

  bool quantifier() {
    if (!atomStart_)
      return reader_.fail("a quantifier with nothing before it");
    std::string text(1, reader_.peek());
    reader_.skip(1);
    if (reader_.next("?"))
      text += '?';
    else if (reader_.next("+"))
      text += '+';
    return repeat(text);
  }

  /// {n}, {n,}, {,m} or {n,m}; any other { is a character.
  bool interval() {
    RegexReader start = reader_;
    reader_.skip(1);
    std::string low(reader_.takeDigits());
    bool comma = reader_.next(",");
    std::string high(comma ? reader_.takeDigits() : std::string_view());
    if (!reader_.next("}") || (low.empty() && high.empty())) {
      reader_ = start;
      return literal(reader_.takeCharacter());
    }
    if (!atomStart_)
      return reader_.fail("a quantifier with nothing before it");
    std::string text = "{" + (low.empty() ? "0" : low);
    if (comma)
      text += "," + high;
    text += "}";
    // {n}? is optional in Ruby, lazy elsewhere. A + repeats the repetition,
    // which is what a quantifier of a quantifier means in any case.
    if (comma && reader_.next("?"))
      text += '?';
    return repeat(text);
  }

  /// Repeats the last atom, which with the quantifier is an atom again.
  bool repeat(const std::string &quantifier) {
    bool again = quantified_ && *quantified_ == out_.size();
    repetitions_ = again ? repetitions_ + 1 : 1;
    if (repetitions_ > maxRepetitions)
      return reader_.fail("this many quantifiers in a row");
    if (again) {
      out_.insert(*atomStart_, "(?:");
      out_ += ')';
    }
    out_ += quantifier;
    quantified_ = out_.size();
    return true;
  }

  bool reference(uint64_t number) {
    if (number < 1 || number > groupCount_)
      return reader_.fail("a reference to group " + std::to_string(number));
    atom("\\g{" + std::to_string(number) + "}");
    return true;
  }

  /// \1 and the like.
  bool numberedReference() {
    hasReferences_ = true;
    RegexReader start = reader_;
    std::string_view digits = reader_.takeDigits();
    if (!capturing_) {
      atom("(?:)");
      return true;
    }
    if (!allNames_.empty() || digits.size() > 3 || digits[0] == '0') {
      reader_ = start;
      return reader_.fail("\\" + std::string(digits));
    }
    return reference(std::stoul(std::string(digits)));
  }

  /// \k<name>, \k'name', \k<1>.
  bool namedReference() {
    hasReferences_ = true;
    bool angled = reader_.next("<");
    if (!angled && !reader_.next("'"))
      return reader_.fail("\\k without a name");
    std::optional<std::string_view> name =
        reader_.takeUntil(angled ? '>' : '\'');
    if (!name || name->empty())
      return reader_.fail("\\k without a name");
    if (!capturing_) {
      atom("(?:)");
      return true;
    }
    for (size_t i = 0; i < allNames_.size(); ++i)
      if (allNames_[i] == *name)
        return reference(i + 1);
    if (!allNames_.empty() || name->size() > 3 ||
        name->find_first_not_of("0123456789") != name->npos)
      return reader_.fail("a reference to group " + std::string(*name));
    return reference(std::stoul(std::string(*name)));
  }

  bool escape() {
    reader_.skip(1);
    if (reader_.atEnd())
      return reader_.fail("a \\ at the end");
    auto set = [](std::string_view open, std::string_view items) {
      return std::string(open) + std::string(items) + "]";
    };
    const std::string word = set("[", wordAtomItems);
    const std::string before = "(?<=" + word + ")", after = "(?=" + word + ")";
    const std::string notBefore = "(?<!" + word + ")",
                      notAfter = "(?!" + word + ")";
    char c = reader_.peek();
    auto take = [&](const std::string &text) {
      reader_.skip(1);
      atom(text);
      return true;
    };
    switch (c) {
    case 's':
      return take(set("[", spaceItems));
    case 'S':
      return take(set("[^", spaceItems));
    case 'w':
      return take(word);
    case 'W':
      return take(set("[^", wordAtomItems));
    case 'd':
      return take("\\p{Nd}");
    case 'D':
      return take("\\P{Nd}");
    case 'h':
      return take("[0-9A-Fa-f]");
    case 'H':
      return take("[^0-9A-Fa-f]");
    case 'N':
      return take("[^\\x{A}]");
    case 'O':
      return take("(?s:.)");
    case 'R':
      return take(R"((?>\x{D}\x{A}|[\x{A}-\x{D}\x{85}\x{2028}\x{2029}]))");
    case 'b':
      return take("(?:" + before + notAfter + "|" + notBefore + after + ")");
    case 'B':
      return take("(?:" + before + after + "|" + notBefore + notAfter + ")");
    case 'A':
    case 'z':
    case 'Z':
      return take(std::string("\\") + c);
    case 'p':
    case 'P': {
      reader_.skip(1);
      std::optional<CharacterSet> property = reader_.property(c == 'P');
      if (!property)
        return false;
      bool single = !property->negated && property->items[0] == '\\' &&
                    property->items.find('}') + 1 == property->items.size();
      atom(single ? property->items : property->pattern());
      return true;
    }
    case 'k':
      reader_.skip(1);
      return namedReference();
    default:
      if (c >= '0' && c <= '9')
        return numberedReference();
      std::optional<char32_t> character = reader_.escapedCharacter();
      return character && literal(*character);
    }
  }

  RegexReader reader_;
  std::string out_;
  std::vector<Group> groups_;
  std::optional<size_t> atomStart_;  // what a quantifier would repeat
  std::optional<size_t> quantified_; // the end of the last quantifier
  int repetitions_ = 0;              // quantifiers in a row that end there
  char32_t lastLiteral_ = 0;
  std::optional<size_t> literalEnd_; // of the last literal in out_
  bool hasReferences_ = false, capturing_ = false;
  size_t groupCount_ = 0;             // that capture
  std::vector<std::string> names_;    // of the groups so far
  std::vector<std::string> allNames_; // once captures count
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
