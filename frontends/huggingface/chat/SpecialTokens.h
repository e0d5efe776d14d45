//===- SpecialTokens.h - the special tokens that have a name ----*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_CHAT_SPECIALTOKENS_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_CHAT_SPECIALTOKENS_H

#include "runtime/support/Result.h"

#include <map>
#include <string>

namespace swallow {

/// `special_tokens_map` of the tokenizer that transformers loads from
/// `modelDir`, which is what a chat template gets as variables: "bos_token" is
/// "<s>" and so on, with a model's own names ("image_token") but without the
/// additional tokens, which have none.
///
/// From tokenizer_config.json; special_tokens_map.json goes before it as long
/// as there is no `added_tokens_decoder`. A token that is null is not there.
/// One that nobody mentions is what the tokenizer's class in transformers takes
/// by default (for LlamaTokenizer <s>, </s> and <unk>), where the checkpoint
/// is loaded with a class that has defaults.
///
/// Fails with FileUnreadable or MalformedFile.
Result<std::map<std::string, std::string>>
readSpecialTokensMap(const std::string &modelDir);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_CHAT_SPECIALTOKENS_H
