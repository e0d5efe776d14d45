//===- Quantize.h - chooses scales and codes --------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_PACKING_QUANTIZE_H
#define SWALLOW_RUNTIME_PACKING_QUANTIZE_H

#include "runtime/packing/ErrorFeedback.h"
#include "runtime/packing/PackedLayout.h"

#include <cstdint>
#include <span>

namespace swallow {

/// Quantises and packs one block: `numRows` <= layout.nBlock rows of `stride`
/// >= paddedCols() finite f32 values, zero beyond `cols`. `importance` is empty
/// or has `cols` weights >= 0. For each group the scale is searched among all
/// that a byte can say near the group's largest value, with either sign, and
/// the one with the smallest (weighted) squared error is taken; codes are the
/// nearest. The result is the same on every CPU. Adds to `stats`.
void quantizeBlock(const PackedLayout &layout, const float *rows,
                   int64_t numRows, int64_t stride,
                   std::span<const float> importance, uint8_t *out,
                   PackStats &stats);

/// The same with error feedback, see packBlocksWithFeedback. Adds to `outputs`
/// if there is one, which costs as much again.
void quantizeBlockWithFeedback(const PackedLayout &layout, const float *rows,
                               int64_t numRows, int64_t stride,
                               const InputFactor &factor, uint8_t *out,
                               PackStats &stats, OutputStats *outputs);

} // namespace swallow

#endif // SWALLOW_RUNTIME_PACKING_QUANTIZE_H
