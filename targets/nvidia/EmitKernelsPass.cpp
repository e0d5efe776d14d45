//===- EmitKernelsPass.cpp - the planned step as GPU kernels --------------===//

#include "targets/nvidia/Passes.h"
#include "targets/nvidia/StepEmitter.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

namespace swallow::nvidia {
#define GEN_PASS_DEF_NVIDIAEMITKERNELSPASS
#include "targets/nvidia/Passes.h.inc"
} // namespace swallow::nvidia

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

namespace {
struct NvidiaEmitKernelsPass
    : public swallow::nvidia::impl::NvidiaEmitKernelsPassBase<
          NvidiaEmitKernelsPass> {
  using NvidiaEmitKernelsPassBase::NvidiaEmitKernelsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    const Architecture *target = findArchitecture(architecture);
    if (!target) {
      module.emitError() << "unknown GPU architecture '" << architecture << "'";
      return signalPassFailure();
    }
    OwningOpRef<ModuleOp> out = ModuleOp::create(module.getLoc());
    if (failed(StepEmitter(module, *out, *target).emit()))
      return signalPassFailure();
    module.getBodyRegion().takeBody((*out).getBodyRegion());
    module->setDiscardableAttrs((*out)->getDiscardableAttrDictionary());
  }
};
} // namespace

void swallow::nvidia::buildLowerToLLVMPipeline(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

void swallow::nvidia::registerNvidiaPipelines() {
  registerNvidiaEmitKernelsPass();
  PassPipelineRegistration<>(
      "swallow-nvidia-lower-to-llvm",
      "Lowers emitted GPU kernels to the LLVM and NVVM dialects",
      buildLowerToLLVMPipeline);
}
