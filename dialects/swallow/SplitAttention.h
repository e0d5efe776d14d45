//===- SplitAttention.h - attention of few rows, on a GPU -------*- C++ -*-===//
//
// In a step of few rows there are too few pairs of a row and a KV head to fill
// a GPU, so that the keys of each are shared out to several blocks of threads
// (Dao et al., "Flash-Decoding for long-context inference", 2023). The arena's
// planner and the emitter agree here on how, and on where the blocks leave
// what they have. All of it depends on the model alone, so that the order of a
// row's sums depends on its position and on nothing else in the step.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_DIALECTS_SWALLOW_SPLITATTENTION_H
#define SWALLOW_DIALECTS_SWALLOW_SPLITATTENTION_H

#include <algorithm>
#include <cstdint>

namespace swallow {

struct SplitAttention {
  /// How many rows are few: those of steps that are recorded as graphs.
  static constexpr int64_t kMostRows = 16;
  /// KV blocks of a split, one for each of four warps: 128 positions. A warp
  /// then waits for memory once, and what a split leaves is a thirtieth of the
  /// keys and values that it reads.
  static constexpr int64_t kSplitBlocks = 4;

  int64_t kvHeads, queryHeads, headDim;

  /// Blocks of threads that share the splits of a row and a KV head, block p
  /// of them taking splits p, p + pieces, ... Some 256 blocks of one row give
  /// each of the 132 multiprocessors of an H200 two to switch between; more
  /// pieces than lanes could not be combined by one warp.
  constexpr int64_t pieces() const {
    return std::clamp<int64_t>(256 / kvHeads, 4, 32);
  }

  /// Workspace "attention_partials": outputs [kMostRows][heads][pieces]
  /// [head_dim] f32 in the order of the blocks, which may have several heads;
  /// from statesOffset() on the maximum and the sum of each.
  constexpr int64_t statesOffset() const {
    return roundUp(kMostRows * queryHeads * pieces() * headDim * 4);
  }
  constexpr int64_t partialsBytes() const {
    return statesOffset() + roundUp(kMostRows * queryHeads * pieces() * 8);
  }
  /// Workspace "attention_tickets": how many pieces of a row and its heads are
  /// done, i32 [kMostRows][at most heads]; 0 between steps.
  constexpr int64_t ticketsBytes() const {
    return roundUp(kMostRows * queryHeads * 4);
  }

private:
  static constexpr int64_t roundUp(int64_t bytes) {
    return (bytes + 63) / 64 * 64;
  }
};

} // namespace swallow

#endif // SWALLOW_DIALECTS_SWALLOW_SPLITATTENTION_H
