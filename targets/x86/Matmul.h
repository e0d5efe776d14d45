//===- Matmul.h - products by a packed weight -------------------*- C++ -*-===//

#ifndef SWALLOW_TARGETS_X86_MATMUL_H
#define SWALLOW_TARGETS_X86_MATMUL_H

#include "targets/x86/StepEmitter.h"

#include <functional>

namespace swallow::x86 {

/// What one product stage computes. Output features are claimed in units: a
/// block, a head's blocks (row_unit), or a gate block with its up block
/// (interleave).
struct Product {
  mlir::Operation *op; ///< whose slots are used
  mlir::Value input;   ///< activation
  WeightOp weight;
  mlir::Value norm; ///< weight of the RMS norm of the input, or null
  double eps = 0;
  bool selectRows = false; ///< the rows that want logits instead of all
};

/// Geometry of a packed weight in units.
struct Units {
  int64_t count;  ///< units in all
  int64_t blocks; ///< blocks of a unit
  int64_t nBlock; ///< output features of a block
  int64_t columns() const { return blocks * nBlock; }
};
Units unitsOf(WeightOp weight, int64_t blocksPerUnit);

/// One unit's results for some rows, f32 in thread-private scratch.
struct Tile {
  mlir::Value row0; ///< first row of the step (or of the selected rows)
  mlir::Value rows; ///< how many
  mlir::Value unit; ///< which unit
  mlir::Value data; ///< [rows][columns] f32
  int64_t columns;  ///< padded columns, also the leading dimension
};

/// Units times one group of rows: what threads share out in a large step.
struct Piece {
  mlir::Value unit;  ///< the first
  mlir::Value units; ///< how many, at least 1
  mlir::Value row0, rows;
  mlir::Value tiles; ///< of kTileRows rows, the last not always full
};
/// Calls `body` for each piece that this thread claims. Groups are of up to
/// kLargeGroupRows rows if `large` and there are units enough for all threads,
/// else of up to kGroupRows. A piece has up to `most` units, a power of two, as
/// there are enough of them.
void forEachPiece(KernelFrame &frame, const Units &units, mlir::Value rows,
                  bool large, int64_t most,
                  llvm::function_ref<void(const Piece &)> body);

/// Emits the product into `frame`: prepares the input (norm, rounding,
/// selection), then for each unit that is this thread's computes a tile and
/// hands it to `epilogue`. Up to kSmallRows rows (4 where tiles load the
/// weight, mostFewRows() if the weight is quantised) are multiplied by emitted
/// matrix-vector code, more by oneDNN's micro-kernels or tiles.
void emitProduct(
    KernelFrame &frame, const Product &product, const Units &units,
    llvm::function_ref<void(KernelFrame &, const Tile &)> epilogue);

/// (a, block, c, streams): C[0..m)[0..nBlock) = A x block for each block of the
/// streams; see Gemv.cpp. Rows of C are `ldc` elements apart.
mlir::LLVM::LLVMFuncOp gemvHelper(StepEmitter &step, int64_t m, int64_t cols,
                                  int64_t nBlock, Element weight, Element input,
                                  int64_t lda, int64_t ldc);

/// Calls body(index, inputs, accumulate) for each `chunk` of `inputs` inputs
/// and for what is left: the first product of a chunk overwrites the sums, the
/// others add to them.
void forEachChunk(
    KernelBuilder &k, int64_t inputs, int64_t chunk,
    llvm::function_ref<void(mlir::Value index, int64_t inputs, bool accumulate)>
        body);

/// Calls `store` with the vectors of a row of `columns` elements at `src`,
/// times `scale` and the norm's `weight` if `scale` is not null, and where they
/// begin: zeros beyond the columns, up to `padded`, whatever the source has.
void forEachRowVector(
    KernelBuilder &k, mlir::Value src, Element source, int64_t columns,
    int64_t padded, mlir::Value scale, mlir::Value weight,
    llvm::function_ref<void(mlir::Value vector, mlir::Value at)> store);

/// Prepares rows: dst[r] = norm(src[r]) or src[r] in the input form. `norm` may
/// be null. Emits one row.
mlir::LLVM::LLVMFuncOp prepareRowHelper(StepEmitter &step, int64_t columns,
                                        Element source, InputForm form,
                                        bool norm, double eps);

/// 1 / sqrt(mean(x^2) + eps) of a row of `columns` elements, padded to 16 with
/// zeros; a vector with that in every lane.
mlir::Value emitRmsScale(KernelBuilder &k, mlir::Value src, Element source,
                         int64_t columns, double eps);

/// Rows [begin, end) of a product's input (those selected, if it selects),
/// handed to `body` with their number.
void forEachInputRow(
    KernelFrame &frame, const Product &product, const Rows &source,
    mlir::Value begin, mlir::Value end,
    llvm::function_ref<void(mlir::Value row, mlir::Value from)> body);

/// bias[unit], as the packed layout of `weight` has it; null without one.
mlir::Value biasOfUnit(KernelFrame &frame, mlir::Value bias, mlir::Value unit,
                       int64_t columns);

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_MATMUL_H
