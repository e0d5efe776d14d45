//===- Passes.h - passes of the NVIDIA target -------------------*- C++ -*-===//

#ifndef SWALLOW_TARGETS_NVIDIA_PASSES_H
#define SWALLOW_TARGETS_NVIDIA_PASSES_H

#include "mlir/Pass/Pass.h"

namespace swallow::nvidia {

#define GEN_PASS_DECL
#include "targets/nvidia/Passes.h.inc"

/// Emitted kernels to the LLVM and NVVM dialects.
void buildLowerToLLVMPipeline(mlir::OpPassManager &pm);

#define GEN_PASS_REGISTRATION
#include "targets/nvidia/Passes.h.inc"

/// Registers the pass above and `swallow-nvidia-lower-to-llvm`.
void registerNvidiaPipelines();

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_PASSES_H
