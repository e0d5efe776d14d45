//===- EmitKernelsPass.cpp - the planned step as x86-64 kernels -----------===//

#include "targets/x86/Passes.h"
#include "targets/x86/StepEmitter.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

namespace swallow::x86 {
#define GEN_PASS_DEF_X86EMITKERNELSPASS
#include "targets/x86/Passes.h.inc"
} // namespace swallow::x86

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {
struct X86EmitKernelsPass
    : public swallow::x86::impl::X86EmitKernelsPassBase<X86EmitKernelsPass> {
  using X86EmitKernelsPassBase::X86EmitKernelsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    const Variant *target = findVariant(variant);
    if (!target) {
      module.emitError() << "unknown x86-64 variant '" << variant << "'";
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

void swallow::x86::buildLowerToLLVMPipeline(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

void swallow::x86::registerX86Pipelines() {
  registerX86EmitKernelsPass();
  PassPipelineRegistration<>(
      "swallow-x86-lower-to-llvm",
      "Lowers emitted x86-64 kernels to the LLVM dialect",
      buildLowerToLLVMPipeline);
}
