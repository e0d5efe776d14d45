//===- CompiledModule.cpp - one module through pipeline and loader --------===//

#include "compiler/ArtifactContents.h"
#include "compiler/PackedWeights.h"
#include "compiler/Pipelines.h"
#include "dialects/swallow/SwallowDialect.h"
#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/Artifact.h"
#include "runtime/device/CpuFeatures.h"
#include "runtime/support/FloatFormats.h"
#include "targets/nvidia/Architecture.h"
#include "targets/x86/CodeGeneration.h"
#include "test/frontends/CheckpointFixture.h"
#include "test/targets/x86/KernelHarness.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>

namespace swallow::test {

std::string variantUnderTest() {
  const char *name = std::getenv("SWALLOW_VARIANT");
  return name ? name : x86::allVariants().back().name;
}

std::string missingForVariant() {
  const x86::Variant *variant = x86::findVariant(variantUnderTest());
  if (!variant)
    return "a variant of that name";
  return missingFeatures({variant->name, variant->features},
                         CpuFeatures::host());
}

struct CompiledModule::Ir {
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module; // as parsed: what is evaluated
  TemporaryFolder folder;
  std::optional<Checkpoint> checkpoint;
  PackedWeights packed; // of quantised modules: what is evaluated with
  bool quantized = false;
};

CompiledModule::CompiledModule() : ir_(std::make_unique<Ir>()) {}
CompiledModule::~CompiledModule() = default;

/// Element `index` of a table with what f16 cannot hold, and `normal` numbers.
static float wideValue(int64_t index, float normal) {
  return index == 77    ? NAN
         : index == 507 ? INFINITY
         : index == 511 ? -INFINITY
                        : normal;
}

/// A checkpoint with normal numbers for every weight of the module. Matrices
/// are scaled so that products keep the size of their input, norms and biases
/// are around 1 and 0.
static std::string randomWeights(mlir::ModuleOp module) {
  std::mt19937 random(20240517);
  std::string header = "{", data;
  module.walk([&](WeightOp weight) {
    mlir::RankedTensorType type = weight.getTensorType();
    bool matrix = type.getRank() == 2;
    bool bias = weight.getSymName().contains("bias");
    bool wide = weight.getSymName() == "wide";
    bool table = weight.getSymName().contains("embed") || wide;
    const bool bf16 = type.getElementType().isBF16();
    const bool f16 = type.getElementType().isF16();
    float scale = matrix && !table ? 1 / std::sqrt(float(type.getDimSize(1)))
                                   : (matrix ? 1.0f : 0.3f);
    if (weight.getSymName() == "tiny")
      scale = 0x1p-19f;
    if (weight.getSymName() == "large")
      scale = 300;
    std::normal_distribution<float> normal(matrix || bias ? 0 : 1, scale);
    int64_t layers = weight.getLayers() ? int64_t(*weight.getLayers()) : 1;
    for (int64_t layer = 0; layer < layers; ++layer)
      for (size_t i = 0; i < weight.getSources().size(); ++i) {
        std::vector<int64_t> shape = {weight.getSourceRows()[i]};
        if (matrix)
          shape.push_back(type.getDimSize(1));
        int64_t count = shape[0] * (matrix ? shape[1] : 1);
        size_t begin = data.size();
        for (int64_t j = 0; j < count; ++j) {
          float value = normal(random);
          if (weight.getSymName() == "exact")
            value = j % shape.back() % 32 == 0
                        ? 1.0f
                        : float(int(random() % 255) - 127) / 127;
          if (wide)
            value = wideValue(j, value * 3e4f);
          uint16_t half = f16 ? f32ToF16(value) : f32ToBf16(value);
          if (bf16 || f16)
            data.append(reinterpret_cast<const char *>(&half), sizeof(half));
          else
            data.append(reinterpret_cast<const char *>(&value), sizeof(value));
        }
        header += std::string(header.size() > 1 ? ",\"" : "\"") +
                  weight.getSourceName(i, layer) + "\":{\"dtype\":\"" +
                  (bf16  ? "BF16"
                   : f16 ? "F16"
                         : "F32") +
                  "\",\"shape\":" + shapeText(shape) + ",\"data_offsets\":[" +
                  std::to_string(begin) + "," + std::to_string(data.size()) +
                  "]}";
      }
  });
  return safetensorsImage(header + "}", data);
}

/// What the loader wants to know of a model, from what the module says.
static std::unique_ptr<fbs::ModelInfoT> describe(const fbs::KvPlanT &kv,
                                                 int64_t vocab) {
  auto model = std::make_unique<fbs::ModelInfoT>();
  model->architecture = "KernelHarness";
  model->hidden_size = model->intermediate_size = 1;
  model->num_layers = kv.layers;
  model->num_heads = model->num_kv_heads = kv.kv_heads;
  model->head_dim = kv.head_dim;
  model->vocab_size = static_cast<uint32_t>(vocab);
  model->max_position_embeddings = 1 << 20;
  return model;
}

static Result<std::vector<uint8_t>> emitCode(mlir::ModuleOp kernels,
                                             const x86::Variant &variant,
                                             fbs::VariantT &table) {
  SWALLOW_TRY(lowerToLLVM(kernels));
  SWALLOW_ASSIGN(x86::LinkedCode code, x86::emitCode(kernels, variant));
  table.step_offset = code.stepOffset;
  return std::vector<uint8_t>(code.bytes.begin(), code.bytes.end());
}

static Result<std::vector<uint8_t>>
emitCode(mlir::ModuleOp, const nvidia::Architecture &, fbs::VariantT &) {
  return std::vector<uint8_t>{' '};
}

static Result<StepProgram> load(std::shared_ptr<const Artifact> artifact,
                                const x86::Variant &variant) {
  SWALLOW_ASSIGN(CodeChoice choice, chooseCode(*artifact, variant.name, "cpu"));
  return loadStep(std::move(artifact), std::move(choice));
}

static Result<StepProgram> load(std::shared_ptr<const Artifact> artifact,
                                const nvidia::Architecture &) {
  StepProgram program;
  program.tables = &artifact->program();
  program.model = program.tables->model();
  program.kv = program.tables->kv();
  program.variant = program.tables->variants()->Get(0);
  program.weights = artifact->weights();
  program.owner = std::move(artifact);
  return program;
}

Result<std::unique_ptr<CompiledModule>>
CompiledModule::compile(const std::string &ir, int64_t vocab) {
  return compileFor(*x86::findVariant(variantUnderTest()), ir, vocab);
}

Result<std::unique_ptr<CompiledModule>>
CompiledModule::pack(const std::string &ir, int64_t vocab,
                     const nvidia::Architecture &architecture) {
  return compileFor(architecture, ir, vocab);
}

template <typename Target>
Result<std::unique_ptr<CompiledModule>>
CompiledModule::compileFor(const Target &target, const std::string &text,
                           int64_t vocab) {
  std::unique_ptr<CompiledModule> compiled(new CompiledModule());
  Ir &ir = *compiled->ir_;
  mlir::DialectRegistry registry;
  registerCompilerDialects(registry);
  ir.context = std::make_unique<mlir::MLIRContext>(
      registry, mlir::MLIRContext::Threading::DISABLED);
  ir.context->loadAllAvailableDialects();
  ir.module = mlir::parseSourceString<mlir::ModuleOp>(text, ir.context.get());
  if (!ir.module)
    return {ErrorCode::Internal, "the module cannot be parsed:\n" + text};
  ir.folder.write("model.safetensors", randomWeights(*ir.module));
  SWALLOW_ASSIGN(ir.checkpoint, Checkpoint::open(ir.folder.path()));

  fbs::ProgramT program;
  program.abi_version = SWALLOW_ABI_VERSION;
  program.compiler_version = "kernel harness";
  program.source_hash.assign(16, 0);
  std::vector<WeightJob> jobs;
  SWALLOW_ASSIGN(auto module, planModule(*ir.module, target));
  SWALLOW_ASSIGN(program.kv, describeKv(*module));
  program.model = describe(*program.kv, vocab);
  SWALLOW_TRY(describeWeights(*module, &*ir.checkpoint, program, jobs));
  SWALLOW_TRY(emitKernels(*module, target));
  SWALLOW_ASSIGN(auto table, describeVariant(*module, target));
  SWALLOW_ASSIGN(std::vector<uint8_t> code, emitCode(*module, target, *table));
  table->code_segment = 0;
  program.variants.push_back(std::move(table));
  std::vector<SegmentData> segments = {
      {fbs::SegmentKind::Code, target.name, std::move(code)}};

  std::string path = ir.folder.file("model.swallow");
  WriteOptions options;
  options.threads = 1;
  SWALLOW_ASSIGN(WriteReport report, writeArtifact(path, std::move(program),
                                                   segments, jobs, options));
  static_cast<void>(report);
  SWALLOW_ASSIGN(Artifact artifact, Artifact::open(path));
  SWALLOW_TRY(artifact.verifyWeights(1));
  auto shared = std::make_shared<const Artifact>(std::move(artifact));
  const auto &weights = *shared->program().weights();
  for (uint32_t i = 0; i < weights.size(); ++i) {
    PackedLayout layout = weightLayout(*weights[i]);
    std::vector<std::string> names;
    for (const flatbuffers::String *name : *weights[i]->sources())
      names.push_back(name->str());
    ir.packed.add(layout, names, shared->weight(i));
    ir.quantized |= isQuantized(layout.element);
  }
  SWALLOW_ASSIGN(compiled->program_, load(shared, target));
  return compiled;
}

Result<std::vector<std::vector<float>>>
CompiledModule::evaluate(const std::vector<EvalBatch> &steps,
                         std::optional<KvElement> kvElement) {
  CheckpointWeights stored(*ir_->checkpoint);
  const WeightSource &weights =
      ir_->quantized ? static_cast<const WeightSource &>(ir_->packed) : stored;
  Evaluator evaluator(*ir_->module, weights, {1, kvElement});
  std::vector<std::vector<float>> logits;
  for (const EvalBatch &batch : steps) {
    SWALLOW_ASSIGN(std::vector<float> step, evaluator.step(batch));
    logits.push_back(std::move(step));
  }
  return logits;
}

} // namespace swallow::test
