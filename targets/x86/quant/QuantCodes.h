//===- QuantCodes.h - reads quantised blocks into registers -----*- C++ -*-===//

#ifndef SWALLOW_TARGETS_X86_QUANT_QUANTCODES_H
#define SWALLOW_TARGETS_X86_QUANT_QUANTCODES_H

#include "targets/x86/KernelBuilder.h"

#include "runtime/packing/QuantFormat.h"

namespace swallow::x86 {

/// Emits loads of the codes and scales of one layout
/// (runtime/packing/QuantFormat.h). `group` is the address of a group of 16
/// inputs of all columns of a block; `vector` counts lanes() columns.
class QuantCodes {
public:
  QuantCodes(KernelBuilder &k, const PackedLayout &layout)
      : k(k), element(layout.element), nBlock(layout.nBlock) {}

  int64_t columns() const { return nBlock; }
  int64_t vectors() const { return nBlock / k.lanes(); }
  int64_t groupBytes() const { return quantGroupBytes(element, nBlock); }
  int64_t offset() const { return quantOffset(element); }
  /// Whether two products with signed bytes and their neighbours may not be
  /// summed in words.
  bool wide() const { return element == PackedElement::I8; }

  /// The four quads of a vector of columns: level + offset, four bytes of
  /// neighbouring inputs in each lane.
  std::array<mlir::Value, 4> quads(mlir::Value group, int64_t vector);
  /// The sums of each lane's 16 products as i32, for variants that have no
  /// instruction for it: of quads() and the same bytes of a row in each lane.
  /// `starts`, unless wide(): words of a QuantizedRecords, in each lane those
  /// of inputs 0 to 7, and of 8 to 15.
  mlir::Value sumByWords(const std::array<mlir::Value, 4> &quads,
                         const std::array<mlir::Value, 4> &inputs,
                         llvm::ArrayRef<mlir::Value> starts);
  /// quads() without the offset, signed.
  std::array<mlir::Value, 4> levels(mlir::Value group, int64_t vector);
  /// The same multiplied by levelFactor().
  std::array<mlir::Value, 4> scaledLevels(mlir::Value group, int64_t vector);
  /// The largest integer that keeps the levels within a byte.
  int64_t levelFactor() const {
    return element == PackedElement::I4   ? 2
           : element == PackedElement::I6 ? 4
                                          : 1;
  }

  /// The largest ratio by which scaled levels can be multiplied: with a
  /// negative one, -128 would not fit a byte.
  float largestRatio() const {
    return element == PackedElement::I6 ? 127.0f / 128.0f : 1.0f;
  }

  /// c of a vector of columns, as i32.
  mlir::Value scaleCodes(mlir::Value group, int64_t vector);
  /// c * |c| as f32.
  mlir::Value scales(mlir::Value group, int64_t vector);
  static mlir::Value scalesOf(KernelBuilder &k, mlir::Value codes);

private:
  /// `factor` is a power of 2.
  std::array<mlir::Value, 4> levelsTimes(mlir::Value group, int64_t vector,
                                         int64_t factor);
  std::array<mlir::Value, 4> rawQuads(mlir::Value group, int64_t vector,
                                      mlir::Value table);

  KernelBuilder &k;
  PackedElement element;
  int64_t nBlock;
};

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_QUANT_QUANTCODES_H
