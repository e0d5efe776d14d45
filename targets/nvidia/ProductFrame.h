//===- ProductFrame.h - what kernels of products share ----------*- C++ -*-===//
//
// The place of a block in a product (Product.h): its unit of output features,
// its rows, and how they are read.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_PRODUCTFRAME_H
#define SWALLOW_TARGETS_NVIDIA_PRODUCTFRAME_H

#include "targets/nvidia/Product.h"

namespace swallow::nvidia {

/// A base of the classes that emit a product.
class ProductFrame {
protected:
  using Value = mlir::Value;
  using Values = GpuBuilder::Values;

  /// For blocks of `warps` warps and up to `rowsPerBlock` rows.
  ProductFrame(KernelFrame &frame, const Product &product,
               const PackedLayout &layout, int64_t warps, int64_t rowsPerBlock);

  /// Sets the values below, but `scratch` and `normSums`.
  void emitPlace();
  /// Row `row` of the block in the input.
  Value inputRow(Value row);
  Value loadInput(Value row, Value column);
  /// The sum of the squares of each row, a part of it from each warp, in
  /// `normSums`. Ends with a barrier.
  void emitNormSums();
  /// 1 / sqrt(mean(x^2) + eps) of a row.
  Value normScale(Value row);
  /// Where the weight of the norm lies; null without one.
  Value normWeight();
  /// Adds up what the warps have in `scratch`, [warps][rowsPerBlock][columns],
  /// in the order of the warps, into the first of them.
  void sumWarps(llvm::function_ref<Value(Value sum, Value index)> finish);

  KernelFrame &f;
  GpuBuilder &k;
  const Product &product;
  const PackedLayout &layout;
  int64_t warps, rowsPerBlock;
  int64_t columns; ///< of the unit
  Rows input;
  Value unit, row0, rows, thread, lane, warp;
  Value weights;  ///< of the unit
  Value scratch;  ///< shared memory: rows, then sums
  Value normSums; ///< shared memory: [rowsPerBlock][warps] f32
};

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_PRODUCTFRAME_H
