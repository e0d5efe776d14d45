//===- Session.h - sequences and the steps that extend them -----*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_SESSION_H
#define SWALLOW_RUNTIME_ENGINE_SESSION_H

#include "runtime/device/Memory.h"
#include "runtime/device/MicroKernels.h"
#include "runtime/device/ThreadTeam.h"
#include "runtime/engine/BlockPool.h"
#include "runtime/engine/MemoryPlan.h"
#include "runtime/engine/StageTimer.h"
#include "runtime/engine/StepProgram.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace swallow {

/// Names a sequence of a session; never used twice.
using SequenceId = int64_t;

/// One token of a step.
struct StepRow {
  SequenceId sequence;
  int32_t token;
  bool wantsLogits;
};

/// A model with memory, threads and sequences. All memory is taken when it
/// opens; steps allocate nothing. For one thread at a time.
class Session {
public:
  /// The plan that open() would make. Resolves options.threads and
  /// options.memoryLimit from the machine where they are 0.
  static Result<MemoryPlan> plan(const fbs::ModelInfo &model,
                                 const fbs::KvPlan &kv,
                                 const fbs::Variant &variant,
                                 uint64_t weightsBytes, SessionOptions options);

  /// options.variant plays no part here: `program` is of one variant. Synthetic
  /// weights are made, with options.hugePages or without. Errors:
  /// those of planMemory, MicroKernels::create and ThreadTeam::create, and
  /// OutOfMemory when the system refuses an allocation.
  static Result<std::unique_ptr<Session>> open(StepProgram program,
                                               const SessionOptions &options);

  ~Session();
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  const MemoryPlan &memoryPlan() const { return plan_; }
  const StepProgram &program() const { return program_; }
  /// The weights that steps read, in the file or in memory of the session.
  std::span<const uint8_t> weights() const {
    if (weights_.size() > 0)
      return {weights_.data(), weights_.size()};
    return program_.weights;
  }
  int64_t vocabSize() const { return program_.model->vocab_size(); }

  /// OutOfRange when there are maxSequences of them.
  Result<SequenceId> createSequence();
  Status removeSequence(SequenceId id);
  Result<int64_t> sequenceLength(SequenceId id) const;
  /// Forgets the tokens from `length` on and frees their blocks. With a
  /// sliding window only 0 is possible (InvalidArgument): the ring no longer
  /// holds the keys that the shorter sequence needs.
  Status truncateSequence(SequenceId id, int64_t length);
  /// A new sequence that holds what `source` holds: its keys and values are
  /// copied, windowed or not. Logits of the last step stay. OutOfRange when
  /// there are maxSequences.
  Result<SequenceId> forkSequence(SequenceId source);

  /// Appends each row's token to its sequence, in order. Rows of several
  /// sequences may be mixed in any way. Everything is checked before anything
  /// changes. Errors: InvalidArgument (no rows, unknown sequence),
  /// InvalidToken, ContextExceeded, OutOfRange (more rows than maxStepTokens,
  /// more with logits than maxLogitRows).
  Status step(std::span<const StepRow> rows);

  /// Appends `tokens` to one sequence in steps of at most maxStepTokens; the
  /// last token has logits afterwards. Checked as a whole first.
  Status prefill(SequenceId id, std::span<const int32_t> tokens);

  /// Rows of the last step that wanted logits, in order, [vocabSize] each.
  int64_t numLogits() const { return numLogits_; }
  std::span<const float> logits(int64_t row) const;

  /// Blocks that no sequence owns.
  int64_t freeBlocks() const { return pool_.numFree(); }

  /// What the machine can do on this session's threads, measured now.
  struct Limits {
    double readSpeed = 0;         // bytes per second, over weights()
    double peak = 0;              // operations per second of `instruction`, or
    const char *instruction = ""; // 0 and "" where none is known
  };
  Limits measureLimits();

  /// Times of the stages on thread 0; empty unless options.profile.
  std::span<const StageTime> stageTimes() const;

private:
  struct Sequence {
    int64_t generation = 0; // part of the id; odd while alive
    int64_t length = 0;     // tokens
    int64_t blocks = 0;     // owned, the first entries of its table row
    int64_t pending = 0;    // rows in the step being checked
  };

  Session(StepProgram program, MemoryPlan plan);
  Status allocate(const SessionOptions &options);
  Result<int64_t> slotOf(SequenceId id) const;
  int32_t *tableOf(int64_t slot) const {
    return blockTables_ + slot * plan_.blocksPerSequence;
  }
  int64_t blocksFor(int64_t length) const;
  void freeBlocksFrom(int64_t slot, int64_t firstBlock);
  Status checkLength(const Sequence &sequence, int64_t extra) const;
  void execute(int64_t numTokens);

  static void barrierService(void *context, int64_t thread);
  static void brgemmService(void *context, int64_t thread, int64_t index,
                            const void *a, const void *b, float *c);
  static void traceService(void *context, int64_t thread, int64_t stage,
                           int64_t layer);

  StepProgram program_;
  MemoryPlan plan_;
  std::unique_ptr<ThreadTeam> team_;
  std::unique_ptr<MicroKernels> microKernels_;
  std::unique_ptr<StageTimer> timer_;
  BlockPool pool_;
  std::vector<Sequence> sequences_;   // [maxSequences]
  std::vector<int64_t> touched_;      // slots of the step being checked
  std::vector<StepRow> prefillRows_;  // [maxStepTokens]
  std::vector<int64_t> arenaOffsets_; // of SwallowStepArgs

  PageMapping kv_, arena_, logits_, batch_;
  PageMapping weights_;         // empty if they stay in the file
  int32_t *tokenIds_ = nullptr; // these five lie in batch_
  int32_t *positions_ = nullptr;
  int32_t *rowSequences_ = nullptr;
  int32_t *logitRows_ = nullptr;
  int32_t *blockTables_ = nullptr; // [maxSequences][blocksPerSequence]
  int64_t numLogits_ = 0;
  SwallowServices services_{};
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_SESSION_H
