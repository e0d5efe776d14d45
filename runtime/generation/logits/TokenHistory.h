//===- TokenHistory.h - what a text holds so far ----------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_GENERATION_LOGITS_TOKENHISTORY_H
#define SWALLOW_RUNTIME_GENERATION_LOGITS_TOKENHISTORY_H

#include <cstdint>
#include <span>
#include <vector>

namespace swallow {

/// The tokens of a prompt and what was generated after it, and how often each
/// occurs. Allocates only when it begins.
class TokenHistory {
public:
  /// Room for `capacity` tokens of a vocabulary of `vocabSize`. Without
  /// `counts`, distinct() and generated() stay empty.
  TokenHistory(std::span<const int32_t> prompt, int64_t capacity,
               int64_t vocabSize, bool counts);

  void append(int32_t token);

  std::span<const int32_t> ids() const { return ids_; }
  int64_t promptLength() const { return promptLength_; }
  int64_t length() const { return static_cast<int64_t>(ids_.size()); }
  int64_t numGenerated() const { return length() - promptLength_; }

  /// Each token of prompt and generated text once.
  std::span<const int32_t> distinct() const { return distinct_; }
  /// Each generated token once.
  std::span<const int32_t> distinctGenerated() const { return generated_; }
  /// How often `token` was generated.
  int32_t timesGenerated(int32_t token) const {
    return counts_[static_cast<size_t>(token)];
  }

private:
  void see(int32_t token);

  std::vector<int32_t> ids_, distinct_, generated_;
  std::vector<uint8_t> seen_;   // [vocab], in distinct_
  std::vector<int32_t> counts_; // [vocab], generated
  int64_t promptLength_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_GENERATION_LOGITS_TOKENHISTORY_H
