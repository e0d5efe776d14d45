//===- FlashAttention.h - attention of tiles of rows ------------*- C++ -*-===//
//
// For steps of many rows: a block takes a tile of neighbouring rows and the
// query heads of a KV head, and goes over the keys and values once for all of
// them (Dao, "FlashAttention-2", 2023). KV blocks are staged in shared memory,
// the next one while one is computed.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_ATTENTION_FLASHATTENTION_H
#define SWALLOW_TARGETS_NVIDIA_ATTENTION_FLASHATTENTION_H

#include "targets/nvidia/attention/AttentionTensor.h"

namespace swallow::nvidia {

/// The kernel; for what TensorAttention::fits.
struct FlashAttention {
  AttentionOp op;
  const KvGeometry &kv;
  HeadGroups groups;

  LaunchShape shape() const;
  void emit(KernelFrame &frame) const;

  /// As many as share what is staged while a multiprocessor has registers and
  /// memory for eight of them.
  int64_t warps() const { return kv.headDim <= 128 ? 8 : 4; }
  /// Rows of the step; a query is a row and a head.
  int64_t tileRows() const { return warps() * 16 / groups.heads; }
  /// Blocks of threads of a tile and a group of heads, which take its sequences
  /// in turn: one for prompts, whose tiles are of one sequence, but a step may
  /// be many sequences with a row of each.
  static constexpr int64_t kSequenceBlocks = 4;
};

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_ATTENTION_FLASHATTENTION_H
