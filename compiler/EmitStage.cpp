//===- EmitStage.cpp - a stage of a compile as text -----------------------===//

#include "compiler/ModelIr.h"
#include "compiler/Pipelines.h"
#include "compiler/TargetCode.h"
#include "frontends/huggingface/Importer.h"
#include "targets/nvidia/CodeGeneration.h"
#include "targets/x86/CodeGeneration.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"

using namespace mlir;
using namespace swallow;

static std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os);
  return text;
}

/// A planned module, or a later stage of it, for one GPU architecture.
static Result<std::string> emitGpuStage(ModuleOp fused, Stage stage,
                                        const nvidia::Architecture &target) {
  SWALLOW_ASSIGN(auto module, planModule(fused, target));
  if (stage == Stage::Planned)
    return print(*module);
  SWALLOW_TRY(emitKernels(*module, target));
  if (stage == Stage::Kernels)
    return print(*module);
  SWALLOW_TRY(lowerGpuToLLVM(*module));
  if (stage == Stage::Llvm)
    return print(*module);
  return nvidia::emitPtx(*module, target);
}

Result<std::string> swallow::emitStage(const CompileOptions &options,
                                       Stage stage,
                                       const std::string &variantName) {
  CompileOptions named = options;
  if (!variantName.empty())
    named.targets = {variantName};
  SWALLOW_ASSIGN(const Targets targets, selectTargets(named));
  SWALLOW_ASSIGN(Model model, readModel(options));
  auto context = makeContext();
  auto module = importModel(*context, model.config, {options.dtype});
  if (stage == Stage::Import)
    return print(*module);
  SWALLOW_TRY(fuseModule(*module));
  if (stage == Stage::Fused)
    return print(*module);
  if (options.quant.any())
    SWALLOW_TRY(quantizeModule(*module, options.quant));
  if (targets.variants.empty())
    return emitGpuStage(*module, stage, *targets.architectures.front());
  const x86::Variant &variant = *targets.variants.front();
  SWALLOW_ASSIGN(module, planModule(*module, variant));
  if (stage == Stage::Planned)
    return print(*module);
  SWALLOW_TRY(emitKernels(*module, variant));
  if (stage == Stage::Kernels)
    return print(*module);
  SWALLOW_TRY(lowerToLLVM(*module));
  if (stage == Stage::Llvm)
    return print(*module);
  return x86::emitAssembly(*module, variant);
}
