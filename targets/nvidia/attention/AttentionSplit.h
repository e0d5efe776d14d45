//===- AttentionSplit.h - attention of a row by blocks ----------*- C++ -*-===//
//
// The query heads of a KV head and one row of the step are a block's, or those
// of several blocks that take splits of the keys (dialects/swallow/
// SplitAttention.h). The warps of a block take its KV blocks in turn; how a
// warp goes over one is a WarpAttention. Softmax is the online form (Milakov
// and Gimelshein, "Online normalizer calculation for softmax", 2018).
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_ATTENTION_ATTENTIONSPLIT_H
#define SWALLOW_TARGETS_NVIDIA_ATTENTION_ATTENTIONSPLIT_H

#include "targets/nvidia/attention/KvAddress.h"

#include <memory>

namespace swallow::nvidia {

/// Scores below this are none: what a maximum starts from.
constexpr float kNoScore = -1e30f;

/// How the query heads of a KV head are shared out to blocks.
struct HeadGroups {
  int64_t heads;  ///< of a block
  int64_t groups; ///< of a KV head

  /// Groups of one size, of at most `most` heads.
  static HeadGroups of(int64_t perKvHead, int64_t most);
};

/// What the step's attention multiplies scores by, in powers of two.
float scoreScale(AttentionOp op);

/// What a block works on.
struct AttentionRow {
  KernelFrame &f;
  AttentionOp op;
  const KvGeometry &kv;
  int64_t heads;                      ///< query heads of the block
  int64_t warps;                      ///< of the block
  mlir::Value row, kvHead, firstHead; ///< i32
  mlir::Value position;               ///< i32, of the row
  mlir::Value begin;                  ///< first position that it sees
  mlir::Value thread, lane, warp;     ///< i32
};

/// Attention of a row's heads to KV blocks by one warp.
class WarpAttention {
public:
  using Value = mlir::Value;
  using Values = GpuBuilder::Values;

  virtual ~WarpAttention() = default;
  /// Gets the queries ready, of all warps together; has a barrier at its end.
  virtual void emitQueries() = 0;
  /// What a warp has before its first KV block, and after one more: `block`
  /// counts from position 0, `id` is its number in the pool.
  virtual Values initialState() = 0;
  virtual Values emitBlock(Value block, Value id, mlir::ValueRange state) = 0;
  /// Stores what the warp has in shared memory: of each head the maximum and
  /// the sum, `states` [heads][2] f32, and the sums of weighted values,
  /// `outputs` [heads][outputStride()] f32.
  virtual void storeState(mlir::ValueRange state, Value states,
                          Value outputs) = 0;
  /// At least head_dim, a multiple of 4.
  virtual int64_t outputStride() = 0;
};

/// With scalar arithmetic, for every KV element.
std::unique_ptr<WarpAttention> createLaneAttention(const AttentionRow &row);
/// On tensor cores, for what TensorAttention::fits.
std::unique_ptr<WarpAttention> createTensorAttention(const AttentionRow &row);

/// A kernel over the rows of a step, in `pieces` blocks for each row and group
/// of heads, 1 or SplitAttention::pieces(); grid x is groups * pieces.
struct RowAttention {
  static constexpr int64_t kWarps = 4;

  AttentionOp op;
  const KvGeometry &kv;
  HeadGroups groups;
  int64_t pieces;
  bool onTensorCores;

  void emit(KernelFrame &frame) const;
};

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_ATTENTION_ATTENTIONSPLIT_H
