//===- Compiler.cpp - a Hugging Face folder to an artifact ----------------===//

#include "compiler/Compiler.h"

#include "compiler/ArtifactContents.h"
#include "compiler/Calibration.h"
#include "compiler/GpuReport.h"
#include "compiler/PackedWeights.h"
#include "compiler/ProbeLogits.h"
#include "compiler/ReportFile.h"
#include "frontends/huggingface/Importer.h"
#include "frontends/huggingface/TokenizerCompiler.h"
#include "frontends/huggingface/chat/ChatCompiler.h"
#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/CodeImage.h"
#include "runtime/support/Hash.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/RunOnThreads.h"
#include "targets/nvidia/Assembler.h"
#include "targets/nvidia/CodeGeneration.h"
#include "targets/x86/CodeGeneration.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLExtras.h"

#include <atomic>
#include <chrono>
#include <optional>

using namespace mlir;
using namespace swallow;

const char *swallow::compilerVersion() { return "0.1.0"; }

namespace {
class Stopwatch {
public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start)
        .count();
  }

private:
  std::chrono::steady_clock::time_point start =
      std::chrono::steady_clock::now();
};

/// A model, cut to the layers that were asked for.
struct Model {
  ModelConfig config;
  int64_t checkpointLayers = 0;
};

/// A folder that has passed every check that needs no weights.
struct Source {
  ModelConfig config;
  int64_t checkpointLayers = 0;
  std::optional<Checkpoint> checkpoint; // none: synthetic weights
  GenerationConfig generation;
  Hash128 hash = {};
};
} // namespace

static Result<Model> readModel(const CompileOptions &options) {
  SWALLOW_ASSIGN(ModelConfig config, readModelConfig(options.modelDir));
  const int64_t all = config.numLayers;
  if (options.layers > all)
    return {ErrorCode::InvalidArgument,
            "-layers is expected to be 1 to " + std::to_string(all) +
                " for this model, not " + std::to_string(options.layers)};
  if (options.layers > 0)
    config.numLayers = options.layers;
  return Model{std::move(config), all};
}

/// Opens and checks the checkpoint of `source`.
static Status openCheckpoint(const CompileOptions &options, Source &source) {
  SWALLOW_ASSIGN(Checkpoint checkpoint, Checkpoint::open(options.modelDir));
  if (untieDifferentEmbeddings(source.config, checkpoint) && options.warn)
    options.warn("lm_head.weight differs from model.embed_tokens.weight, so "
                 "tie_word_embeddings is taken as false, as transformers does");
  SWALLOW_TRY(checkTensors(source.config, checkpoint));
  SWALLOW_ASSIGN(source.hash, checkpoint.sourceHash());
  // Layers that were left out on purpose are not unused.
  ModelConfig whole = source.config;
  whole.numLayers = source.checkpointLayers;
  for (const std::string &name : unusedTensors(whole, checkpoint))
    if (options.warn)
      options.warn(name + ": the model has no use for this tensor");
  source.checkpoint = std::move(checkpoint);
  return {};
}

/// Identifies synthetic weights: what config.json says, and the seed.
static Result<Hash128> syntheticHash(const CompileOptions &options) {
  SWALLOW_ASSIGN(std::string config,
                 readFile(options.modelDir + "/config.json"));
  config += "synthetic " + std::to_string(*options.syntheticSeed);
  return hashBytes(
      {reinterpret_cast<const uint8_t *>(config.data()), config.size()});
}

static Result<Source> openSource(const CompileOptions &options) {
  SWALLOW_ASSIGN(Model model, readModel(options));
  Source source;
  source.config = std::move(model.config);
  source.checkpointLayers = model.checkpointLayers;
  if (options.syntheticSeed) {
    SWALLOW_ASSIGN(source.hash, syntheticHash(options));
  } else {
    SWALLOW_TRY(openCheckpoint(options, source));
  }
  SWALLOW_ASSIGN(source.generation,
                 readGenerationConfig(options.modelDir, source.config));
  if (options.warn)
    for (const std::string &warning : source.generation.warnings)
      options.warn(warning);
  return source;
}

/// The tokenizer's table; none where synthetic weights have no tokenizer files
/// beside them.
static Result<std::optional<std::string>>
openTokenizer(const CompileOptions &options) {
  std::vector<std::string> differences;
  Result<std::string> table = compileTokenizer(options.modelDir, &differences);
  if (options.note)
    for (const std::string &line : differences)
      options.note(line);
  if (table)
    return std::optional<std::string>(std::move(*table));
  if (options.syntheticSeed && table.error().code == ErrorCode::FileNotFound)
    return std::optional<std::string>();
  return table.error();
}

static const char kTarget[] = "x86-64";

namespace {
/// What code is generated for.
struct Targets {
  /// In the order in which a machine looks for one that it can run.
  std::vector<const x86::Variant *> variants;
  std::vector<const nvidia::Architecture *> architectures;
};
} // namespace

static std::string knownTargets() {
  std::string known = kTarget;
  for (const x86::Variant &variant : x86::allVariants())
    known += ", " + variant.name;
  for (const nvidia::Architecture &architecture : nvidia::allArchitectures())
    known += ", " + architecture.name;
  return known;
}

static Result<Targets> selectTargets(const CompileOptions &options) {
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
  return selected;
}

/// Whether there are GPU kernels for what the other options ask for.
static Status checkGpuTargets(const CompileOptions &options,
                              const Targets &targets) {
  if (targets.architectures.empty())
    return {};
  const std::string &name = targets.architectures.front()->name;
  if (options.dtype == DType::F32)
    return {ErrorCode::InvalidArgument,
            "-target " + name + " needs -dtype bf16 or f16"};
  return {};
}

/// Whether -calibrate makes sense with the other options.
static Status checkCalibration(const CompileOptions &options) {
  if (options.calibration.textFile.empty())
    return {};
  if (options.syntheticSeed)
    return {ErrorCode::InvalidArgument,
            "-calibrate runs the model over a text, which synthetic weights "
            "cannot read"};
  const QuantOptions &quant = options.quant;
  if (quant.attention == 0 && quant.mlp == 0)
    return {ErrorCode::InvalidArgument,
            "-calibrate goes with -quant: no projection is quantised"};
  return {};
}

namespace {
/// The context of one compile.
struct Ir {
  Ir() {
    DialectRegistry registry;
    registerCompilerDialects(registry);
    // Passes over a few hundred ops gain nothing from MLIR's thread pool, which
    // would also take the packer's cores.
    context = std::make_unique<MLIRContext>(registry,
                                            MLIRContext::Threading::DISABLED);
    context->loadAllAvailableDialects();
  }
  std::unique_ptr<MLIRContext> context;
};
} // namespace

/// The jobs whose weights -calibrate has a say in.
static CalibratedJobs calibratedJobs(const std::vector<WeightJob> &jobs,
                                     const fbs::ProgramT &program) {
  CalibratedJobs calibrated;
  for (size_t i = 0; i < jobs.size(); ++i)
    if (isQuantized(jobs[i].layout.element) &&
        program.weights[jobs[i].weightIndex]->layer >= 0)
      calibrated.byName[jobs[i].sources.front().name] = i;
  return calibrated;
}

/// The tensors of the jobs as they have been packed into `segment`.
static PackedWeights packedWeights(const std::vector<WeightJob> &jobs,
                                   const fbs::ProgramT &program,
                                   std::span<const uint8_t> segment) {
  PackedWeights weights;
  for (const WeightJob &job : jobs) {
    std::vector<std::string> names;
    for (const SourceTensor &tensor : job.sources)
      names.push_back(tensor.name);
    weights.add(job.layout, names,
                segment.subspan(program.weights[job.weightIndex]->offset,
                                static_cast<size_t>(job.layout.totalBytes())));
  }
  return weights;
}

/// Whether weights lose bits that the checkpoint has and f16 would keep.
static bool roundsF16ToBf16(const std::vector<WeightJob> &jobs) {
  return llvm::any_of(jobs, [](const WeightJob &job) {
    return job.layout.element == PackedElement::BF16 &&
           llvm::any_of(job.sources, [](const SourceTensor &source) {
             return source.element == SourceElement::F16;
           });
  });
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

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

/// The model as the passes that know no target leave it.
static Result<OwningOpRef<ModuleOp>>
fusedModule(MLIRContext &context, const ModelConfig &config,
            const CompileOptions &options) {
  auto module = importModel(context, config, {options.dtype});
  SWALLOW_TRY(fuseModule(*module));
  if (options.quant.any())
    SWALLOW_TRY(quantizeModule(*module, options.quant));
  return module;
}

static Result<CompiledVariant> compileVariant(const ModelConfig &config,
                                              const CompileOptions &options,
                                              const x86::Variant &variant) {
  Ir ir;
  SWALLOW_ASSIGN(auto fused, fusedModule(*ir.context, config, options));
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
  Ir ir;
  SWALLOW_ASSIGN(auto fused, fusedModule(*ir.context, config, options));
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

/// Compiles for all targets side by side, each in a context of its own, and
/// adds their code in their order. `gpu` gets what there is to say of GPUs'.
static Status addVariants(const ModelConfig &config,
                          const CompileOptions &options, const Targets &targets,
                          fbs::ProgramT &program,
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

Result<CompileReport> swallow::compileModel(const CompileOptions &options) {
  auto note = [&](const std::string &line) {
    if (options.note)
      options.note(line);
  };
  SWALLOW_ASSIGN(const Targets targets, selectTargets(options));
  SWALLOW_TRY(checkGpuTargets(options, targets));
  SWALLOW_TRY(checkCalibration(options));
  SWALLOW_ASSIGN(Source source, openSource(options));
  SWALLOW_ASSIGN(std::optional<std::string> tokenizer, openTokenizer(options));
  std::optional<EvalBatch> calibrationText;
  if (!options.calibration.textFile.empty()) {
    SWALLOW_ASSIGN(calibrationText,
                   readCalibrationText(options.calibration, *tokenizer,
                                       source.config.maxPositionEmbeddings));
  }
  CompiledChat chat;
  if (tokenizer) {
    SWALLOW_ASSIGN(chat, compileChat(options.modelDir));
  }

  CompileReport report;
  fbs::ProgramT program;
  program.abi_version = SWALLOW_ABI_VERSION;
  program.compiler_version = compilerVersion();
  program.source_hash.assign(source.hash.begin(), source.hash.end());
  program.model =
      describeModel(source.config, source.checkpointLayers, options.dtype);
  if (options.syntheticSeed) {
    program.synthetic = std::make_unique<fbs::SyntheticWeightsT>();
    program.synthetic->seed = *options.syntheticSeed;
  }
  program.generation = describeGeneration(source.generation);
  for (const auto &[name, text] : chat.specialTokens) {
    auto token = std::make_unique<fbs::SpecialTokenT>();
    token->name = name;
    token->text = text;
    program.special_tokens.push_back(std::move(token));
  }

  Ir ir;
  const bool quantizes = options.quant.any();
  ProbeRequest probeRequest;
  probeRequest.tokens = options.probeTokens;
  probeRequest.vocabSize = source.config.vocabSize;
  probeRequest.numLayers = source.config.numLayers;
  probeRequest.bosToken = source.generation.bosTokenId;
  probeRequest.inputs = options.dtype;
  probeRequest.quantized = quantizes;
  probeRequest.threads = threadCount(options.threads);
  if (options.probeTokens > 0 && source.checkpoint && quantizes)
    program.probe = emptyProbe(probeRequest);
  if (options.probeTokens > 0 && source.checkpoint && !quantizes) {
    note("Evaluating the probe");
    Stopwatch watch;
    CheckpointWeights weights(*source.checkpoint);
    auto imported = importModel(*ir.context, source.config, {options.dtype});
    auto probe = emptyProbe(probeRequest);
    SWALLOW_ASSIGN(bool finite,
                   evaluateProbe(probeRequest, *imported, weights, *probe));
    if (finite)
      program.probe = std::move(probe);
    else if (options.warn)
      options.warn("the model's logits are not finite numbers; the artifact "
                   "gets no probe");
    report.probeSeconds = watch.seconds();
  }

  Stopwatch codeWatch;
  std::vector<SegmentData> segments;
  std::string names;
  for (const x86::Variant *variant : targets.variants)
    names += (names.empty() ? "" : ", ") + variant->name;
  for (const nvidia::Architecture *architecture : targets.architectures)
    names += (names.empty() ? "" : ", ") + architecture->name;
  note("Generating code for " + names);
  std::vector<GpuReport> gpu;
  SWALLOW_TRY(
      addVariants(source.config, options, targets, program, segments, gpu));
  report.codeSeconds = codeWatch.seconds();

  // KV memory and packing do not depend on the target: all of them read the
  // same.
  SWALLOW_ASSIGN(auto fused, fusedModule(*ir.context, source.config, options));
  SWALLOW_ASSIGN(auto planned, planModule(*fused, x86::allVariants().front()));
  SWALLOW_ASSIGN(program.kv, describeKv(*planned));
  std::vector<WeightJob> jobs;
  SWALLOW_TRY(describeWeights(*planned,
                              source.checkpoint ? &*source.checkpoint : nullptr,
                              program, jobs));
  if (roundsF16ToBf16(jobs))
    note("The checkpoint is in float16; -dtype f16 keeps its weights as they "
         "are");

  if (tokenizer)
    segments.push_back(
        {fbs::SegmentKind::Tokenizer, "tokenizer", toBytes(*tokenizer)});
  for (CompiledChatTemplate &compiled : chat.templates)
    segments.push_back({fbs::SegmentKind::ChatTemplate,
                        std::move(compiled.name), std::move(compiled.bytes)});
  Progress progress(stderr, options.showProgress ? Progress::Style::Auto
                                                 : Progress::Style::Silent);
  WriteOptions write;
  write.threads = options.threads;
  write.progress = &progress;
  write.warn = options.warn;
  CalibratedJobs calibrated; // what the jobs refer to, until all are packed
  if (calibrationText) {
    calibrated = calibratedJobs(jobs, program);
    write.packFirst = [&](const PackWithFactor &pack) -> Status {
      Stopwatch watch;
      auto module = importModel(*ir.context, source.config, {options.dtype});
      SWALLOW_TRY(fuseModule(*module));
      SWALLOW_TRY(calibrate(*module, CheckpointWeights(*source.checkpoint),
                            *calibrationText, threadCount(options.threads),
                            pack, jobs, calibrated, progress));
      if (options.warn)
        for (const auto &[name, job] : calibrated.byName)
          options.warn(name + " is not calibrated: no product reads it");
      report.calibrationSeconds = watch.seconds();
      return {};
    };
  }
  if (program.probe && quantizes)
    write.finish = [&](fbs::ProgramT &packed,
                       std::span<const uint8_t> weights) -> Status {
      note("Evaluating the probe");
      Stopwatch watch;
      Result<bool> finite =
          evaluateProbe(probeRequest, *planned,
                        packedWeights(jobs, packed, weights), *packed.probe);
      report.probeSeconds = watch.seconds();
      if (!finite)
        return finite.error();
      if (!*finite)
        return {ErrorCode::InvalidArgument,
                "the quantised model's logits are not finite numbers; "
                "-probe-tokens 0 compiles it all the same"};
      return {};
    };
  SWALLOW_ASSIGN(
      WriteReport written,
      writeArtifact(options.output, std::move(program), segments, jobs, write));
  report.fileBytes = written.fileBytes;
  report.weightBytes = written.weightBytes;
  report.packSeconds = written.seconds - report.calibrationSeconds -
                       (write.finish ? report.probeSeconds : 0);
  if (!options.report.empty())
    SWALLOW_TRY(writeReport(options.report,
                            {std::move(written.sources), std::move(gpu)}));
  return report;
}

//===----------------------------------------------------------------------===//
// --emit
//===----------------------------------------------------------------------===//

static std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os);
  return text;
}

/// A planned module, or a later stage of it, for one GPU architecture.
static Result<std::string> emitGpuStage(ModuleOp fused, Stage stage,
                                        const nvidia::Architecture &target) {
  SWALLOW_ASSIGN(auto module, planModule(fused, target));
  if (stage == Stage::Planned)
    return print(*module);
  SWALLOW_TRY(emitKernels(*module, target));
  if (stage == Stage::Kernels)
    return print(*module);
  SWALLOW_TRY(lowerGpuToLLVM(*module));
  if (stage == Stage::Llvm)
    return print(*module);
  return nvidia::emitPtx(*module, target);
}

Result<std::string> swallow::emitStage(const CompileOptions &options,
                                       Stage stage,
                                       const std::string &variantName) {
  CompileOptions named = options;
  if (!variantName.empty())
    named.targets = {variantName};
  SWALLOW_ASSIGN(const Targets targets, selectTargets(named));
  SWALLOW_TRY(checkGpuTargets(options, targets));
  SWALLOW_ASSIGN(Model model, readModel(options));
  Ir ir;
  auto module = importModel(*ir.context, model.config, {options.dtype});
  if (stage == Stage::Import)
    return print(*module);
  SWALLOW_TRY(fuseModule(*module));
  if (stage == Stage::Fused)
    return print(*module);
  if (options.quant.any())
    SWALLOW_TRY(quantizeModule(*module, options.quant));
  if (targets.variants.empty())
    return emitGpuStage(*module, stage, *targets.architectures.front());
  const x86::Variant &variant = *targets.variants.front();
  SWALLOW_ASSIGN(module, planModule(*module, variant));
  if (stage == Stage::Planned)
    return print(*module);
  SWALLOW_TRY(emitKernels(*module, variant));
  if (stage == Stage::Kernels)
    return print(*module);
  SWALLOW_TRY(lowerToLLVM(*module));
  if (stage == Stage::Llvm)
    return print(*module);
  return x86::emitAssembly(*module, variant);
}
