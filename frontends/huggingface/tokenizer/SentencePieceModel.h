//===- SentencePieceModel.h - tokenizer.model -------------------*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_SENTENCEPIECEMODEL_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_SENTENCEPIECEMODEL_H

#include "frontends/huggingface/tokenizer/TokenizerSpec.h"
#include "runtime/support/Result.h"

#include <string>
#include <string_view>

namespace swallow {

/// The keys of tokenizer_config.json that say how transformers runs a
/// tokenizer.model.
struct SentencePieceOptions {
  /// Put the dummy prefix before every stretch of text between special tokens,
  /// instead of only before the text.
  bool legacy = true;
  /// Put the dummy prefix at all. The model's own add_dummy_prefix does not
  /// count, since transformers does not ask for it.
  bool addPrefixSpace = true;
};

/// Reads the bytes of a SentencePiece BPE model as transformers converts it to
/// tokenizers: byte fallback, fused unknowns, merges by score. `path` is named
/// in messages. Fails with MalformedFile, and with UnsupportedTokenizer for
/// unigram, word and character models and for text normalisation.
Result<TokenizerSpec> readSentencePieceModel(std::string_view bytes,
                                             const std::string &path,
                                             const SentencePieceOptions &);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_SENTENCEPIECEMODEL_H
