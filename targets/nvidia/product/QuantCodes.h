//===- QuantCodes.h - levels of quantised weights on the GPU ----*- C++ -*-===//

#ifndef SWALLOW_TARGETS_NVIDIA_PRODUCT_QUANTCODES_H
#define SWALLOW_TARGETS_NVIDIA_PRODUCT_QUANTCODES_H

#include "targets/nvidia/GpuBuilder.h"

#include "runtime/packing/QuantFormat.h"

namespace swallow::nvidia {

/// Planes of a group: words of four inputs or more for each feature.
constexpr int64_t quantPlanes(PackedElement element) {
  return kQuantGroup * packedElementBits(element) / 32;
}

/// Whether the bytes of quantLevels are unsigned codes, quantOffset above the
/// levels, instead of levels.
constexpr bool quantLevelsAreCodes(PackedElement element) {
  return element != PackedElement::I4;
}

/// The levels plus `offset` of the 8 codes of a word of an I4 plane, a byte
/// each, in the order in which their nibbles lie.
GpuBuilder::Values int4Levels(GpuBuilder &k, mlir::Value plane, int32_t offset);

/// The 16 levels (or codes) of a feature's group, a byte each, in the order of
/// quantInputOrder, from the group's planes, an i32 each.
GpuBuilder::Values quantLevels(GpuBuilder &k, PackedElement element,
                               mlir::ValueRange planes);

/// The level, an i32, of byte `index` of a word of quantLevels.
mlir::Value quantLevel(GpuBuilder &k, PackedElement element, mlir::Value word,
                       int64_t index);

/// Which of the 16 inputs of a group stands at byte `index` of quantLevels:
/// four-bit codes come out in the order in which their nibbles lie.
constexpr int64_t quantInputOrder(PackedElement element, int64_t index) {
  if (element != PackedElement::I4)
    return index;
  const int64_t word = index / 4, byte = index % 4;
  return word / 2 * 8 + word % 2 * 2 + byte % 2 * 4 + byte / 2;
}

/// Four signed bytes c as f32 c * |c|.
GpuBuilder::Values quantScales(GpuBuilder &k, mlir::Value bytes);

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_PRODUCT_QUANTCODES_H
