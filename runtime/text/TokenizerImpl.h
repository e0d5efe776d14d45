//===- TokenizerImpl.h - the parts of an open tokenizer ---------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_TEXT_TOKENIZERIMPL_H
#define SWALLOW_RUNTIME_TEXT_TOKENIZERIMPL_H

#include "runtime/text/AddedTokens.h"
#include "runtime/text/Bpe.h"
#include "runtime/text/Decoder.h"
#include "runtime/text/Normalizer.h"
#include "runtime/text/PreTokenizer.h"
#include "runtime/text/Tokenizer.h"

#include <string_view>
#include <unordered_map>
#include <vector>

namespace swallow {

struct Tokenizer::Impl {
  BpeModel model;
  AddedTokens added;           // looked for in the text
  AddedTokens addedNormalized; // looked for in the normalized text
  std::vector<uint32_t> addedIds;
  Normalizer normalizer;
  PreTokenizer preTokenizer;
  Decoder decoder;
  std::vector<int32_t> prefixIds, suffixIds;
  std::array<std::optional<int32_t>, 4> special; // by SpecialToken
  // Of the few tokens that decode from something else than their bytes.
  std::unordered_map<int32_t, std::string_view> decoded;

  /// What decoders get for `id`, which must be a token.
  std::string_view decoderText(int32_t id) const {
    if (auto other = decoded.find(id); other != decoded.end())
      return other->second;
    return model.tokens.bytes(static_cast<uint32_t>(id));
  }
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_TOKENIZERIMPL_H
