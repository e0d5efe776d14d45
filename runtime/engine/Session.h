//===- Session.h - sequences and the steps that extend them -----*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_SESSION_H
#define SWALLOW_RUNTIME_ENGINE_SESSION_H

#include "runtime/engine/BlockPool.h"
#include "runtime/engine/MemoryPlan.h"
#include "runtime/engine/StepBackend.h"
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

/// A model with a device, memory and sequences. All memory is taken when it
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
  /// those of planMemory, openCpuBackend and openCudaBackend.
  static Result<std::unique_ptr<Session>> open(StepProgram program,
                                               const SessionOptions &options);

  ~Session();
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  const MemoryPlan &memoryPlan() const { return plan_; }
  const StepProgram &program() const { return program_; }
  /// The weights that steps read, in the file or in memory of the session;
  /// empty where they are on a GPU.
  std::span<const uint8_t> weights() const { return backend_->weights(); }
  /// Where steps run: "cpu", or "cuda:0 (NVIDIA H200)".
  const std::string &device() const { return backend_->device(); }
  /// What of the artifact runs, as StepBackend::code.
  const std::string &code() const { return backend_->code(); }
  /// A line for the user about how the device was opened, or nothing.
  std::string notice() const { return backend_->notice(); }
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

  /// Appends each row's token to its sequence, in order; the rows that want
  /// logits have `output` afterwards. Rows of several
  /// sequences may be mixed in any way. Everything is checked before anything
  /// changes. Errors: InvalidArgument (no rows, unknown sequence),
  /// InvalidToken, ContextExceeded, OutOfRange (more rows than maxStepTokens,
  /// more with logits than maxLogitRows). A GPU may fail in the step
  /// (DeviceError); the session is then of no more use.
  Status step(std::span<const StepRow> rows,
              StepOutput output = StepOutput::Logits);

  /// Appends `tokens` to one sequence in steps of at most maxStepTokens; the
  /// last token has `output` afterwards. Checked as a whole first.
  Status prefill(SequenceId id, std::span<const int32_t> tokens,
                 StepOutput output = StepOutput::Logits);

  /// Rows of the last step that wanted logits.
  int64_t numLogits() const { return numLogits_; }
  /// What they have, and in order: logits, [vocabSize] each, only where that is
  /// StepOutput::Logits, the likeliest token always.
  StepOutput output() const { return output_; }
  std::span<const float> logits(int64_t row) const;
  Likeliest likeliest(int64_t row) const;

  /// Blocks that no sequence owns.
  int64_t freeBlocks() const { return pool_.numFree(); }

  /// What the machine can do on this session's threads, measured now.
  Result<MachineSpeeds> measureSpeeds() { return backend_->measureSpeeds(); }

  /// Times of the stages on thread 0, or of a GPU's kernels; empty unless
  /// options.profile.
  std::span<const StageTime> stageTimes() const {
    return backend_->stageTimes();
  }

private:
  struct Sequence {
    int64_t generation = 0; // part of the id; odd while alive
    int64_t length = 0;     // tokens
    int64_t blocks = 0;     // owned, the first entries of its table row
    int64_t pending = 0;    // rows in the step being checked
  };

  Session(StepProgram program, MemoryPlan plan);
  Result<int64_t> slotOf(SequenceId id) const;
  int32_t *tableOf(int64_t slot) const {
    return batch_.blockTables + slot * plan_.blocksPerSequence;
  }
  int64_t blocksFor(int64_t length) const;
  void freeBlocksFrom(int64_t slot, int64_t firstBlock);
  Status checkLength(const Sequence &sequence, int64_t extra) const;

  StepProgram program_;
  MemoryPlan plan_;
  std::unique_ptr<StepBackend> backend_; // refers to the two above
  BlockPool pool_;
  std::vector<Sequence> sequences_;  // [maxSequences]
  std::vector<int64_t> touched_;     // slots of the step being checked
  std::vector<StepRow> prefillRows_; // [maxStepTokens]
  StepBatch batch_;                  // of the backend
  int64_t numLogits_ = 0;
  StepOutput output_ = StepOutput::Logits;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_SESSION_H
