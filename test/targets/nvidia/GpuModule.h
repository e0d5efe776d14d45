//===- GpuModule.h - a module of fused ops as PTX ---------------*- C++ -*-===//

#ifndef SWALLOW_TEST_TARGETS_NVIDIA_GPUMODULE_H
#define SWALLOW_TEST_TARGETS_NVIDIA_GPUMODULE_H

#include "runtime/support/Result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace swallow::test {

/// One launch, as targets/nvidia/StepEmitter.h describes it.
struct GpuLaunch {
  std::string kernel;
  std::string rows; // "none", "tokens" or "logits"
  int64_t threads, gridX, rowsPerBlock, kvElement, minRows, maxRows,
      sharedBytes;
};
struct GpuLaunchGroup {
  int64_t layerBegin, layerEnd;
  std::vector<GpuLaunch> launches;
};

struct GpuModule {
  std::string ptx;
  std::vector<GpuLaunchGroup> groups;
  /// Bytes of each arena slot: constant + perToken * max_step_tokens.
  struct Slot {
    std::string name;
    int64_t constant, perToken;
  };
  std::vector<Slot> slots;
};

/// Compiles a module of fused ops in textual IR for one GPU architecture.
Result<GpuModule> compileForGpu(const std::string &ir,
                                const std::string &architecture);

} // namespace swallow::test

#endif // SWALLOW_TEST_TARGETS_NVIDIA_GPUMODULE_H
