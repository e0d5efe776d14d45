//===- MemoryPlan.h - what a session will allocate --------------*- C++ -*-===//
//
// Every size follows from the artifact's tables and the session's options
// before anything is allocated, so it can be printed, checked against the
// machine and solved for the longest context that fits.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_ENGINE_MEMORYPLAN_H
#define SWALLOW_RUNTIME_ENGINE_MEMORYPLAN_H

#include "runtime/artifact/program_generated.h"
#include "runtime/packing/KvLayout.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace swallow {

struct SessionOptions {
  /// For contextLength: the longest that fits.
  static constexpr int64_t kContextAuto = -1;
  /// What contextLength 0 means, where the model allows as much.
  static constexpr int64_t kDefaultContext = 4096;

  int64_t contextLength = 0; // tokens that a sequence may reach
  int64_t maxSequences = 1;
  int64_t maxStepTokens = 512; // rows of one step
  int64_t maxLogitRows = 0;    // rows that may want logits; 0: maxSequences
  int threads = 0;             // 0: physical cores available
  std::string variant;         // empty: $SWALLOW_VARIANT, or the best
  std::string device;      // see chooseCode; empty: $SWALLOW_DEVICE, or auto
  int64_t memoryLimit = 0; // bytes; 0: what the machine has available
  bool profile = false;    // time the stages
  /// Weights in memory of the session, in huge pages where the system has them,
  /// instead of the mapped file. Always so where they are synthetic.
  bool hugePages = false;
  /// How keys and values are stored; nothing: as the artifact says.
  std::optional<KvElement> kvElement;
  /// Called while weights are copied to a GPU: bytes done, bytes in all.
  std::function<void(uint64_t done, uint64_t total)> weightsProgress;
};

/// All sizes in bytes unless said otherwise.
struct MemoryPlan {
  int64_t contextLength = 0;
  int64_t maxSequences = 0;
  int64_t maxStepTokens = 0;
  int64_t maxLogitRows = 0;
  int threads = 0;

  /// Blocks of SWALLOW_KV_BLOCK_TOKENS tokens. A sequence without a window
  /// takes them as it grows; with a window it takes at most a ring of window -
  /// 1 + maxStepTokens positions, so that a step never overwrites keys that its
  /// own queries need.
  int64_t blocksPerSequence = 0;
  int64_t blocks = 0; // in the pool
  KvElement kvElement = KvElement::F32;
  uint64_t blockBytes = 0;    // of one layer, K and V
  uint64_t kvLayerStride = 0; // blocks * blockBytes
  uint64_t kvBytes = 0;       // of all layers

  std::vector<uint64_t> arenaOffsets; // of each slot of the variant
  std::vector<uint64_t> arenaSizes;
  uint64_t arenaBytes = 0;

  uint64_t logitsBytes = 0;    // [maxLogitRows][vocab], and likeliestBytes
  uint64_t likeliestBytes = 0; // of a GPU: [maxLogitRows] u64
  uint64_t batchBytes = 0;     // block tables and the arrays of SwallowStepArgs

  uint64_t weightsBytes = 0;     // mapped from the file, or
  uint64_t weightsAllocated = 0; // all of them, or none: see hugePages

  /// The sum of kv, arena, logits, batch and weightsAllocated.
  uint64_t totalBytes = 0;
};

/// Evaluates the plan for options whose threads are resolved (>= 1).
/// maxStepTokens is cut to what the sequences can hold together.
///
/// Errors: InvalidArgument for an option out of its range; ContextExceeded for
/// a context beyond the model's limit; OutOfMemory when the plan exceeds
/// options.memoryLimit (0: no check), naming sizes and, if there is one, a
/// context that fits; Corrupt when the artifact's expressions overflow or
/// place a slot outside the arena.
Result<MemoryPlan> planMemory(const fbs::ModelInfo &model,
                              const fbs::KvPlan &kv,
                              const fbs::Variant &variant,
                              uint64_t weightsBytes,
                              const SessionOptions &options);

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_MEMORYPLAN_H
