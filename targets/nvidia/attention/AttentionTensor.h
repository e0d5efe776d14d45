//===- AttentionTensor.h - attention on tensor cores ------------*- C++ -*-===//
//
// A warp's 16 queries against KV blocks with mma.m16n8k16: queries are the left
// operand of the scores, and the scores' registers are, once they are weights,
// the left operand of the outputs. What a query is, a row of the step and a
// head, and what it sees is up to the kernel.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_ATTENTION_ATTENTIONTENSOR_H
#define SWALLOW_TARGETS_NVIDIA_ATTENTION_ATTENTIONTENSOR_H

#include "targets/nvidia/attention/AttentionSplit.h"
#include "targets/nvidia/attention/KvFragments.h"

namespace swallow::nvidia {

class TensorAttention {
public:
  using Value = mlir::Value;
  using Values = GpuBuilder::Values;

  /// Whether there are such kernels: for all elements but f32, where outputs of
  /// 16 queries fit a warp's registers, beside what is under way from `place`.
  static bool fits(const KvGeometry &kv, KvFragments::Place place);

  /// Query n of a lane's group of four, and with `halves` 2 also query n + 8.
  TensorAttention(GpuBuilder &k, const KvGeometry &kv, float scoreScale,
                  KvFragments::Place place, int64_t halves, Value lane)
      : k(k), kv(kv), scale(scoreScale), halves(halves), lane(lane),
        q(k.rem(lane, 4)), n(k.div(lane, 4)), fragments(k, kv, place, lane),
        preloads(place == KvFragments::Place::Global && halves == 1 &&
                 kv.headDim <= 128) {}

  //===--- queries ----------------------------------------------------------//
  /// Bytes of 16 queries in shared memory, as fragments [steps][32][4].
  int64_t queryBytes() const { return querySteps() * kStepBytes; }
  int64_t querySteps() const { return fragments.keySteps(); }
  /// Stores the lane's part of step `step` (i32): `rows` says for each half
  /// where the query begins, f32, and `valid` whether there is one.
  void emitQueries(Value step, mlir::ArrayRef<Value> rows,
                   mlir::ArrayRef<Value> valid, Value to);

  //===--- KV blocks --------------------------------------------------------//
  /// Of each half the maximum and the lane's part of the sum, then the outputs.
  Values initialState();
  /// What the lane's queries see.
  struct Seen {
    Values end;   ///< of each half: behind the last position, i32
    Values begin; ///< the first; empty without a window
    /// Behind the last position that all of the warp's queries see, and the
    /// first one (null without a window).
    Value wholeEnd, wholeBegin;
  };
  /// One more KV block: `token` its first position (i32), `written` how many
  /// of its places have been, `base` the head's part of it.
  Values emitBlock(Value base, Value token, Value written, const Seen &seen,
                   Value queries, mlir::ValueRange state);

  //===--- results ----------------------------------------------------------//
  /// Maximum and sum of a half's query, in all lanes of its group.
  Value maximum(mlir::ValueRange state, int64_t half) const;
  Value sum(mlir::ValueRange state, int64_t half);
  /// Calls `store` with neighbouring outputs of a half's query and the number
  /// of the first, all that the lane has, `width` (2, 4 or 8) at a time or as
  /// many as there are together.
  void forEachOutput(
      mlir::ValueRange state, int64_t half, int64_t width,
      llvm::function_ref<void(Value feature, mlir::ValueRange)> store);

private:
  static constexpr int64_t kStepBytes = kWarp * 16;
  Values products(llvm::function_ref<Values(int64_t, int64_t)> keys,
                  Value queries);
  /// Registers 0 to 3 of values, for tiles 4 j to 4 j + 3, [register][tile].
  void loadValues(Value base, int64_t j, llvm::SmallVectorImpl<Values> &values);
  /// What emitBlock has read of a block, and where.
  struct Block {
    Value base, token, written;
    Values products;
    llvm::SmallVector<Values> values; ///< [4 j + register][tile], or empty
  };
  Values add(const Block &block, const Seen *seen, mlir::ValueRange state);
  Values weigh(const Block &block, const Seen *seen, int64_t half,
               Values &state, Value &correction);
  /// Index in the four registers of each of some tiles.
  static size_t registerAt(int64_t half, int64_t tile, int64_t part) {
    return static_cast<size_t>(tile * 4 + 2 * half + part);
  }
  /// state index of an output.
  size_t outputAt(int64_t half, int64_t tile, int64_t part) const {
    return static_cast<size_t>(2 * halves) + registerAt(half, tile, part);
  }

  GpuBuilder &k;
  const KvGeometry &kv;
  float scale;
  int64_t halves;
  Value lane, q, n;
  KvFragments fragments;
  /// Whether values are asked for before the scores are there, so that memory
  /// is waited for once.
  bool preloads;
};

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_ATTENTION_ATTENTIONTENSOR_H
