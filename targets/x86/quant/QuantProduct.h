//===- QuantProduct.h - products by a quantised weight ----------*- C++ -*-===//
//
// Up to mostFewRows() rows are quantised to signed bytes in groups of 32 inputs
// and multiplied by the codes as they lie in memory, group by group, so that a
// weight is exactly what its format says. How more rows are multiplied depends
// on the weight's attribute and the variant. Where it says that inputs are
// bytes in groups of 32, and the variant has VNNI and no tiles, they are
// multiplied in the same way, tile by tile. So they are with AVX2 wherever it
// says that inputs are bytes, int4 and int6 weights from panels of levels
// (QuantWords.cpp). Else it is done panel by panel: 64 columns x 256 or 512
// inputs of the weight are unpacked in cache, to bytes with one scale per
// column where the attribute says that inputs are bytes and the variant has
// integer micro-kernels or tiles; else to bf16 where the variant multiplies
// that, and to f32 where it does not. Up to 32 rows by tiles have panels of 16
// columns (TileStream.h).
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_X86_QUANT_QUANTPRODUCT_H
#define SWALLOW_TARGETS_X86_QUANT_QUANTPRODUCT_H

#include "targets/x86/Matmul.h"

#include "dialects/swallow/ProductRows.h"

#include <optional>

namespace swallow::x86 {

/// How rows of `columns` inputs lie for the variant's integer products.
inline QuantizedRecords recordsOf(const Variant &variant, int64_t columns) {
  return {columns, !variant.vnni()};
}
/// Whether many rows are multiplied by a weight with such inputs as few are.
inline bool multipliesGroups(const Variant &variant, mlir::Type inputs) {
  if (llvm::isa<mlir::VectorType>(inputs))
    return variant.integerSums != IntegerSums::FewWords && !variant.amx;
  return variant.integerSums == IntegerSums::Words && inputs.isInteger();
}
/// Up to how many rows are multiplied as QuantizedRecords.
inline int64_t mostFewRows(const Variant &variant) {
  return variant.amx ? QuantizedRecords::kMostRowsBesideTiles
                     : QuantizedRecords::kMostRows;
}
inline int64_t recordBytes(const Variant &variant) {
  return recordsOf(variant, 0).bytes();
}

void emitQuantizedProduct(
    KernelFrame &frame, const Product &product, const Units &units,
    mlir::Value rows,
    llvm::function_ref<void(KernelFrame &, const Tile &)> epilogue);

/// (src, norm weight or anything, dst): one row as QuantizedRecords describes
/// it. `offset` is that of the weight's codes; none: the row's own codes have
/// 128 added, and nothing is a start.
mlir::LLVM::LLVMFuncOp quantizeToRecordsHelper(StepEmitter &step,
                                               int64_t columns, Element source,
                                               std::optional<int64_t> offset,
                                               bool norm, double eps);
/// (src, norm weight or anything, codes, scales, rows): one row as
/// QuantizedChunks describes it, 128 added to codes where `isUnsigned`. `codes`
/// and `scales` are those of the row in the first chunk, `rows` what is between
/// chunks.
mlir::LLVM::LLVMFuncOp quantizeToChunksHelper(StepEmitter &step,
                                              int64_t columns, Element source,
                                              bool isUnsigned, bool tileOrder,
                                              bool norm, double eps);

/// (rows, block, groups, c, streams): C[0..m)[0..nBlock) = rows x block for
/// each block of the streams, of `groups` groups of inputs; rows are `stride`
/// bytes apart, those of C `ldc` elements. One function serves all products of
/// a format.
mlir::LLVM::LLVMFuncOp quantGemvHelper(StepEmitter &step, int64_t m,
                                       const PackedLayout &layout,
                                       int64_t stride, int64_t ldc);

/// Rows that quantTileHelper multiplies at a time.
constexpr int64_t kGroupTileRows = 4;
/// (rows, row stride, groups, column, count, c, ldc, begins, scale):
/// C[0..kGroupTileRows)[column ..) = scale * (rows x `vectors` vectors of
/// columns of the `count` groups of inputs at `groups`, plus what C was unless
/// `begins`). Rows lie as QuantizedRecords; those of C are `ldc` elements
/// apart.
mlir::LLVM::LLVMFuncOp
quantTileHelper(StepEmitter &step, const PackedLayout &layout, int64_t vectors);

/// (first group, panel, groups): unpacks groups of inputs of all columns for
/// wordRowsHelper, two by two; a missing second one is zero.
mlir::LLVM::LLVMFuncOp unpackWordsHelper(StepEmitter &step,
                                         const PackedLayout &layout);
/// (rows, row stride, panel, pairs, count, c, ldc, begins, scale):
/// C[0..count)[0..nBlock) = scale * (rows x the `pairs` pairs of groups in the
/// panel, plus what C was unless `begins`). Rows lie as QuantizedRecords whose
/// codes have 128 added; those of C are `ldc` elements apart. For weights whose
/// levels are below 64.
mlir::LLVM::LLVMFuncOp wordRowsHelper(StepEmitter &step,
                                      const PackedLayout &layout);

/// Row `id` of a table packed as `layout` says, as f32 padded with zeros.
void emitQuantizedTableRow(StepEmitter &step, KernelBuilder &k,
                           const PackedLayout &layout, mlir::Value table,
                           mlir::Value id, mlir::Value dst);

/// A panel of bytes and what belongs to it, thread-private.
struct BytePanel {
  static constexpr int64_t kInputs = QuantizedChunks::kInputs;
  int64_t nBlock;
  /// [kInputs / 4][nBlock][4] signed bytes, or the same in tile order, then
  /// [nBlock] f32 scales, [nBlock] i32 sums of 128 times the bytes of a column.
  int64_t scalesOffset() const { return kInputs * nBlock; }
  int64_t sumsOffset() const { return scalesOffset() + nBlock * 4; }
  int64_t bytes() const { return sumsOffset() + nBlock * 4; }
};

/// (block, first group, panel, groups): unpacks groups, up to a whole panel;
/// what is missing to one is zero. In tile order there are no sums.
mlir::LLVM::LLVMFuncOp unpackBytesHelper(StepEmitter &step,
                                         const PackedLayout &layout,
                                         bool tileOrder);
/// (block, first group, column, panel, groups, inputs, last panel, sums):
/// unpacks groups of the 16 columns from `column` on to a panel of their own in
/// tile order. Meanwhile it multiplies a chunk of inputs, as tileProductHelper
/// takes it, by another such panel: sums [rows][16] (i32). `rows` is 16 or 32,
/// or 0 to unpack only.
mlir::LLVM::LLVMFuncOp
unpackTileHelper(StepEmitter &step, const PackedLayout &layout, int64_t rows);
/// Of groups from the beginning of chunk `chunk` of `chunkGroups` on, how many
/// the chunk has.
mlir::Value presentGroups(KernelBuilder &k, const PackedLayout &layout,
                          mlir::Value chunk, int64_t chunkGroups);
/// (block, first group, column, panel, groups, inputs, last panel, c): as
/// unpackTileHelper, to a panel of TiledRows::kChunkInputs as pairs of bf16; C
/// [rows][16] (f32) = or += the products, in rows of `ldc` elements.
mlir::LLVM::LLVMFuncOp unpackPairTileHelper(StepEmitter &step,
                                            const PackedLayout &layout,
                                            int64_t rows, int64_t ldc,
                                            bool accumulate);
/// (block, first group, panel): unpacks `groups` groups to bf16 pairs,
/// [inputs / 2][nBlock][2], or in tile order with zeros up to a whole step.
/// Requires variant().bf16Dot.
mlir::LLVM::LLVMFuncOp unpackPairsHelper(StepEmitter &step,
                                         const PackedLayout &layout,
                                         int64_t groups, bool tileOrder);
/// (block, first group, panel, groups): unpacks groups to f32 [inputs][nBlock].
mlir::LLVM::LLVMFuncOp unpackFloatsHelper(StepEmitter &step,
                                          const PackedLayout &layout);
/// (sums, panel, row scales [rows], rows, c, ldc): C[rows][nBlock] (f32) = or
/// += the i32 sums [rows][nBlock] times the panel's and the rows' scales.
mlir::LLVM::LLVMFuncOp scaleSumsHelper(StepEmitter &step, int64_t nBlock,
                                       bool isUnsigned, bool accumulate);

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_QUANT_QUANTPRODUCT_H
