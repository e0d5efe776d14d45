#include "runtime/engine/Session.h"

#include "runtime/device/CpuTopology.h"
#include "runtime/device/Memory.h"
#include "runtime/engine/CpuBackend.h"
#include "runtime/engine/CudaBackend.h"

#include <algorithm>
#include <climits>

namespace swallow {

Result<MemoryPlan> Session::plan(const fbs::ModelInfo &model,
                                 const fbs::KvPlan &kv,
                                 const fbs::Variant &variant,
                                 uint64_t weightsBytes,
                                 SessionOptions options) {
  if (options.threads == 0)
    options.threads = defaultThreadCount();
  // A GPU's memory is not the machine's, and holds the weights too.
  options.hugePages |= variant.gpu() != nullptr;
  if (options.memoryLimit == 0 && !variant.gpu())
    options.memoryLimit = availableMemory();
  return planMemory(model, kv, variant, weightsBytes, options);
}

Session::Session(StepProgram program, MemoryPlan plan)
    : program_(std::move(program)), plan_(std::move(plan)),
      pool_(static_cast<int32_t>(plan_.blocks)),
      sequences_(static_cast<size_t>(plan_.maxSequences)),
      prefillRows_(static_cast<size_t>(plan_.maxStepTokens)) {
  touched_.reserve(sequences_.size());
}

Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::open(StepProgram program,
                                               const SessionOptions &given) {
  SessionOptions options = given;
  // Only a program with a table says what to copy or to make.
  options.hugePages =
      program.tables && (options.hugePages || program.synthetic());
  cuda::ContextPtr context;
  if (program.gpu) {
    SWALLOW_ASSIGN(context, openContext(*program.gpu, options));
  }
  SWALLOW_ASSIGN(MemoryPlan plan,
                 Session::plan(*program.model, *program.kv, *program.variant,
                               program.weightsSize(), options));
  std::unique_ptr<Session> session(
      new Session(std::move(program), std::move(plan)));
  if (context) {
    SWALLOW_ASSIGN(session->backend_,
                   openCudaBackend(session->program_, session->plan_,
                                   std::move(context), options.profile,
                                   options.weightsProgress));
  } else {
    SWALLOW_ASSIGN(session->backend_,
                   openCpuBackend(session->program_, session->plan_, options));
  }
  session->batch_ = session->backend_->batch();
  return session;
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
  for (int64_t i = 0; i < original.blocks; ++i)
    SWALLOW_TRY(backend_->copyBlock(tableOf(from)[i], tableOf(to)[i]));
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

Status Session::step(std::span<const StepRow> rows, StepOutput output) {
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

  // The pool has blocksPerSequence for each, so none can be missing.
  for (int64_t slot : touched_) {
    Sequence &sequence = sequences_[static_cast<size_t>(slot)];
    int64_t needed = blocksFor(sequence.length + sequence.pending);
    int32_t *table = tableOf(slot);
    while (sequence.blocks < needed)
      table[sequence.blocks++] = pool_.take();
  }
  numLogits_ = 0;
  output_ = output;
  for (size_t row = 0; row < rows.size(); ++row) {
    int64_t slot = rows[row].sequence & ((int64_t(1) << kSlotBits) - 1);
    Sequence &sequence = sequences_[static_cast<size_t>(slot)];
    batch_.tokenIds[row] = rows[row].token;
    batch_.positions[row] = static_cast<int32_t>(sequence.length++);
    batch_.sequences[row] = static_cast<int32_t>(slot);
    if (rows[row].wantsLogits)
      batch_.logitRows[numLogits_++] = static_cast<int32_t>(row);
  }
  return backend_->execute(static_cast<int64_t>(rows.size()), numLogits_,
                           output);
}

Status Session::prefill(SequenceId id, std::span<const int32_t> tokens,
                        StepOutput output) {
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
    SWALLOW_TRY(step({prefillRows_.data(), count}, output));
    done += count;
  }
  return {};
}

std::span<const float> Session::logits(int64_t row) const {
  assert(row >= 0 && row < numLogits_ && output_ == StepOutput::Logits);
  return {backend_->logits() + row * vocabSize(),
          static_cast<size_t>(vocabSize())};
}

Likeliest Session::likeliest(int64_t row) const {
  assert(row >= 0 && row < numLogits_);
  return backend_->likeliest(row);
}

} // namespace swallow
