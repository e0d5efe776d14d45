//===- RegexSets.h - Oniguruma's character sets for PCRE2 -------*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_REGEXSETS_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_REGEXSETS_H

#include <optional>
#include <string>
#include <string_view>

namespace swallow {

/// Characters as what stands between the brackets of a PCRE2 class.
struct CharacterSet {
  std::string items;
  bool negated = false; // all but these

  /// A pattern that matches one of the characters.
  std::string pattern() const { return (negated ? "[^" : "[") + items + "]"; }
};

/// \s and [[:space:]], and \w inside and outside of a class.
extern const std::string_view spaceItems, wordItems, wordAtomItems;

/// [[:name:]].
std::optional<CharacterSet> posixSet(std::string_view name);

/// \p{name}, where `name` may be a general category, a script, a binary
/// property or the like of a POSIX class; case, spaces, hyphens and underscores
/// do not count.
std::optional<CharacterSet> propertySet(std::string_view name);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_REGEXSETS_H
