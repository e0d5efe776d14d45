//===- StepBackend.h - where a session's steps run --------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_STEPBACKEND_H
#define SWALLOW_RUNTIME_ENGINE_STEPBACKEND_H

#include "runtime/engine/Likeliest.h"
#include "runtime/engine/MemoryPlan.h"
#include "runtime/engine/StageTimer.h"

#include <span>
#include <string>

namespace swallow {

/// What a step works on: pieces of plan.batchBytes of host memory, which the
/// session fills before each step.
struct StepBatch {
  int32_t *tokenIds = nullptr; // [maxStepTokens] each
  int32_t *positions = nullptr;
  int32_t *sequences = nullptr;
  int32_t *logitRows = nullptr;
  int32_t *blockTables = nullptr; // [maxSequences][blocksPerSequence]

  StepBatch() = default;
  StepBatch(int32_t *memory, int64_t maxStepTokens)
      : tokenIds(memory), positions(memory + maxStepTokens),
        sequences(memory + 2 * maxStepTokens),
        logitRows(memory + 3 * maxStepTokens),
        blockTables(memory + 4 * maxStepTokens) {}
};

/// What a machine can do, measured now.
struct MachineSpeeds {
  /// Bytes per second: of a CPU reading the weights; of a GPU reading and
  /// writing in copies within its memory, 0 where there was no room for one.
  double readSpeed = 0;
  double peak = 0;              // operations per second of `instruction`, or
  const char *instruction = ""; // 0 and "" where none is known
  // Of a GPU alone.
  bool onGpu = false;
  double nominalReadSpeed = 0; // by its clock and its width; 0: not known
  uint64_t memoryBytes = 0;    // of the device, and what
  uint64_t memoryFree = 0;     // no process has taken of it
};

/// A device with the memory of one session: weights, keys and values,
/// activations. All of it is there before the first step. For one thread at a
/// time.
class StepBackend {
public:
  virtual ~StepBackend() = default;

  virtual StepBatch batch() = 0;
  /// Runs a step over the first rows of batch(). On a device that fails, what
  /// the step has stored is lost, and so is the session.
  virtual Status execute(int64_t numTokens, int64_t numLogits,
                         StepOutput output) = 0;
  /// [numLogits][vocab] of the last step, if that was its output.
  virtual const float *logits() const = 0;
  /// Of a row of logits of the last step, whatever its output.
  virtual Likeliest likeliest(int64_t row) const = 0;
  /// Copies block `from` of the KV pool to block `to`, in all layers.
  virtual Status copyBlock(int32_t from, int32_t to) = 0;

  /// The weights that steps read, where the CPU can read them too.
  virtual std::span<const uint8_t> weights() const { return {}; }
  /// A GPU's peak is nominal, not measured. Errors: those of the driver.
  virtual Result<MachineSpeeds> measureSpeeds() = 0;
  /// Of the CPU the stages, of a GPU the kernels. Empty unless the session was
  /// opened with `profile`.
  virtual std::span<const StageTime> stageTimes() const = 0;
  /// "cpu", or "cuda:0 (NVIDIA H200)".
  virtual const std::string &device() const = 0;
  /// What of the artifact runs: "native code", or on a GPU "cubin of ptxas
  /// 13.0.88", "PTX, compiled now" or "PTX, compiled before".
  virtual const std::string &code() const = 0;
  /// A line for the user about how it was opened, or nothing.
  virtual std::string notice() const { return {}; }
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_STEPBACKEND_H
