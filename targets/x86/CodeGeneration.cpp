//===- CodeGeneration.cpp - LLVM dialect to x86-64 code -------------------===//

#include "targets/x86/CodeGeneration.h"

#include "targets/common/LlvmCodeGen.h"

#include "lld/Common/Driver.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>

LLD_HAS_DRIVER(elf)

using namespace swallow;
using namespace swallow::x86;

static Error internal(const llvm::Twine &message) {
  return {ErrorCode::Internal, message.str()};
}

void swallow::x86::registerTranslations(mlir::DialectRegistry &registry) {
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
}

static Result<std::unique_ptr<llvm::TargetMachine>>
targetMachineFor(const Variant &variant) {
  static std::once_flag initialised;
  std::call_once(initialised, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
  LlvmTarget target;
  target.triple = "x86_64-unknown-linux-gnu";
  target.cpu = "x86-64";
  target.features = variant.featureString();
  target.relocation = llvm::Reloc::PIC_;
  target.codeModel = llvm::CodeModel::Small;
  return createTargetMachine(target);
}

namespace {
/// An optimised LLVM module and what it lives in.
struct Translated {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  std::unique_ptr<llvm::TargetMachine> machine;
};
} // namespace

static Result<Translated> translate(mlir::ModuleOp source,
                                    const Variant &variant) {
  SWALLOW_ASSIGN(auto machine, targetMachineFor(variant));
  auto context = std::make_unique<llvm::LLVMContext>();
  auto module = mlir::translateModuleToLLVMIR(source, *context, variant.name);
  if (!module)
    return internal("cannot translate the kernels of " + variant.name +
                    " to LLVM IR");
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  module->setPICLevel(llvm::PICLevel::BigPIC);
  for (llvm::Function &function : *module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", "x86-64");
    function.addFnAttr("target-features", variant.featureString());
    // Kernels use the widest vectors of their variant by choice.
    function.addFnAttr("prefer-vector-width",
                       std::to_string(variant.lanes * 32));
  }

  optimizeModule(*module, *machine, llvm::OptimizationLevel::O2);
  return Translated{std::move(context), std::move(module), std::move(machine)};
}

Result<std::string> swallow::x86::emitAssembly(mlir::ModuleOp module,
                                               const Variant &variant) {
  SWALLOW_ASSIGN(Translated code, translate(module, variant));
  return generateCode(*code.module, *code.machine,
                      llvm::CodeGenFileType::AssemblyFile);
}

/// Links one object in process. lld reads and writes files, so the two live in
/// a private temporary folder for the moment.
static Result<std::string> linkImage(const std::string &object) {
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);

  llvm::SmallString<128> folder;
  if (std::error_code error =
          llvm::sys::fs::createUniqueDirectory("swallow", folder))
    return {ErrorCode::WriteFailed,
            "cannot create a temporary folder: " + error.message()};
  llvm::scope_exit cleanup([&] { llvm::sys::fs::remove_directories(folder); });
  std::string input = (folder + "/step.o").str();
  std::string output = (folder + "/step.so").str();
  std::error_code error;
  llvm::raw_fd_ostream os(input, error);
  if (!error) {
    os << object;
    os.close();
    error = os.error();
    os.clear_error();
  }
  if (error)
    return {ErrorCode::WriteFailed, input + ": " + error.message()};

  // One load segment, read+execute, with nothing to relocate: read-only data
  // goes with the text, .dynamic is made read-only, there is no RELRO.
  const char *arguments[] = {"ld.lld",
                             "-shared",
                             "--no-rosegment",
                             "-z",
                             "rodynamic",
                             "-z",
                             "norelro",
                             "-z",
                             "noexecstack",
                             "-Bsymbolic",
                             "--gc-sections",
                             "--no-undefined",
                             "--build-id=none",
                             "--hash-style=sysv",
                             "-o",
                             output.c_str(),
                             input.c_str()};
  std::string text;
  llvm::raw_string_ostream messages(text);
  lld::Result result = lld::lldMain(arguments, messages, messages,
                                    {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return internal("cannot link the kernels: " + text);
  auto linked = llvm::MemoryBuffer::getFile(output);
  if (!linked)
    return {ErrorCode::Internal, output + ": " + linked.getError().message()};
  return (*linked)->getBuffer().str();
}

static Result<uint64_t> findStep(const std::string &image) {
  auto object = llvm::object::ObjectFile::createELFObjectFile(
      llvm::MemoryBufferRef(image, "step.so"));
  if (!object)
    return internal(llvm::toString(object.takeError()));
  for (const llvm::object::SymbolRef &symbol : (*object)->symbols()) {
    auto name = symbol.getName();
    auto address = symbol.getAddress();
    if (name && address && *name == "swallow_step")
      return *address;
    if (!name)
      llvm::consumeError(name.takeError());
    if (!address)
      llvm::consumeError(address.takeError());
  }
  return internal("the linked kernels have no symbol swallow_step");
}

Result<LinkedCode> swallow::x86::emitCode(mlir::ModuleOp module,
                                          const Variant &variant) {
  SWALLOW_ASSIGN(Translated code, translate(module, variant));
  SWALLOW_ASSIGN(std::string object,
                 generateCode(*code.module, *code.machine,
                              llvm::CodeGenFileType::ObjectFile));
  SWALLOW_ASSIGN(std::string image, linkImage(object));
  SWALLOW_ASSIGN(uint64_t step, findStep(image));
  return LinkedCode{std::move(image), step};
}
