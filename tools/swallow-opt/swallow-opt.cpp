//===- swallow-opt.cpp - runs passes on textual IR ------------------------===//

#include "dialects/swallow/SwallowDialect.h"
#include "passes/Passes.h"
#include "targets/nvidia/Passes.h"
#include "targets/x86/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  swallow::registerSwallowDialects(registry);
  registry.insert<mlir::LLVM::LLVMDialect, mlir::NVVM::NVVMDialect,
                  mlir::vector::VectorDialect>();
  mlir::registerTransformsPasses();
  swallow::registerSwallowPasses();
  swallow::nvidia::registerNvidiaPipelines();
  swallow::x86::registerX86Pipelines();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Swallow's optimizer driver\n", registry));
}
