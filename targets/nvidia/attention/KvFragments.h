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
// int8 becomes bf16 on the way, which is exact.
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

  bool isBytes() const { return kv.element == KvElement::I8; }
  /// Bytes between values of positions, or of pairs of them.
  int64_t valueStride() const {
    return isBytes() ? roundUp(kv.paddedDim(), 128)
                     : roundUp(kv.paddedDim(), 32) * 4;
  }
  int64_t valuesOffset() const { return kv.valuesOffset(); }
  int64_t scalesOffset() const {
    return valuesOffset() + valueStride() * (isBytes() ? 32 : 16);
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

  int64_t keySteps() const { return roundUp(kv.headDim, 16) / 16; }
  int64_t valueGroups() const { return roundUp(kv.headDim, 32) / 32; }

private:
  Values load(Value ptr, int64_t bytes) const;
  Values loadWords(Value base, int64_t bytes, int64_t odd) const;
  Values loadIf(Value condition, Value base, int64_t bytes, int64_t odd) const;

  GpuBuilder &k;
  const KvGeometry &kv;
  bool staged, isBytes;
  Value q, n;
  /// Byte offsets of the lane: of keys, and of values for j modulo 4.
  Value laneKeys, laneValues[4];
  /// Bytes between pairs of dimensions and to a pair's second row (int8).
  int64_t keyStride, oddKey;
  /// Bytes between pairs of positions and to a pair's second row (int8).
  int64_t valueStride, oddValue;
  int64_t scalesOffset;
};

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_ATTENTION_KVFRAGMENTS_H
