//===- AttentionPiece.h - a tile of rows over a range of chunks -*- C++ -*-===//

#ifndef SWALLOW_TARGETS_X86_ATTENTIONPIECE_H
#define SWALLOW_TARGETS_X86_ATTENTIONPIECE_H

#include "targets/x86/AttentionTile.h"

namespace swallow::x86 {

/// What the kernel of one op, for one element of the keys and values, knows at
/// compile time; `manyRows` of steps whose keys are not split.
struct AttentionPlan {
  StepEmitter &step;
  AttentionOp op;
  KvGeometry kv;
  AttentionTile tile;
  AttentionWorkspace sizes;
  int64_t heads; ///< of queries
  int64_t group; ///< query heads of a KV head
  int64_t scratchSlot, partialsSlot;

  AttentionPlan(StepEmitter &step, AttentionOp op, KvElement element,
                bool manyRows);

  int64_t vectors() const { return kv.paddedDim() / step.variant().lanes; }
  /// Bytes that a split leaves of a query: its output, then at maximumOffset()
  /// the maximum and the sum.
  int64_t partialBytes() const { return tile.outputStride() + 64; }
  int64_t maximumOffset() const { return tile.outputStride(); }
  /// Where a split of a query (row * heads + head) is left.
  mlir::Value partial(KernelFrame &frame, mlir::Value query,
                      mlir::Value split) const;
  /// Stores a vector of a query's result.
  void storeResult(KernelFrame &frame, mlir::Value query, int64_t vector,
                   mlir::Value x) const;
};

/// piece(args, layer, thread, row0, rows, head, chunk, endChunk, split): the
/// queries of `rows` rows that follow each other in a sequence and of the KV
/// head `head`, over chunks [chunk, endChunk). The result goes to the op's
/// result, or for a `split` that is not negative to the partial results.
mlir::LLVM::LLVMFuncOp attentionPiece(const AttentionPlan &plan);

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_ATTENTIONPIECE_H
