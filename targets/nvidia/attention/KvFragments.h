//===- KvFragments.h - KV blocks as operands of mma -------------*- C++ -*-===//
//
// The right operands of mma.m16n8k16 straight from a KV block as KvLayout.h
// has it, in global memory or staged in shared memory. With q a lane's number
// in its group of four and n the group's (0 to 7):
//
//   scores   k is the head's dimension, n the position. A register holds two
//            neighbouring dimensions of a position. Column n of tile t is
//            position 4 n + t, so that bf16 keys of four tiles are 16
//            neighbouring bytes, and the eight scores of a lane and a row are
//            of positions 8 q to 8 q + 7.
//   outputs  k is the position, n the feature. A register holds two
//            neighbouring positions of a feature: register i (0 to 3) positions
//            8 q + 2 i and the next, just what the lane has the scores of.
//            Column n of tile 4 j + t is feature 32 j + 4 n + t.
//
// int8 becomes bf16 on the way, which is exact. f16 does not lie in pairs: from
// global memory those come of two rows. Staged f16 is what ldmatrix.trans makes
// pairs of, of eight neighbours along n: there column n of tile t is position
// 8 t + n, or feature 32 j + 8 t + n, a lane's scores are those of positions
// 8 t + 2 q and the next, and register i of outputs is of 8 i + 2 q and the
// next.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_ATTENTION_KVFRAGMENTS_H
#define SWALLOW_TARGETS_NVIDIA_ATTENTION_KVFRAGMENTS_H

#include "targets/nvidia/attention/KvAddress.h"

namespace swallow::nvidia {

/// A KV block in shared memory: rows are stored so that the lanes of a
/// fragment meet different banks.
struct StagedKv {
  const KvGeometry &kv;

  /// Bytes of values of a position, or of a pair of them, and between these.
  int64_t valueBytes() const {
    return kv.paddedDim() * kv.pairing() * kv.elementBytes();
  }
  int64_t valueStride() const { return roundUp(valueBytes(), 128); }
  int64_t valueRows() const { return KvBlockLayout::tokens / kv.pairing(); }
  int64_t valuesOffset() const { return kv.valuesOffset(); }
  int64_t scalesOffset() const {
    return valuesOffset() + valueStride() * valueRows();
  }
  int64_t bytes() const {
    return roundUp(scalesOffset() + (kv.hasScales() ? 256 : 0), 128);
  }

  /// Begins the copies of a head's block at `from`, `threads` threads
  /// together; `thread` is i32.
  void emitCopies(GpuBuilder &k, mlir::Value from, mlir::Value to,
                  mlir::Value thread, int64_t threads) const;
};

class KvFragments {
public:
  using Value = mlir::Value;
  using Values = GpuBuilder::Values;
  enum class Place { Global, Staged };

  /// Computes what does not depend on the block.
  KvFragments(GpuBuilder &k, const KvGeometry &kv, Place place, Value lane);

  /// Of the head's block at `base` (in shared memory: a StagedKv).
  /// Registers of tiles 0 to 3 for pairs of dimensions `pair` (a multiple of
  /// 4) + q; zeros beyond the head's.
  Values keys(Value base, int64_t pair) const;
  /// Register `i` of tiles 4 j to 4 j + 3.
  Values values(Value base, int64_t i, int64_t j) const;
  /// Scales of the lane's eight positions (int8 alone), of keys or values.
  Values scales(Value base, bool ofValues) const;

  /// A lane's eight columns of four tiles, which are its positions of scores
  /// and its features of outputs: register `part` of tile `tile` of a row,
  /// `number` columns behind the lane's first. Registers 2 i and 2 i + 1 are in
  /// order, and so are columnsTogether() neighbours.
  struct Column {
    int64_t tile, part, number;
  };
  Column column(int64_t i) const {
    if (loadsMatrices())
      return {i / 2, i % 2, i / 2 * 8 + i % 2};
    return {i % 4, i / 4, i};
  }
  Value firstColumn() const { return k.mul(q, columnsTogether()); }
  int64_t columnsTogether() const { return loadsMatrices() ? 2 : 8; }

  int64_t keySteps() const { return roundUp(kv.headDim, 16) / 16; }
  int64_t valueGroups() const { return roundUp(kv.headDim, 32) / 32; }

private:
  /// Whether ldmatrix makes the registers.
  bool loadsMatrices() const { return staged && kv.element == KvElement::F16; }
  /// Offsets and strides, of pairs, of f16 and of int8.
  void locatePairs();
  void locateRows();
  void locateMatrices(Value lane);
  void locateBytes();
  Values load(Value ptr, int64_t bytes) const;
  Values loadWords(Value base, int64_t bytes, int64_t odd) const;
  Values loadIf(Value condition, Value base, int64_t bytes, int64_t odd) const;

  GpuBuilder &k;
  const KvGeometry &kv;
  bool staged, isBytes;
  Value q, n;
  /// Byte offsets of the lane: of keys, and of values for j modulo 4.
  Value laneKeys, laneValues[4];
  /// The same within the last matrices, where there are fewer dimensions or
  /// features than fill them.
  Value laneLastKeys, laneLastValues;
  /// Bytes between pairs of dimensions and to a pair's second row.
  int64_t keyStride, oddKey = 0;
  /// Bytes from a register of values to the next and to a pair's second row.
  int64_t valueStride, oddValue = 0;
  int64_t scalesOffset;
};

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_ATTENTION_KVFRAGMENTS_H
