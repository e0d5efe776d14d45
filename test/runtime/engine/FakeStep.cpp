#include "test/runtime/engine/FakeStep.h"

#include "runtime/packing/KvLayout.h"

#include <cstring>

namespace swallow::test {

std::atomic<int64_t> violations{0};

namespace {

FakeModel current;

// KV of one head of two f32: the token and its position plus the layer. They
// are kept in the room of the keys, position after position.
constexpr KvBlockLayout kBlock{1, 2, KvElement::F32};

enum Slot { Rows, Scratch, PerSequence, kSlots };
constexpr uint64_t kRowBytes = 64, kScratchBytes = 128, kSequenceBytes = 64;

void require(bool condition) {
  if (!condition)
    violations.fetch_add(1);
}

float *kvEntry(const SwallowStepArgs &args, int64_t layer, int64_t sequence,
               int64_t position) {
  int64_t entry = position / SWALLOW_KV_BLOCK_TOKENS % args.block_table_stride;
  int64_t block = args.block_tables[sequence * args.block_table_stride + entry];
  int64_t blockBytes = kBlock.blockBytes();
  require(block >= 0 && (block + 1) * blockBytes <= args.kv_layer_stride);
  float *keys = reinterpret_cast<float *>(
      args.kv + layer * args.kv_layer_stride + block * blockBytes);
  return keys + position % SWALLOW_KV_BLOCK_TOKENS * 2;
}

/// What a row sees, folded into one number that f32 holds exactly.
float fold(int64_t sum) { return float(sum % 65521); }

void checkArguments(const SwallowStepArgs &args) {
  require(args.num_tokens >= 1);
  require(args.num_logits >= 0 && args.num_logits <= args.num_tokens);
  for (const void *pointer : {static_cast<const void *>(args.kv),
                              static_cast<const void *>(args.arena),
                              static_cast<const void *>(args.weights)})
    require(reinterpret_cast<uintptr_t>(pointer) % 64 == 0);
  for (int64_t row = 0; row < args.num_tokens; ++row) {
    require(args.token_ids[row] >= 0 && args.token_ids[row] < current.vocab);
    require(args.positions[row] >= 0);
  }
  for (int64_t i = 0; i < args.num_logits; ++i)
    require(args.logit_rows[i] >= 0 && args.logit_rows[i] < args.num_tokens &&
            (i == 0 || args.logit_rows[i] > args.logit_rows[i - 1]));
}

void fakeStep(const SwallowStepArgs *arguments, int64_t thread,
              int64_t numThreads) {
  const SwallowStepArgs &args = *arguments;
  const SwallowServices &services = *args.services;
  require(thread >= 0 && thread < numThreads);
  if (thread == 0)
    checkArguments(args);

  // Each piece of the arena is written in full, by one thread, and must still
  // hold that when all have written theirs.
  int64_t tiles = (args.num_tokens + SWALLOW_TILE_ROWS - 1) / SWALLOW_TILE_ROWS;
  uint8_t *rows = args.arena + args.arena_offsets[Rows];
  uint8_t *scratch = args.arena + args.arena_offsets[Scratch] +
                     uint64_t(thread) * kScratchBytes;
  std::memset(scratch, int(thread) + 1, kScratchBytes);
  for (int64_t row = thread; row < tiles * SWALLOW_TILE_ROWS; row += numThreads)
    std::memset(rows + uint64_t(row) * kRowBytes, int(row % 100) + 100,
                kRowBytes);
  if (thread == 0)
    std::memset(args.arena + args.arena_offsets[PerSequence], 99,
                kSequenceBytes);

  auto claim = [&] { return services.claim(services.context, thread); };
  for (int64_t row = claim(); row < args.num_tokens; row = claim())
    for (int64_t layer = 0; layer < current.layers; ++layer) {
      float *entry =
          kvEntry(args, layer, args.sequences[row], args.positions[row]);
      entry[0] = float(args.token_ids[row]);
      entry[1] = float(args.positions[row] + layer);
    }
  services.barrier(services.context, thread);
  if (services.trace)
    services.trace(services.context, thread, 0, -1);

  require(scratch[0] == uint8_t(thread + 1) &&
          scratch[kScratchBytes - 1] == uint8_t(thread + 1));
  for (int64_t row = thread; row < args.num_tokens; row += numThreads)
    require(rows[uint64_t(row) * kRowBytes] == uint8_t(row % 100 + 100));

  for (int64_t i = thread; i < args.num_logits; i += numThreads) {
    int64_t row = args.logit_rows[i], position = args.positions[row];
    int64_t first = current.window
                        ? std::max<int64_t>(0, position - current.window + 1)
                        : 0;
    int64_t sum = 0;
    for (int64_t j = first; j <= position; ++j)
      for (int64_t layer = 0; layer < current.layers; ++layer) {
        const float *entry = kvEntry(args, layer, args.sequences[row], j);
        sum += int64_t(entry[0]) * 31 + int64_t(entry[1]);
      }
    for (int64_t v = 0; v < current.vocab; ++v)
      args.logits[i * current.vocab + v] = fold(sum + v);
  }
  services.barrier(services.context, thread);
  if (services.trace)
    services.trace(services.context, thread, 1, -1);
}

template <typename Table> struct Packed {
  flatbuffers::FlatBufferBuilder builder;
  const Table *root = nullptr;

  template <typename Native> void pack(const Native &native) {
    builder.Finish(Table::Pack(builder, &native));
    root = flatbuffers::GetRoot<Table>(builder.GetBufferPointer());
  }
};

std::unique_ptr<fbs::AffineT> affine(uint64_t constant, uint64_t perToken,
                                     uint64_t perThread, uint64_t perSequence) {
  auto result = std::make_unique<fbs::AffineT>();
  result->constant = constant;
  result->per_token = perToken;
  result->per_thread = perThread;
  result->per_sequence = perSequence;
  return result;
}

} // namespace

StepProgram makeFakeProgram(const FakeModel &model) {
  current = model;
  struct Owner {
    Packed<fbs::ModelInfo> model;
    Packed<fbs::KvPlan> kv;
    Packed<fbs::Variant> variant;
    alignas(64) uint8_t weights[64] = {};
  };
  auto owner = std::make_shared<Owner>();

  fbs::ModelInfoT info;
  info.vocab_size = uint32_t(model.vocab);
  info.max_position_embeddings = uint32_t(model.maxPositions);
  owner->model.pack(info);

  fbs::KvPlanT kv;
  kv.layers = uint32_t(model.layers);
  kv.kv_heads = 1;
  kv.head_dim = 2;
  kv.block_tokens = SWALLOW_KV_BLOCK_TOKENS;
  kv.element = fbs::ElementType::F32;
  kv.window = uint32_t(model.window);
  owner->kv.pack(kv);

  fbs::VariantT variant;
  variant.name = "fake";
  variant.stages = {"append", "attend"};
  auto slot = [&](const char *name, std::unique_ptr<fbs::AffineT> offset,
                  std::unique_ptr<fbs::AffineT> size) {
    auto entry = std::make_unique<fbs::ArenaSlotT>();
    entry->name = name;
    entry->offset = std::move(offset);
    entry->size = std::move(size);
    variant.arena.push_back(std::move(entry));
  };
  slot("rows", affine(0, 0, 0, 0), affine(0, kRowBytes, 0, 0));
  slot("scratch", affine(0, kRowBytes, 0, 0), affine(0, 0, kScratchBytes, 0));
  slot("per_sequence", affine(0, kRowBytes, kScratchBytes, 0),
       affine(0, 0, 0, kSequenceBytes));
  variant.arena_size = affine(0, kRowBytes, kScratchBytes, kSequenceBytes);
  owner->variant.pack(variant);

  StepProgram program;
  program.step = fakeStep;
  program.model = owner->model.root;
  program.kv = owner->kv.root;
  program.variant = owner->variant.root;
  program.weights = owner->weights;
  program.owner = owner;
  return program;
}

float fakeLogit(const FakeModel &model, std::span<const int32_t> tokens,
                int64_t position, int64_t v) {
  int64_t sum = 0;
  for (int64_t j = 0; j <= position; ++j)
    if (model.window == 0 || position - j < model.window)
      for (int64_t layer = 0; layer < model.layers; ++layer)
        sum += int64_t(tokens[size_t(j)]) * 31 + j + layer;
  return fold(sum + v);
}

} // namespace swallow::test
