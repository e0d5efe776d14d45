//===- Bpe.h - byte-pair encoding of words ----------------------*- C++ -*-===//
//
// The merge order is that of Hugging Face's tokenizers: the pair with the
// lowest rank first, the leftmost one among equals.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_TEXT_BPE_H
#define SWALLOW_RUNTIME_TEXT_BPE_H

#include "runtime/text/MergeQueue.h"
#include "runtime/text/TokenTable.h"
#include "runtime/text/WordCache.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

/// How a model turns words into tokens; see the fields of tokenizer.fbs.
struct BpeModel {
  TokenTable tokens;
  bool rawBytes = false;
  bool byteFallback = false;
  bool ignoreMerges = false;
  bool fuseUnk = false;
  int32_t unkId = -1;
  std::array<int32_t, 256> byteUnits;
  std::string_view prefix; // continuing_subword_prefix
  std::string_view suffix; // end_of_word_suffix
};

/// Working memory and a cache of words for one thread at a time. The model
/// must outlive it.
class BpeEncoder {
public:
  explicit BpeEncoder(const BpeModel &model) : model_(model) {}

  /// Appends the ids of `word` to `ids`. `word` is valid UTF-8, or any bytes
  /// if the model's units are raw bytes, and shorter than 4 GiB. Time is
  /// O(n log n) at worst.
  void encode(std::string_view word, std::vector<int32_t> &ids);

private:
  /// A token in the making: a stretch of units that have been merged.
  struct Symbol {
    uint32_t id;
    uint32_t begin; // where its first unit is in the word
    uint32_t rank;  // of the merge with the next symbol; noMerge if none
    uint32_t result;
    uint32_t previous, next; // neighbours that are still there; mergeMany only
  };
  static constexpr uint32_t noMerge = 0xffffffffu;
  static constexpr uint32_t noSymbol = 0xffffffffu;

  /// Encodes what is neither known nor a token as a whole.
  void encodeUnknown(std::string_view word, std::vector<int32_t> &ids);
  /// Fills symbols_; returns whether their order is that of the word.
  bool addUnits(std::string_view word);
  void addSymbol(uint32_t id, size_t begin);
  /// Merges symbols_[first, last) and appends what is left.
  void merge(size_t first, size_t last, std::vector<int32_t> &ids);
  void mergeFew(size_t first, size_t last, std::vector<int32_t> &ids);
  template <typename Queue>
  void mergeMany(Queue &queue, size_t first, size_t last,
                 std::vector<int32_t> &ids);
  void lookUp(Symbol &left, uint32_t right);

  const BpeModel &model_;
  std::vector<Symbol> symbols_;
  HeapQueue heapQueue_;
  RankQueue rankQueue_;
  std::string unit_;
  WordCache cache_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_BPE_H
