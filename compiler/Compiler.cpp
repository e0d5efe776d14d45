//===- Compiler.cpp - a Hugging Face folder to an artifact ----------------===//

#include "compiler/Compiler.h"

#include "compiler/ArtifactContents.h"
#include "compiler/Evaluator.h"
#include "frontends/huggingface/Importer.h"
#include "frontends/huggingface/TokenizerCompiler.h"
#include "frontends/huggingface/chat/ChatCompiler.h"
#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/CodeImage.h"
#include "runtime/support/RunOnThreads.h"
#include "targets/x86/CodeGeneration.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"

#include <algorithm>
#include <chrono>
#include <cmath>

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

/// A checkpoint that has passed every check that needs no weights.
struct Source {
  ModelConfig config;
  Checkpoint checkpoint;
  GenerationConfig generation;
};
} // namespace

static Result<Source> openSource(const CompileOptions &options) {
  SWALLOW_ASSIGN(ModelConfig config, readModelConfig(options.modelDir));
  SWALLOW_ASSIGN(Checkpoint checkpoint, Checkpoint::open(options.modelDir));
  if (untieDifferentEmbeddings(config, checkpoint) && options.warn)
    options.warn("lm_head.weight differs from model.embed_tokens.weight, so "
                 "tie_word_embeddings is taken as false, as transformers does");
  SWALLOW_TRY(checkTensors(config, checkpoint));
  SWALLOW_ASSIGN(GenerationConfig generation,
                 readGenerationConfig(options.modelDir, config));
  if (options.warn)
    for (const std::string &warning : generation.warnings)
      options.warn(warning);
  return Source{std::move(config), std::move(checkpoint),
                std::move(generation)};
}

static Status checkTargets(const CompileOptions &options) {
  if (options.targets.empty())
    return {ErrorCode::InvalidArgument, "no target given; known: x86-64"};
  for (const std::string &target : options.targets)
    if (target != "x86-64")
      return {ErrorCode::InvalidArgument,
              "unknown target '" + target + "'; known: x86-64"};
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

//===----------------------------------------------------------------------===//
// The probe
//===----------------------------------------------------------------------===//

/// The logits of a short prompt by the reference evaluator. Tokens are spread
/// over the vocabulary by a fixed rule, after the BOS token where there is one.
static Result<std::unique_ptr<fbs::ProbeT>>
makeProbe(const CompileOptions &options, const Source &source,
          ModuleOp imported) {
  auto probe = std::make_unique<fbs::ProbeT>();
  int64_t vocab = source.config.vocabSize;
  EvalBatch batch;
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < options.probeTokens; ++i) {
    int64_t id = (i * 2654435761 + 17) % vocab;
    if (i == 0 && source.generation.bosTokenId &&
        *source.generation.bosTokenId < vocab)
      id = *source.generation.bosTokenId;
    ids.push_back(static_cast<int32_t>(id));
    batch.logitRows.push_back(
        batch.push(ids.back(), static_cast<int32_t>(i), /*sequence=*/0));
  }
  // What rounding does to this model is measured on the first few tokens, in
  // the same step, since reading the weights is what takes time.
  if (options.dtype == DType::BF16) {
    batch.unrounded = 1;
    for (size_t i = 0; i < std::min<size_t>(ids.size(), 4); ++i)
      batch.logitRows.push_back(
          batch.push(ids[i], static_cast<int32_t>(i), *batch.unrounded));
  }
  CheckpointWeights weights(source.checkpoint);
  Evaluator::Options evaluatorOptions;
  evaluatorOptions.threads = threadCount(options.threads);
  Evaluator evaluator(imported, weights, evaluatorOptions);
  SWALLOW_ASSIGN(std::vector<float> logits, evaluator.step(batch));
  std::vector<float> unrounded(logits.begin() + ids.size() * vocab,
                               logits.end());
  logits.resize(ids.size() * vocab);
  double squares = 0;
  for (float logit : logits)
    squares += static_cast<double>(logit) * logit;
  double distance = 0;
  for (size_t i = 0; i < unrounded.size(); ++i)
    distance += std::abs(static_cast<double>(logits[i]) - unrounded[i]);
  probe->token_ids = std::move(ids);
  probe->logits = std::move(logits);
  probe->logit_rms =
      static_cast<float>(std::sqrt(squares / probe->logits.size()));
  // The evaluator rounds what the code rounds, at the same places; what is left
  // is the order of sums, which in bf16 now and then flips a rounding. In a
  // deep model these add up until evaluator and code are as far from each other
  // as two independent roundings, each of them the measured distance from none.
  probe->tolerance = 1e-4f;
  if (!unrounded.empty())
    probe->tolerance =
        std::max(0.01f, static_cast<float>(2 * distance / unrounded.size() /
                                           probe->logit_rms));
  if (!std::isfinite(probe->logit_rms)) {
    if (options.warn)
      options.warn("the model's logits are not finite numbers; the artifact "
                   "gets no probe");
    return std::unique_ptr<fbs::ProbeT>();
  }
  return probe;
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

static std::vector<uint8_t> toBytes(const std::string &text) {
  return {text.begin(), text.end()};
}

/// Compiles one variant into `program` and `segments`.
static Status addVariant(ModuleOp fused, const x86::Variant &variant,
                         fbs::ProgramT &program,
                         std::vector<SegmentData> &segments) {
  SWALLOW_ASSIGN(auto module, planModule(fused, variant));
  if (!program.kv) {
    SWALLOW_ASSIGN(program.kv, describeKv(*module));
  }
  SWALLOW_TRY(emitKernels(*module, variant));
  SWALLOW_ASSIGN(auto table, describeVariant(*module, variant));
  SWALLOW_TRY(lowerToLLVM(*module));
  SWALLOW_ASSIGN(x86::LinkedCode code, x86::emitCode(*module, variant));
  std::vector<uint8_t> bytes = toBytes(code.bytes);
  auto image = checkCodeImage(bytes);
  if (!image.ok())
    return {ErrorCode::Internal,
            "the code of " + variant.name +
                " is not self-contained: " + image.error().message};
  table->code_segment = static_cast<uint32_t>(segments.size());
  table->step_offset = code.stepOffset;
  program.variants.push_back(std::move(table));
  segments.push_back({fbs::SegmentKind::Code, variant.name, std::move(bytes)});
  return {};
}

Result<CompileReport> swallow::compileModel(const CompileOptions &options) {
  auto note = [&](const std::string &line) {
    if (options.note)
      options.note(line);
  };
  SWALLOW_TRY(checkTargets(options));
  SWALLOW_ASSIGN(Source source, openSource(options));
  std::vector<std::string> differences;
  SWALLOW_ASSIGN(std::string tokenizer,
                 compileTokenizer(options.modelDir, &differences));
  for (const std::string &line : differences)
    note(line);
  SWALLOW_ASSIGN(CompiledChat chat, compileChat(options.modelDir));
  SWALLOW_ASSIGN(Hash128 hash, source.checkpoint.sourceHash());
  for (const std::string &name :
       unusedTensors(source.config, source.checkpoint))
    if (options.warn)
      options.warn(name + ": the model has no use for this tensor");

  CompileReport report;
  fbs::ProgramT program;
  program.abi_version = SWALLOW_ABI_VERSION;
  program.compiler_version = compilerVersion();
  program.source_hash.assign(hash.begin(), hash.end());
  program.model = describeModel(source.config, options.dtype);
  program.generation = describeGeneration(source.generation);
  for (const auto &[name, text] : chat.specialTokens) {
    auto token = std::make_unique<fbs::SpecialTokenT>();
    token->name = name;
    token->text = text;
    program.special_tokens.push_back(std::move(token));
  }

  Ir ir;
  auto imported = importModel(*ir.context, source.config, {options.dtype});
  if (options.probeTokens > 0) {
    note("Evaluating the probe");
    Stopwatch watch;
    SWALLOW_ASSIGN(program.probe, makeProbe(options, source, *imported));
    report.probeSeconds = watch.seconds();
  }

  Stopwatch codeWatch;
  SWALLOW_TRY(fuseModule(*imported));
  std::vector<SegmentData> segments;
  std::vector<WeightJob> jobs;
  for (const x86::Variant &variant : x86::allVariants()) {
    note("Generating code for " + variant.name);
    SWALLOW_TRY(addVariant(*imported, variant, program, segments));
  }
  report.codeSeconds = codeWatch.seconds();

  // Packing does not depend on the variant: all of them read the same weights.
  SWALLOW_ASSIGN(auto planned,
                 planModule(*imported, x86::allVariants().front()));
  SWALLOW_TRY(describeWeights(*planned, source.checkpoint, program, jobs));

  segments.push_back(
      {fbs::SegmentKind::Tokenizer, "tokenizer", toBytes(tokenizer)});
  for (CompiledChatTemplate &compiled : chat.templates)
    segments.push_back({fbs::SegmentKind::ChatTemplate,
                        std::move(compiled.name), std::move(compiled.bytes)});
  Progress progress(stderr, options.showProgress ? Progress::Style::Auto
                                                 : Progress::Style::Silent);
  WriteOptions write;
  write.threads = options.threads;
  write.progress = &progress;
  write.warn = options.warn;
  SWALLOW_ASSIGN(
      WriteReport written,
      writeArtifact(options.output, std::move(program), segments, jobs, write));
  report.fileBytes = written.fileBytes;
  report.weightBytes = written.weightBytes;
  report.packSeconds = written.seconds;
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

Result<std::string> swallow::emitStage(const CompileOptions &options,
                                       Stage stage,
                                       const std::string &variantName) {
  SWALLOW_TRY(checkTargets(options));
  const x86::Variant *variant = variantName.empty()
                                    ? &x86::allVariants().front()
                                    : x86::findVariant(variantName);
  if (!variant) {
    std::string known;
    for (const x86::Variant &v : x86::allVariants())
      known += (known.empty() ? "" : ", ") + v.name;
    return {ErrorCode::InvalidArgument,
            "unknown variant '" + variantName + "'; known: " + known};
  }
  SWALLOW_ASSIGN(ModelConfig config, readModelConfig(options.modelDir));
  Ir ir;
  auto module = importModel(*ir.context, config, {options.dtype});
  if (stage == Stage::Import)
    return print(*module);
  SWALLOW_TRY(fuseModule(*module));
  if (stage == Stage::Fused)
    return print(*module);
  SWALLOW_ASSIGN(module, planModule(*module, *variant));
  if (stage == Stage::Planned)
    return print(*module);
  SWALLOW_TRY(emitKernels(*module, *variant));
  if (stage == Stage::Kernels)
    return print(*module);
  SWALLOW_TRY(lowerToLLVM(*module));
  if (stage == Stage::Llvm)
    return print(*module);
  return x86::emitAssembly(*module, *variant);
}
