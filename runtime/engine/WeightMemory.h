//===- WeightMemory.h - weights that do not stay in the file ----*- C++ -*-===//
//
// A step reads its weights where the artifact is mapped. On request, and where
// the weights are synthetic, a session has them in memory of its own, in huge
// pages where the system gives them. The threads of the session fill it, each
// the part that it will read most, so that on a machine with several memory
// nodes the pages lie near their readers.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_ENGINE_WEIGHTMEMORY_H
#define SWALLOW_RUNTIME_ENGINE_WEIGHTMEMORY_H

#include "runtime/device/Memory.h"
#include "runtime/device/ThreadTeam.h"
#include "runtime/engine/StepProgram.h"

#include <functional>

namespace swallow {

/// The weights of `program`, copied from the file or made from their seed.
/// Fails with OutOfMemory.
Result<PageMapping> makeWeights(const StepProgram &program, ThreadTeam &team);

/// Makes the synthetic weights of `program` one after the other, for memory
/// that the CPU does not reach: `take` gets the bytes of each and where they
/// belong.
Status forEachSyntheticWeight(
    const fbs::Program &program, ThreadTeam &team,
    const std::function<Status(uint64_t offset, std::span<const uint8_t> bytes)>
        &take);

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_WEIGHTMEMORY_H
