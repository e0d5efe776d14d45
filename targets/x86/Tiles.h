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

#include <functional>

namespace swallow::x86 {

void emitTileConfig(KernelFrame &frame);
void emitTileRelease(KernelFrame &frame);

/// Rows of a tile, and its columns of 4 bytes.
constexpr int64_t kTileDim = 16;
/// Inputs that a step of a tile product takes: 64 bytes of a row.
inline int64_t tileInputs(Element element) { return 64 / sizeOf(element); }
/// Bytes of a step's rows of A, and of its part of a block of B.
constexpr int64_t kTileRowBytes = 64;
constexpr int64_t kTileStepBytes = kTileRows * kTileRowBytes;
inline int64_t tilePanelStepBytes(int64_t nBlock) { return nBlock * 64; }

/// Where B's vector of 16 columns is, in bytes from the start of a panel in
/// tile order: `row` counts fours (S8) or pairs (BF16) of inputs.
mlir::Value tilePanelOffset(KernelBuilder &k, int64_t nBlock, mlir::Value row,
                            int64_t vector);

/// One side of a product of tiles, or its sums.
struct TileOperand {
  /// Where tile `index` of a step begins.
  std::function<mlir::Value(mlir::Value step, int64_t index)> at;
  mlir::Value stride; ///< bytes between a tile's rows
  /// Asks for what later steps load; may be null.
  std::function<void(mlir::Value step, int64_t index)> prefetch = {};
};

/// Sums of up to 2 x 2 or 1 x 4 tiles in registers: C[i][j] = or += the
/// products A[step][i] x B[step][j] of all steps added, for i < rowTiles and j
/// < columnTiles. C's tile (i, j) has the index 2 * i + j, and its `at` no
/// step. Other code may go between the calls, but no other sums.
class TileSums {
public:
  TileSums(KernelBuilder &k, Element element, int64_t rowTiles,
           int64_t columnTiles, TileOperand a, TileOperand b, TileOperand c)
      : k(k), element(element), rowTiles(rowTiles), columnTiles(columnTiles),
        a(std::move(a)), b(std::move(b)), c(std::move(c)) {}

  /// Begins with C if `accumulate`, else with zeros.
  void begin(bool accumulate);
  void add(mlir::Value step);
  /// Stores C.
  void end();

private:
  void forEachSum(llvm::function_ref<void(mlir::Value, int64_t)> body);
  void load(int64_t number, const TileOperand &from, mlir::Value step,
            int64_t index);

  KernelBuilder &k;
  Element element;
  int64_t rowTiles, columnTiles;
  TileOperand a, b, c;
};

/// The sums of the steps [begin, end).
void emitTileSums(KernelBuilder &k, Element element, int64_t rowTiles,
                  int64_t columnTiles, mlir::Value begin, mlir::Value end,
                  const TileOperand &a, const TileOperand &b,
                  const TileOperand &c, bool accumulate);

/// (a, b, c): C[rows][nBlock] = or += A[rows][inputs] x B for `steps` steps,
/// with 16 or 32 rows, the operands in tile order: A is [steps][32][64 bytes],
/// B [steps][nBlock / 16][16][64 bytes], of which 64 bytes are fours (S8) or
/// pairs (BF16) of inputs of 16 columns. C is i32 or f32 with rows of `ldc`
/// elements.
mlir::LLVM::LLVMFuncOp tileProductHelper(StepEmitter &step, Element element,
                                         int64_t steps, int64_t rows,
                                         int64_t nBlock, int64_t ldc,
                                         bool accumulate);

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_TILES_H
