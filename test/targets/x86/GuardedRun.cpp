//===- GuardedRun.cpp - calls a compiled step between forbidden pages -----===//

#include "runtime/artifact/Artifact.h"
#include "runtime/device/MicroKernels.h"
#include "runtime/device/ThreadTeam.h"
#include "runtime/engine/MemoryPlan.h"
#include "test/targets/x86/KernelHarness.h"

#include <cstring>
#include <limits>
#include <numeric>

namespace swallow::test {

namespace {
/// Of floats, bf16 and i32 alike: NaN, NaN and -1. What a step reads without
/// having written it shows.
constexpr uint8_t kGarbage = 0xff;

GuardedMemory copyOf(const char *name, const std::vector<int32_t> &values) {
  GuardedMemory memory(name, values.size() * sizeof(int32_t), kGarbage);
  if (!values.empty())
    std::memcpy(memory.data(), values.data(), memory.size());
  return memory;
}

const int32_t *ints(const GuardedMemory &memory) {
  return reinterpret_cast<const int32_t *>(memory.data());
}
} // namespace

struct GuardedRun::Impl {
  StepProgram program;
  MemoryPlan plan;
  std::unique_ptr<ThreadTeam> team;
  std::unique_ptr<MicroKernels> kernels;
  GuardedMemory weights, kv, tables;
  std::vector<GuardedMemory> slots;
  uint8_t *arena = nullptr;         // the slot with the lowest address
  std::vector<int64_t> slotOffsets; // from arena
  SwallowServices services{};
  int64_t readStreams = 0;
  std::optional<int64_t> onlyClaimant;

  static void barrier(void *self, int64_t thread) {
    static_cast<Impl *>(self)->team->barrier(thread);
  }
  static int64_t claim(void *self, int64_t thread) {
    const Impl &impl = *static_cast<Impl *>(self);
    // To a thread that comes late nothing is left.
    if (impl.onlyClaimant && thread != *impl.onlyClaimant)
      return std::numeric_limits<int64_t>::max();
    return impl.team->claim();
  }
  static void brgemm(void *self, int64_t thread, int64_t index, const void *a,
                     const void *b, float *c) {
    static_cast<Impl *>(self)->kernels->execute(thread, index, a, b, c);
  }
};

GuardedRun::GuardedRun() : impl_(std::make_unique<Impl>()) {}
GuardedRun::~GuardedRun() = default;

Result<std::unique_ptr<GuardedRun>> GuardedRun::open(const StepProgram &program,
                                                     const Sizes &sizes) {
  std::unique_ptr<GuardedRun> run(new GuardedRun());
  Impl &impl = *run->impl_;
  impl.program = program;
  SessionOptions options;
  options.maxStepTokens = sizes.maxStepTokens;
  options.maxSequences = sizes.sequences;
  options.contextLength = sizes.context;
  options.threads = sizes.threads;
  options.kvElement = sizes.kvElement;
  SWALLOW_ASSIGN(impl.plan,
                 planMemory(*program.model, *program.kv, *program.variant,
                            program.weights.size(), options));
  SWALLOW_ASSIGN(impl.team, ThreadTeam::create(sizes.threads));

  auto type = [](fbs::ElementType element) {
    return element == fbs::ElementType::BF16 ? BrgemmType::BF16
           : element == fbs::ElementType::U8 ? BrgemmType::U8
           : element == fbs::ElementType::I8 ? BrgemmType::S8
                                             : BrgemmType::F32;
  };
  // FlatBuffers leave empty lists out.
  std::vector<BrgemmSpec> specs;
  if (program.variant->brgemms())
    for (const fbs::Brgemm *b : *program.variant->brgemms())
      specs.push_back({b->m(), b->n(), b->k(), b->lda(), b->ldb(), b->ldc(),
                       type(b->a()), type(b->b()), b->accumulate()});
  std::vector<std::string> features;
  for (const flatbuffers::String *feature : *program.variant->features())
    features.push_back(feature->str());
  SWALLOW_ASSIGN(MicroKernelIsa isa, microKernelIsa(features));
  SWALLOW_ASSIGN(impl.kernels, MicroKernels::create(specs, isa, sizes.threads));

  // Weights start at multiples of 64 bytes and may be read in whole vectors to
  // the next.
  size_t weightBytes = (program.weights.size() + 63) / 64 * 64;
  impl.weights = GuardedMemory("weights", weightBytes, 0);
  std::memcpy(impl.weights.data(), program.weights.data(),
              program.weights.size());
  impl.kv = GuardedMemory("kv", impl.plan.kvBytes, kGarbage);
  // Blocks in no order, so that a wrong table lookup shows.
  std::vector<int32_t> blocks(static_cast<size_t>(impl.plan.blocks));
  std::iota(blocks.rbegin(), blocks.rend(), 0);
  for (size_t i = 0; i + 2 < blocks.size(); i += 3)
    std::swap(blocks[i], blocks[i + 2]);
  impl.tables = copyOf("block_tables", blocks);
  // Slots that share bytes in the plan have their own here: sharing is tested
  // with sessions, overruns here.
  for (size_t i = 0; i < impl.plan.arenaSizes.size(); ++i) {
    std::string name = program.variant->arena()
                           ->Get(static_cast<flatbuffers::uoffset_t>(i))
                           ->name()
                           ->str();
    impl.slots.emplace_back(name, impl.plan.arenaSizes[i], kGarbage);
    if (!impl.arena || impl.slots[i].data() < impl.arena)
      impl.arena = impl.slots[i].data();
  }
  for (const GuardedMemory &slot : impl.slots)
    impl.slotOffsets.push_back(slot.data() - impl.arena);
  impl.readStreams = sizes.readStreams;
  impl.onlyClaimant = sizes.onlyClaimant;
  impl.services.context = &impl;
  impl.services.barrier = Impl::barrier;
  impl.services.brgemm = Impl::brgemm;
  impl.services.claim = Impl::claim;
  return run;
}

std::vector<float> GuardedRun::step(const EvalBatch &batch) {
  Impl &impl = *impl_;
  GuardedMemory ids = copyOf("token_ids", batch.ids);
  GuardedMemory positions = copyOf("positions", batch.positions);
  GuardedMemory sequences = copyOf("sequences", batch.sequences);
  GuardedMemory rows = copyOf("logit_rows", batch.logitRows);
  size_t count =
      batch.logitRows.size() * size_t(impl.program.model->vocab_size());
  GuardedMemory logits("logits", count * sizeof(float), kGarbage);

  SwallowStepArgs args{};
  args.num_tokens = static_cast<int64_t>(batch.ids.size());
  args.num_logits = static_cast<int64_t>(batch.logitRows.size());
  args.token_ids = ints(ids);
  args.positions = ints(positions);
  args.sequences = ints(sequences);
  args.logit_rows = ints(rows);
  args.logits = reinterpret_cast<float *>(logits.data());
  args.block_tables = ints(impl.tables);
  args.block_table_stride = impl.plan.blocksPerSequence;
  args.kv = impl.kv.data();
  args.kv_layer_stride = static_cast<int64_t>(impl.plan.kvLayerStride);
  args.kv_element = static_cast<int64_t>(impl.plan.kvElement);
  args.weights = impl.weights.data();
  args.arena = impl.arena;
  args.arena_offsets = impl.slotOffsets.data();
  args.services = &impl.services;
  args.read_streams = impl.readStreams;
  impl.team->run([&](int64_t thread) {
    impl.program.step(&args, thread, impl.team->size());
  });
  std::vector<float> result(count);
  if (count)
    std::memcpy(result.data(), logits.data(), logits.size());
  return result;
}

std::string GuardedRun::damage() const {
  const Impl &impl = *impl_;
  for (size_t i = 0; i < impl.slots.size(); ++i)
    if (!impl.slots[i].frontIsUntouched())
      return "arena slot " + std::to_string(i);
  if (!impl.kv.frontIsUntouched())
    return "kv";
  return {};
}

} // namespace swallow::test
