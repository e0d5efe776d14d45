//===- RegexTranslator.h - Oniguruma patterns to PCRE2 ----------*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_REGEXTRANSLATOR_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_REGEXTRANSLATOR_H

#include "runtime/support/Result.h"

#include <string>
#include <string_view>

namespace swallow {

/// Rewrites a pattern of tokenizer.json, which tokenizers runs with Oniguruma
/// (Ruby syntax, Unicode), into one for runtime/text/Regex.h that matches the
/// same. The two differ in what \s, \w, \h, \b, named properties, inline
/// options and quantifiers after {n,m} mean. Captures become plain groups.
///
/// Fails with UnsupportedTokenizer, naming the construct, for what does not
/// translate (back references, nested character classes, \K, \G, ...) or is
/// not a pattern.
Result<std::string> translateRegex(std::string_view pattern);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_REGEXTRANSLATOR_H
