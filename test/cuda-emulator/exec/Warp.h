//===- Warp.h - 32 threads and the block around them ------------*- C++ -*-===//
//
// The threads of a warp run in groups that share a program counter. Of the
// runnable groups the one with the lowest counter goes first, and groups that
// meet become one: structured code reconverges where its branches join. A
// group that spins for another one of its warp gives way after a while.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_EXEC_WARP_H
#define SWALLOW_TEST_CUDA_EMULATOR_EXEC_WARP_H

#include "test/cuda-emulator/Executor.h"
#include "test/cuda-emulator/exec/Program.h"
#include "test/cuda-emulator/memory/RaceShadow.h"

#include <bit>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

namespace swallow::emulator {

class Block;

/// One launch: what its blocks share.
struct Launch {
  const Program *program = nullptr;
  LaunchShape shape;
  std::span<const uint8_t> parameters;
  DeviceMemory *memory = nullptr;
  const ExecutorOptions *options = nullptr;
  std::vector<Finding> *findings = nullptr;

  uint32_t start = 0; ///< race clock
  uint64_t executed = 0;
  bool stopped = false;               ///< by a fatal finding
  std::vector<uint64_t> executions;   ///< by index in the code
  std::vector<AccessCounts> accesses; ///< by index in the code
  SyncLocations globalFlags;
  Allocation *lastAllocation = nullptr;
};

/// Threads with one program counter.
struct Group {
  enum class Wait : uint8_t {
    None,
    Members,     ///< for the other members of a .sync, at the same place
    WarpBarrier, ///< the same, but at any bar.warp.sync
    CtaBarrier,  ///< for the rest of the warp, before a non-aligned barrier
  };
  uint32_t pc = 0;
  uint32_t lanes = 0;
  Wait wait = Wait::None;
  uint32_t members = 0; ///< mask of WarpBarrier, id of CtaBarrier
};

/// cp.async of one thread that has not arrived.
struct PendingCopy {
  uint32_t lane;
  uint32_t group;  ///< commit groups before it
  uint32_t offset; ///< in shared memory
  uint32_t bytes;
  uint32_t instruction;
  std::array<uint8_t, 16> data;
};

class Warp {
public:
  Warp(Block &block, Launch &launch, uint32_t id);

  enum class State : uint8_t { Running, AtBarrier, Done };

  /// Runs until the turn is over, a barrier, the end or a fatal finding.
  void run(uint32_t turn);

  template <typename T> T *reg(Slot slot) {
    return reinterpret_cast<T *>(registers + slot);
  }
  template <typename T> const T *src(Slot slot) const {
    return reinterpret_cast<const T *>(slot & constantBit
                                           ? constants + (slot & ~constantBit)
                                           : registers + slot);
  }
  /// Writes the executing lanes of a register.
  template <typename T> void store(Slot slot, const T (&values)[32]) {
    T *into = reg<T>(slot);
    if (mask == ~0u) {
      std::memcpy(into, values, sizeof values);
      return;
    }
    for (int lane = 0; lane < 32; ++lane)
      if (mask >> lane & 1)
        into[lane] = values[lane];
  }
  uint32_t predicate(Slot slot) const { return *src<uint32_t>(slot); }
  void storePredicate(Slot slot, uint32_t value) {
    uint32_t &into = *reg<uint32_t>(slot);
    into = (into & ~mask) | (value & mask);
  }

  /// Addresses that the executing lanes use: slots[base] + immediate.
  void addresses(const Inst &inst, Slot base, uint64_t (&into)[32]) const;

  // Control flow, for handlers.
  void branch(uint32_t target, uint32_t lanes);
  void exitLanes(uint32_t lanes);
  /// For an instruction that `members` (all live ones are needed) execute
  /// together: true when they are all here. Otherwise the group waits, and the
  /// handler must return; it is called again.
  bool converge(const Inst &inst, uint32_t members,
                Group::Wait wait = Group::Wait::Members, uint32_t id = 0);
  /// Every group at a waiting bar.warp.sync or barrier moves on.
  void releaseGroups(Group::Wait wait, uint32_t members);

  void report(Finding::Kind kind, uint32_t lane, const std::string &message);
  /// The same, and ends the launch.
  void fault(Finding::Kind kind, uint32_t lane, const std::string &message) {
    report(kind, lane, message);
    launch.stopped = true;
  }
  uint32_t firstLane() const { return std::countr_zero(mask); }
  const Inst &current() const;
  std::array<uint32_t, 3> threadOf(uint32_t lane) const;

  Block &block;
  Launch &launch;
  const uint32_t id;
  uint8_t *registers = nullptr;
  const uint8_t *constants = nullptr;
  uint8_t *local = nullptr; ///< [32][localBytes]

  State state = State::Running;
  uint32_t mask = 0;   ///< lanes that execute the current instruction
  uint32_t active = 0; ///< lanes of the current group
  uint32_t live = 0;   ///< lanes that did not exit
  uint32_t pc = 0, next = 0;
  WarpOrder order;

  // cp.async
  std::vector<PendingCopy> copies;
  std::array<uint32_t, 32> commits{};
  // Result of a bar.red, given when the barrier opens.
  const Inst *reduction = nullptr;
  uint32_t reductionMask = 0;

private:
  bool pickGroup();
  void reschedule();
  void updateLimit();
  void park(Group::Wait wait, uint32_t members);
  bool releaseWaiters();
  void reportStuck();

  std::vector<uint64_t> storage_; // registers, then local memory
  std::vector<Group> others_;
  uint32_t limit_ = ~0u; ///< a program counter at which others are met
  uint32_t patience_ = 0;
};

/// One of the 16 barriers of a block.
struct Barrier {
  uint32_t arrivedThreads = 0;
  uint32_t expected = 0; ///< 0: all warps that have not exited
  std::vector<Warp *> waiting;
  std::vector<WarpOrder> arrivals; ///< of bar.arrive
  uint32_t reducedCount = 0;
  uint32_t reducedThreads = 0;
};

class Block {
public:
  Block(Launch &launch, RaceShadow &sharedRaces, std::array<uint32_t, 3> index,
        uint32_t linear);

  void run();
  /// `warp` is at barrier `id`; `waits` but for bar.arrive.
  void arrive(Warp &warp, uint32_t id, uint32_t expected, bool waits);
  void openFullBarriers();

  Launch &launch;
  std::array<uint32_t, 3> index;
  uint32_t linear;
  uint32_t threads;
  uint32_t warpCount;
  std::vector<uint8_t> shared;            ///< from address sharedStart
  std::vector<uint8_t> sharedInitialized; ///< one byte each
  std::vector<uint8_t> sharedPending;     ///< cp.async under way, per byte
  uint64_t pendingBytes = 0;
  RaceShadow &sharedRaces;
  SyncLocations sharedFlags;
  std::array<Barrier, 16> barriers;
  std::vector<std::unique_ptr<Warp>> warps;

private:
  bool openIfFull(Barrier &barrier);
  void reportHang();
};

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_EXEC_WARP_H
