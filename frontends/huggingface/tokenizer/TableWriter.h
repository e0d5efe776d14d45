//===- TableWriter.h - a tokenizer's description to its table ---*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_TABLEWRITER_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_TABLEWRITER_H

#include "frontends/huggingface/tokenizer/TokenizerSpec.h"
#include "runtime/support/Result.h"

#include <string>

namespace swallow {

/// The table of runtime/text/tokenizer.fbs for `spec`: the same bytes for the
/// same description. Fails with MalformedFile if the vocabulary is too large
/// or two added tokens look the same once they are normalized, with
/// UnsupportedTokenizer if the steps are too many for the runtime, and with
/// Internal if it does not open what was written.
Result<std::string> writeTokenizerTable(const TokenizerSpec &spec);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_TABLEWRITER_H
