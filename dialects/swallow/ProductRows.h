//===- ProductRows.h - activations prepared for a product -------*- C++ -*-===//
//
// Where a kernel multiplies a quantised weight in integers, the rows of its
// input are quantised too, and where it multiplies tiles they lie in the order
// in which these are loaded. The arena's planner and the target's emitters
// agree here on how such a row lies in memory, in a step of few rows and in one
// of many. Codes are one byte each.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_DIALECTS_SWALLOW_PRODUCTROWS_H
#define SWALLOW_DIALECTS_SWALLOW_PRODUCTROWS_H

#include <cstdint>

namespace swallow {

/// Of few rows, and of many that are multiplied group by group: one record for
/// each 32 inputs, with everything that a kernel needs of them.
struct QuantizedRecords {
  /// How many rows are few: unpacking the weights for more rows at a time costs
  /// more than going over them again for every 8.
  static constexpr int64_t kMostRows = 24;
  /// The same where more rows are multiplied by tiles, which takes little
  /// beside unpacking.
  static constexpr int64_t kMostRowsBesideTiles = 8;
  static constexpr int64_t kInputs = 32;
  // codes [32], f32 scale, then what sums of products with unsigned weight
  // codes start from; padding. Sums are i32 [2], each of 16 inputs, or i16
  // [4][2], each of 8 inputs: bytes 0, 1, 4 and 5 of them, and the other four.
  static constexpr int64_t kScaleOffset = 32;
  static constexpr int64_t kStartsOffset = 36;

  int64_t columns;
  bool words; ///< Sums are i16.

  constexpr int64_t bytes() const { return words ? 52 : 48; }

  /// Bytes between rows, a multiple of 64.
  constexpr int64_t stride() const {
    int64_t records = (columns + kInputs - 1) / kInputs;
    return (records * bytes() + 63) / 64 * 64;
  }
};

/// Blocks of a weight that many rows are multiplied by in a pass: the rows of a
/// chunk of inputs come from beyond the core's own caches once for all of them.
constexpr int64_t kPassBlocks = 4;

/// Of many rows, n of them rounded up to 32: chunk after chunk of the inputs,
/// [chunks][n][256] codes padded with zeros, so that the rows of a tile are one
/// stretch of memory; then the scales, [chunks][n] f32. In tile order each 32
/// rows of a chunk are [4][32][64] instead of [32][256].
struct QuantizedChunks {
  static constexpr int64_t kInputs = 256;

  int64_t columns;

  constexpr int64_t chunks() const { return (columns + kInputs - 1) / kInputs; }
  /// What each row adds to the bytes of all, a multiple of 64.
  constexpr int64_t bytesPerRow() const {
    return (chunks() * (kInputs + 4) + 63) / 64 * 64;
  }
};

/// Of many rows in bf16, n of them rounded up to 32, in tile order: chunk after
/// chunk of the inputs, [chunks][n / 32][8][32][32], zeros up to a chunk.
struct TiledRows {
  static constexpr int64_t kStepInputs = 32;   ///< of a tile's row
  static constexpr int64_t kChunkInputs = 256; ///< of 8 steps

  int64_t columns;

  /// What each row adds to the bytes of all, a multiple of 64.
  constexpr int64_t bytesPerRow() const {
    return (columns + kChunkInputs - 1) / kChunkInputs * kChunkInputs * 2;
  }
};

} // namespace swallow

#endif // SWALLOW_DIALECTS_SWALLOW_PRODUCTROWS_H
