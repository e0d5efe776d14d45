#include "runtime/engine/Inspect.h"

#include "runtime/device/CpuTopology.h"
#include "runtime/engine/CudaBackend.h"
#include "runtime/engine/Session.h"

#include <map>
#include <nlohmann/json.hpp>

#include <cmath>

namespace swallow {

using Json = nlohmann::ordered_json;

static std::string text(const flatbuffers::String *string) {
  return string ? string->str() : std::string();
}

static std::string hex(const flatbuffers::Vector<uint8_t> *hash) {
  static const char digits[] = "0123456789abcdef";
  std::string result;
  if (hash)
    for (uint8_t byte : *hash) {
      result += digits[byte >> 4];
      result += digits[byte & 15];
    }
  return result;
}

static std::string elementName(fbs::ElementType type) {
  switch (type) {
  case fbs::ElementType::F32:
    return "f32";
  case fbs::ElementType::BF16:
    return "bf16";
  case fbs::ElementType::F16:
    return "f16";
  case fbs::ElementType::I8:
    return "int8";
  case fbs::ElementType::I4:
    return "int4";
  case fbs::ElementType::I6:
    return "int6";
  case fbs::ElementType::U8:
    return "uint8";
  }
  return "";
}

static Json describeModel(const fbs::Program &program) {
  const fbs::ModelInfo &model = *program.model();
  return {{"architecture", text(model.architecture())},
          {"dtype", elementName(model.dtype())},
          {"num_layers", model.num_layers()},
          {"checkpoint_layers", model.checkpoint_layers()
                                    ? model.checkpoint_layers()
                                    : model.num_layers()},
          {"hidden_size", model.hidden_size()},
          {"intermediate_size", model.intermediate_size()},
          {"num_heads", model.num_heads()},
          {"num_kv_heads", model.num_kv_heads()},
          {"head_dim", model.head_dim()},
          {"vocab_size", model.vocab_size()},
          {"max_position_embeddings", model.max_position_embeddings()},
          {"source_hash", hex(program.source_hash())}};
}

static Json describeKv(const fbs::KvPlan &kv) {
  Json window = nullptr;
  if (kv.window() > 0)
    window = kv.window();
  return {{"element", elementName(kv.element())},
          {"layers", kv.layers()},
          {"kv_heads", kv.kv_heads()},
          {"head_dim", kv.head_dim()},
          {"block_tokens", kv.block_tokens()},
          {"block_bytes", kvBlockBytes(kv, kvElement(kv))},
          {"window", std::move(window)}};
}

/// Of a GPU's variant: what it is for, and its machine code or null.
static Json describeGpu(const Artifact &artifact, size_t index) {
  const fbs::GpuStep *gpu =
      artifact.program()
          .variants()
          ->Get(static_cast<flatbuffers::uoffset_t>(index))
          ->gpu();
  if (!gpu)
    return nullptr;
  Json cubin = nullptr;
  if (gpu->cubin())
    cubin = {{"capability", gpu->cubin()->capability()},
             {"assembler", text(gpu->cubin()->assembler())},
             {"bytes", artifact.cubin(index).size()}};
  return {{"capability", gpu->capability()},
          {"ptx_version", gpu->ptx_version()},
          {"cubin", std::move(cubin)}};
}

static Json describeVariants(const Artifact &artifact, int64_t selected) {
  Json list = Json::array();
  std::vector<VariantNeeds> needs = variantNeeds(artifact);
  for (size_t i = 0; i < needs.size(); ++i) {
    const fbs::Variant &variant = *artifact.program().variants()->Get(
        static_cast<flatbuffers::uoffset_t>(i));
    std::string missing = missingFor(artifact, i);
    list.push_back(
        {{"name", needs[i].name},
         {"features", needs[i].features},
         {"runs_here", missing.empty()},
         {"missing", missing},
         {"selected", selected == static_cast<int64_t>(i)},
         {"code_bytes", artifact.code(i).bytes.size()},
         {"micro_kernels", variant.brgemms() ? variant.brgemms()->size() : 0},
         {"gpu", describeGpu(artifact, i)}});
  }
  return list;
}

static Json describeChatTemplates(const fbs::Program &program) {
  Json names = Json::array();
  for (const fbs::Segment *segment : *program.segments())
    if (segment->kind() == fbs::SegmentKind::ChatTemplate)
      names.push_back(text(segment->name()));
  return names;
}

static Json describeSpecialTokens(const fbs::Program &program) {
  Json tokens = Json::object();
  if (program.special_tokens())
    for (const fbs::SpecialToken *token : *program.special_tokens())
      tokens[text(token->name())] = text(token->text());
  return tokens;
}

static Json describeSegments(const Artifact &artifact) {
  Json list = Json::array();
  for (const fbs::Segment *segment : *artifact.program().segments())
    list.push_back({{"kind", fbs::EnumNameSegmentKind(segment->kind())},
                    {"name", text(segment->name())},
                    {"offset", segment->offset()},
                    {"size", segment->size()},
                    {"hash", hex(segment->hash())}});
  return list;
}

static Json describeWeights(const Artifact &artifact) {
  uint64_t elements = 0, bytes = 0;
  struct Kind {
    uint64_t tensors = 0, elements = 0, bytes = 0;
  };
  std::map<std::string, Kind> kinds, names;
  const auto *weights = artifact.program().weights();
  if (weights)
    for (const fbs::Weight *weight : *weights) {
      uint64_t count = 1;
      if (weight->shape())
        for (uint64_t size : *weight->shape())
          count *= size;
      for (Kind *kind : {&kinds[elementName(weight->element())],
                         &names[text(weight->name())]}) {
        ++kind->tensors;
        kind->elements += count;
        kind->bytes += weight->size();
      }
      elements += count;
      bytes += weight->size();
    }
  auto list = [](const std::map<std::string, Kind> &entries) {
    Json object = Json::object();
    for (const auto &[name, kind] : entries)
      object[name] = {{"tensors", kind.tensors},
                      {"parameters", kind.elements},
                      {"bytes", kind.bytes}};
    return object;
  };
  Json seed = nullptr;
  if (std::optional<uint64_t> synthetic = artifact.syntheticSeed())
    seed = *synthetic;
  return {{"tensors", weights ? weights->size() : 0},
          {"synthetic_seed", std::move(seed)},
          {"parameters", elements},
          {"bytes", bytes},
          {"elements", list(kinds)},
          {"names", list(names)}};
}

static Json describeIds(const flatbuffers::Vector<int32_t> *ids) {
  Json list = Json::array();
  if (ids)
    for (int32_t id : *ids)
      list.push_back(id);
  return list;
}

static Json describeGeneration(const fbs::Program &program) {
  const fbs::GenerationDefaults *g = program.generation();
  if (!g)
    return nullptr;
  Json stops = Json::array();
  if (g->stop_strings())
    for (const flatbuffers::String *stop : *g->stop_strings())
      stops.push_back(stop->str());
  Json biases = Json::array();
  if (g->sequence_bias())
    for (const fbs::SequenceBias *entry : *g->sequence_bias()) {
      // JSON has no infinity.
      Json bias = std::isinf(entry->bias()) ? Json() : Json(entry->bias());
      biases.push_back({describeIds(entry->ids()), std::move(bias)});
    }
  return {{"bos_token_id", g->bos_token_id()},
          {"eos_token_ids", describeIds(g->eos_token_ids())},
          {"pad_token_id", g->pad_token_id()},
          {"do_sample", g->do_sample()},
          {"temperature", g->temperature()},
          {"top_k", g->top_k()},
          {"top_p", g->top_p()},
          {"min_p", g->min_p()},
          {"top_h", g->top_h()},
          {"typical_p", g->typical_p()},
          {"epsilon_cutoff", g->epsilon_cutoff()},
          {"eta_cutoff", g->eta_cutoff()},
          {"repetition_penalty", g->repetition_penalty()},
          {"no_repeat_ngram_size", g->no_repeat_ngram_size()},
          {"sequence_bias", std::move(biases)},
          {"suppress_tokens", describeIds(g->suppress_tokens())},
          {"begin_suppress_tokens", describeIds(g->begin_suppress_tokens())},
          {"forced_bos_token_id", g->forced_bos_token_id()},
          {"forced_eos_token_ids", describeIds(g->forced_eos_token_ids())},
          {"remove_invalid_values", g->remove_invalid_values()},
          {"decay_penalty_start", g->decay_penalty_start()},
          {"decay_penalty_factor", g->decay_penalty_factor()},
          {"min_new_tokens", g->min_new_tokens()},
          {"min_length", g->min_length()},
          {"max_new_tokens", g->max_new_tokens()},
          {"max_length", g->max_length()},
          {"stop_strings", std::move(stops)}};
}

static Json describeProbe(const fbs::Program &program) {
  const fbs::Probe *probe = program.probe();
  if (!probe || !probe->token_ids() || probe->token_ids()->size() == 0)
    return nullptr;
  Json ids = Json::array();
  for (int32_t id : *probe->token_ids())
    ids.push_back(id);
  return {{"token_ids", std::move(ids)},
          {"logit_rms", probe->logit_rms()},
          {"tolerance", probe->tolerance()}};
}

static Json describePlan(const MemoryPlan &plan, const fbs::Variant &variant,
                         int64_t available) {
  Json slots = Json::array();
  for (size_t i = 0; i < plan.arenaOffsets.size(); ++i)
    slots.push_back(
        {{"name", text(variant.arena()
                           ->Get(static_cast<flatbuffers::uoffset_t>(i))
                           ->name())},
         {"offset", plan.arenaOffsets[i]},
         {"size", plan.arenaSizes[i]}});
  return {{"variant", text(variant.name())},
          {"context_length", plan.contextLength},
          {"max_sequences", plan.maxSequences},
          {"max_step_tokens", plan.maxStepTokens},
          {"max_logit_rows", plan.maxLogitRows},
          {"threads", plan.threads},
          {"kv_element", std::string(kvElementName(plan.kvElement))},
          {"kv_block_bytes", plan.blockBytes},
          {"kv_blocks", plan.blocks},
          {"kv_blocks_per_sequence", plan.blocksPerSequence},
          {"kv_bytes", plan.kvBytes},
          {"arena_bytes", plan.arenaBytes},
          {"logits_bytes", plan.logitsBytes},
          {"batch_bytes", plan.batchBytes},
          {"total_bytes", plan.totalBytes},
          {"weights_bytes", plan.weightsBytes},
          {"weights_allocated_bytes", plan.weightsAllocated},
          {"available_bytes", available},
          {"fits", plan.totalBytes <= uint64_t(available)},
          {"arena", std::move(slots)}};
}

Result<std::string> inspectJson(const Artifact &artifact,
                                const SessionOptions &options) {
  const fbs::Program &program = artifact.program();
  Result<CodeChoice> chosen =
      chooseCode(artifact, options.variant, options.device);
  if (!chosen.ok() && chosen.error().code != ErrorCode::WrongMachine &&
      chosen.error().code != ErrorCode::DeviceError)
    return chosen.error();
  int64_t selected = chosen.ok() ? static_cast<int64_t>(chosen->variant) : -1;

  Json plan = nullptr;
  if (program.variants() && program.variants()->size() > 0) {
    const fbs::Variant &variant = *program.variants()->Get(
        static_cast<flatbuffers::uoffset_t>(std::max<int64_t>(selected, 0)));
    SessionOptions planned = options;
    if (chosen.ok() && chosen->gpu) {
      SWALLOW_TRY(openContext(*chosen->gpu, planned));
    } else if (planned.memoryLimit == 0) {
      planned.memoryLimit = availableMemory();
    }
    const int64_t available = planned.memoryLimit;
    planned.hugePages |= artifact.syntheticSeed().has_value();
    planned.memoryLimit = options.contextLength == SessionOptions::kContextAuto
                              ? available
                              : INT64_MAX;
    SWALLOW_ASSIGN(MemoryPlan memory,
                   Session::plan(*program.model(), *program.kv(), variant,
                                 artifact.weightsSize(), planned));
    plan = describePlan(memory, variant, available);
  }

  Json json = {{"file", artifact.path()},
               {"file_bytes", artifact.fileSize()},
               {"compiler_version", text(program.compiler_version())},
               {"abi_version", program.abi_version()},
               {"model", describeModel(program)},
               {"kv", describeKv(*program.kv())},
               {"variants", describeVariants(artifact, selected)},
               {"machine_features", CpuFeatures::host().names()},
               {"weights", describeWeights(artifact)},
               {"segments", describeSegments(artifact)},
               {"chat_templates", describeChatTemplates(program)},
               {"special_tokens", describeSpecialTokens(program)},
               {"generation", describeGeneration(program)},
               {"probe", describeProbe(program)},
               {"memory_plan", std::move(plan)}};
  // Paths may hold any bytes; replaced, they do not make dump() throw.
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

} // namespace swallow
