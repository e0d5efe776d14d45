//===- Gemm.h - products for many rows on tensor cores ----------*- C++ -*-===//
//
// D = W X^T, with the packed weights as the left operand of mma.m16n8k16 and
// the rows of the step as the right one, as in Product.h. A block of 128
// threads computes a tile of whole units, 128 features together unless one has
// more, and 32, 64 or 128 rows:
//
//   - stages of 32 or 64 inputs of the tile's weights and rows come to shared
//     memory by cp.async, several under way at a time (GemmOperands.h says how
//     they lie there);
//   - a warp computes a part of the tile, its sums in registers, and reads the
//     fragments of the next 16 inputs while it multiplies those before;
//   - then the sums are laid into shared memory, whose stages are done with,
//     and each unit goes through the epilogue that few rows go through.
//
// What limits it: with 128 features and 128 rows a warp has 64 of each. For 16
// inputs it reads 64 * 32 + 64 * 32 bytes and multiplies 4 * 8 fragments, which
// is 128 bytes of shared memory per mma; an mma takes the four tensor cores of
// an sm_80 multiprocessor 2 clocks, in which shared memory gives 256. From
// global memory come 2 * 128 * 32 bytes for the 2 * 128 * 128 * 16 operations
// of 16 inputs, 64 operations a byte of the caches. The tiles of 32 and 64 rows
// are for batches that are limited by how fast weights come: they take fewer
// features where a unit allows it, so that there are more blocks, and have more
// bytes of weights under way.
//
// Every sum is made in the order of the inputs by one warp: a row's results are
// the same bits in every tile and whatever else is in the step.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_PRODUCT_GEMM_H
#define SWALLOW_TARGETS_NVIDIA_PRODUCT_GEMM_H

#include "targets/nvidia/product/Product.h"

namespace swallow::nvidia {

/// What a block computes, and how.
struct GemmTile {
  int64_t units;        ///< of the product, at most
  int64_t columns;      ///< of those units
  int64_t features;     ///< columns rounded up to 32
  int64_t rows;         ///< 32, 64 or 128
  int64_t step;         ///< inputs of a stage, 32 or 64
  int64_t stages;       ///< at least 2
  int64_t featureWarps; ///< warps that share out the features, 32 at a time
  int64_t rowWarps;     ///< and the rows, 8 at a time

  static constexpr int64_t warps = 4;
  int64_t warpFeatures() const { return features / featureWarps; }
  int64_t warpRows() const { return rows / rowWarps; }
};

/// Emits the launches of a product, by a weight in bf16 or f16 or a quantised
/// one, for steps of more than kFewRows rows, one for each size of tile; that
/// of its input (GemmInput.h) comes before. `epilogue` stores a unit's results,
/// after a barrier.
void emitGemm(StepEmitter &step, const Product &product,
              llvm::function_ref<void(KernelFrame &, const Tile &)> epilogue);

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_PRODUCT_GEMM_H
