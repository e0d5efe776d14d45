//===- SentencePieceModel.h - tokenizer.model -------------------*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_SENTENCEPIECEMODEL_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_SENTENCEPIECEMODEL_H

#include "frontends/huggingface/tokenizer/TokenizerSpec.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace swallow {

/// How transformers runs a tokenizer.model, which depends on what stands beside
/// it.
struct SentencePieceOptions {
  /// Which of transformers' classes: LlamaTokenizer, or the general one, which
  /// follows the model more closely: add_dummy_prefix counts, and user-defined
  /// pieces are pieces of the text rather than added tokens.
  bool isLlamaTokenizer = true;
  /// Put the dummy prefix before every stretch of text between added tokens,
  /// instead of only before the text.
  bool legacy = true;
  /// Put the dummy prefix at all.
  std::optional<bool> addPrefixSpace = {};
  /// Texts of tokens by id. With the general class a piece with such an id is
  /// called so.
  std::map<uint32_t, std::string> names = {};
};

struct SentencePieceTokenizer {
  /// Its bosToken, eosToken and namedUnkToken are what the model calls them.
  TokenizerSpec spec;
  bool addsDummyPrefix = true; // what the model says, not the options
  /// No piece has a higher score than one with a lower id.
  bool scoresFollowIds = true;
};

/// Reads the bytes of a SentencePiece BPE model as transformers converts it to
/// tokenizers: byte fallback, fused unknowns, merges by score. `path` is named
/// in messages. Fails with MalformedFile, and with UnsupportedTokenizer for
/// unigram, word and character models and for text normalisation.
Result<SentencePieceTokenizer>
readSentencePieceModel(std::string_view bytes, const std::string &path,
                       const SentencePieceOptions &);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_SENTENCEPIECEMODEL_H
