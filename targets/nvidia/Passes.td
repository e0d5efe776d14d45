//===- Passes.td - passes of the NVIDIA target -------------*- tablegen -*-===//

#ifndef SWALLOW_TARGETS_NVIDIA_PASSES
#define SWALLOW_TARGETS_NVIDIA_PASSES

include "mlir/Pass/PassBase.td"

def NvidiaEmitKernelsPass
    : Pass<"swallow-nvidia-emit-kernels", "::mlir::ModuleOp"> {
  let summary = "Turns a planned step into GPU kernels";
  let description = [{
    Replaces the planned module by one kernel or more per fused op, in the arith,
    scf, LLVM and NVVM dialects. Every size but the number of tokens is a
    constant. The launches that make up a step become the module attribute
    `swallow.launches`: groups that are launched once, or for each layer of a
    loop, each launch with its kernel, the threads of a block, the grid (x blocks,
    and in y one block for so many rows), the numbers of rows that it is for, and
    its dynamic shared memory.

    Requires `-swallow-plan`; of the arena it uses activations and the RoPE table
    alone, so `scratch=false` saves memory.
  }];
  let options = [
    Option<"architecture", "architecture", "std::string", "\"sm_80\"",
           "sm_80, sm_86, sm_89, sm_90, sm_100 or sm_120">,
  ];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
  ];
}

#endif // SWALLOW_TARGETS_NVIDIA_PASSES
