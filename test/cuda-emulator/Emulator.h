//===- Emulator.h - PTX on the CPU, as a checker ----------------*- C++ -*-===//
//
// The whole of the interpreter in one include. A program loads PTX into a
// Module, allocates in a DeviceMemory and lets an Executor run kernels:
//
//   DeviceMemory memory;
//   auto module = Module::load(ptx, /*computeCapability=*/90, memory);
//   Executor executor;
//   auto counters = executor.run(*(*module)->kernel("k"), shape, parameters,
//                                memory);
//   executor.findings();   // what was wrong, if anything
//
// Nothing here is thread-safe: one thread at a time uses a DeviceMemory and
// the modules and executors that work on it.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_EMULATOR_H
#define SWALLOW_TEST_CUDA_EMULATOR_EMULATOR_H

#include "test/cuda-emulator/Counters.h"
#include "test/cuda-emulator/Executor.h"
#include "test/cuda-emulator/Findings.h"
#include "test/cuda-emulator/Module.h"
#include "test/cuda-emulator/memory/DeviceMemory.h"

#endif // SWALLOW_TEST_CUDA_EMULATOR_EMULATOR_H
