//===- Validation.cpp - whether a program makes sense ---------------------===//

#include "runtime/artifact/Validation.h"

#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/Format.h"
#include "runtime/artifact/VariantValidation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <string_view>

using namespace swallow;
using namespace swallow::validation;
using fbs::ElementType;

namespace {

constexpr uint32_t kMaxLayers = 1u << 16;
constexpr uint32_t kMaxPositions = 1u << 31;
constexpr uint64_t kMaxWeightBytes = uint64_t(1) << 62;

Status validateModel(const fbs::ModelInfo *model) {
  if (!model)
    return bad("the program has no model");
  if (!isText(model->architecture()))
    return bad("the model has no architecture");
  auto dimension = [](uint32_t value) {
    return value > 0 && value <= kMaxDimension;
  };
  if (!dimension(model->hidden_size()) ||
      !dimension(model->intermediate_size()) ||
      !dimension(model->num_heads()) || !dimension(model->num_kv_heads()) ||
      !dimension(model->head_dim()) || !dimension(model->vocab_size()) ||
      model->num_layers() == 0 || model->num_layers() > kMaxLayers ||
      model->max_position_embeddings() == 0 ||
      model->max_position_embeddings() > kMaxPositions)
    return bad("a size of the model is 0 or absurdly large");
  if (model->num_heads() % model->num_kv_heads() != 0)
    return bad("the model's " + std::to_string(model->num_heads()) +
               " heads are no multiple of its " +
               std::to_string(model->num_kv_heads()) + " KV heads");
  if (model->head_dim() % 2 != 0)
    return bad("the model's head_dim is odd");
  if (model->checkpoint_layers() > kMaxLayers ||
      (model->checkpoint_layers() != 0 &&
       model->checkpoint_layers() <= model->num_layers()))
    return bad("the model has all layers of its checkpoint, or more");
  if (model->dtype() > ElementType::F16)
    return bad("the model's dtype is no floating-point type");
  return {};
}

Status validateKv(const fbs::KvPlan *kv, const fbs::ModelInfo &model) {
  if (!kv)
    return bad("the program has no KV plan");
  if (kv->layers() != model.num_layers() ||
      kv->kv_heads() != model.num_kv_heads() ||
      kv->head_dim() != model.head_dim())
    return bad("the KV plan is for another model than the program's");
  if (kv->block_tokens() != SWALLOW_KV_BLOCK_TOKENS)
    return bad("the KV plan has blocks of " +
               std::to_string(kv->block_tokens()) + " tokens instead of " +
               std::to_string(SWALLOW_KV_BLOCK_TOKENS));
  if (kv->element() > ElementType::I8)
    return bad("the KV plan's element type is not supported");
  if (kv->window() > kMaxPositions)
    return bad("the KV plan's window is absurdly large");
  return {};
}

// FlatBuffers' verifier looks at the alignment of a vector's length (4 bytes),
// not of its elements.
bool isAligned(const flatbuffers::Vector<uint64_t> *vector) {
  return !vector ||
         reinterpret_cast<uintptr_t>(vector->Data()) % sizeof(uint64_t) == 0;
}

// Shape and layout agree, and give exactly the recorded size.
Status validateWeightLayout(const fbs::Weight &weight,
                            const std::string &where) {
  uint64_t elements = 1, rows = 0;
  size_t rank = sizeOf(weight.shape());
  if (!isAligned(weight.shape()) || !isAligned(weight.source_rows()))
    return bad("the program is malformed");
  if (rank != 1 && rank != 2)
    return bad(where + " is neither a matrix nor a vector");
  for (uint64_t size : *weight.shape())
    if (size == 0 || __builtin_mul_overflow(elements, size, &elements))
      return bad(where + " has an impossible shape");
  if (sizeOf(weight.source_rows()) != sizeOf(weight.sources()))
    return bad(where + " does not say how many rows each source has");
  for (uint64_t count : *weight.source_rows())
    if (count == 0 || __builtin_add_overflow(rows, count, &rows))
      return bad(where + " has a source without rows");
  if (elements % rows != 0 || (rank == 2 && rows != weight.shape()->Get(0)))
    return bad(where + " has sources that do not add up to its shape");
  if (!packedElementOf(weight.element()))
    return bad(where + " has an element type that is not supported");
  PackedLayout layout = weightLayout(weight);
  if (!layout.valid())
    return bad(where + " has an impossible layout");
  if (weight.size() != static_cast<uint64_t>(layout.totalBytes()))
    return bad(where + " has " + std::to_string(weight.size()) +
               " bytes where its shape needs " +
               std::to_string(layout.totalBytes()));
  return {};
}

Status validateWeights(const fbs::Program &program) {
  const bool synthetic = program.synthetic();
  uint64_t segmentSize = synthetic ? kMaxWeightBytes : 0;
  for (const fbs::Segment *segment : *program.segments())
    if (segment->kind() == fbs::SegmentKind::Weights) {
      if (synthetic)
        return bad("the program has weights, though they are to be synthetic");
      segmentSize = segment->size();
    }

  struct Extent {
    uint64_t begin, end;
    const fbs::Weight *weight;
  };
  std::vector<Extent> extents;
  for (size_t i = 0; i < sizeOf(program.weights()); ++i) {
    const fbs::Weight &weight =
        *program.weights()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (!isText(weight.name()))
      return bad("weight " + std::to_string(i) + " has no name");
    std::string where = "weight " + weight.name()->str();
    if (weight.layer() < -1 ||
        weight.layer() >= static_cast<int64_t>(program.model()->num_layers()))
      return bad(where + " is of a layer that the model lacks");
    if (sizeOf(weight.sources()) == 0 || !areTexts(weight.sources()))
      return bad(where + " does not name its sources");
    SWALLOW_TRY(validateWeightLayout(weight, where));
    if (synthetic && weight.hash())
      return bad(where + " is synthetic and has a hash");
    if (!synthetic && sizeOf(weight.hash()) != std::tuple_size_v<Hash128>)
      return bad(where + " has no hash");
    if (weight.offset() % format::kWeightAlignment != 0 ||
        weight.offset() > segmentSize ||
        weight.size() > segmentSize - weight.offset())
      return bad(where + " lies outside the weights segment");
    extents.push_back(
        {weight.offset(), weight.offset() + weight.size(), &weight});
  }
  std::sort(extents.begin(), extents.end(),
            [](const Extent &a, const Extent &b) { return a.begin < b.begin; });
  for (size_t i = 1; i < extents.size(); ++i)
    if (extents[i].begin < extents[i - 1].end)
      return bad("weight " + extents[i].weight->name()->str() +
                 " overlaps weight " + extents[i - 1].weight->name()->str());
  return {};
}

// Whether the sequences are tokens of the vocabulary with a bias.
bool validBiases(
    const flatbuffers::Vector<flatbuffers::Offset<fbs::SequenceBias>> *biases,
    uint32_t vocabSize) {
  if (!biases)
    return true;
  for (const fbs::SequenceBias *entry : *biases) {
    if (sizeOf(entry->ids()) == 0 ||
        !(entry->bias() < std::numeric_limits<double>::infinity()))
      return false;
    for (int32_t id : *entry->ids())
      if (id < 0 || static_cast<uint32_t>(id) >= vocabSize)
        return false;
  }
  return true;
}

// Whether C strings can hold them, and none is empty.
bool validStrings(
    const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>
        *strings) {
  if (strings)
    for (const flatbuffers::String *string : *strings)
      if (string->size() == 0 ||
          string->string_view().find('\0') != std::string_view::npos)
        return false;
  return true;
}

Status validateGeneration(const fbs::GenerationDefaults *generation,
                          uint32_t vocabSize) {
  if (!generation)
    return {};
  const fbs::GenerationDefaults &g = *generation;
  auto within = [](double value, double low, double high) {
    return value >= low && value <= high; // false for NaN
  };
  auto tokens = [](const flatbuffers::Vector<int32_t> *ids, int64_t limit) {
    if (ids)
      for (int32_t id : *ids)
        if (id < 0 || id >= limit)
          return false;
    return true;
  };
  const double large = 1e9;
  // Token ids that are only compared may be beyond the vocabulary, as in some
  // published checkpoints.
  const int64_t any = int64_t(1) << 31;
  if (g.bos_token_id() < -1 || g.pad_token_id() < -1 ||
      g.max_new_tokens() < -1 || g.max_length() < -1 || g.max_length() == 0 ||
      g.min_new_tokens() < 0 || g.min_length() < 0 ||
      g.no_repeat_ngram_size() < 0 || g.decay_penalty_start() < 0 ||
      g.forced_bos_token_id() < -1 ||
      g.forced_bos_token_id() >= int64_t(vocabSize) ||
      !tokens(g.eos_token_ids(), any) || !tokens(g.suppress_tokens(), any) ||
      !tokens(g.begin_suppress_tokens(), any) ||
      !tokens(g.forced_eos_token_ids(), vocabSize) ||
      !validBiases(g.sequence_bias(), vocabSize) ||
      !validStrings(g.stop_strings()) || !within(g.temperature(), 0, large) ||
      g.top_k() < 0 || !within(g.top_p(), 0, 1) || !within(g.min_p(), 0, 1) ||
      !within(g.top_h(), 0, 1) || !within(g.typical_p(), 1e-9, 1) ||
      !within(g.epsilon_cutoff(), 0, 1) || !within(g.eta_cutoff(), 0, 1) ||
      !within(g.repetition_penalty(), 1e-6f, large) ||
      !within(g.decay_penalty_factor(), 1e-6, large))
    return bad("a generation default is out of its range");
  return {};
}

Status validateProbe(const fbs::Probe *probe, const fbs::ModelInfo &model) {
  if (!probe)
    return {};
  uint64_t count = sizeOf(probe->token_ids());
  if (count == 0 || count > model.max_position_embeddings())
    return bad("the probe's prompt is empty or longer than the context");
  for (int32_t id : *probe->token_ids())
    if (id < 0 || static_cast<uint32_t>(id) >= model.vocab_size())
      return bad("the probe has a token outside the vocabulary");
  if (sizeOf(probe->logits()) != count * model.vocab_size())
    return bad("the probe has not one logit for each token and vocabulary "
               "entry");
  for (float logit : *probe->logits())
    if (!std::isfinite(logit))
      return bad("the probe has a logit that is not finite");
  if (!std::isfinite(probe->logit_rms()) || probe->logit_rms() < 0 ||
      !std::isfinite(probe->tolerance()) || probe->tolerance() <= 0)
    return bad("the probe's tolerance is not a positive number");
  return {};
}

Status validateSpecialTokens(const fbs::Program &program) {
  for (size_t i = 0; i < sizeOf(program.special_tokens()); ++i) {
    const fbs::SpecialToken &token =
        *program.special_tokens()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (!isText(token.name()))
      return bad("special token " + std::to_string(i) + " has no name");
    // Whatever its text is: nobody prints it, and a token may be a newline.
    if (!token.text() || token.text()->size() > kMaxText)
      return bad("special token " + token.name()->str() +
                 " has no text, or a very long one");
    if (i > 0 && token.name()->string_view() <=
                     program.special_tokens()
                         ->Get(static_cast<flatbuffers::uoffset_t>(i - 1))
                         ->name()
                         ->string_view())
      return bad("special token " + token.name()->str() +
                 " is not where it should be");
  }
  return {};
}

} // namespace

Result<const fbs::Program *>
swallow::verifyProgram(std::span<const uint8_t> bytes) {
  const uint32_t maxDepth = 16;
  const uint32_t maxTables = 1u << 20;
  if (bytes.size() > format::kMaxProgramBytes)
    return bad("the program is too large");
  flatbuffers::Verifier verifier(bytes.data(), bytes.size(), maxDepth,
                                 maxTables);
  if (!fbs::VerifyProgramBuffer(verifier))
    return bad("the program is malformed");
  return fbs::GetProgram(bytes.data());
}

Status swallow::validateSegments(const fbs::Program &program, uint64_t bytes) {
  if (sizeOf(program.segments()) == 0)
    return bad("the program has no segments");
  uint64_t end = 0;
  std::set<fbs::SegmentKind> seen;
  std::set<std::string_view> templates;
  for (size_t i = 0; i < program.segments()->size(); ++i) {
    const fbs::Segment &segment =
        *program.segments()->Get(static_cast<flatbuffers::uoffset_t>(i));
    std::string where = "segment " + std::to_string(i);
    if (segment.kind() > fbs::SegmentKind::MAX)
      return bad(where + " is of an unknown kind");
    if (!isText(segment.name()))
      return bad(where + " has no name");
    where = "segment " + segment.name()->str();
    if (segment.kind() == fbs::SegmentKind::ChatTemplate) {
      if (!templates.insert(segment.name()->string_view()).second)
        return bad(where + " is the second chat template of its name");
    } else if (segment.kind() != fbs::SegmentKind::Code &&
               !seen.insert(segment.kind()).second) {
      return bad(where + " is the second of its kind");
    }
    // `end` is at most bytes <= 2^63, so rounding it up cannot overflow.
    if (segment.offset() != format::alignUp(end, format::kAlignment) ||
        segment.offset() > bytes || segment.size() > bytes - segment.offset())
      return bad(where + " is not where it should be");
    end = segment.offset() + segment.size();
    size_t hash = segment.kind() == fbs::SegmentKind::Weights
                      ? 0
                      : std::tuple_size_v<Hash128>;
    if (sizeOf(segment.hash()) != hash)
      return bad(where + " has a malformed hash");
  }
  if (end != bytes)
    return bad("the segments do not end where the file does");
  return {};
}

Status swallow::validateProgram(const fbs::Program &program) {
  if (program.abi_version() != SWALLOW_ABI_VERSION)
    return {ErrorCode::VersionMismatch,
            "its code is made for step interface " +
                std::to_string(program.abi_version()) +
                ", this runtime has step interface " +
                std::to_string(SWALLOW_ABI_VERSION) +
                "; compile the model again"};
  if (!isText(program.compiler_version()))
    return bad("the program does not name its compiler");
  if (sizeOf(program.source_hash()) != std::tuple_size_v<Hash128>)
    return bad("the program has no hash of its source");
  SWALLOW_TRY(validateModel(program.model()));
  SWALLOW_TRY(validateKv(program.kv(), *program.model()));
  SWALLOW_TRY(validateVariants(program));
  SWALLOW_TRY(validateWeights(program));
  SWALLOW_TRY(
      validateGeneration(program.generation(), program.model()->vocab_size()));
  SWALLOW_TRY(validateProbe(program.probe(), *program.model()));
  return validateSpecialTokens(program);
}
