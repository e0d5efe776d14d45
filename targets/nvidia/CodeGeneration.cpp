//===- CodeGeneration.cpp - LLVM dialect to PTX ---------------------------===//

#include "targets/nvidia/CodeGeneration.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

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
createTargetMachine(const Architecture &architecture) {
  static std::once_flag initialised;
  std::call_once(initialised, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return internal(message);
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, architecture.name,
      "+ptx" + std::to_string(architecture.ptxVersion), llvm::TargetOptions(),
      std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return internal("LLVM has no target machine for " + architecture.name);
  return machine;
}

Result<std::string> swallow::nvidia::emitPtx(mlir::ModuleOp source,
                                             const Architecture &architecture) {
  SWALLOW_ASSIGN(auto machine, createTargetMachine(architecture));
  llvm::LLVMContext context;
  auto module = mlir::translateModuleToLLVMIR(source, context, "swallow");
  if (!module)
    return internal("cannot translate the kernels of " + architecture.name +
                    " to LLVM IR");
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  llvm::PassBuilder builder(machine.get(), tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(*module, modules);

  llvm::SmallString<0> buffer;
  llvm::raw_svector_ostream os(buffer);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, os, nullptr,
                                   llvm::CodeGenFileType::AssemblyFile))
    return internal("LLVM cannot emit PTX");
  passes.run(*module);
  std::string ptx(buffer.str());
  // LLVM makes a call of what it cannot expand, such as a libdevice function,
  // without an error.
  if (ptx.find(".extern .func") != std::string::npos)
    return internal("the PTX of " + architecture.name +
                    " calls a function that it does not have");
  return ptx;
}
