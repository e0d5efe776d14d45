//===- ArtifactContents.cpp - planned modules as an artifact's tables -----===//

#include "compiler/ArtifactContents.h"

#include "dialects/swallow/SwallowDialect.h"
#include "runtime/abi/GpuAbi.h"

#include "mlir/IR/BuiltinOps.h"

#include <algorithm>

using namespace mlir;
using namespace swallow;

static fbs::ElementType elementType(Type type) {
  return type.isBF16()  ? fbs::ElementType::BF16
         : type.isF16() ? fbs::ElementType::F16
                        : fbs::ElementType::F32;
}

std::unique_ptr<fbs::ModelInfoT>
swallow::describeModel(const ModelConfig &config, int64_t checkpointLayers,
                       DType dtype) {
  auto model = std::make_unique<fbs::ModelInfoT>();
  model->architecture = architectureName(config.architecture);
  model->hidden_size = config.hiddenSize;
  model->intermediate_size = config.intermediateSize;
  model->num_layers = config.numLayers;
  if (checkpointLayers > config.numLayers)
    model->checkpoint_layers = checkpointLayers;
  model->num_heads = config.numHeads;
  model->num_kv_heads = config.numKvHeads;
  model->head_dim = config.headDim;
  model->vocab_size = config.vocabSize;
  model->max_position_embeddings = config.maxPositionEmbeddings;
  model->dtype = dtype == DType::BF16  ? fbs::ElementType::BF16
                 : dtype == DType::F16 ? fbs::ElementType::F16
                                       : fbs::ElementType::F32;
  return model;
}

std::unique_ptr<fbs::GenerationDefaultsT>
swallow::describeGeneration(const GenerationConfig &config) {
  auto out = std::make_unique<fbs::GenerationDefaultsT>();
  auto set = [](auto &field, const auto &value) {
    if (value)
      field = static_cast<std::decay_t<decltype(field)>>(*value);
  };
  out->eos_token_ids.assign(config.eosTokenIds.begin(),
                            config.eosTokenIds.end());
  set(out->bos_token_id, config.bosTokenId);
  set(out->pad_token_id, config.padTokenId);
  set(out->do_sample, config.doSample);
  set(out->temperature, config.temperature);
  set(out->top_k, config.topK);
  set(out->top_p, config.topP);
  set(out->min_p, config.minP);
  set(out->typical_p, config.typicalP);
  set(out->repetition_penalty, config.repetitionPenalty);
  set(out->max_new_tokens, config.maxNewTokens);
  set(out->max_length, config.maxLength);
  set(out->min_new_tokens, config.minNewTokens);
  set(out->min_length, config.minLength);
  set(out->top_h, config.topH);
  set(out->epsilon_cutoff, config.epsilonCutoff);
  set(out->eta_cutoff, config.etaCutoff);
  set(out->no_repeat_ngram_size, config.noRepeatNgramSize);
  set(out->forced_bos_token_id, config.forcedBosTokenId);
  set(out->remove_invalid_values, config.removeInvalidValues);
  set(out->decay_penalty_start, config.decayPenaltyStart);
  set(out->decay_penalty_factor, config.decayPenaltyFactor);
  auto copy = [](std::vector<int32_t> &ids, const std::vector<int64_t> &from) {
    ids.assign(from.begin(), from.end());
  };
  copy(out->suppress_tokens, config.suppressTokens);
  copy(out->begin_suppress_tokens, config.beginSuppressTokens);
  copy(out->forced_eos_token_ids, config.forcedEosTokenIds);
  out->stop_strings = config.stopStrings;
  for (const TokenSequenceBias &from : config.sequenceBias) {
    auto bias = std::make_unique<fbs::SequenceBiasT>();
    copy(bias->ids, from.ids);
    bias->bias = from.bias;
    out->sequence_bias.push_back(std::move(bias));
  }
  return out;
}

Result<std::unique_ptr<fbs::KvPlanT>> swallow::describeKv(ModuleOp planned) {
  KvType type;
  KvLayoutAttr layout;
  planned.walk([&](func::FuncOp func) {
    for (unsigned i = 0; i < func.getNumArguments(); ++i) {
      auto kv = dyn_cast<KvType>(func.getArgument(i).getType());
      auto attr = func.getArgAttrOfType<KvLayoutAttr>(i, "swallow.kv_layout");
      if (kv && attr) {
        type = kv;
        layout = attr;
      }
    }
  });
  if (!type)
    return {ErrorCode::Internal, "the planned module has no KV layout"};
  auto kv = std::make_unique<fbs::KvPlanT>();
  kv->layers = type.getLayers();
  kv->kv_heads = type.getHeads();
  kv->head_dim = type.getHeadDim();
  kv->block_tokens = layout.getBlockTokens();
  kv->element = elementType(type.getElement());
  kv->window = type.getWindow();
  return kv;
}

static std::unique_ptr<fbs::AffineT> describe(AffineAttr affine) {
  auto out = std::make_unique<fbs::AffineT>();
  out->constant = affine.getConstant();
  out->per_token = affine.getPerToken();
  out->per_thread = affine.getPerThread();
  out->per_sequence = affine.getPerSequence();
  return out;
}

static std::unique_ptr<fbs::VariantT> describeArena(ArrayAttr arena,
                                                    AffineAttr size) {
  auto out = std::make_unique<fbs::VariantT>();
  for (auto slot : arena.getAsRange<SlotAttr>()) {
    auto entry = std::make_unique<fbs::ArenaSlotT>();
    entry->name = slot.getName().str();
    entry->offset = describe(slot.getOffset());
    entry->size = describe(slot.getSize());
    out->arena.push_back(std::move(entry));
  }
  out->arena_size = describe(size);
  return out;
}

Result<std::unique_ptr<fbs::VariantT>>
swallow::describeVariant(ModuleOp kernels, const x86::Variant &variant) {
  auto arena = kernels->getAttrOfType<ArrayAttr>("swallow.arena");
  auto size = kernels->getAttrOfType<AffineAttr>("swallow.arena_size");
  auto brgemms = kernels->getAttrOfType<ArrayAttr>("swallow.brgemms");
  auto stages = kernels->getAttrOfType<ArrayAttr>("swallow.stages");
  if (!arena || !size || !brgemms || !stages)
    return {ErrorCode::Internal,
            "the kernels of " + variant.name + " lack their tables"};

  std::unique_ptr<fbs::VariantT> out = describeArena(arena, size);
  out->name = variant.name;
  out->features = variant.features;
  for (auto entry : brgemms.getAsRange<DictionaryAttr>()) {
    auto integer = [&](StringRef name) {
      return static_cast<uint32_t>(entry.getAs<IntegerAttr>(name).getInt());
    };
    auto element = [&](StringRef name) {
      StringRef text = entry.getAs<StringAttr>(name).getValue();
      return text == "bf16" ? fbs::ElementType::BF16
             : text == "u8" ? fbs::ElementType::U8
             : text == "s8" ? fbs::ElementType::I8
                            : fbs::ElementType::F32;
    };
    auto brgemm = std::make_unique<fbs::BrgemmT>();
    brgemm->m = integer("m");
    brgemm->n = integer("n");
    brgemm->k = integer("k");
    brgemm->lda = integer("lda");
    brgemm->ldb = integer("ldb");
    brgemm->ldc = integer("ldc");
    brgemm->a = element("a");
    brgemm->b = element("b");
    brgemm->accumulate = entry.getAs<BoolAttr>("accumulate").getValue();
    out->brgemms.push_back(std::move(brgemm));
  }
  for (auto stage : stages.getAsRange<StringAttr>())
    out->stages.push_back(stage.str());
  return out;
}

static std::unique_ptr<fbs::GpuLaunchT> describeLaunch(DictionaryAttr launch) {
  auto integer = [&](StringRef name) {
    return launch.getAs<IntegerAttr>(name).getInt();
  };
  auto out = std::make_unique<fbs::GpuLaunchT>();
  out->kernel = launch.getAs<StringAttr>("kernel").str();
  out->threads = static_cast<uint32_t>(integer("threads"));
  out->grid_x = static_cast<uint32_t>(integer("grid_x"));
  StringRef rows = launch.getAs<StringAttr>("rows").getValue();
  out->rows = rows == "tokens"   ? fbs::GridRows::Tokens
              : rows == "logits" ? fbs::GridRows::Logits
                                 : fbs::GridRows::None;
  out->rows_per_block = static_cast<uint32_t>(integer("rows_per_block"));
  out->kv_element = static_cast<int32_t>(integer("kv_element"));
  out->min_rows = static_cast<uint32_t>(integer("min_rows"));
  if (launch.contains("max_rows"))
    out->max_rows = static_cast<uint32_t>(integer("max_rows"));
  out->shared_bytes = static_cast<uint32_t>(integer("shared_bytes"));
  return out;
}

Result<std::unique_ptr<fbs::VariantT>>
swallow::describeVariant(ModuleOp kernels,
                         const nvidia::Architecture &architecture) {
  auto arena = kernels->getAttrOfType<ArrayAttr>("swallow.arena");
  auto size = kernels->getAttrOfType<AffineAttr>("swallow.arena_size");
  auto groups = kernels->getAttrOfType<ArrayAttr>("swallow.launches");
  if (!arena || !size || !groups)
    return {ErrorCode::Internal,
            "the kernels of " + architecture.name + " lack their tables"};
  std::unique_ptr<fbs::VariantT> out = describeArena(arena, size);
  out->name = architecture.name;
  out->gpu = std::make_unique<fbs::GpuStepT>();
  out->gpu->abi_version = SWALLOW_GPU_ABI_VERSION;
  out->gpu->capability = static_cast<uint32_t>(architecture.capability);
  out->gpu->ptx_version = static_cast<uint32_t>(architecture.ptxVersion);
  for (auto group : groups.getAsRange<DictionaryAttr>()) {
    auto entry = std::make_unique<fbs::GpuLaunchGroupT>();
    auto layer = [&](StringRef name) {
      return static_cast<int32_t>(group.getAs<IntegerAttr>(name).getInt());
    };
    entry->layer_begin = layer("layer_begin");
    entry->layer_end = layer("layer_end");
    for (auto launch :
         group.getAs<ArrayAttr>("launches").getAsRange<DictionaryAttr>())
      entry->launches.push_back(describeLaunch(launch));
    out->gpu->groups.push_back(std::move(entry));
  }
  return out;
}

static SourceElement sourceElement(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return SourceElement::F32;
  case DType::F16:
    return SourceElement::F16;
  case DType::BF16:
    return SourceElement::BF16;
  }
  return SourceElement::F32;
}

/// The tensors of a weight in one layer (-1: a weight outside the layers).
static Result<WeightJob> describeJob(WeightOp weight, int64_t layer,
                                     const Checkpoint *checkpoint) {
  WeightJob job;
  job.layout = weight.getPackedLayout();
  for (size_t i = 0; i < weight.getSources().size(); ++i) {
    if (!checkpoint) {
      job.sources.emplace_back().name = weight.getSourceName(i, layer);
      continue;
    }
    std::vector<int64_t> shape = {weight.getSourceRows()[i]};
    if (weight.getTensorType().getRank() == 2)
      shape.push_back(weight.getTensorType().getDimSize(1));
    SWALLOW_ASSIGN(TensorView tensor,
                   checkpoint->require(weight.getSourceName(i, layer), shape));
    job.sources.push_back({tensor.name, sourceElement(tensor.dtype),
                           tensor.bytes, tensor.file, tensor.fileOffset});
  }
  return job;
}

Status swallow::describeWeights(ModuleOp planned, const Checkpoint *checkpoint,
                                fbs::ProgramT &program,
                                std::vector<WeightJob> &jobs) {
  struct Entry {
    WeightOp weight;
    int64_t layer, offset;
  };
  std::vector<Entry> entries;
  planned.walk([&](WeightOp weight) {
    auto offset = static_cast<int64_t>(*weight.getOffset());
    if (!weight.getLayers()) {
      entries.push_back({weight, -1, offset});
      return;
    }
    auto stride = static_cast<int64_t>(*weight.getLayerStride());
    auto layers = static_cast<int64_t>(*weight.getLayers());
    for (int64_t layer = 0; layer < layers; ++layer)
      entries.push_back({weight, layer, offset + layer * stride});
  });
  std::sort(entries.begin(), entries.end(),
            [](const Entry &a, const Entry &b) { return a.offset < b.offset; });
  for (Entry &entry : entries) {
    SWALLOW_ASSIGN(WeightJob job,
                   describeJob(entry.weight, entry.layer, checkpoint));
    job.weightIndex = program.weights.size();
    jobs.push_back(std::move(job));
    auto out = std::make_unique<fbs::WeightT>();
    out->name = entry.weight.getSymName().str();
    out->layer = static_cast<int32_t>(entry.layer);
    out->offset = static_cast<uint64_t>(entry.offset);
    program.weights.push_back(std::move(out));
  }
  return {};
}
