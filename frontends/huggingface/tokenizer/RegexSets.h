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

/// Whether \p{name} is about case, so that it is not itself where case does not
/// count.
bool isCaseProperty(std::string_view name);

/// Whether the two characters begin what a single character is equal to where
/// case does not count, as "ss" is what U+00DF is equal to.
bool beginsCaseFolding(char32_t first, char32_t second);
/// Whether `c` is such a single character.
bool foldsToSeveral(char32_t c);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_REGEXSETS_H
