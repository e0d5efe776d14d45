//===- Pipelines.cpp - a model through the stages of a compile ------------===//

#include "compiler/Pipelines.h"

#include "dialects/swallow/SwallowDialect.h"
#include "passes/Passes.h"
#include "targets/nvidia/CodeGeneration.h"
#include "targets/nvidia/Passes.h"
#include "targets/x86/CodeGeneration.h"
#include "targets/x86/Passes.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace swallow;

void swallow::registerCompilerDialects(DialectRegistry &registry) {
  registerSwallowDialects(registry);
  registry
      .insert<LLVM::LLVMDialect, NVVM::NVVMDialect, vector::VectorDialect>();
  x86::registerTranslations(registry);
  nvidia::registerTranslations(registry);
}

/// Runs a pipeline; what it has to say becomes the error's message.
static Status run(ModuleOp module,
                  llvm::function_ref<void(OpPassManager &)> build) {
  std::string message;
  ScopedDiagnosticHandler handler(
      module.getContext(), [&](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error &&
            message.empty())
          message = diagnostic.str();
        return success();
      });
  PassManager pm(module.getContext());
  build(pm);
  if (succeeded(pm.run(module)))
    return {};
  return {ErrorCode::Internal,
          message.empty() ? "a compiler pass failed" : message};
}

Status swallow::fuseModule(ModuleOp module) {
  return run(module, [](OpPassManager &pm) { buildFusePipeline(pm); });
}

Status swallow::quantizeModule(ModuleOp fused, const QuantOptions &options) {
  return run(fused,
             [&](OpPassManager &pm) { buildQuantizePipeline(pm, options); });
}

Result<OwningOpRef<ModuleOp>> swallow::planModule(ModuleOp fused,
                                                  const x86::Variant &variant) {
  OwningOpRef<ModuleOp> module(fused.clone());
  PlanOptions options;
  options.inputType = variant.bf16Dot ? "bf16" : "f32";
  switch (variant.integerSums) {
  case x86::IntegerSums::Dots:
    options.integerSums = "dots";
    break;
  case x86::IntegerSums::Words:
    options.integerSums = "words";
    break;
  case x86::IntegerSums::FewWords:
    options.integerSums = "few-words";
    break;
  }
  options.tiles = variant.amx;
  SWALLOW_TRY(
      run(*module, [&](OpPassManager &pm) { buildPlanPipeline(pm, options); }));
  return module;
}

Status swallow::emitKernels(ModuleOp planned, const x86::Variant &variant) {
  return run(planned, [&](OpPassManager &pm) {
    x86::X86EmitKernelsPassOptions options;
    options.variant = variant.name;
    pm.addPass(x86::createX86EmitKernelsPass(options));
  });
}

Status swallow::lowerToLLVM(ModuleOp kernels) {
  return run(kernels,
             [](OpPassManager &pm) { x86::buildLowerToLLVMPipeline(pm); });
}

Result<OwningOpRef<ModuleOp>>
swallow::planModule(ModuleOp fused, const nvidia::Architecture &) {
  OwningOpRef<ModuleOp> module(fused.clone());
  PlanOptions options;
  options.scratch = false;
  SWALLOW_TRY(
      run(*module, [&](OpPassManager &pm) { buildPlanPipeline(pm, options); }));
  return module;
}

Status swallow::emitKernels(ModuleOp planned,
                            const nvidia::Architecture &architecture) {
  return run(planned, [&](OpPassManager &pm) {
    nvidia::NvidiaEmitKernelsPassOptions options;
    options.architecture = architecture.name;
    pm.addPass(nvidia::createNvidiaEmitKernelsPass(options));
  });
}

Status swallow::lowerGpuToLLVM(ModuleOp kernels) {
  return run(kernels,
             [](OpPassManager &pm) { nvidia::buildLowerToLLVMPipeline(pm); });
}
