#include "runtime/engine/Session.h"

#include "runtime/device/CpuTopology.h"
#include "runtime/device/MachineLimits.h"
#include "runtime/engine/WeightMemory.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <map>

namespace swallow {

Result<MemoryPlan> Session::plan(const fbs::ModelInfo &model,
                                 const fbs::KvPlan &kv,
                                 const fbs::Variant &variant,
                                 uint64_t weightsBytes,
                                 SessionOptions options) {
  if (options.threads == 0)
    options.threads = defaultThreadCount();
  if (options.memoryLimit == 0)
    options.memoryLimit = availableMemory();
  return planMemory(model, kv, variant, weightsBytes, options);
}

Session::Session(StepProgram program, MemoryPlan plan)
    : program_(std::move(program)), plan_(std::move(plan)),
      pool_(static_cast<int32_t>(plan_.blocks)),
      sequences_(static_cast<size_t>(plan_.maxSequences)),
      prefillRows_(static_cast<size_t>(plan_.maxStepTokens)),
      arenaOffsets_(plan_.arenaOffsets.begin(), plan_.arenaOffsets.end()) {
  touched_.reserve(sequences_.size());
}

Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::open(StepProgram program,
                                               const SessionOptions &given) {
  SessionOptions options = given;
  // Only a program with a table says what to copy or to make.
  options.hugePages =
      program.tables && (options.hugePages || program.synthetic());
  SWALLOW_ASSIGN(MemoryPlan plan,
                 Session::plan(*program.model, *program.kv, *program.variant,
                               program.weightsSize(), options));
  std::unique_ptr<Session> session(
      new Session(std::move(program), std::move(plan)));
  SWALLOW_TRY(session->allocate(options));
  return session;
}

static std::vector<BrgemmSpec> brgemmSpecs(const fbs::Variant &variant) {
  std::vector<BrgemmSpec> specs;
  auto type = [](fbs::ElementType element) {
    return element == fbs::ElementType::BF16 ? BrgemmType::BF16
           : element == fbs::ElementType::U8 ? BrgemmType::U8
           : element == fbs::ElementType::I8 ? BrgemmType::S8
                                             : BrgemmType::F32;
  };
  if (variant.brgemms())
    for (const fbs::Brgemm *b : *variant.brgemms())
      specs.push_back({b->m(), b->n(), b->k(), b->lda(), b->ldb(), b->ldc(),
                       type(b->a()), type(b->b()), b->accumulate()});
  return specs;
}

Status Session::allocate(const SessionOptions &options) {
  const fbs::Variant &variant = *program_.variant;
  SWALLOW_ASSIGN(kv_, PageMapping::allocate(plan_.kvBytes, "KV pool"));
  SWALLOW_ASSIGN(arena_,
                 PageMapping::allocate(plan_.arenaBytes, "activations"));
  SWALLOW_ASSIGN(logits_, PageMapping::allocate(plan_.logitsBytes, "logits"));
  SWALLOW_ASSIGN(batch_,
                 PageMapping::allocate(plan_.batchBytes, "step's description"));
  int32_t *next = reinterpret_cast<int32_t *>(batch_.data());
  for (int32_t **array :
       {&tokenIds_, &positions_, &rowSequences_, &logitRows_}) {
    *array = next;
    next += plan_.maxStepTokens;
  }
  blockTables_ = next;

  SWALLOW_ASSIGN(team_, ThreadTeam::create(plan_.threads));
  if (plan_.weightsAllocated > 0) {
    SWALLOW_ASSIGN(weights_, makeWeights(program_, *team_));
  }
  std::vector<BrgemmSpec> specs = brgemmSpecs(variant);
  MicroKernelIsa isa = MicroKernelIsa::Avx2;
  if (!specs.empty()) {
    std::vector<std::string> features;
    if (variant.features())
      for (const flatbuffers::String *feature : *variant.features())
        features.push_back(feature->str());
    SWALLOW_ASSIGN(isa, microKernelIsa(features));
  }
  SWALLOW_ASSIGN(microKernels_,
                 MicroKernels::create(specs, isa, plan_.threads));

  services_.context = this;
  services_.barrier = barrierService;
  services_.brgemm = brgemmService;
  if (options.profile) {
    std::vector<std::string> stages;
    if (variant.stages())
      for (const flatbuffers::String *stage : *variant.stages())
        stages.push_back(stage->str());
    timer_ = std::make_unique<StageTimer>(std::move(stages));
    services_.trace = traceService;
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Sequences
//===----------------------------------------------------------------------===//

// An id is generation * 2^20 + slot; the generation is odd while the sequence
// lives and advances when it is created and removed.
static constexpr int64_t kSlotBits = 20;

Result<int64_t> Session::slotOf(SequenceId id) const {
  int64_t slot = id & ((int64_t(1) << kSlotBits) - 1);
  if (id >= 0 && slot < plan_.maxSequences) {
    const Sequence &sequence = sequences_[static_cast<size_t>(slot)];
    if (sequence.generation == id >> kSlotBits && sequence.generation % 2 == 1)
      return slot;
  }
  return Error{ErrorCode::InvalidArgument, "there is no sequence " +
                                               std::to_string(id) +
                                               " in this session"};
}

Result<SequenceId> Session::createSequence() {
  for (size_t slot = 0; slot < sequences_.size(); ++slot) {
    Sequence &sequence = sequences_[slot];
    if (sequence.generation % 2 == 1)
      continue;
    ++sequence.generation;
    return (sequence.generation << kSlotBits) + static_cast<int64_t>(slot);
  }
  return Error{ErrorCode::OutOfRange, "the session has room for " +
                                          std::to_string(plan_.maxSequences) +
                                          " sequence(s) and all are in use"};
}

Status Session::removeSequence(SequenceId id) {
  SWALLOW_ASSIGN(int64_t slot, slotOf(id));
  freeBlocksFrom(slot, 0);
  Sequence &sequence = sequences_[static_cast<size_t>(slot)];
  sequence.length = 0;
  ++sequence.generation;
  return {};
}

Result<int64_t> Session::sequenceLength(SequenceId id) const {
  SWALLOW_ASSIGN(int64_t slot, slotOf(id));
  return sequences_[static_cast<size_t>(slot)].length;
}

Status Session::truncateSequence(SequenceId id, int64_t length) {
  SWALLOW_ASSIGN(int64_t slot, slotOf(id));
  Sequence &sequence = sequences_[static_cast<size_t>(slot)];
  if (length < 0 || length > sequence.length)
    return {ErrorCode::InvalidArgument,
            "cannot truncate a sequence of " + std::to_string(sequence.length) +
                " tokens to " + std::to_string(length)};
  if (length != 0 && length != sequence.length && program_.kv->window() > 0)
    return {ErrorCode::InvalidArgument,
            "a sequence with a sliding window can only be truncated to 0 "
            "tokens: older keys are gone"};
  sequence.length = length;
  freeBlocksFrom(slot, blocksFor(length));
  return {};
}

Result<SequenceId> Session::forkSequence(SequenceId source) {
  SWALLOW_ASSIGN(int64_t from, slotOf(source));
  SWALLOW_ASSIGN(SequenceId id, createSequence());
  SWALLOW_ASSIGN(int64_t to, slotOf(id));
  const Sequence &original = sequences_[static_cast<size_t>(from)];
  Sequence &copy = sequences_[static_cast<size_t>(to)];
  copy.length = original.length;
  // The pool has blocksPerSequence for each, so none can be missing.
  while (copy.blocks < original.blocks)
    tableOf(to)[copy.blocks++] = pool_.take();
  auto place = [&](int64_t layer, int32_t block) {
    return kv_.data() + static_cast<uint64_t>(layer) * plan_.kvLayerStride +
           static_cast<uint64_t>(block) * plan_.blockBytes;
  };
  for (int64_t layer = 0; layer < program_.kv->layers(); ++layer)
    for (int64_t i = 0; i < original.blocks; ++i)
      std::memcpy(place(layer, tableOf(to)[i]), place(layer, tableOf(from)[i]),
                  plan_.blockBytes);
  return id;
}

int64_t Session::blocksFor(int64_t length) const {
  return std::min((length + SWALLOW_KV_BLOCK_TOKENS - 1) /
                      SWALLOW_KV_BLOCK_TOKENS,
                  plan_.blocksPerSequence);
}

void Session::freeBlocksFrom(int64_t slot, int64_t firstBlock) {
  Sequence &sequence = sequences_[static_cast<size_t>(slot)];
  int32_t *table = tableOf(slot);
  while (sequence.blocks > firstBlock)
    pool_.give(table[--sequence.blocks]);
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

static Error invalidToken(int32_t token, int64_t vocabSize) {
  return {ErrorCode::InvalidToken, "token id " + std::to_string(token) +
                                       " is outside the vocabulary of " +
                                       std::to_string(vocabSize)};
}

Status Session::checkLength(const Sequence &sequence, int64_t extra) const {
  if (extra <= plan_.contextLength - sequence.length)
    return {};
  return {ErrorCode::ContextExceeded,
          std::to_string(sequence.length) + " tokens and " +
              std::to_string(extra) + " more exceed the context of " +
              std::to_string(plan_.contextLength)};
}

Status Session::step(std::span<const StepRow> rows) {
  if (rows.empty())
    return {ErrorCode::InvalidArgument, "a step needs at least one token"};
  if (int64_t(rows.size()) > plan_.maxStepTokens)
    return {ErrorCode::OutOfRange, "a step of " + std::to_string(rows.size()) +
                                       " tokens; this session allows " +
                                       std::to_string(plan_.maxStepTokens)};

  for (int64_t slot : touched_)
    sequences_[static_cast<size_t>(slot)].pending = 0;
  touched_.clear();
  int64_t numLogits = 0;
  for (size_t row = 0; row < rows.size(); ++row) {
    SWALLOW_ASSIGN(int64_t slot, slotOf(rows[row].sequence));
    Sequence &sequence = sequences_[static_cast<size_t>(slot)];
    if (rows[row].token < 0 || rows[row].token >= vocabSize())
      return invalidToken(rows[row].token, vocabSize());
    if (sequence.pending++ == 0)
      touched_.push_back(slot);
    numLogits += rows[row].wantsLogits;
  }
  if (numLogits > plan_.maxLogitRows)
    return {ErrorCode::OutOfRange,
            std::to_string(numLogits) +
                " rows want logits; this session allows " +
                std::to_string(plan_.maxLogitRows)};
  for (int64_t slot : touched_) {
    const Sequence &sequence = sequences_[static_cast<size_t>(slot)];
    SWALLOW_TRY(checkLength(sequence, sequence.pending));
  }

  // Nothing can fail from here on: the pool has blocksPerSequence for each.
  for (int64_t slot : touched_) {
    Sequence &sequence = sequences_[static_cast<size_t>(slot)];
    int64_t needed = blocksFor(sequence.length + sequence.pending);
    int32_t *table = tableOf(slot);
    while (sequence.blocks < needed)
      table[sequence.blocks++] = pool_.take();
  }
  numLogits_ = 0;
  for (size_t row = 0; row < rows.size(); ++row) {
    int64_t slot = rows[row].sequence & ((int64_t(1) << kSlotBits) - 1);
    Sequence &sequence = sequences_[static_cast<size_t>(slot)];
    tokenIds_[row] = rows[row].token;
    positions_[row] = static_cast<int32_t>(sequence.length++);
    rowSequences_[row] = static_cast<int32_t>(slot);
    if (rows[row].wantsLogits)
      logitRows_[numLogits_++] = static_cast<int32_t>(row);
  }
  execute(static_cast<int64_t>(rows.size()));
  return {};
}

// UBSan's check of function types looks in front of the function for what clang
// puts there; compiled code has nothing there, perhaps not even memory.
#if defined(__clang__)
__attribute__((no_sanitize("function")))
#endif
static void callStep(SwallowStepFn step, const SwallowStepArgs &args,
                     int64_t thread, int64_t numThreads) {
  step(&args, thread, numThreads);
}

void Session::execute(int64_t numTokens) {
  SwallowStepArgs args;
  args.num_tokens = numTokens;
  args.num_logits = numLogits_;
  args.token_ids = tokenIds_;
  args.positions = positions_;
  args.sequences = rowSequences_;
  args.logit_rows = logitRows_;
  args.logits = reinterpret_cast<float *>(logits_.data());
  args.block_tables = blockTables_;
  args.block_table_stride = plan_.blocksPerSequence;
  args.kv = kv_.data();
  args.kv_layer_stride = static_cast<int64_t>(plan_.kvLayerStride);
  args.kv_element = static_cast<int64_t>(plan_.kvElement);
  args.weights = weights().data();
  args.arena = arena_.data();
  args.arena_offsets = arenaOffsets_.data();
  args.services = &services_;
  args.read_streams = CpuFeatures::host().readStreams();
  if (timer_)
    timer_->beginStep();
  team_->run([&](int64_t thread) {
    callStep(program_.step, args, thread, team_->size());
  });
}

Status Session::prefill(SequenceId id, std::span<const int32_t> tokens) {
  SWALLOW_ASSIGN(int64_t slot, slotOf(id));
  if (tokens.empty())
    return {ErrorCode::InvalidArgument, "a prompt needs at least one token"};
  for (int32_t token : tokens)
    if (token < 0 || token >= vocabSize())
      return invalidToken(token, vocabSize());
  SWALLOW_TRY(checkLength(sequences_[static_cast<size_t>(slot)],
                          static_cast<int64_t>(tokens.size())));
  for (size_t done = 0; done < tokens.size();) {
    size_t count = std::min(prefillRows_.size(), tokens.size() - done);
    for (size_t row = 0; row < count; ++row)
      prefillRows_[row] = {id, tokens[done + row],
                           done + row + 1 == tokens.size()};
    SWALLOW_TRY(step({prefillRows_.data(), count}));
    done += count;
  }
  return {};
}

std::span<const float> Session::logits(int64_t row) const {
  assert(row >= 0 && row < numLogits_);
  const float *all = reinterpret_cast<const float *>(logits_.data());
  return {all + row * vocabSize(), static_cast<size_t>(vocabSize())};
}

// What most of the weights are multiplied as.
static ProductType productType(const StepProgram &program) {
  fbs::ElementType element = program.model->dtype();
  uint64_t most = 0;
  std::map<fbs::ElementType, uint64_t> bytes;
  if (program.tables && program.tables->weights())
    for (const fbs::Weight *weight : *program.tables->weights())
      if (uint64_t sum = bytes[weight->element()] += weight->size();
          sum > most) {
        most = sum;
        element = weight->element();
      }
  if (element == fbs::ElementType::F32)
    return ProductType::F32;
  return element == fbs::ElementType::BF16 ? ProductType::BF16
                                           : ProductType::I8;
}

Session::Limits Session::measureLimits() {
  Limits limits;
  limits.readSpeed = measureReadSpeed(*team_, weights());
  std::vector<std::string> features;
  if (program_.variant->features())
    for (const flatbuffers::String *feature : *program_.variant->features())
      features.push_back(feature->str());
  if (const ProductInstruction *instruction = productInstruction(
          productType(program_), CpuFeatures(std::move(features)))) {
    limits.peak = measurePeak(*team_, *instruction);
    limits.instruction = instruction->name;
  }
  return limits;
}

std::span<const StageTime> Session::stageTimes() const {
  return timer_ ? timer_->times() : std::span<const StageTime>();
}

//===----------------------------------------------------------------------===//
// Services
//===----------------------------------------------------------------------===//

void Session::barrierService(void *context, int64_t) {
  static_cast<Session *>(context)->team_->barrier();
}

void Session::brgemmService(void *context, int64_t thread, int64_t index,
                            const void *a, const void *b, float *c) {
  static_cast<Session *>(context)->microKernels_->execute(thread, index, a, b,
                                                          c);
}

void Session::traceService(void *context, int64_t thread, int64_t stage,
                           int64_t) {
  static_cast<Session *>(context)->timer_->endStage(thread, stage);
}

} // namespace swallow
