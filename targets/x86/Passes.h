//===- Passes.h - passes and pipelines of the x86-64 target -----*- C++ -*-===//

#ifndef SWALLOW_TARGETS_X86_PASSES_H
#define SWALLOW_TARGETS_X86_PASSES_H

#include "mlir/Pass/Pass.h"

#include <memory>

namespace swallow::x86 {

#define GEN_PASS_DECL
#include "targets/x86/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "targets/x86/Passes.h.inc"

/// Lowers emitted kernels to the LLVM dialect alone.
void buildLowerToLLVMPipeline(mlir::OpPassManager &pm);

/// Registers the passes above and the pipeline `swallow-x86-lower-to-llvm`.
void registerX86Pipelines();

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_PASSES_H
