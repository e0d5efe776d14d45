//===- QuantProduct.h - products by a quantised weight, few rows -*- C++
//-*-===//
//
// Weights of int4, int6 and int8 (runtime/packing/QuantFormat.h) are multiplied
// as they lie, as integers: levels by inputs that are quantised to signed bytes
// with one scale for 32 of them, as x86-64 does it (docs/quantization.md), four
// at a time by dp4a. The sum of a group of 16 inputs is exact; it is multiplied
// by the scales of the group and of the inputs in f32.
//
// A lane takes four neighbouring features of a block, so that it reads each
// plane of a group by 16 bytes, and whole groups of inputs, so that the sum
// over a group needs no exchange. Lanes and warps share out the groups. What a
// weight costs is mostly its level: three prmt for four 4-bit codes, whose
// selectors the codes are as they lie; dp4a and scales add a quarter to that
// for each row. A kernel for one row, one for up to 4 and one for up to 8 at a
// time compute the same for a row, bit for bit.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_PRODUCT_QUANTPRODUCT_H
#define SWALLOW_TARGETS_NVIDIA_PRODUCT_QUANTPRODUCT_H

#include "targets/nvidia/product/Product.h"

namespace swallow::nvidia {

/// The launches of emitProduct for few rows by a quantised weight.
void emitQuantProduct(
    StepEmitter &step, const Product &product, const PackedLayout &layout,
    llvm::function_ref<void(KernelFrame &, const Tile &)> epilogue);

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_PRODUCT_QUANTPRODUCT_H
