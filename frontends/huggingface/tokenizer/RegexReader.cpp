//===- RegexReader.cpp - taking an Oniguruma pattern apart ----------------===//

#include "frontends/huggingface/tokenizer/RegexReader.h"
#include "runtime/text/Utf8.h"

#include <cstdio>

using namespace swallow;

std::string swallow::literalPattern(char32_t c) {
  char text[16];
  std::snprintf(text, sizeof text, "\\x{%X}", static_cast<unsigned>(c));
  return text;
}

bool RegexReader::next(std::string_view text) {
  if (!rest().starts_with(text))
    return false;
  at_ += text.size();
  return true;
}

char32_t RegexReader::takeCharacter() {
  char32_t c = decodeUtf8(rest());
  at_ += utf8Length(peek());
  return c;
}

std::string_view RegexReader::takeDigits() {
  size_t start = at_;
  while (!atEnd() && peek() >= '0' && peek() <= '9')
    ++at_;
  return in_.substr(start, at_ - start);
}

std::optional<std::string_view> RegexReader::takeUntil(char end) {
  size_t found = in_.find(end, at_);
  if (found == in_.npos)
    return std::nullopt;
  std::string_view text = in_.substr(at_, found - at_);
  at_ = found + 1;
  return text;
}

bool RegexReader::fail(const std::string &what) {
  if (problem_.empty()) {
    problem_ = what;
    problemAt_ = at_;
  }
  return false;
}

Error RegexReader::failure() const {
  size_t character = 1;
  for (size_t i = 0; i < problemAt_; i += utf8Length(in_[i]))
    ++character;
  return {ErrorCode::UnsupportedTokenizer,
          "regular expression with " + problem_ + " at character " +
              std::to_string(character) + ": " + std::string(in_)};
}

std::optional<char32_t> RegexReader::escapedCharacter() {
  char c = peek();
  constexpr std::string_view names = "tnrfvae";
  constexpr std::string_view values = "\t\n\r\f\v\a\x1B";
  if (size_t i = names.find(c); i != names.npos) {
    ++at_;
    return static_cast<char32_t>(values[i]);
  }
  bool braces = false;
  if (next("x") || next("u")) {
    braces = c == 'x' && next("{");
    size_t limit = braces ? 6 : c == 'x' ? 2 : 4;
    char32_t value = 0;
    size_t digits = 0;
    for (; digits < limit && !atEnd(); ++digits, ++at_) {
      char d = peek();
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
        (c == 'x' && !braces && value > 0x7F) || value > 0x10FFFF ||
        (value >= 0xD800 && value < 0xE000)) {
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

std::optional<CharacterSet> RegexReader::property(bool negate) {
  size_t start = at_;
  std::optional<std::string_view> name;
  if (next("{")) {
    if (next("^"))
      negate = !negate;
    name = takeUntil('}');
  }
  if (!name) {
    fail("\\p without a name");
    return std::nullopt;
  }
  std::optional<CharacterSet> set = propertySet(*name);
  if (!set) {
    at_ = start;
    fail("the property \\p{" + std::string(*name) + "}");
    return std::nullopt;
  }
  if (ignoresCase && isCaseProperty(*name)) {
    at_ = start;
    fail("\\p{" + std::string(*name) + "} where case does not count");
    return std::nullopt;
  }
  if (negate)
    set->negated = !set->negated;
  // One property is faster than a class that has it.
  bool single = set->items.starts_with("\\p{") &&
                set->items.find('}') + 1 == set->items.size();
  if (set->negated && single) {
    set->items[1] = 'P';
    set->negated = false;
  }
  return set;
}
