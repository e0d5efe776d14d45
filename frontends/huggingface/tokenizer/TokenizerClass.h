//===- TokenizerClass.h - which class transformers takes --------*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_TOKENIZERCLASS_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_TOKENIZERCLASS_H

#include "frontends/huggingface/tokenizer/JsonNode.h"
#include "runtime/support/Result.h"

#include <optional>
#include <string>

namespace swallow {

/// The class that transformers' AutoTokenizer takes for the checkpoint in
/// `modelDir`, without "Fast"; empty for the general one, TokenizersBackend.
/// `tokenizerConfig` is tokenizer_config.json, which may be missing, and
/// `tokenizerJson` the text of tokenizer.json.
Result<std::string>
readTokenizerClass(const std::string &modelDir, const JsonNode &tokenizerConfig,
                   const std::optional<std::string> &tokenizerJson);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_TOKENIZERCLASS_H
