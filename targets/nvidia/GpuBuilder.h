//===- GpuBuilder.h - what GPU kernels do beside scalars --------*- C++ -*-===//
//
// One thread's view of a block: its numbers, shared memory, barriers, exchange
// inside a warp, tensor-core products and the approximate functions of the
// hardware. Integers are i32, pointers to global memory are !llvm.ptr<1>, to
// shared memory !llvm.ptr<3>.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_GPUBUILDER_H
#define SWALLOW_TARGETS_NVIDIA_GPUBUILDER_H

#include "targets/common/ScalarBuilder.h"

namespace swallow::nvidia {

constexpr unsigned kGlobal = 1, kShared = 3; ///< address spaces
constexpr int64_t kWarp = 32;

/// Element types of activations in memory; arithmetic is f32.
enum class Element { F32, BF16, F16 };
inline int64_t sizeOf(Element element) {
  return element == Element::F32 ? 4 : 2;
}
inline Element elementOf(mlir::Type type) {
  return type.isBF16()  ? Element::BF16
         : type.isF16() ? Element::F16
                        : Element::F32;
}

class GpuBuilder : public ScalarBuilder {
public:
  using ScalarBuilder::ScalarBuilder;

  //===--- threads ----------------------------------------------------------//
  Value thread(); ///< in the block; blocks are one-dimensional
  Value lane();
  Value warp();
  Value blockX();
  Value blockY();
  /// All threads of the block meet; orders shared and global memory among them.
  void barrier();
  /// The same for a warp.
  void warpBarrier();
  /// `value` (i32 or f32) of the lane whose number differs by `mask`.
  Value shuffleXor(Value value, int64_t mask);
  /// `value` (i32 or f32) of the lane of that number.
  Value shuffleFrom(Value value, Value lane);
  /// Sum and maximum of an f32 over the warp, in every lane, in a fixed order.
  Value warpSum(Value value);
  Value warpMax(Value value);
  /// Maximum and minimum of an unsigned i32 over the warp, in every lane.
  Value warpMaxUnsigned(Value value);
  Value warpMinUnsigned(Value value);

  /// Orders what the thread, and those that it has met at a barrier, wrote
  /// before what they write after it, and reads likewise, for all of the
  /// device.
  void fence();
  /// Adds 1 to an i32 in global memory, or puts 0 where it is `last` or more;
  /// what was there before. Relaxed: order comes of fences.
  Value atomicIncrement(Value ptr, Value last);
  /// Makes an unsigned i64 in global memory at least `value`. Relaxed.
  void atomicMax(Value ptr, Value value);

  //===--- memory -----------------------------------------------------------//
  /// Loads what no kernel of the step's launch writes, by the path for
  /// read-only data.
  Value loadConstant(mlir::Type type, Value ptr, int64_t alignment);
  /// `count` (2 or 4) neighbouring i32 at `ptr` + `bytes`, aligned to as many,
  /// by the path for read-only data and past the nearest cache: for what is
  /// read once. Inline PTX, since LLVM 22 knows no cache hints.
  Values loadStream(Value ptr, int64_t bytes, int64_t count);
  /// 2 or 4 neighbouring values of 4 bytes, by one store aligned to all of
  /// them.
  void storeNeighbours(mlir::ValueRange values, Value ptr);
  /// Neighbouring elements at an address that is aligned to all of them, at
  /// most 16 bytes at a time.
  void storeElements(mlir::ValueRange values, Value ptr, Element element);
  /// Begins to copy 16 bytes of global memory to shared memory, both aligned to
  /// 16, past the nearest cache. With `size` (i32, 0 to 16) only so many are
  /// read, and the others become zero: with 0 `from` may be anywhere.
  void asyncCopy(Value to, Value from, Value size = {});
  /// The same for 4 bytes, by way of the nearest cache.
  void asyncCopyFour(Value to, Value from, Value size);
  /// Makes the thread's copies since the last call a group; waits until at most
  /// `pending` of its groups are under way. Other threads see what has arrived
  /// after a barrier.
  void commitCopies();
  void waitCopies(int64_t pending);
  /// ldmatrix: `count` (2 or 4) matrices of 8 x 8 16-bit elements from shared
  /// memory, 8 lanes at a time naming the rows of one, 16 bytes each. Lane
  /// 4 * r + c gets elements 2 * c and 2 * c + 1 of row r, an i32 per matrix;
  /// `transposed`: those of column r in rows 2 * c and 2 * c + 1.
  Values loadMatrices(Value row, int64_t count, bool transposed = false);
  /// An i32 of a constant array.
  Value loadIndex(Value array, Value index);
  /// An address held in an i64.
  Value toPointer(Value address, unsigned space);
  Value toI64(Value value);

  //===--- numbers ----------------------------------------------------------//
  Value zero() { return f32(0.0f); }
  mlir::VectorType vectorOf(mlir::Type type, int64_t count);
  Value extract(Value vector, int64_t index);
  Value bitcast(mlir::Type type, Value value);
  /// A vector of scalars of one type.
  Value vector(mlir::ValueRange elements);
  /// The larger of two numbers as one instruction.
  Value maxNumber(Value lhs, Value rhs);
  Value shiftLeft(Value value, int64_t count);
  Value shiftRight(Value value, int64_t count); ///< zeros come in
  Value xori(Value lhs, Value rhs);
  /// prmt: byte i of the result is the one of `low` (0 .. 3) or `high` (4 .. 7)
  /// that nibble i of the selector says, whose highest bit must be 0.
  Value permute(Value low, Value high, Value selector);
  /// dp4a: `sum` plus the products of four bytes of `a`, signed or unsigned, by
  /// four signed ones of `b`.
  Value dot4(Value a, bool isUnsigned, Value b, Value sum);
  Value toFloat(Value integer);
  /// An element of 16 bits in the low or the high half of an i32 as f32.
  Value lowHalf(Value pair, Element element);
  Value highHalf(Value pair, Element element);
  /// Two elements of 16 bits, rounded to nearest even, `low` in the low half of
  /// the i32. What is too large for f16 becomes its largest number.
  Value packPair(Value low, Value high, Element element);
  /// packPair of what is known not to be too large.
  Value packFitting(Value low, Value high, Element element);
  /// Rounded as packPair does, kept as f32.
  Value roundTo(Value value, Element element);
  /// One element as f32, and an f32 stored as one.
  Value loadElement(Value ptr, Element element);
  void storeElement(Value value, Value ptr, Element element);
  /// Two neighbours as f32, by one load aligned to both.
  std::pair<Value, Value> loadPair(Value ptr, Element element);
  /// 2^x, 1 / x and 1 / sqrt(x): ex2.approx, rcp.approx and rsqrt.approx, whose
  /// relative errors are about 2^-22 (PTX ISA, "Floating Point Instructions").
  Value exp2(Value value);
  Value reciprocal(Value value);
  Value rsqrt(Value value);

  /// D[16][8] = A[16][16] B[16][8] + C of a warp, bf16 times bf16 or f16 times
  /// f16 in f32; the fragments as PTX's mma.m16n8k16 has them: a four i32, b
  /// two, c four f32.
  Values mma(mlir::ValueRange a, mlir::ValueRange b, mlir::ValueRange c,
             Element element);
};

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_GPUBUILDER_H
