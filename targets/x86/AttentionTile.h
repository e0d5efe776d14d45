//===- AttentionTile.h - the arithmetic of attention ------------*- C++ -*-===//
//
// Three helper functions, between which a group of up to maxRows() query rows
// of one KV head goes over a chunk of kChunk positions:
//
//   scores   S[m][j] = sum_d Q[m][d] K[j][d]
//   softmax  of one row: P[j] = 2^(S[j] scale - maximum), with the running
//            maximum and sum of the online form
//   values   O[m] = O[m] correction[m] + sum_j P[m][j] V[j]
//
// A row's result does not depend on the rows that go with it.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_X86_ATTENTIONTILE_H
#define SWALLOW_TARGETS_X86_ATTENTIONTILE_H

#include "targets/x86/KvAddress.h"

namespace swallow::x86 {

class AttentionTile {
public:
  using Value = mlir::Value;

  /// Positions of a chunk, and its blocks.
  static constexpr int64_t kChunk = 128;
  static constexpr int64_t kBlocks = kChunk / KvBlockLayout::tokens;
  /// The chunk's blocks and those of the next, as pointers to their heads.
  static constexpr int64_t kTableEntries = 2 * kBlocks;
  /// Bytes of a row's state: maximum and sum so far, and the factor by which
  /// the last chunk corrects its output.
  static constexpr int64_t kStateBytes = 16;
  static constexpr int64_t kSumOffset = 4, kCorrectionOffset = 8;
  /// Stands for minus infinity; a masked score is far below even that.
  static constexpr float kMinusInfinity = -1e30f, kMasked = -2e30f;

  AttentionTile(StepEmitter &step, const KvGeometry &kv, float scale);

  /// Query rows that go over a chunk together; 8 where there are 32 registers.
  int64_t maxRows() const { return rowsAtOnce; }

  /// Bytes of an element of Q and P, and between their rows and those of S
  /// and O.
  int64_t factorBytes() const { return dots() ? 2 : 4; }
  int64_t queryStride() const { return kv.paddedDim() * factorBytes(); }
  int64_t weightStride() const { return kChunk * factorBytes(); }
  static constexpr int64_t kScoreStride = kChunk * 4;
  int64_t outputStride() const { return kv.paddedDim() * 4; }

  /// Stores a vector of a query as a factor.
  void storeFactor(KernelBuilder &k, Value vector, Value ptr) const;

  /// For `m` rows, a power of two up to maxRows(), over the table's blocks
  /// [firstBlock, endBlock): scores(q, table, s, firstBlock, endBlock).
  mlir::LLVM::LLVMFuncOp scores(int64_t m);
  /// softmax(s, p, state, table, firstBlock, endBlock, begin, end) for one row
  /// that sees the chunk's positions [begin, end); all of those blocks' without
  /// `masked`.
  mlir::LLVM::LLVMFuncOp softmax(bool masked);
  /// values(p, table, o, state, firstBlock, end) up to position `end`.
  mlir::LLVM::LLVMFuncOp values(int64_t m);

private:
  /// Factors in bf16, by vdpbf16ps.
  bool dots() const { return kv.roundsFactors() && step.variant().bf16Dot; }
  std::string name(const char *what, int64_t m) const;

  StepEmitter &step;
  KvGeometry kv;
  float scale;
  int64_t rowsAtOnce;
};

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_ATTENTIONTILE_H
