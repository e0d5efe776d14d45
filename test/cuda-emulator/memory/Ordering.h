//===- Ordering.h - what each warp knows to have happened -------*- C++ -*-===//
//
// Vector clocks. Within a block there is a clock per warp. Blocks run one
// after another on one common clock, so the clock at which a block started
// names the block, and what a warp knows of other blocks is a small map.
//
// How order arises (PTX ISA, chapter "Memory Consistency Model"):
//  - a barrier joins what its warps know;
//  - a fence marks all that the warp knows as published at its scope; the
//    next strong write or atomic of the warp, or of one that met it at a
//    barrier in between, attaches what is published to its location (the
//    release pattern);
//  - a strong read or atomic picks up what is attached to its location, and
//    the next fence makes it known (the acquire pattern), with barriers in
//    between allowed again;
//  - .release and .acquire on the access itself do both steps at once.
// Accepting the barrier in between is what hardware does and the common
// "__threadfence(); __syncthreads(); atomicAdd by one thread" relies on.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_MEMORY_ORDERING_H
#define SWALLOW_TEST_CUDA_EMULATOR_MEMORY_ORDERING_H

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

namespace swallow::emulator {

inline constexpr uint32_t maxWarps = 32; ///< 1024 threads per block

using WarpClocks = std::array<uint32_t, maxWarps>;

/// Clocks of the warps of some blocks, by the clock at which they started.
using BlockClocks = std::map<uint32_t, WarpClocks>;

/// A set of events that is closed under "happened before".
struct Knowledge {
  WarpClocks own{};                           ///< of the warp's own block
  std::shared_ptr<const BlockClocks> foreign; ///< of other blocks; often null

  void join(const Knowledge &other);
  void join(const BlockClocks &blocks, uint32_t ownBlockStart);
};

enum class Scope : uint8_t { Cta, Gpu };

struct WarpOrder {
  uint32_t warp = 0;        ///< in its block
  uint32_t blockStart = 0;  ///< names the block
  uint32_t launchStart = 0; ///< what is older was ordered by the stream
  Knowledge known;
  // Null until the warp, or one it met, fences or reads a flag.
  std::shared_ptr<Knowledge> publishedCta, publishedGpu;
  std::shared_ptr<Knowledge> pendingCta, pendingGpu;

  uint32_t now() const { return known.own[warp]; }
  /// Whether the event at `clock` of `otherWarp` happened before.
  bool isOrdered(uint32_t clock, uint32_t otherWarp) const;

  void fence(Scope scope, uint32_t &clock);
};

/// What releases attached to the locations that synchronise.
class SyncLocations {
public:
  /// A strong write: `isUpdate` for an atomic, which keeps what was attached
  /// before; `release` for .release, which publishes everything known.
  void release(uint64_t address, WarpOrder &warp, Scope scope, bool isUpdate,
               bool release, uint32_t &clock);
  /// A strong read; `acquire` makes known at once.
  void acquire(uint64_t address, WarpOrder &warp, Scope scope, bool acquire);
  void clear() { locations_.clear(); }

private:
  struct Attached {
    BlockClocks cta, gpu;
  };
  std::unordered_map<uint64_t, Attached> locations_;
};

/// All of `warps` met at a barrier.
void joinAtBarrier(const std::vector<WarpOrder *> &warps, uint32_t &clock);

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_MEMORY_ORDERING_H
