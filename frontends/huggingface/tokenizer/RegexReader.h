//===- RegexReader.h - taking an Oniguruma pattern apart --------*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_REGEXREADER_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_REGEXREADER_H

#include "frontends/huggingface/tokenizer/RegexSets.h"
#include "runtime/support/Result.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace swallow {

/// A position in a pattern, which is UTF-8, and the first problem that was met.
class RegexReader {
public:
  explicit RegexReader(std::string_view pattern) : in_(pattern) {}

  bool atEnd() const { return at_ == in_.size(); }
  /// The next byte; not at the end.
  char peek() const { return in_[at_]; }
  std::string_view rest() const { return in_.substr(at_); }
  void skip(size_t bytes) { at_ += bytes; }
  void restart() { at_ = 0; }
  /// Takes `text` if it comes next.
  bool next(std::string_view text);
  char32_t takeCharacter();
  /// The digits that come next; they may be none.
  std::string_view takeDigits();
  /// What comes before `end`, which is taken too; none if there is no `end`.
  std::optional<std::string_view> takeUntil(char end);

  /// The character that an escape stands for, after its backslash.
  std::optional<char32_t> escapedCharacter();
  /// The set of \p{...} or \P{...}, after the p.
  std::optional<CharacterSet> property(bool negate);

  /// Whether case counts at the position.
  bool ignoresCase = false;

  /// Remembers a problem with what begins here, if it is the first one; false.
  bool fail(const std::string &what);
  /// Such as "a bad \\x at character 3 of the pattern x\\x".
  Error failure() const;

private:
  std::string_view in_;
  size_t at_ = 0;
  std::string problem_;
  size_t problemAt_ = 0; // in bytes
};

/// A character by its number, so that none has a meaning of its own.
std::string literalPattern(char32_t c);

/// Translates a character class, whose [ has been taken, to a pattern that
/// matches one character, and appends it to `out`. False after a problem.
bool readCharacterClass(RegexReader &reader, std::string &out);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_REGEXREADER_H
