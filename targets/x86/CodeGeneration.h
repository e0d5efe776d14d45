//===- CodeGeneration.h - LLVM dialect to x86-64 code -----------*- C++ -*-===//

#ifndef SWALLOW_TARGETS_X86_CODEGENERATION_H
#define SWALLOW_TARGETS_X86_CODEGENERATION_H

#include "runtime/support/Result.h"
#include "targets/x86/Variant.h"

#include <cstdint>
#include <string>

namespace mlir {
class DialectRegistry;
class ModuleOp;
} // namespace mlir

namespace swallow::x86 {

/// A linked code image: an ELF shared object with one read+execute load segment
/// at address 0, no relocations and no undefined symbols (what
/// runtime/artifact/CodeImage.h checks).
struct LinkedCode {
  std::string bytes;
  uint64_t stepOffset; ///< of swallow_step in the image
};

/// The translations from the LLVM dialect that emission needs.
void registerTranslations(mlir::DialectRegistry &registry);

/// Optimised assembly of a module in the LLVM dialect.
Result<std::string> emitAssembly(mlir::ModuleOp module, const Variant &variant);

/// Compiles and links a module in the LLVM dialect. lld runs in process and is
/// not re-entrant: calls are serialised.
Result<LinkedCode> emitCode(mlir::ModuleOp module, const Variant &variant);

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_CODEGENERATION_H
