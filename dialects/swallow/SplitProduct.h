//===- SplitProduct.h - products of few rows, on a GPU ----------*- C++ -*-===//
//
// A block of threads multiplies few rows by a unit of output features
// (targets/nvidia/product/Product.h). Where a weight has fewer units than fill
// a GPU, the inputs of each are shared out to several blocks, "split K". The
// arena's planner and the emitter agree here on how, and on where the blocks
// leave what they have. All of it depends on the model alone, so that the order
// of a row's sums does.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_DIALECTS_SWALLOW_SPLITPRODUCT_H
#define SWALLOW_DIALECTS_SWALLOW_SPLITPRODUCT_H

#include "runtime/packing/PackedLayout.h"

#include <cstdint>

namespace swallow {

struct SplitProduct {
  /// How many rows are few: those of steps that are recorded as graphs.
  static constexpr int64_t kMostRows = 16;
  /// Most rows of a block of threads.
  static constexpr int64_t kBlockRows = 8;

  int64_t units;   ///< of output features
  int64_t columns; ///< of a unit
  int64_t inputs;

  /// Of a product whose rows are not normalised first: each block reads the
  /// whole row for that, which would cost more than further blocks gain.
  static SplitProduct of(const PackedLayout &weight) {
    return {weight.totalBlocks(), weight.nBlock, weight.cols};
  }

  /// Blocks of threads that share the inputs of a unit, as many of them each.
  /// Some 256 blocks give each of the 132 multiprocessors of an H200 two; fewer
  /// than 1024 inputs are read faster than they are shared out. What a block
  /// stages at a time are multiples of 128.
  constexpr int64_t pieces() const {
    int64_t pieces = 1;
    while (units * pieces * 2 <= 288 && inputs / (pieces * 2) >= 1024 &&
           inputs % (pieces * 2 * 128) == 0)
      pieces *= 2;
    return pieces;
  }

  /// Workspace "product_partials": the sums of each piece, [tile of rows][unit]
  /// [piece][row of the tile][column] f32. None without pieces.
  constexpr int64_t partialsBytes() const {
    return pieces() == 1 ? 0
                         : roundUp(kMostRows * units * pieces() * columns * 4);
  }
  /// Workspace "product_tickets": how many pieces are done, i32 [tile][unit];
  /// 0 between steps.
  constexpr int64_t ticketsBytes() const {
    return roundUp(kMostRows / kBlockRows * units * 4);
  }

private:
  static constexpr int64_t roundUp(int64_t bytes) {
    return (bytes + 63) / 64 * 64;
  }
};

} // namespace swallow

#endif // SWALLOW_DIALECTS_SWALLOW_SPLITPRODUCT_H
