//===- Quantize.cpp - chooses scales and codes ----------------------------===//

#include "runtime/packing/Quantize.h"

#include "runtime/packing/QuantSearch.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <vector>

using namespace swallow;
using namespace swallow::quantsearch;

namespace {

const SearchFns &chooseSearch() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return searchAvx512;
  if (__builtin_cpu_supports("avx2"))
    return searchAvx2;
#endif
  return searchBaseline;
}

/// The code of a level, as stored.
uint8_t codeOf(PackedElement element, int32_t level) {
  if (element != PackedElement::I4)
    return static_cast<uint8_t>(level + quantOffset(element));
  return static_cast<uint8_t>(
      std::lower_bound(kInt4Levels.begin(), kInt4Levels.end(), level) -
      kInt4Levels.begin());
}

struct CodeTable {
  uint8_t of[128];
  CodeTable() {
    for (int32_t level = -64; level < 64; ++level)
      of[level + 64] = codeOf(PackedElement::I4, level);
  }
};

/// Stores the 16 codes of column `column` of a group, see QuantFormat.h.
void storeGroup(PackedElement element, int64_t nBlock, const uint8_t *codes,
                uint8_t *planes, int64_t column) {
  const int64_t planeBytes = nBlock * 4;
  uint8_t *to = planes + column * 4;
  if (element == PackedElement::I8) {
    for (int64_t quad = 0; quad < 4; ++quad)
      std::memcpy(to + quad * planeBytes, codes + quad * 4, 4);
    return;
  }
  for (int64_t i = 0; i < 4; ++i) {
    to[i] = static_cast<uint8_t>((codes[i] & 15) | (codes[4 + i] & 15) << 4);
    to[planeBytes + i] =
        static_cast<uint8_t>((codes[8 + i] & 15) | (codes[12 + i] & 15) << 4);
    if (element == PackedElement::I6)
      to[2 * planeBytes + i] = static_cast<uint8_t>(
          (codes[i] >> 4) | (codes[4 + i] >> 4) << 2 |
          (codes[8 + i] >> 4) << 4 | (codes[12 + i] >> 4) << 6);
  }
}

} // namespace

void swallow::quantizeBlock(const PackedLayout &layout, const float *rows,
                            int64_t numRows, int64_t stride,
                            std::span<const float> importance, uint8_t *out,
                            PackStats &stats) {
  static const SearchFns &fns = chooseSearch();
  static const CodeTable codes4;
  const PackedElement element = layout.element;
  const int64_t groups = layout.paddedCols() / kQuantGroup;
  const int64_t groupBytes = quantGroupBytes(element, layout.nBlock);
  assert(isQuantized(element) && numRows <= layout.nBlock &&
         stride >= layout.paddedCols());

  std::memset(out, 0, static_cast<size_t>(layout.blockBytes()));
  float largest = 0;
  for (int64_t row = 0; row < numRows; ++row)
    largest = std::max(largest,
                       fns.largest(rows + row * stride, layout.paddedCols()));
  // The largest group may want a scale above its ideal one.
  float blockScale = searchOf(element).high * largest /
                     (largestLevel(element) * (127.0f * 127.0f));
  // Of a block this small nothing is left; it would make infinities.
  if (!(blockScale > 1e-30f))
    blockScale = 0;
  std::memcpy(out, &blockScale, sizeof(blockScale));
  // The search is done in units of the block scale, where squares are finite.
  const float inverse = blockScale != 0 ? 1.0f / blockScale : 0.0f;
  const int32_t zero = element == PackedElement::I4 ? 1 : 0;

  // What stands beyond `cols` is never multiplied by anything but 0.
  std::vector<float> paddedImportance(importance.begin(), importance.end());
  if (!importance.empty())
    paddedImportance.resize(static_cast<size_t>(layout.paddedCols()), 0.0f);

  PackStats sums; // in units of the block scale
  Batch batch;
  for (int64_t row = 0; row < numRows; ++row) {
    const float *values = rows + row * stride;
    for (int64_t group = 0; group < groups; group += kLanes) {
      const int64_t lanes = std::min(kLanes, groups - group);
      if (blockScale != 0) {
        fns.search(element,
                   {values + group * kQuantGroup,
                    importance.empty()
                        ? nullptr
                        : paddedImportance.data() + group * kQuantGroup,
                    lanes, inverse},
                   batch);
      } else {
        batch.scale = Ints{};
        for (Ints &level : batch.level)
          level = Ints{} + zero;
        batch.error = batch.square = Floats{};
        batch.weightedError = batch.weightedSquare = Floats{};
      }
      for (int64_t lane = 0; lane < lanes; ++lane) {
        uint8_t *to = out + kQuantHeaderBytes + (group + lane) * groupBytes;
        auto c = static_cast<int8_t>(batch.scale[lane]);
        std::memcpy(to + row, &c, 1);
        uint8_t codes[kQuantGroup];
        for (int64_t i = 0; i < kQuantGroup; ++i) {
          const int32_t level = batch.level[i][lane];
          codes[i] = element == PackedElement::I4 ? codes4.of[level + 64]
                                                  : codeOf(element, level);
        }
        storeGroup(element, layout.nBlock, codes, to + layout.nBlock, row);
        sums.squaredError += batch.error[lane];
        sums.squaredValue += batch.square[lane];
        sums.weightedError += batch.weightedError[lane];
        sums.weightedValue += batch.weightedSquare[lane];
      }
    }
    stats.values += layout.cols;
  }
  const double unit = static_cast<double>(blockScale) * blockScale;
  stats.squaredError += sums.squaredError * unit;
  stats.squaredValue += sums.squaredValue * unit;
  stats.weightedError += sums.weightedError * unit;
  stats.weightedValue += sums.weightedValue * unit;
}
