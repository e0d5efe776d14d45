//===- QuantizedRows.h - activations quantised for a product ----*- C++ -*-===//
//
// Where a kernel multiplies a quantised weight in integers, the rows of its
// input are quantised too. The arena's planner and the target's emitters agree
// here on how such a row lies in memory, in a step of few rows and in one of
// many. Codes are one byte each.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_DIALECTS_SWALLOW_QUANTIZEDROWS_H
#define SWALLOW_DIALECTS_SWALLOW_QUANTIZEDROWS_H

#include <cstdint>

namespace swallow {

/// Of few rows: one record for each 32 inputs, with everything that a kernel
/// needs of them.
struct QuantizedRecords {
  /// How many rows are few: unpacking the weights for more rows at a time costs
  /// more than going over them again for every 8.
  static constexpr int64_t kMostRows = 24;
  static constexpr int64_t kInputs = 32;
  // codes [32], f32 scale, i32 [2]: for each 16 inputs what a sum of products
  // with unsigned weight codes starts from; padding
  static constexpr int64_t kScaleOffset = 32;
  static constexpr int64_t kStartsOffset = 36;
  static constexpr int64_t kBytes = 48;

  int64_t columns;

  /// Bytes between rows, a multiple of 64.
  constexpr int64_t stride() const {
    int64_t records = (columns + kInputs - 1) / kInputs;
    return (records * kBytes + 63) / 64 * 64;
  }
};

/// Of many rows, n of them rounded up to a tile: chunk after chunk of the
/// inputs, [chunks][n][256] codes padded with zeros, so that the rows of a tile
/// are one stretch of memory; then the scales, [chunks][n] f32.
struct QuantizedChunks {
  static constexpr int64_t kInputs = 256;

  int64_t columns;

  constexpr int64_t chunks() const { return (columns + kInputs - 1) / kInputs; }
  /// What each row adds to the bytes of all, a multiple of 64.
  constexpr int64_t bytesPerRow() const {
    return (chunks() * (kInputs + 4) + 63) / 64 * 64;
  }
};

} // namespace swallow

#endif // SWALLOW_DIALECTS_SWALLOW_QUANTIZEDROWS_H
