//===- GemmOperands.h - operands of a GEMM in shared memory -----*- C++ -*-===//
//
// An operand brings a step of the inputs of its part of the tile to a stage of
// shared memory, and hands a warp its fragments of 16 of them. No access to
// shared memory has bank conflicts: lanes that are served together, a quarter
// of a warp with 16 bytes each or half of one with 8, use different banks.
//
//   - Weights in 16 bits lie as in global memory, [input pair][feature], a word
//     for each feature; of a pair p, the 16 bytes of features 4 * i to 4 * i +
//     3 are in place i ^ (2 * (p % 4)). Lane 4 * g + t reads features 2 * g and
//     2 * g + 1 of each 16, of pairs t and t + 4: 8 bytes at a time, which are
//     two neighbouring registers of the fragment. With 16 bytes, halves of two
//     fragments, each fragment would have to be put together by moves.
//   - Rows lie [row][input], 64 or 128 bytes each, which are 4 or 8 places of
//     16 bytes; place i of row r is i ^ (r / 2 % 4) or i ^ (r % 8). ldmatrix
//     takes 16 bytes of 8 rows at a time.
//
// Copies take 16 bytes to a thread. Which bytes are a thread's is worked out
// once; a step adds a constant to one pointer per operand. What is not there,
// features behind the last unit, rows behind the last, and inputs behind the
// last, is copied as zeros, and nothing is read for it.
//
// Quantised weights are staged as they are stored, and bf16(level * scale) is
// made of them in one of two buffers in turn (GemmQuantWeights.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_PRODUCT_GEMMOPERANDS_H
#define SWALLOW_TARGETS_NVIDIA_PRODUCT_GEMMOPERANDS_H

#include "targets/nvidia/product/Gemm.h"

#include <memory>

namespace swallow::nvidia {

/// A thread's place in a block.
struct GemmThread {
  mlir::Value thread, lane;
  mlir::Value group, inGroup; ///< lane / 4, lane % 4
  mlir::Value featureWarp, rowWarp;
};

/// The weights of a tile. What is staged is the implementation's own matter;
/// fragments are read from the form of 16 bits above, which is either the stage
/// itself or made from it.
class LeftOperand {
public:
  using Value = mlir::Value;
  using Values = GpuBuilder::Values;

  virtual ~LeftOperand() = default;
  /// Where step 0 of the thread's copies comes from, and the step after `from`.
  virtual Value begin() = 0;
  virtual Value next(Value from) = 0;
  /// Begins the copies of step `step` (i32) to `stage`; they are not committed.
  virtual void copy(Value stage, Value from, Value step) = 0;
  /// Makes bf16 of what the thread itself has copied to `stage`, which has
  /// arrived. Only if leftBufferBytes is not 0.
  virtual void unpack(Value stage, Value buffer);
  /// The warp's fragments of inputs 16 * `part` .. of a step that lies at
  /// `from`: 4 i32 for each 16 of its features. Rows g and g + 8 of fragment i
  /// are features 16 * i + 2 * g and 16 * i + 2 * g + 1.
  Values fragments(Value from, int64_t part);

protected:
  LeftOperand(GpuBuilder &k, const GemmTile &tile, const GemmThread &thread);

  int64_t chunks() const { return tile.features / 4; }    ///< of a pair
  int64_t pairBytes() const { return tile.features * 4; } ///< staged
  /// Where the 16 bytes `chunk` of a pair lie.
  Value place(Value pair, Value chunk);

  GpuBuilder &k;
  const GemmTile &tile;
  Value thread;

private:
  Values sources; ///< of the lane's even and odd fragments
};

/// Bytes of a stage, and of a buffer that a step's weights are unpacked to, 0
/// where they are used as they are. Multiples of 128.
int64_t leftStageBytes(PackedElement element, const GemmTile &tile);
int64_t leftBufferBytes(PackedElement element, const GemmTile &tile);

/// The weights of a product from packed block `block0` on.
std::unique_ptr<LeftOperand> makeLeftOperand(KernelFrame &frame,
                                             const Product &product,
                                             const GemmTile &tile,
                                             const GemmThread &thread,
                                             mlir::Value block0);
/// The same for a quantised weight: GemmQuantWeights.cpp.
std::unique_ptr<LeftOperand> makeQuantizedOperand(KernelFrame &frame,
                                                  const Product &product,
                                                  const GemmTile &tile,
                                                  const GemmThread &thread,
                                                  mlir::Value block0);

/// A unit of quantised weights is what a thread unpacks at a time: 8 inputs of
/// 4 features. Units of a step, and the bytes that a stage has for each.
int64_t quantizedUnits(const GemmTile &tile);
int64_t quantizedUnitBytes(PackedElement element);

/// The rows of a tile.
class RightOperand {
public:
  using Value = mlir::Value;
  using Values = GpuBuilder::Values;

  /// Rows row0 .. row0 + count - 1 of `rows`, whose elements have 16 bits.
  RightOperand(KernelFrame &frame, const GemmTile &tile,
               const GemmThread &thread, const Rows &rows, Value row0,
               Value count);

  static int64_t stageBytes(const GemmTile &tile) {
    return tile.rows * tile.step * 2;
  }
  /// As of LeftOperand.
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

#endif // SWALLOW_TARGETS_NVIDIA_PRODUCT_GEMMOPERANDS_H
