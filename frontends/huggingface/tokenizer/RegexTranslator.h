//===- RegexTranslator.h - Oniguruma patterns to PCRE2 ----------*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_REGEXTRANSLATOR_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_REGEXTRANSLATOR_H

#include "runtime/support/Result.h"

#include <string>
#include <string_view>

namespace swallow {

/// Rewrites a pattern of tokenizer.json, which tokenizers runs with Oniguruma
/// (its own syntax, which is Ruby's with additions; Unicode), into one for
/// runtime/text/Regex.h that matches the same. The two differ in what \s, \w,
/// \h, \b, \R, named properties, POSIX brackets, inline options and quantifiers
/// after {n,m} mean, in which groups capture, and PCRE2 has no classes within
/// classes and no intersections.
///
/// Fails with UnsupportedTokenizer, naming the construct and where it is, for
/// what does not translate (absence operators, conditions, calls, callouts, \K,
/// \G, \X, ...) or is not a pattern.
Result<std::string> translateRegex(std::string_view pattern);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_REGEXTRANSLATOR_H
