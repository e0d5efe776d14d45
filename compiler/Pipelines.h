//===- Pipelines.h - a model through the stages of a compile ----*- C++ -*-===//

#ifndef SWALLOW_COMPILER_PIPELINES_H
#define SWALLOW_COMPILER_PIPELINES_H

#include "passes/QuantOptions.h"
#include "runtime/support/Result.h"
#include "targets/nvidia/Architecture.h"
#include "targets/x86/Variant.h"

#include "mlir/IR/OwningOpRef.h"

#include <memory>
#include <string>

namespace mlir {
class DialectRegistry;
class MLIRContext;
class ModuleOp;
} // namespace mlir

namespace swallow {

/// What `--emit` prints, in the order of a compile. Of a GPU's kernels the last
/// two are called nvvm and ptx.
enum class Stage { Import, Fused, Planned, Kernels, Llvm, Asm };

/// Everything the pipelines below create or translate.
void registerCompilerDialects(mlir::DialectRegistry &registry);

/// Fuses an imported module in place.
Status fuseModule(mlir::ModuleOp module);

/// Chooses the quantisation of a fused module's weights in place.
Status quantizeModule(mlir::ModuleOp fused, const QuantOptions &options);

/// A copy of a fused module planned for one variant: packing, KV and arena.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
planModule(mlir::ModuleOp fused, const x86::Variant &variant);

/// Replaces a planned module by the variant's kernels.
Status emitKernels(mlir::ModuleOp planned, const x86::Variant &variant);

/// Lowers emitted kernels to the LLVM dialect in place.
Status lowerToLLVM(mlir::ModuleOp kernels);

/// The same for an NVIDIA GPU.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
planModule(mlir::ModuleOp fused, const nvidia::Architecture &architecture);
Status emitKernels(mlir::ModuleOp planned,
                   const nvidia::Architecture &architecture);
Status lowerGpuToLLVM(mlir::ModuleOp kernels);

} // namespace swallow

#endif // SWALLOW_COMPILER_PIPELINES_H
