//===- Counters.h - what a launch did ---------------------------*- C++ -*-===//
//
// Exact counts of what was executed, for tests that assert how often weights
// are read or that a loop has no bank conflicts. No times: this is no model of
// a device's speed.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_COUNTERS_H
#define SWALLOW_TEST_CUDA_EMULATOR_COUNTERS_H

#include <cstdint>
#include <map>
#include <string>

namespace swallow::emulator {

/// What the accesses of a line, or of a launch, amount to.
struct AccessCounts {
  uint64_t globalLoads = 0;  ///< warp-level load instructions, cp.async too
  uint64_t globalStores = 0; ///< warp-level store instructions
  uint64_t globalLoadSectors = 0; ///< distinct 32-byte sectors, per instruction
  uint64_t globalStoreSectors = 0; ///< the same for stores
  uint64_t globalLoadBytes = 0;    ///< bytes that the threads asked for
  uint64_t globalStoreBytes = 0;
  uint64_t sharedAccesses = 0;      ///< warp-level instructions
  uint64_t sharedBankConflicts = 0; ///< wavefronts beyond those of an access
                                    ///< that hits each bank once
  uint64_t atomics = 0;             ///< atom and red, warp-level instructions
  uint64_t barriers = 0;            ///< bar and barrier, warp-level

  AccessCounts &operator+=(const AccessCounts &other);
};

struct LineCounts : AccessCounts {
  std::string opcode;        ///< "ld.global.nc.v4.f32"
  uint64_t instructions = 0; ///< warp-level executions of the line
};

struct Counters : AccessCounts {
  uint64_t warpInstructions = 0;
  /// Warp-level executions by full opcode, e.g. "mma.sync.aligned....f32".
  std::map<std::string, uint64_t> instructions;
  /// By line of the PTX text; lines that never ran are absent. When a line
  /// holds several instructions the opcode is that of the first one.
  std::map<int, LineCounts> lines;

  /// Sum over the opcodes that start with `prefix`, e.g. "mma.sync".
  uint64_t instructionsWithPrefix(const std::string &prefix) const;
  /// Adds another launch of the same module.
  Counters &operator+=(const Counters &other);
};

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_COUNTERS_H
