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
// Where the variant has AMX tiles, steps of many rows multiply keys and values
// in bf16 and int8 by them: a *tiled* group has up to 32 rows, which are two
// tiles. Blocks in bf16 lie as the second operand of tdpbf16ps does, so that
// its tiles are loaded from KV memory; what does not lie so, or holds positions
// that nobody has written, is copied first, once a chunk for all groups
// (TiledAttention.cpp).
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
  /// Of a tiled group the table goes on with its operands: where the pairs of
  /// the chunk's keys begin, block by block, then those of its values.
  static constexpr int64_t kKeysEntry = kTableEntries;
  static constexpr int64_t kValuesEntry = kKeysEntry + kBlocks;
  static constexpr int64_t kTableBytes = (kValuesEntry + kBlocks) * 8;
  /// Bytes of a row's state: maximum and sum so far, and the factor by which
  /// the last chunk corrects its output.
  static constexpr int64_t kStateBytes = 16;
  static constexpr int64_t kSumOffset = 4, kCorrectionOffset = 8;
  /// Stands for minus infinity; a masked score is far below even that.
  static constexpr float kMinusInfinity = -1e30f, kMasked = -2e30f;

  /// Tiled where `manyRows`, and where there are tiles for the element.
  AttentionTile(StepEmitter &step, const KvGeometry &kv, float scale,
                bool manyRows);

  bool isTiled() const { return tiled; }
  /// Query rows that go over a chunk together; tiled 32, otherwise 8 where
  /// there are 32 registers.
  int64_t maxRows() const { return rowsAtOnce; }
  /// The fewest rows that scores() and values() have code for.
  int64_t minRows() const;

  /// Bytes of an element of Q and P, and between their rows and those of S
  /// and O.
  int64_t factorBytes() const { return dots() ? 2 : 4; }
  int64_t queryStride() const { return queryFeatures() * factorBytes(); }
  /// Features of a query, padded with zeros to whole vectors or tiles.
  int64_t queryFeatures() const;
  int64_t weightStride() const { return kChunk * factorBytes(); }
  static constexpr int64_t kScoreStride = kChunk * 4;
  int64_t outputStride() const { return kv.paddedDim() * 4; }

  /// Stores vectors of a query or of weights, side by side, as factors.
  void storeFactors(KernelBuilder &k, llvm::ArrayRef<Value> vectors,
                    Value ptr) const;

  /// For `m` rows, a power of two up to maxRows(), over the table's blocks
  /// [firstBlock, endBlock): scores(q, table, s, firstBlock, endBlock).
  mlir::LLVM::LLVMFuncOp scores(int64_t m);
  /// softmax(s, p, state, table, firstBlock, endBlock, begin, end) for one row
  /// that sees the chunk's positions [begin, end); all of those blocks' without
  /// `masked`.
  mlir::LLVM::LLVMFuncOp softmax(bool masked);
  /// values(p, table, o, state, firstBlock, end) up to position `end`.
  mlir::LLVM::LLVMFuncOp values(int64_t m);

  /// operands(table, index, staged, written): the entries of a tiled chunk's
  /// block `index`, of which `written` positions are. What has to be copied
  /// goes to `staged`, stagedBytes() for each block of the chunk.
  mlir::LLVM::LLVMFuncOp operands();
  int64_t stagedBytes() const;

private:
  mlir::LLVM::LLVMFuncOp tiledScores(int64_t m);
  mlir::LLVM::LLVMFuncOp tiledValues(int64_t m);
  /// Factors in bf16, by vdpbf16ps.
  bool dots() const {
    return kv.factors() == KvElement::BF16 && step.variant().bf16Dot;
  }
  std::string name(const char *what, int64_t m) const;

  StepEmitter &step;
  KvGeometry kv;
  float scale;
  bool tiled;
  int64_t rowsAtOnce;
};

/// Two inner rows of a block of bf16 or int8, a matrix of `columns` lanes, as
/// pairs of bf16, a vector from `at` on. With `firstOnly` the second is zero.
mlir::Value loadKvPairs(KernelBuilder &k, KvElement element, int64_t columns,
                        mlir::Value at, bool firstOnly);

/// What entry `index` of a chunk's table points to.
mlir::Value tableEntry(KernelBuilder &k, mlir::Value table, mlir::Value index);

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_ATTENTIONTILE_H
