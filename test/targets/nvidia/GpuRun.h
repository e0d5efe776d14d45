//===- GpuRun.h - runs a step's kernels on the emulator ---------*- C++ -*-===//

#ifndef SWALLOW_TEST_TARGETS_NVIDIA_GPURUN_H
#define SWALLOW_TEST_TARGETS_NVIDIA_GPURUN_H

#include "compiler/Evaluator.h"
#include "runtime/engine/Likeliest.h"
#include "runtime/engine/StepProgram.h"
#include "runtime/packing/KvLayout.h"
#include "test/cuda-emulator/Emulator.h"
#include "test/targets/nvidia/GpuModule.h"

namespace swallow::test {

/// A conversation with a compiled step whose every buffer is an allocation of
/// its own, so that an access beyond one is found.
class GpuRun {
public:
  struct Sizes {
    int64_t maxStepTokens;
    int64_t sequences; // batches name them 0 .. sequences - 1
    int64_t context;   // positions per sequence
    KvElement kvElement;
  };
  /// `program` has the packed weights and describes the model; `module` must
  /// outlive the run.
  static Result<std::unique_ptr<GpuRun>>
  open(const GpuModule &module, const StepProgram &program, const Sizes &sizes);

  /// The logits of the rows that want them.
  Result<std::vector<float>> step(const EvalBatch &batch);
  /// What the kernels have chosen of each row of logits of the last step.
  const std::vector<Likeliest> &likeliest() const { return likeliest_; }

  /// What the checker has found, a line each.
  std::vector<std::string> findings() const;
  /// Counts of all launches of a kernel.
  const std::map<std::string, emulator::Counters> &counters() const {
    return counters_;
  }

private:
  explicit GpuRun(const GpuModule &source) : source_(source) {}
  Result<uint64_t> allocate(uint64_t bytes);
  Result<uint64_t> upload(const void *data, uint64_t bytes);

  const GpuModule &source_;
  const fbs::ModelInfo *model_ = nullptr;
  emulator::DeviceMemory memory_;
  std::unique_ptr<emulator::Module> module_;
  emulator::Executor executor_;
  std::map<std::string, emulator::Counters> counters_;
  uint64_t weights_ = 0, kv_ = 0, tables_ = 0;
  uint64_t keys_ = 0; // of the likeliest tokens
  std::vector<uint64_t> slots_;
  std::vector<Likeliest> likeliest_;
  int64_t blocksPerSequence_ = 0, kvLayerStride_ = 0;
  KvElement kvElement_ = KvElement::BF16;
};

} // namespace swallow::test

#endif // SWALLOW_TEST_TARGETS_NVIDIA_GPURUN_H
