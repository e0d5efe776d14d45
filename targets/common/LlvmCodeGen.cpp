//===- LlvmCodeGen.cpp - LLVM IR through LLVM's passes --------------------===//

#include "targets/common/LlvmCodeGen.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"

using namespace swallow;

Result<std::unique_ptr<llvm::TargetMachine>>
swallow::createTargetMachine(const LlvmTarget &target) {
  llvm::Triple triple(target.triple);
  std::string message;
  const llvm::Target *found =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!found)
    return {ErrorCode::Internal, message};
  std::unique_ptr<llvm::TargetMachine> machine(found->createTargetMachine(
      triple, target.cpu, target.features, llvm::TargetOptions(),
      target.relocation, target.codeModel, llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return {ErrorCode::Internal, "LLVM has no target machine for " +
                                     target.triple + " " + target.cpu};
  return machine;
}

void swallow::optimizeModule(llvm::Module &module, llvm::TargetMachine &machine,
                             llvm::OptimizationLevel level) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(level).run(module, modules);
}

Result<std::string> swallow::generateCode(llvm::Module &module,
                                          llvm::TargetMachine &machine,
                                          llvm::CodeGenFileType type) {
  llvm::SmallString<0> buffer;
  llvm::raw_svector_ostream os(buffer);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, os, nullptr, type))
    return {ErrorCode::Internal, "LLVM cannot emit this kind of file"};
  passes.run(module);
  return std::string(buffer.str());
}
