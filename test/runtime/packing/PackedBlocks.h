//===- PackedBlocks.h - quantised weights for tests -------------*- C++ -*-===//

#ifndef SWALLOW_TEST_RUNTIME_PACKING_PACKEDBLOCKS_H
#define SWALLOW_TEST_RUNTIME_PACKING_PACKEDBLOCKS_H

#include "runtime/packing/QuantFormat.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace swallow::test {

inline PackedLayout layoutOf(PackedElement element, int64_t rows, int64_t cols,
                             int64_t nBlock = 64) {
  return {{rows}, cols, element, nBlock, kQuantGroup, 0, false};
}

inline PackSource sourceOf(const std::vector<float> &values,
                           std::span<const float> importance = {}) {
  return {SourceElement::F32,
          {reinterpret_cast<const uint8_t *>(values.data()),
           values.size() * sizeof(float)},
          importance};
}

inline std::vector<float> normal(int64_t count, float sigma = 0.02f,
                                 unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution(0, sigma);
  std::vector<float> values(static_cast<size_t>(count));
  for (float &value : values)
    value = distribution(random);
  return values;
}

/// A weight of one source, packed.
struct Packed {
  explicit Packed(PackedLayout packedLayout)
      : layout(std::move(packedLayout)),
        bytes(static_cast<size_t>(layout.totalBytes()), 0xa5) {}

  PackedLayout layout;
  std::vector<uint8_t> bytes;
  PackStats stats = {};

  const uint8_t *block(int64_t row) const {
    return bytes.data() + layout.place(0, row).block * layout.blockBytes();
  }
  std::vector<float> row(int64_t row) const {
    std::vector<float> values(static_cast<size_t>(layout.cols));
    dequantizeColumn(layout, block(row), layout.place(0, row).column,
                     values.data());
    return values;
  }
};

/// Packed `step` blocks at a time.
inline Packed pack(const PackedLayout &layout, const std::vector<float> &values,
                   std::span<const float> importance = {},
                   int64_t step = 1000) {
  Packed packed(layout);
  PackSource source = sourceOf(values, importance);
  for (int64_t block = 0; block < layout.totalBlocks(); block += step)
    packBlocks(layout, {&source, 1}, block,
               std::min(block + step, layout.totalBlocks()),
               packed.bytes.data() + block * layout.blockBytes(),
               {&packed.stats, 1});
  return packed;
}

} // namespace swallow::test

#endif // SWALLOW_TEST_RUNTIME_PACKING_PACKEDBLOCKS_H
