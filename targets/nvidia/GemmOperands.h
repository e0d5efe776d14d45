//===- GemmOperands.h - operands of a GEMM in shared memory -----*- C++ -*-===//
//
// An operand brings a step of the inputs of its part of the tile to a stage of
// shared memory, and hands a warp its fragments of 16 of them. No access to
// shared memory has bank conflicts: a quarter of a warp that reads or writes 16
// bytes to a lane hits eight different places of 16 bytes modulo 128.
//
//   - Weights in bf16 lie as in global memory, [input pair][feature] with a
//   word
//     per feature; of a pair p, the 16 bytes of features 4 * i .. 4 * i + 3 are
//     in place i ^ (2 * (p % 4)). Lane 4 * g + t reads features 4 * g .. of
//     each 32, of pairs t and t + 4: two loads for the fragments of two mma.
//   - Rows lie [row][input], 64 or 128 bytes each, which are 4 or 8 places of
//   16
//     bytes; place i of row r is i ^ (r / 2 % 4) or i ^ (r % 8). ldmatrix takes
//     16 bytes of 8 rows at a time.
//
// Copies take 16 bytes to a thread. Which bytes are a thread's is worked out
// once; a step adds a constant to one pointer per operand. What is not there,
// features behind the last unit, rows behind the last, and inputs behind the
// last, is copied as zeros, and nothing is read for it.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_GEMMOPERANDS_H
#define SWALLOW_TARGETS_NVIDIA_GEMMOPERANDS_H

#include "targets/nvidia/Gemm.h"

#include <memory>

namespace swallow::nvidia {

/// A thread's place in a block.
struct GemmThread {
  mlir::Value thread, lane;
  mlir::Value group, inGroup; ///< lane / 4, lane % 4
  mlir::Value featureWarp, rowWarp;
};

/// The weights of a tile. Another form of them than bf16 is another
/// implementation: what is staged is its own matter, fragments are bf16.
class LeftOperand {
public:
  using Value = mlir::Value;
  using Values = GpuBuilder::Values;

  virtual ~LeftOperand() = default;
  /// Of a stage, a multiple of 128.
  virtual int64_t stageBytes() const = 0;
  /// Where step 0 of the thread's copies comes from, and the step after `from`.
  virtual Value begin() = 0;
  virtual Value next(Value from) = 0;
  /// Begins the copies of step `step` (i32) to `stage`; they are not committed.
  virtual void copy(Value stage, Value from, Value step) = 0;
  /// The warp's fragments of inputs 16 * `part` .. of the stage: 4 i32 for each
  /// 16 of its features. Tiles 2 * i and 2 * i + 1 have features 32 * i + 4 * g
  /// + (0, 1) and + (2, 3) as rows g and g + 8.
  virtual Values fragments(Value stage, int64_t part) = 0;
};

/// Of the weight of a product, from packed block `block0` on.
std::unique_ptr<LeftOperand> makeLeftOperand(KernelFrame &frame,
                                             const Product &product,
                                             const GemmTile &tile,
                                             const GemmThread &thread,
                                             mlir::Value block0);

/// The rows of a tile.
class RightOperand {
public:
  using Value = mlir::Value;
  using Values = GpuBuilder::Values;

  /// Rows row0 .. row0 + count - 1 of `rows`, which are bf16.
  RightOperand(KernelFrame &frame, const GemmTile &tile,
               const GemmThread &thread, const Rows &rows, Value row0,
               Value count);

  /// As of LeftOperand.
  int64_t stageBytes() const { return tile.rows * rowBytes(); }
  Value begin() const { return first; }
  Value next(Value from);
  void copy(Value stage, Value from, Value step);
  /// 2 i32 for each 8 of the warp's rows.
  Values fragments(Value stage, int64_t part);

private:
  int64_t rowBytes() const { return tile.step * 2; }
  int64_t chunks() const { return rowBytes() / 16; }
  int64_t rowsPerPass() const { return GemmTile::warps * kWarp / chunks(); }
  /// What the place of row r's bytes is mixed with.
  Value mixer(Value row);

  GpuBuilder &k;
  const GemmTile &tile;
  int64_t columns, stride;
  Value chunk, first, target; ///< of the thread's copies
  Values sizes;               ///< of each of its rows, 16 or 0 bytes
  Values sources;             ///< of its fragments, by part of the step
};

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_GEMMOPERANDS_H
