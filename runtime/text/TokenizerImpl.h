//===- TokenizerImpl.h - the parts of an open tokenizer ---------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_TEXT_TOKENIZERIMPL_H
#define SWALLOW_RUNTIME_TEXT_TOKENIZERIMPL_H

#include "runtime/text/AddedTokens.h"
#include "runtime/text/Bpe.h"
#include "runtime/text/Decoder.h"
#include "runtime/text/Normalizer.h"
#include "runtime/text/PreTokenizer.h"
#include "runtime/text/Tokenizer.h"

#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace swallow {

struct Tokenizer::Impl {
  /// What encoding needs beside the tokenizer: memory, and words that it has
  /// seen. For one thread at a time.
  struct Scratch {
    explicit Scratch(const Impl &tokenizer)
        : bpe(tokenizer.model), normalizer(tokenizer.normalizer),
          preTokenizer(tokenizer.preTokenizer) {}

    BpeEncoder bpe;
    Normalizer::Scratch normalizer;
    PreTokenizer::Scratch preTokenizer;
  };

  /// Has one for each thread that encodes, and keeps a few for the next ones.
  class ScratchPool {
  public:
    std::unique_ptr<Scratch> take(const Impl &tokenizer) {
      std::unique_ptr<Scratch> scratch;
      {
        std::lock_guard lock(mutex_);
        if (kept_.empty())
          return std::make_unique<Scratch>(tokenizer);
        scratch = std::move(kept_.back());
        kept_.pop_back();
      }
      scratch->normalizer.restart();
      scratch->preTokenizer.restart();
      return scratch;
    }
    void give(std::unique_ptr<Scratch> scratch) {
      std::lock_guard lock(mutex_);
      if (kept_.size() < maxKept)
        kept_.push_back(std::move(scratch));
    }

  private:
    static constexpr size_t maxKept = 8; // of up to ten megabytes each
    std::mutex mutex_;
    std::vector<std::unique_ptr<Scratch>> kept_;
  };

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
  mutable ScratchPool scratches;

  /// What decoders get for `id`, which must be a token.
  std::string_view decoderText(int32_t id) const {
    if (auto other = decoded.find(id); other != decoded.end())
      return other->second;
    return model.tokens.bytes(static_cast<uint32_t>(id));
  }
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_TOKENIZERIMPL_H
