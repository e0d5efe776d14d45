#include "runtime/engine/MemoryPlan.h"

#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/Artifact.h"
#include "runtime/device/Memory.h"
#include "runtime/device/ThreadTeam.h"

#include <algorithm>

namespace swallow {

namespace {

constexpr int64_t kBlock = SWALLOW_KV_BLOCK_TOKENS;
// Limits that keep every product below 2^63 and ids within int32.
constexpr int64_t kMaxSequences = int64_t(1) << 20;
constexpr int64_t kMaxStepTokens = int64_t(1) << 20;
// Blocks that a GPU's grid has in y, where kernels count the rows of a step
// (CUDA C++ Programming Guide, "Compute Capabilities").
constexpr int64_t kMaxGpuStepTokens = 65535;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// a * b, saturating: a plan that large is refused by comparison.
uint64_t multiply(uint64_t a, uint64_t b) {
  uint64_t product;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

uint64_t add(uint64_t a, uint64_t b) {
  uint64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

Status checkRange(const char *what, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high)
    return {};
  return {ErrorCode::InvalidArgument,
          std::string(what) + " must be in " + std::to_string(low) + " .. " +
              std::to_string(high) + ", not " + std::to_string(value)};
}

/// The plan at one context length, not yet compared with any limit.
Result<MemoryPlan> planAt(int64_t context, const fbs::ModelInfo &model,
                          const fbs::KvPlan &kv, const fbs::Variant &variant,
                          uint64_t weightsBytes,
                          const SessionOptions &options) {
  MemoryPlan plan;
  plan.weightsBytes = weightsBytes;
  plan.weightsAllocated = options.hugePages ? weightsBytes : 0;
  plan.contextLength = context;
  plan.maxSequences = options.maxSequences;
  plan.maxStepTokens =
      std::min(options.maxStepTokens, context * options.maxSequences);
  plan.maxLogitRows = std::min(options.maxLogitRows ? options.maxLogitRows
                                                    : options.maxSequences,
                               plan.maxStepTokens);
  plan.threads = options.threads;

  plan.blocksPerSequence = ceilDiv(context, kBlock);
  if (kv.window() > 0)
    plan.blocksPerSequence = std::min(
        plan.blocksPerSequence,
        ceilDiv(int64_t(kv.window()) - 1 + plan.maxStepTokens, kBlock));
  plan.blocks = plan.blocksPerSequence * plan.maxSequences;
  if (plan.blocks > INT32_MAX)
    return Error{ErrorCode::InvalidArgument,
                 std::to_string(plan.maxSequences) + " sequences of " +
                     std::to_string(context) +
                     " tokens are more than a block table can name"};
  plan.kvElement = options.kvElement.value_or(kvElement(kv));
  plan.blockBytes = kvBlockBytes(kv, plan.kvElement);
  plan.kvLayerStride = multiply(plan.blockBytes, uint64_t(plan.blocks));
  plan.kvBytes = multiply(plan.kvLayerStride, kv.layers());

  PlanParameters parameters;
  parameters.tokens = uint64_t(ceilDiv(plan.maxStepTokens, SWALLOW_TILE_ROWS) *
                               SWALLOW_TILE_ROWS);
  parameters.threads = uint64_t(plan.threads);
  parameters.sequences = uint64_t(plan.maxSequences);
  SWALLOW_ASSIGN(plan.arenaBytes, evaluate(variant.arena_size(), parameters));
  if (variant.arena())
    for (const fbs::ArenaSlot *slot : *variant.arena()) {
      SWALLOW_ASSIGN(uint64_t offset, evaluate(slot->offset(), parameters));
      SWALLOW_ASSIGN(uint64_t size, evaluate(slot->size(), parameters));
      if (offset % 64 != 0 || offset > plan.arenaBytes ||
          size > plan.arenaBytes - offset)
        return Error{ErrorCode::Corrupt,
                     "arena slot '" +
                         (slot->name() ? slot->name()->str() : "") +
                         "' of variant " + variant.name()->str() +
                         " does not lie in the arena"};
      plan.arenaOffsets.push_back(offset);
      plan.arenaSizes.push_back(size);
    }

  plan.logitsBytes = multiply(uint64_t(plan.maxLogitRows),
                              multiply(model.vocab_size(), sizeof(float)));
  if (variant.gpu()) {
    plan.likeliestBytes = uint64_t(plan.maxLogitRows) * sizeof(uint64_t);
    plan.logitsBytes = add(plan.logitsBytes, plan.likeliestBytes);
  }
  // token_ids, positions, sequences, logit_rows; then the block tables.
  plan.batchBytes =
      uint64_t(4 * plan.maxStepTokens + plan.blocks) * sizeof(int32_t);
  plan.totalBytes = add(add(plan.kvBytes, plan.arenaBytes),
                        add(plan.logitsBytes, plan.batchBytes));
  plan.totalBytes = add(plan.totalBytes, plan.weightsAllocated);
  return plan;
}

} // namespace

Result<MemoryPlan> planMemory(const fbs::ModelInfo &model,
                              const fbs::KvPlan &kv,
                              const fbs::Variant &variant,
                              uint64_t weightsBytes,
                              const SessionOptions &options) {
  SWALLOW_TRY(checkRange("the number of sequences", options.maxSequences, 1,
                         kMaxSequences));
  SWALLOW_TRY(variant.gpu()
                  ? checkRange("on a GPU, the number of tokens in a step",
                               options.maxStepTokens, 1, kMaxGpuStepTokens)
                  : checkRange("the number of tokens in a step",
                               options.maxStepTokens, 1, kMaxStepTokens));
  SWALLOW_TRY(checkRange("the number of rows with logits", options.maxLogitRows,
                         0, kMaxStepTokens));
  SWALLOW_TRY(checkRange("the number of threads", options.threads, 1,
                         ThreadTeam::kMaxThreads));
  SWALLOW_TRY(
      checkRange("the memory limit", options.memoryLimit, 0, INT64_MAX));
  int64_t modelMax = model.max_position_embeddings();
  bool automatic = options.contextLength == SessionOptions::kContextAuto;
  int64_t context = options.contextLength;
  if (context == 0)
    context = std::min(modelMax, SessionOptions::kDefaultContext);
  if (automatic)
    context = modelMax;
  if (context > modelMax)
    return Error{ErrorCode::ContextExceeded,
                 "a context of " + std::to_string(context) +
                     " tokens exceeds the model's " + std::to_string(modelMax)};
  SWALLOW_TRY(checkRange("the context length", context, 1, modelMax));

  uint64_t limit =
      options.memoryLimit ? uint64_t(options.memoryLimit) : UINT64_MAX - 1;
  // Decoding reads all weights for each token: a context that pushes them out
  // of the page cache is not one that fits.
  uint64_t cached = options.hugePages ? 0 : weightsBytes;
  uint64_t autoLimit = limit > cached ? limit - cached : 0;
  auto at = [&](int64_t tokens) {
    return planAt(tokens, model, kv, variant, weightsBytes, options);
  };
  // The largest whole number of blocks within `bytes`, 0 when none is. Sizes
  // grow with the context.
  auto largestWithin = [&](uint64_t bytes) {
    int64_t low = 0, high = ceilDiv(modelMax, kBlock);
    while (low < high) {
      int64_t middle = (low + high + 1) / 2;
      Result<MemoryPlan> plan = at(std::min(middle * kBlock, modelMax));
      if (plan.ok() && plan->totalBytes <= bytes)
        low = middle;
      else
        high = middle - 1;
    }
    return std::min(low * kBlock, modelMax);
  };

  if (automatic) {
    int64_t fitting = largestWithin(autoLimit);
    if (fitting == 0) {
      SWALLOW_ASSIGN(MemoryPlan least, at(std::min(kBlock, modelMax)));
      return Error{ErrorCode::OutOfMemory,
                   "even a context of " + std::to_string(least.contextLength) +
                       " tokens needs " +
                       formatBytes(least.totalBytes - least.weightsAllocated) +
                       " besides weights of " + formatBytes(weightsBytes) +
                       "; " + formatBytes(limit) + " are available"};
    }
    return at(fitting);
  }

  SWALLOW_ASSIGN(MemoryPlan plan, at(context));
  if (plan.totalBytes > limit) {
    int64_t fitting = largestWithin(limit);
    return Error{
        ErrorCode::OutOfMemory,
        "a context of " + std::to_string(context) + " tokens for " +
            std::to_string(plan.maxSequences) + " sequence(s) needs " +
            formatBytes(plan.totalBytes) + " (KV " + formatBytes(plan.kvBytes) +
            ", activations " + formatBytes(plan.arenaBytes) + ", logits " +
            formatBytes(plan.logitsBytes) +
            (plan.weightsAllocated
                 ? ", weights " + formatBytes(plan.weightsAllocated)
                 : "") +
            "), " + formatBytes(limit) + " are available" +
            (fitting > 0 ? "; a context of " + std::to_string(fitting) + " fits"
                         : "")};
  }
  return plan;
}

} // namespace swallow
