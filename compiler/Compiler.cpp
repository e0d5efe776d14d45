//===- Compiler.cpp - a Hugging Face folder to an artifact ----------------===//

#include "compiler/Compiler.h"

#include "compiler/ArtifactContents.h"
#include "compiler/Calibration.h"
#include "compiler/GpuReport.h"
#include "compiler/ModelIr.h"
#include "compiler/PackedWeights.h"
#include "compiler/ProbeLogits.h"
#include "compiler/ReportFile.h"
#include "compiler/TargetCode.h"
#include "frontends/huggingface/Importer.h"
#include "frontends/huggingface/TokenizerCompiler.h"
#include "frontends/huggingface/chat/ChatCompiler.h"
#include "runtime/abi/StepAbi.h"
#include "runtime/support/Hash.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/RunOnThreads.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLExtras.h"

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

/// A folder that has passed every check that needs no weights.
struct Source {
  ModelConfig config;
  int64_t checkpointLayers = 0;
  std::optional<Checkpoint> checkpoint; // none: synthetic weights
  GenerationConfig generation;
  Hash128 hash = {};
};
} // namespace

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

Result<CompileReport> swallow::compileModel(const CompileOptions &options) {
  auto note = [&](const std::string &line) {
    if (options.note)
      options.note(line);
  };
  SWALLOW_ASSIGN(const Targets targets, selectTargets(options));
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

  auto context = makeContext();
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
    auto imported = importModel(*context, source.config, {options.dtype});
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
  note("Generating code for " + namesOf(targets));
  std::vector<GpuReport> gpu;
  SWALLOW_TRY(
      addVariants(source.config, options, targets, program, segments, gpu));
  report.codeSeconds = codeWatch.seconds();

  // KV memory and packing do not depend on the target: all of them read the
  // same.
  SWALLOW_ASSIGN(auto fused, fusedModule(*context, source.config, options));
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
        {fbs::SegmentKind::Tokenizer, "tokenizer",
         std::vector<uint8_t>(tokenizer->begin(), tokenizer->end())});
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
      auto module = importModel(*context, source.config, {options.dtype});
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
