//===- TiledProduct.h - products of many rows in bf16 tiles -----*- C++ -*-===//
//
// Where the variant has AMX tiles, rows are rounded to bf16 and laid in tile
// order (dialects/swallow/ProductRows.h), and so is each panel of a weight, 64
// columns x 256 inputs, just before all rows are multiplied by it. Up to 32
// rows are multiplied by a weight in bf16 as it lies in memory, and by a
// quantised one tile by tile (TileStream.h).
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_X86_TILEDPRODUCT_H
#define SWALLOW_TARGETS_X86_TILEDPRODUCT_H

#include "targets/x86/Matmul.h"

namespace swallow::x86 {

/// Emits the product for more rows than emitProduct() has matrix-vector code
/// for. The weight is in bf16 or quantised.
void emitTiledProduct(
    KernelFrame &frame, const Product &product, const Units &units,
    mlir::Value rows,
    llvm::function_ref<void(KernelFrame &, const Tile &)> epilogue);

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_TILEDPRODUCT_H
