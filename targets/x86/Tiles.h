//===- Tiles.h - matrix products with AMX tiles -----------------*- C++ -*-===//
//
// Emitted in place of oneDNN's micro-kernels where the variant has tiles: a
// call of a few hundred cycles is too short for a library's entry point.
//
// Tile registers are numbered here, not allocated: 0..3 hold sums, 4 and 5 rows
// of A, 6 and 7 columns of B, all of 16 rows of 64 bytes. emitTileConfig() must
// have run on the thread since emitTileRelease().
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_X86_TILES_H
#define SWALLOW_TARGETS_X86_TILES_H

#include "targets/x86/StepEmitter.h"

namespace swallow::x86 {

void emitTileConfig(KernelFrame &frame);
void emitTileRelease(KernelFrame &frame);

/// (a, b, c): C[32][nBlock] = or += A[32][k] x B. A is S8 or BF16 with rows of
/// `lda` bytes; B is a packed block of the same element: fours (S8) or pairs
/// (BF16) of inputs, [k / 4 or 2][nBlock][4 or 2]. C is i32 or f32 with rows of
/// `ldc` elements. k is a multiple of 64 bytes; nBlock of 16.
mlir::LLVM::LLVMFuncOp tileProductHelper(StepEmitter &step, Element element,
                                         int64_t k, int64_t nBlock, int64_t lda,
                                         int64_t ldc, bool accumulate);

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_TILES_H
