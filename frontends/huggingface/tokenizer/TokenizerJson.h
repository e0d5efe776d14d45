//===- TokenizerJson.h - tokenizer.json -------------------------*- C++ -*-===//
//
// The file format of github.com/huggingface/tokenizers.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_TOKENIZERJSON_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_TOKENIZERJSON_H

#include "frontends/huggingface/tokenizer/JsonNode.h"
#include "frontends/huggingface/tokenizer/TokenizerSpec.h"
#include "runtime/support/Result.h"

#include <string>
#include <string_view>

namespace swallow {

/// Reads the text of a tokenizer.json; `path` is named in messages. Fails with
/// MalformedFile or UnsupportedTokenizer.
Result<TokenizerSpec> readTokenizerJson(std::string_view text,
                                        const std::string &path);

/// The parts of it that make steps; each takes null for none.
Status readNormalizer(const JsonNode &node, TokenizerSpec &spec);
Status readPreTokenizer(const JsonNode &node, TokenizerSpec &spec);
Status readDecoder(const JsonNode &node, TokenizerSpec &spec);
Status readPostProcessor(const JsonNode &node, TokenizerSpec &spec);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_TOKENIZERJSON_H
