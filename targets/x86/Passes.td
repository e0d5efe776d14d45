//===- Passes.td - passes of the x86-64 target -------------*- tablegen -*-===//

#ifndef SWALLOW_TARGETS_X86_PASSES
#define SWALLOW_TARGETS_X86_PASSES

include "mlir/Pass/PassBase.td"

def X86EmitKernelsPass : Pass<"swallow-x86-emit-kernels", "::mlir::ModuleOp"> {
  let summary = "Turns a planned step into x86-64 kernels";
  let description = [{
    Replaces the planned module by the code of one variant: the function
    `@swallow_step`, a kernel function per fused op and the helpers they share,
    in the arith, scf, vector and LLVM dialects. Every size but the number of
    tokens is a constant. The micro-kernels of oneDNN that the code asks for and
    the names of its stages become the module attributes `swallow.brgemms` and
    `swallow.stages`.

    Requires `-swallow-plan` with the input type of the variant. One function
    per kernel keeps code size independent of the number of layers: the step
    calls them in a loop.
  }];
  let options = [
    Option<"variant", "variant", "std::string", "\"x86-64-amx\"",
           "Code variant: x86-64-amx, x86-64-avx512-bf16, x86-64-avx512 or "
           "x86-64-avx2">,
  ];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
  ];
}

#endif // SWALLOW_TARGETS_X86_PASSES
