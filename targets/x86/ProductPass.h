//===- ProductPass.h - many rows times several blocks -----------*- C++ -*-===//
//
// Up to 512 rows and some blocks of columns are a pass. It goes over the inputs
// chunk by chunk and multiplies a chunk of the rows by all its blocks before
// the next, so that the rows, which are larger than a core's own caches, are
// read from beyond them once for all blocks.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_X86_PRODUCTPASS_H
#define SWALLOW_TARGETS_X86_PRODUCTPASS_H

#include "targets/x86/Matmul.h"

#include "dialects/swallow/ProductRows.h"

namespace swallow::x86 {

/// Units of a pass of kPassBlocks, or a unit if that has more blocks: their
/// results are what a thread has scratch for. A power of two.
inline int64_t unitsOfPass(const Units &units) {
  return std::max<int64_t>(kPassBlocks / units.blocks, 1);
}

/// Calls body(block, c, index, count, accumulate) for each `chunk` of `inputs`
/// and for what is left (see forEachChunk), and within it for each block of the
/// piece: where it begins in the weight at `weightBase`, and where its results
/// go.
void forEachBlockOfPass(
    KernelFrame &frame, const Units &units, const Piece &piece,
    mlir::Value weightBase, int64_t blockBytes, mlir::Value tileScratch,
    int64_t inputs, int64_t chunk,
    llvm::function_ref<void(mlir::Value block, mlir::Value c, mlir::Value index,
                            int64_t count, bool accumulate)>
        body);

/// Hands the results of each of the piece's units to `epilogue`.
void finishPass(KernelFrame &frame, const Units &units, const Piece &piece,
                mlir::Value tileScratch,
                llvm::function_ref<void(KernelFrame &, const Tile &)> epilogue);

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_PRODUCTPASS_H
