//===- CodeGeneration.h - LLVM dialect to PTX -------------------*- C++ -*-===//

#ifndef SWALLOW_TARGETS_NVIDIA_CODEGENERATION_H
#define SWALLOW_TARGETS_NVIDIA_CODEGENERATION_H

#include "runtime/support/Result.h"
#include "targets/nvidia/Architecture.h"

#include <string>

namespace mlir {
class DialectRegistry;
class ModuleOp;
} // namespace mlir

namespace swallow::nvidia {

/// What the translation to LLVM IR needs.
void registerTranslations(mlir::DialectRegistry &registry);

/// The PTX of a module of kernels in the LLVM and NVVM dialects. Refuses code
/// that calls a function which the module does not have.
Result<std::string> emitPtx(mlir::ModuleOp module,
                            const Architecture &architecture);

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_CODEGENERATION_H
