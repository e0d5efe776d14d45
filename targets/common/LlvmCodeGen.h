//===- LlvmCodeGen.h - LLVM IR through LLVM's passes ------------*- C++ -*-===//

#ifndef SWALLOW_TARGETS_COMMON_LLVMCODEGEN_H
#define SWALLOW_TARGETS_COMMON_LLVMCODEGEN_H

#include "runtime/support/Result.h"

#include "llvm/Passes/OptimizationLevel.h"
#include "llvm/Support/CodeGen.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>
#include <optional>
#include <string>

namespace llvm {
class Module;
} // namespace llvm

namespace swallow {

/// What code is generated for; the target of the triple has been initialised.
struct LlvmTarget {
  std::string triple, cpu, features;
  std::optional<llvm::Reloc::Model> relocation = std::nullopt;
  std::optional<llvm::CodeModel::Model> codeModel = std::nullopt;
};

Result<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const LlvmTarget &target);

/// LLVM's pipeline of that level without its vectorisers: the emitters
/// vectorise, and LLVM would only rewrite scalar tails and cost compile time.
void optimizeModule(llvm::Module &module, llvm::TargetMachine &machine,
                    llvm::OptimizationLevel level);

/// Assembly text or an object file.
Result<std::string> generateCode(llvm::Module &module,
                                 llvm::TargetMachine &machine,
                                 llvm::CodeGenFileType type);

} // namespace swallow

#endif // SWALLOW_TARGETS_COMMON_LLVMCODEGEN_H
