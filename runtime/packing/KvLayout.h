//===- KvLayout.h - how a block of keys and values lies ---------*- C++ -*-===//
//
// A KV block holds SWALLOW_KV_BLOCK_TOKENS positions of one layer, head after
// head. What a head's attention reads of a block is one stretch of memory:
// keys, values and, where they are quantised, their scales.
//
//   keys    [head_dim / g][32][g]: the lanes of a vector are positions, so that
//           scores come out side by side, with nothing to add across lanes.
//   values  [32 / g][padded head_dim][g]: the lanes are features.
//   scales  [32] f32 of the keys, then [32] of the values (int8 alone)
//
// g is 2 for bf16, which processors multiply in pairs along the sum, and 1
// otherwise. Values are padded to 16 features, which nobody writes and whose
// products nobody reads.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_PACKING_KVLAYOUT_H
#define SWALLOW_RUNTIME_PACKING_KVLAYOUT_H

#include "runtime/abi/StepAbi.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace swallow {

/// How keys and values are stored; the numbers of SwallowStepArgs.kv_element.
enum class KvElement : int64_t {
  F32 = SWALLOW_KV_F32,
  BF16 = SWALLOW_KV_BF16,
  F16 = SWALLOW_KV_F16,
  I8 = SWALLOW_KV_I8,
};

inline constexpr std::array kKvElements = {KvElement::F32, KvElement::BF16,
                                           KvElement::F16, KvElement::I8};

/// "f32", "bf16", "f16" or "int8".
std::string_view kvElementName(KvElement element);
std::optional<KvElement> parseKvElement(std::string_view name);

/// What attention rounds its queries and weights to, as other inputs of
/// products with such elements are; int8 fits bf16 without loss. F32: nothing
/// is rounded.
inline KvElement kvFactors(KvElement element) {
  return element == KvElement::I8 ? KvElement::BF16 : element;
}

struct KvBlockLayout {
  int64_t heads, headDim;
  KvElement element;

  static constexpr int64_t tokens = SWALLOW_KV_BLOCK_TOKENS;

  int64_t elementBytes() const {
    return element == KvElement::F32 ? 4 : element == KvElement::I8 ? 1 : 2;
  }
  /// Neighbours along the sum that lie together.
  int64_t pairing() const { return element == KvElement::BF16 ? 2 : 1; }
  bool hasScales() const { return element == KvElement::I8; }
  int64_t paddedDim() const { return (headDim + 15) / 16 * 16; }

  int64_t valuesOffset() const { return tokens * headDim * elementBytes(); }
  int64_t keyScalesOffset() const {
    return valuesOffset() + tokens * paddedDim() * elementBytes();
  }
  int64_t valueScalesOffset() const { return keyScalesOffset() + tokens * 4; }
  int64_t headBytes() const {
    return keyScalesOffset() + (hasScales() ? 2 * tokens * 4 : 0);
  }
  int64_t blockBytes() const { return heads * headBytes(); }
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_PACKING_KVLAYOUT_H
