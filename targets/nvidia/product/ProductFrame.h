//===- ProductFrame.h - what kernels of products share ----------*- C++ -*-===//
//
// The place of a block in a product (Product.h): its unit of output features,
// its rows, and how they are read.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_PRODUCT_PRODUCTFRAME_H
#define SWALLOW_TARGETS_NVIDIA_PRODUCT_PRODUCTFRAME_H

#include "targets/nvidia/product/Product.h"

namespace swallow::nvidia {

/// A base of the classes that emit a product.
class ProductFrame {
protected:
  using Value = mlir::Value;
  using Values = GpuBuilder::Values;
  /// Adds the products of inputs [first, first + count) to sums.
  using EmitChunk = llvm::function_ref<Values(Value first, int64_t count,
                                              mlir::ValueRange sums)>;
  using Epilogue = llvm::function_ref<void(KernelFrame &, const Tile &)>;

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
  /// Goes over the inputs of the block, `chunk` at a time; a barrier is behind
  /// each chunk, so that shared memory is free for the next.
  Values forEachChunk(int64_t chunk, Values sums, EmitChunk emitChunk);
  /// Adds up what the warps have in `scratch`, [warps][rowsPerBlock][stride()],
  /// in their order, and what the pieces have, in theirs; `scale` (may be null)
  /// changes the sum of an element. Then the epilogue. After a barrier.
  void finish(llvm::function_ref<Value(Value sum, Value index)> scale,
              Epilogue epilogue);

private:
  /// Calls body(sum of the warps, index, place of the first warp's) for the
  /// elements of a thread.
  void
  sumWarps(llvm::function_ref<void(Value sum, Value index, Value at)> body);
  Value sumAt(Value index);
  void finishPiece(llvm::function_ref<Value(Value sum, Value index)> scale,
                   llvm::function_ref<void()> epilogue);

protected:
  /// Elements from a row of sums to the next: 4 more than the columns, which
  /// are a multiple of 16, so that lanes with 4 features of every second row
  /// store to different banks.
  int64_t stride() const { return strideOf(columns); }
  static constexpr int64_t strideOf(int64_t columns) { return columns + 4; }

  KernelFrame &f;
  GpuBuilder &k;
  const Product &product;
  const PackedLayout &layout;
  int64_t warps, rowsPerBlock;
  int64_t columns;     ///< of the unit
  int64_t pieceInputs; ///< inputs of the block
  Rows input;
  bool hasNorm, selectRows; ///< whether the input has yet to be
  Value unit, row0, rows, thread, lane, warp;
  Value weights;    ///< of the unit
  Value piece;      ///< which of the unit's blocks; null with one
  Value firstInput; ///< of the block
  Value scratch;    ///< shared memory: rows, then sums
  Value normSums;   ///< shared memory: [rowsPerBlock][warps] f32
};

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_PRODUCT_PRODUCTFRAME_H
