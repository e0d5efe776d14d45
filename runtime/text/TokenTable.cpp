//===- TokenTable.cpp - vocabulary and merges in a table ------------------===//

#include "runtime/text/TokenTable.h"
#include "runtime/text/tokenizer_generated.h"

#include <algorithm>
#include <bit>

using namespace swallow;

static_assert(std::endian::native == std::endian::little,
              "the table is little-endian and used in place");

namespace {

Error corrupt(const char *what) {
  return {ErrorCode::Corrupt, std::string("tokenizer table: ") + what};
}

template <typename T>
std::span<const T> spanOf(const flatbuffers::Vector<T> *vector) {
  if (!vector)
    return {};
  return {reinterpret_cast<const T *>(vector->Data()), vector->size()};
}

/// Looks at the slots of a hash table, one after the other.
class TakenSlots {
public:
  void add(bool taken) {
    hasEmpty_ |= !taken;
    row_ = taken ? row_ + 1 : 0;
    longest_ = std::max(longest_, row_);
  }
  /// A row may go on at the start of the table.
  bool searchesEnd() const { return hasEmpty_ && longest_ <= maxTakenSlots; }

private:
  bool hasEmpty_ = false;
  size_t row_ = 0, longest_ = 0;
};

} // namespace

Result<TokenTable> TokenTable::create(const text::table::Tokenizer &table) {
  TokenTable result;
  result.offsets_ = spanOf(table.token_offsets());
  result.flags_ = spanOf(table.token_flags());
  result.lookup_ = spanOf(table.lookup());
  result.joints_ = spanOf(table.joints());
  // FlatBuffers' verifier sees to the alignment of a vector's length only.
  if (reinterpret_cast<uintptr_t>(result.joints_.data()) % alignof(uint64_t))
    return corrupt("joints are not aligned");
  std::span<const uint8_t> bytes = spanOf(table.token_bytes());
  result.bytes_ = reinterpret_cast<const char *>(bytes.data());

  if (result.flags_.empty() || result.flags_.size() > maxVocabSize)
    return corrupt("bad vocabulary size");
  if (result.offsets_.size() != result.flags_.size() + 1)
    return corrupt("token_offsets does not fit token_flags");
  uint32_t previous = 0;
  bool ordered = true;
  for (uint32_t offset : result.offsets_) {
    ordered &= offset >= previous;
    previous = offset;
  }
  if (!ordered || previous > bytes.size())
    return corrupt("bad token_offsets");

  // Power-of-two sizes, and an empty slot so that every search ends, soon.
  uint32_t size = result.size();
  if (!std::has_single_bit(result.lookup_.size()))
    return corrupt("bad size of lookup");
  bool valid = true;
  // Whatever a search can lead to is a token.
  auto isToken = [&](uint32_t id) {
    return id < size && (result.flags_[id] & TokenExists) != 0;
  };
  TakenSlots taken;
  for (uint32_t entry : result.lookup_) {
    valid &= entry == 0 || isToken(entry - 1);
    taken.add(entry != 0);
  }
  if (!valid || !taken.searchesEnd())
    return corrupt("bad lookup");

  const auto *merges = table.merges();
  if (!merges || !std::has_single_bit(merges->size()))
    return corrupt("bad size of merges");
  result.merges_ =
      reinterpret_cast<const text::table::MergeSlot *>(merges->Data());
  result.mergeMask_ = merges->size() - 1;
  auto length = [&](uint32_t id) {
    return result.offsets_[id + 1] - result.offsets_[id];
  };
  taken = {};
  // Eight bits for each slot, of which the writer fills two thirds.
  result.filter_.assign(std::max<size_t>(merges->size() / 8, 1), 0);
  for (size_t i = 0; i < merges->size(); ++i) {
    const text::table::MergeSlot &slot = result.merges_[i];
    taken.add(slot.result() != emptyMergeSlot);
    if (slot.result() == emptyMergeSlot)
      continue;
    valid &=
        isToken(slot.result()) && isToken(slot.left()) &&
        isToken(slot.right()) &&
        length(slot.result()) <= length(slot.left()) + length(slot.right());
    uint64_t bit = result.filterBit(hashPair(slot.left(), slot.right()));
    result.filter_[bit / 64] |= uint64_t(1) << bit % 64;
  }
  if (!valid || !taken.searchesEnd())
    return corrupt("bad merges");
  if (!result.joints_.empty() && !std::has_single_bit(result.joints_.size()))
    return corrupt("bad size of joints");
  return result;
}

std::optional<uint32_t> TokenTable::find(std::string_view bytes,
                                         uint64_t hash) const {
  size_t mask = lookup_.size() - 1;
  for (size_t slot = hash & mask; lookup_[slot] != 0; slot = (slot + 1) & mask)
    if (this->bytes(lookup_[slot] - 1) == bytes)
      return lookup_[slot] - 1;
  return std::nullopt;
}

bool TokenTable::findMerge(uint32_t left, uint32_t right, Merge &merge) const {
  uint64_t hash = hashPair(left, right);
  uint64_t bit = filterBit(hash);
  if ((filter_[bit / 64] >> bit % 64 & 1) == 0)
    return false;
  for (size_t slot = hash & mergeMask_;; slot = (slot + 1) & mergeMask_) {
    const text::table::MergeSlot &entry = merges_[slot];
    if (entry.result() == emptyMergeSlot)
      return false;
    if (entry.left() == left && entry.right() == right) {
      merge = {entry.rank(), entry.result()};
      return true;
    }
  }
}
