//===- TokenTable.h - vocabulary and merges in a table ----------*- C++ -*-===//
//
// A checked, read-only view of the arrays of tokenizer.fbs that grow with the
// vocabulary. The hash functions here are part of the format: the writer
// (frontends/huggingface/tokenizer/TableWriter.cpp) uses the same ones.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_TEXT_TOKENTABLE_H
#define SWALLOW_RUNTIME_TEXT_TOKENTABLE_H

#include "runtime/support/Result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace swallow {

namespace text::table {
struct Tokenizer;
struct MergeSlot;
} // namespace text::table

constexpr uint32_t tokenizerTableVersion = 1;
/// More ids than any vocabulary has, so that sums of them fit.
constexpr uint32_t maxVocabSize = 1u << 28;
constexpr uint32_t emptyMergeSlot = 0xffffffffu;
/// Longer rows of taken slots do not come about in hash tables with as much
/// space as the writer leaves; searching one takes as long as it is.
constexpr size_t maxTakenSlots = 4096;

enum TokenFlags : uint8_t {
  TokenExists = 1,
  TokenIsSpecial = 2,
  TokenInLookup = 4,
};

inline uint64_t mixHash(uint64_t x) { // the finaliser of MurmurHash3
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdull;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ull;
  return x ^ x >> 33;
}

inline uint64_t hashTokenBytes(std::string_view bytes) { // FNV-1a, mixed
  uint64_t hash = 0xcbf29ce484222325ull;
  for (char c : bytes)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return mixHash(hash);
}

inline uint64_t hashPair(uint32_t left, uint32_t right) {
  return mixHash(static_cast<uint64_t>(left) << 32 | right);
}

/// What two adjacent tokens merge into.
struct Merge {
  uint32_t rank;
  uint32_t result;
};

/// Valid as long as the segment.
class TokenTable {
public:
  /// Checks every id and offset in the arrays of `table`, a verified
  /// FlatBuffer, and that no merge makes text from nothing. Fails with Corrupt.
  static Result<TokenTable> create(const text::table::Tokenizer &table);

  uint32_t size() const { return static_cast<uint32_t>(flags_.size()); }
  bool has(uint32_t id, TokenFlags flag) const {
    return id < flags_.size() && (flags_[id] & flag);
  }
  /// `id` must be below size().
  std::string_view bytes(uint32_t id) const {
    return {bytes_ + offsets_[id], offsets_[id + 1] - offsets_[id]};
  }
  std::optional<uint32_t> find(std::string_view bytes) const {
    return find(bytes, hashTokenBytes(bytes));
  }
  /// The same with hashTokenBytes(bytes).
  std::optional<uint32_t> find(std::string_view bytes, uint64_t hash) const;

  /// Whether `left` and `right` merge; fills `merge` if so.
  bool findMerge(uint32_t left, uint32_t right, Merge &merge) const;

  /// Whether there are joints, so that mayJoin() can tell anything.
  bool hasJoints() const { return !joints_.empty(); }
  /// False only if no merge ever joins text across a boundary between units
  /// `left` and `right`.
  bool mayJoin(uint32_t left, uint32_t right) const {
    uint64_t bit = hashPair(left, right) & (joints_.size() * 64 - 1);
    return joints_[bit / 64] >> bit % 64 & 1;
  }

private:
  /// Bits of the hash that do not say where the slot is.
  uint64_t filterBit(uint64_t hash) const {
    return hash >> 32 & (filter_.size() * 64 - 1);
  }

  std::span<const uint32_t> offsets_;
  const char *bytes_ = nullptr;
  std::span<const uint8_t> flags_;
  std::span<const uint32_t> lookup_;
  const text::table::MergeSlot *merges_ = nullptr;
  size_t mergeMask_ = 0;
  std::span<const uint64_t> joints_;
  // A Bloom filter (one hash) of the pairs that merge. Most pairs do not, and
  // it stays in a cache that the merges are too large for.
  std::vector<uint64_t> filter_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_TOKENTABLE_H
