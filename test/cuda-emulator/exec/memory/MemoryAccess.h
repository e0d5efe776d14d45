//===- MemoryAccess.h - every access goes through here ----------*- C++ -*-===//
//
// Turns the addresses of a warp's access into host pointers after all checks:
// bounds, alignment, initialised bytes, races, cp.async under way. Counts
// sectors and bank conflicts on the way.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_EXEC_MEMORY_MEMORYACCESS_H
#define SWALLOW_TEST_CUDA_EMULATOR_EXEC_MEMORY_MEMORYACCESS_H

#include "test/cuda-emulator/exec/Warp.h"

namespace swallow::emulator {

enum class AccessKind : uint8_t {
  Read,
  Write,
  Update,      ///< an atomic
  AsyncTarget, ///< shared bytes that a cp.async is going to write
};

/// Resolves `bytes` in `space` at the address of each lane in `lanes`, which
/// must be a multiple of `alignment`. False when the launch was stopped.
bool access(Warp &warp, const Inst &inst, ptx::Space space, uint32_t lanes,
            const uint64_t (&addresses)[32], uint32_t bytes, uint32_t alignment,
            AccessKind kind, uint8_t *(&pointers)[32]);

/// The space that an address of `space` means: itself, unless it is generic.
ptx::Space spaceOf(uint64_t address, ptx::Space space);

/// The flags that strong accesses to an address go by, and its key in them.
SyncLocations &syncLocations(Warp &warp, ptx::Space space, uint64_t &address);

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_EXEC_MEMORY_MEMORYACCESS_H
