//===- TargetCode.cpp - code for the targets of a compile -----------------===//

#include "compiler/TargetCode.h"

#include "compiler/ArtifactContents.h"
#include "compiler/ModelIr.h"
#include "compiler/Pipelines.h"
#include "runtime/artifact/CodeImage.h"
#include "runtime/support/RunOnThreads.h"
#include "targets/nvidia/Assembler.h"
#include "targets/nvidia/CodeGeneration.h"
#include "targets/x86/CodeGeneration.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLExtras.h"

#include <atomic>
#include <optional>

using namespace mlir;
using namespace swallow;

static const char kTarget[] = "x86-64";

static std::string knownTargets() {
  std::string known = kTarget;
  for (const x86::Variant &variant : x86::allVariants())
    known += ", " + variant.name;
  for (const nvidia::Architecture &architecture : nvidia::allArchitectures())
    known += ", " + architecture.name;
  return known;
}

Result<Targets> swallow::selectTargets(const CompileOptions &options) {
  if (options.targets.empty())
    return {ErrorCode::InvalidArgument,
            "no target given; known: " + knownTargets()};
  for (const std::string &target : options.targets)
    if (target != kTarget && !x86::findVariant(target) &&
        !nvidia::findArchitecture(target))
      return {ErrorCode::InvalidArgument,
              "unknown target '" + target + "'; known: " + knownTargets()};
  auto isNamed = [&](const std::string &name, bool isX86) {
    return llvm::any_of(options.targets, [&](const std::string &target) {
      return target == name || (isX86 && target == kTarget);
    });
  };
  Targets selected;
  for (const x86::Variant &variant : x86::allVariants())
    if (isNamed(variant.name, /*isX86=*/true))
      selected.variants.push_back(&variant);
  for (const nvidia::Architecture &architecture : nvidia::allArchitectures())
    if (isNamed(architecture.name, /*isX86=*/false))
      selected.architectures.push_back(&architecture);
  if (!selected.architectures.empty() && options.dtype == DType::F32)
    return {ErrorCode::InvalidArgument,
            "-target " + selected.architectures.front()->name +
                " needs -dtype bf16 or f16"};
  return selected;
}

std::string swallow::namesOf(const Targets &targets) {
  std::string names;
  for (const x86::Variant *variant : targets.variants)
    names += (names.empty() ? "" : ", ") + variant->name;
  for (const nvidia::Architecture *architecture : targets.architectures)
    names += (names.empty() ? "" : ", ") + architecture->name;
  return names;
}

static std::vector<uint8_t> toBytes(const std::string &text) {
  return {text.begin(), text.end()};
}

namespace {
/// The code of one variant and its entry in the program, which names no segment
/// yet.
struct CompiledVariant {
  std::unique_ptr<fbs::VariantT> table;
  std::vector<uint8_t> code;
  std::vector<uint8_t> cubin;   // of a GPU's; may be empty
  std::optional<GpuReport> gpu; // of a GPU's
};
} // namespace

static Result<CompiledVariant> compileVariant(const ModelConfig &config,
                                              const CompileOptions &options,
                                              const x86::Variant &variant) {
  auto context = makeContext();
  SWALLOW_ASSIGN(auto fused, fusedModule(*context, config, options));
  SWALLOW_ASSIGN(auto module, planModule(*fused, variant));
  SWALLOW_TRY(emitKernels(*module, variant));
  CompiledVariant compiled;
  SWALLOW_ASSIGN(compiled.table, describeVariant(*module, variant));
  SWALLOW_TRY(lowerToLLVM(*module));
  SWALLOW_ASSIGN(x86::LinkedCode code, x86::emitCode(*module, variant));
  compiled.code = toBytes(code.bytes);
  auto image = checkCodeImage(compiled.code);
  if (!image.ok())
    return {ErrorCode::Internal,
            "the code of " + variant.name +
                " is not self-contained: " + image.error().message};
  compiled.table->step_offset = code.stepOffset;
  return compiled;
}

static Result<CompiledVariant>
compileVariant(const ModelConfig &config, const CompileOptions &options,
               const nvidia::AssemblerSearch &search,
               const nvidia::Architecture &architecture) {
  auto context = makeContext();
  SWALLOW_ASSIGN(auto fused, fusedModule(*context, config, options));
  SWALLOW_ASSIGN(auto module, planModule(*fused, architecture));
  SWALLOW_TRY(emitKernels(*module, architecture));
  CompiledVariant compiled;
  SWALLOW_ASSIGN(compiled.table, describeVariant(*module, architecture));
  SWALLOW_TRY(lowerGpuToLLVM(*module));
  SWALLOW_ASSIGN(std::string ptx, nvidia::emitPtx(*module, architecture));
  compiled.code = toBytes(ptx);
  GpuReport &report = compiled.gpu.emplace();
  report.architecture = architecture.name;
  report.reason = search.reason;
  if (!search.assembler)
    return compiled;
  SWALLOW_ASSIGN(nvidia::AssembledCode assembled,
                 nvidia::assemble(*search.assembler, ptx, architecture));
  report.reason = std::move(assembled.reason);
  report.kernels = std::move(assembled.output.kernels);
  report.warnings = std::move(assembled.output.warnings);
  if (assembled.cubin.empty())
    return compiled;
  report.assembler = search.assembler->version;
  report.cubinBytes = assembled.cubin.size();
  compiled.cubin = std::move(assembled.cubin);
  auto cubin = std::make_unique<fbs::GpuCubinT>();
  cubin->capability = static_cast<uint32_t>(architecture.capability);
  cubin->assembler = report.assembler;
  compiled.table->gpu->cubin = std::move(cubin);
  return compiled;
}

Status swallow::addVariants(const ModelConfig &config,
                            const CompileOptions &options,
                            const Targets &targets, fbs::ProgramT &program,
                            std::vector<SegmentData> &segments,
                            std::vector<GpuReport> &gpu) {
  nvidia::AssemblerSearch search;
  if (!targets.architectures.empty()) {
    SWALLOW_ASSIGN(search, nvidia::findAssembler(options.ptxas));
    if (search.isSurprising && options.warn)
      options.warn(search.reason);
  }
  std::vector<std::function<Result<CompiledVariant>()>> jobs;
  for (const x86::Variant *variant : targets.variants)
    jobs.push_back([&config, &options, variant] {
      return compileVariant(config, options, *variant);
    });
  for (const nvidia::Architecture *architecture : targets.architectures)
    jobs.push_back([&config, &options, &search, architecture] {
      return compileVariant(config, options, search, *architecture);
    });
  std::vector<std::optional<Result<CompiledVariant>>> compiled(jobs.size());
  std::atomic<size_t> next = 0;
  runOnThreads(
      std::min(threadCount(options.threads), static_cast<int>(jobs.size())),
      [&] {
        for (size_t i; (i = next++) < jobs.size();)
          compiled[i] = jobs[i]();
      });
  for (std::optional<Result<CompiledVariant>> &result : compiled) {
    SWALLOW_ASSIGN(CompiledVariant variant, std::move(*result));
    variant.table->code_segment = static_cast<uint32_t>(segments.size());
    segments.push_back(
        {fbs::SegmentKind::Code, variant.table->name, std::move(variant.code)});
    if (!variant.cubin.empty()) {
      variant.table->gpu->cubin->segment =
          static_cast<uint32_t>(segments.size());
      segments.push_back({fbs::SegmentKind::Code,
                          variant.table->name + " cubin",
                          std::move(variant.cubin)});
    }
    if (variant.gpu) {
      // An assembler that is there and makes no code is not what was meant.
      const bool failed = search.assembler && variant.gpu->assembler.empty();
      if (const auto &say = failed ? options.warn : options.note)
        say(summaryLine(*variant.gpu));
      if (options.warn)
        for (const std::string &line : warningLines(*variant.gpu))
          options.warn(line);
      gpu.push_back(std::move(*variant.gpu));
    }
    program.variants.push_back(std::move(variant.table));
  }
  return {};
}
