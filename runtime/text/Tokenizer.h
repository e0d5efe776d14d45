//===- Tokenizer.h - text to token ids and back -----------------*- C++ -*-===//
//
// Runs a compiled tokenizer: the byte-pair-encoding family as Hugging Face's
// tokenizers library defines it (github.com/huggingface/tokenizers), from the
// table that frontends/huggingface/TokenizerCompiler.h writes. Token ids and
// decoded text are those of that library.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_TEXT_TOKENIZER_H
#define SWALLOW_RUNTIME_TEXT_TOKENIZER_H

#include "runtime/support/Result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

/// Tokens with a role, where the checkpoint names them.
enum class SpecialToken { Bos, Eos, Unk, Pad };

/// A tokenizer over a table in memory. Immutable once open, so every const
/// method may be called from any number of threads at a time.
class Tokenizer {
public:
  /// Opens the table in `segment`, which must be aligned to 8 bytes (artifact
  /// segments are page aligned) and outlive the Tokenizer and its
  /// StreamDecoders. Everything in it is checked first: Corrupt for a damaged
  /// table, VersionMismatch for one that a newer compiler wrote. Costs no
  /// allocation per token.
  static Result<Tokenizer> open(std::span<const uint8_t> segment);

  /// Copies share what was opened.
  Tokenizer(const Tokenizer &);
  Tokenizer &operator=(const Tokenizer &);
  Tokenizer(Tokenizer &&) noexcept;
  Tokenizer &operator=(Tokenizer &&) noexcept;
  ~Tokenizer();

  /// The ids of `text`. Bytes that are not UTF-8 are read as U+FFFD, one for
  /// each maximal broken sequence. Added tokens that occur in the text (such
  /// as "<|eot_id|>") become their ids whatever `addSpecialTokens` says; that
  /// flag is about the ones that the post-processor puts around the text
  /// (usually BOS). Time is near linear in the length of `text`.
  std::vector<int32_t> encode(std::string_view text,
                              bool addSpecialTokens = true) const;

  /// The text of `ids`, always valid UTF-8. Ids that are no tokens are left
  /// out. With `skipSpecialTokens`, special tokens are left out too.
  std::string decode(std::span<const int32_t> ids,
                     bool skipSpecialTokens = true) const;

  /// One more than the largest id; some ids below it may be no tokens.
  int32_t vocabSize() const;

  /// Whether `id` is a token, and whether it is a special one (skipped by
  /// decode). False for any other number.
  bool isToken(int32_t id) const;
  bool isSpecial(int32_t id) const;

  /// The bytes that `id` stands for before decoders run: raw bytes in a
  /// byte-level vocabulary, text such as "▁the" or "<0x0A>" otherwise. Empty
  /// if `id` is no token. Valid as long as the segment.
  std::string_view tokenBytes(int32_t id) const;

  /// The id of the token whose tokenBytes() are `bytes`.
  std::optional<int32_t> findToken(std::string_view bytes) const;

  /// The id of a named token, if the checkpoint names one.
  std::optional<int32_t> special(SpecialToken which) const;

private:
  friend class StreamDecoder;
  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_TOKENIZER_H
