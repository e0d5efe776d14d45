//===- Product.h - products by a packed weight on tensor cores --*- C++ -*-===//
//
// This is how few rows are multiplied; Gemm.h is for more than kFewRows. A
// block computes one unit of output features (a block of the packed weight, a
// gate block with its up block, a head) for up to 8 rows of the step:
//
//   - its warps share out the inputs; every warp multiplies 16 of them at a
//     time by all features of the unit, with the weights as the left operand of
//     mma.m16n8k16 and the rows as the right one;
//   - the packed layout (runtime/packing/PackedLayout.h) is what a warp wants
//     as it is: two inputs of a feature are one register of a fragment, and
//     which features make up a tile's 16 rows is free. Lane 4 * g + t takes
//     features 4 * g .. 4 * g + 3 of each 32, of input pairs t and t + 4, so
//     that a warp reads whole stretches of memory, 16 bytes to a lane at a
//     time;
//   - a warp asks for the weights of up to four such steps at once, all of them
//     constants behind one pointer that the loop moves on;
//   - the sums of the warps are added up in shared memory in the order of the
//     warps, whatever the number of rows: results do not depend on what else is
//     in a step.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_PRODUCT_PRODUCT_H
#define SWALLOW_TARGETS_NVIDIA_PRODUCT_PRODUCT_H

#include "targets/nvidia/StepEmitter.h"

namespace swallow::nvidia {

/// Rows of the step that share one pass over the weights.
constexpr int64_t kProductRows = 8;
/// Steps of more rows are computed as Gemm.h has it.
constexpr int64_t kFewRows = 16;

/// What one product computes.
struct Product {
  mlir::Operation *op; ///< whose slots are used
  mlir::Value input;   ///< activation
  WeightOp weight;
  mlir::Value norm; ///< weight of the RMS norm of the input, or null
  double eps = 0;
  bool selectRows = false; ///< the rows that want logits instead of all
  /// Whether few rows are read as GemmInput.h prepares them, too: worth a
  /// launch where many blocks would each normalise them.
  bool prepared = false;
  int64_t unitBlocks = 1; ///< blocks of the packed weight in a unit
  /// Blocks of threads that share the inputs of few rows
  /// (dialects/swallow/SplitProduct.h); with more than one, the op has the
  /// workspaces for it, a unit is a block of the packed weight, and there is no
  /// norm.
  int64_t pieces = 1;
  /// Whether the thread that an element of a tile goes to is that of the
  /// epilogue, number row * columns + column modulo the block's threads.
  bool ownResults = false;

  /// What tensor cores multiply: weights as they are stored, or bf16 that
  /// quantised ones become, and inputs that are rounded to it.
  Element element() const;
};

/// A unit's results for some rows, in shared memory.
struct Tile {
  mlir::Value unit; ///< which unit
  mlir::Value row0; ///< first row of the step, or of those that want logits
  mlir::Value rows; ///< how many
  mlir::Value data; ///< [rows][stride] f32, `columns` of each
  int64_t columns;  ///< of all the unit's blocks
  int64_t stride;   ///< from row to row, in elements
  int64_t threads;  ///< of the block
};

/// Emits the product and its launches, for few rows and for many; `epilogue`
/// stores a tile. All threads of the block run it, after a barrier unless
/// ownResults.
void emitProduct(
    StepEmitter &step, const Product &product,
    llvm::function_ref<void(KernelFrame &, const Tile &)> epilogue);

/// bias[unit], as the packed layout of the matrix has it; null without one.
mlir::Value biasOfUnit(KernelFrame &frame, mlir::Value bias, mlir::Value unit,
                       int64_t columns);

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_PRODUCT_PRODUCT_H
