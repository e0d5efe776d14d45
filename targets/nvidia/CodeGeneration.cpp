//===- CodeGeneration.cpp - LLVM dialect to PTX ---------------------------===//

#include "targets/nvidia/CodeGeneration.h"

#include "targets/common/LlvmCodeGen.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"

#include <mutex>

using namespace swallow;
using namespace swallow::nvidia;

static Error internal(const llvm::Twine &message) {
  return {ErrorCode::Internal, message.str()};
}

void swallow::nvidia::registerTranslations(mlir::DialectRegistry &registry) {
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  mlir::registerNVVMDialectTranslation(registry);
}

static Result<std::unique_ptr<llvm::TargetMachine>>
targetMachineFor(const Architecture &architecture) {
  static std::once_flag initialised;
  std::call_once(initialised, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    // Addresses of shared memory take 32 bits. The target has no other way to
    // say so than this option of its own.
    auto &options = llvm::cl::getRegisteredOptions();
    static_cast<llvm::cl::opt<bool> *>(options.at("nvptx-short-ptr"))
        ->setValue(true);
  });
  LlvmTarget target;
  target.triple = "nvptx64-nvidia-cuda";
  target.cpu = architecture.name;
  target.features = "+ptx" + std::to_string(architecture.ptxVersion);
  return createTargetMachine(target);
}

Result<std::string> swallow::nvidia::emitPtx(mlir::ModuleOp source,
                                             const Architecture &architecture) {
  SWALLOW_ASSIGN(auto machine, targetMachineFor(architecture));
  llvm::LLVMContext context;
  auto module = mlir::translateModuleToLLVMIR(source, context, "swallow");
  if (!module)
    return internal("cannot translate the kernels of " + architecture.name +
                    " to LLVM IR");
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());

  optimizeModule(*module, *machine, llvm::OptimizationLevel::O3);
  SWALLOW_ASSIGN(
      std::string ptx,
      generateCode(*module, *machine, llvm::CodeGenFileType::AssemblyFile));
  // LLVM makes a call of what it cannot expand, such as a libdevice function,
  // without an error.
  if (ptx.find(".extern .func") != std::string::npos)
    return internal("the PTX of " + architecture.name +
                    " calls a function that it does not have");
  return ptx;
}
