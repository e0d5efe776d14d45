//===- GemmInput.h - rows as a GEMM takes them ------------------*- C++ -*-===//
//
// A GEMM copies its rows to shared memory as they are, so they must be what it
// multiplies, Product::element(). A kernel of its own normalises, rounds and
// selects rows where that is needed: every block of the GEMM would otherwise do
// it again.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_PRODUCT_GEMMINPUT_H
#define SWALLOW_TARGETS_NVIDIA_PRODUCT_GEMMINPUT_H

#include "targets/nvidia/product/Product.h"

namespace swallow::nvidia {

/// Emits the launch that prepares the rows of a product, if they need it, for
/// steps of more than kFewRows rows, or all with Product::prepared.
void emitGemmInput(StepEmitter &step, const Product &product);

/// Where the GEMM's rows lie: those of the input itself or those that were
/// prepared, number 0 first (of those that want logits with selectRows).
/// Nothing is behind the columns of a row.
Rows gemmInput(KernelFrame &frame, const Product &product);

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_PRODUCT_GEMMINPUT_H
