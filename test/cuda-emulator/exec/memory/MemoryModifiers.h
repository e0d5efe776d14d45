//===- MemoryModifiers.h - modifiers of memory instructions -----*- C++ -*-===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_EXEC_MEMORY_MEMORYMODIFIERS_H
#define SWALLOW_TEST_CUDA_EMULATOR_EXEC_MEMORY_MEMORYMODIFIERS_H

#include "test/cuda-emulator/exec/Decoder.h"

namespace swallow::emulator {

/// Takes .weak/.relaxed/..., the scope, the state space and cache hints.
/// `strong` is the default of the instruction.
MemoryMode takeMemoryMode(Decoder &decoder, bool strong = false);

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_EXEC_MEMORY_MEMORYMODIFIERS_H
