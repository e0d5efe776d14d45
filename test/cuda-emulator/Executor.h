//===- Executor.h - runs kernels and checks them ----------------*- C++ -*-===//
//
// Blocks run one after another in the order of their index, so a run is
// deterministic; the warps of a block take turns. A kernel whose blocks wait
// for blocks that come later (a grid-wide barrier) therefore hangs, and is
// reported as such.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_EXECUTOR_H
#define SWALLOW_TEST_CUDA_EMULATOR_EXECUTOR_H

#include "test/cuda-emulator/Counters.h"
#include "test/cuda-emulator/Findings.h"
#include "test/cuda-emulator/Module.h"

#include <span>

namespace swallow::emulator {

struct LaunchShape {
  std::array<uint32_t, 3> grid{1, 1, 1};
  std::array<uint32_t, 3> block{1, 1, 1};
  uint32_t dynamicSharedBytes = 0;
};

struct ExecutorOptions {
  bool checkRaces = true;
  bool checkUninitialized = true;
  /// Warp instructions of one launch, beyond which it counts as hung.
  uint64_t instructionBudget = uint64_t{1} << 33;
  /// Warp instructions after which another warp of the block takes its turn.
  uint32_t turn = 512;
};

class Executor {
public:
  explicit Executor(ExecutorOptions options = {}) : options_(options) {}

  /// Runs one launch to its end. `parameterBlock` holds the parameters at the
  /// offsets that the kernel lists. Fails with InvalidArgument when the launch
  /// itself is impossible (sizes, parameters), and with DeviceError when the
  /// kernel faulted or hung; the finding that ended it is the last one in
  /// findings(). Races and the like leave the launch successful.
  Result<Counters> run(const Kernel &kernel, LaunchShape shape,
                       std::span<const uint8_t> parameterBlock,
                       DeviceMemory &memory);

  /// All that was found since the start or the last clearFindings().
  const std::vector<Finding> &findings() const { return findings_; }
  void clearFindings() { findings_.clear(); }

  ExecutorOptions &options() { return options_; }

private:
  ExecutorOptions options_;
  std::vector<Finding> findings_;
};

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_EXECUTOR_H
