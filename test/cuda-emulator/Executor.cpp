//===- Executor.cpp - runs kernels and checks them ------------------------===//

#include "test/cuda-emulator/Executor.h"

#include "test/cuda-emulator/exec/Warp.h"

namespace swallow::emulator {

static constexpr uint32_t maxSharedBytes = 227 * 1024; // sm_90, per block

static Status checkShape(const Kernel &kernel, const LaunchShape &shape,
                         std::span<const uint8_t> parameters) {
  auto invalid = [&](const std::string &message) {
    return Error{ErrorCode::InvalidArgument, kernel.name + ": " + message};
  };
  uint64_t threads = 1;
  static constexpr uint32_t mostThreads[3] = {1024, 1024, 64};
  static constexpr uint32_t mostBlocks[3] = {0x7fffffffu, 65535, 65535};
  for (int i = 0; i < 3; ++i) {
    if (shape.block[i] == 0 || shape.block[i] > mostThreads[i])
      return invalid("block size " + std::to_string(shape.block[i]) +
                     " in dimension " + std::to_string(i));
    if (shape.grid[i] == 0 || shape.grid[i] > mostBlocks[i])
      return invalid("grid size " + std::to_string(shape.grid[i]) +
                     " in dimension " + std::to_string(i));
    threads *= shape.block[i];
  }
  if (threads > 1024)
    return invalid(std::to_string(threads) + " threads: at most 1024 fit");
  if (kernel.requiredThreads && shape.block != *kernel.requiredThreads)
    return invalid("the block's size is not the kernel's .reqntid");
  if (kernel.maxThreads) {
    uint64_t most = uint64_t{(*kernel.maxThreads)[0]} *
                    (*kernel.maxThreads)[1] * (*kernel.maxThreads)[2];
    if (threads > most)
      return invalid(std::to_string(threads) + " threads: its .maxntid is " +
                     std::to_string(most));
  }
  if (shape.dynamicSharedBytes > kernel.maxDynamicShared)
    return invalid(std::to_string(shape.dynamicSharedBytes) +
                   " bytes of dynamic shared memory: at most " +
                   std::to_string(kernel.maxDynamicShared) + " are set");
  if (uint64_t{kernel.staticSharedBytes} + shape.dynamicSharedBytes >
      maxSharedBytes)
    return invalid("more shared memory than a block can have (227 KiB)");
  if (parameters.size() < kernel.parameterBytes)
    return invalid(
        "a parameter block of " + std::to_string(kernel.parameterBytes) +
        " bytes expected, it has " + std::to_string(parameters.size()));
  return {};
}

static Counters collect(const Launch &launch) {
  Counters counters;
  const Program &program = *launch.program;
  for (size_t i = 0; i < program.code.size(); ++i) {
    const Inst &inst = program.code[i];
    uint64_t count = launch.executions[i];
    if (inst.isHelper || count == 0)
      continue;
    counters.warpInstructions += count;
    const std::string &opcode = program.opcodes[inst.opcode];
    counters.instructions[opcode] += count;
    LineCounts &line = counters.lines[static_cast<int>(inst.line)];
    if (line.opcode.empty())
      line.opcode = opcode;
    line.instructions += count;
    AccessCounts accesses = launch.accesses[i];
    if (opcode.starts_with("atom") || opcode.starts_with("red."))
      accesses.atomics += count;
    if (opcode.starts_with("bar"))
      accesses.barriers += count;
    line += accesses;
    counters.AccessCounts::operator+=(accesses);
  }
  return counters;
}

Result<Counters> Executor::run(const Kernel &kernel, LaunchShape shape,
                               std::span<const uint8_t> parameterBlock,
                               DeviceMemory &memory) {
  SWALLOW_TRY(checkShape(kernel, shape, parameterBlock));
  Launch launch;
  launch.program = kernel.program.get();
  launch.shape = shape;
  launch.parameters = parameterBlock.first(kernel.parameterBytes);
  launch.memory = &memory;
  launch.options = &options_;
  launch.findings = &findings_;
  launch.start = ++memory.raceClock;
  launch.executions.resize(launch.program->code.size());
  launch.accesses.resize(launch.program->code.size());
  RaceShadow sharedRaces(uint64_t{launch.program->staticSharedEnd} -
                         sharedStart + shape.dynamicSharedBytes);
  uint32_t linear = 0;
  for (uint32_t z = 0; z < shape.grid[2]; ++z)
    for (uint32_t y = 0; y < shape.grid[1]; ++y)
      for (uint32_t x = 0; x < shape.grid[0]; ++x) {
        Block block(launch, sharedRaces, {x, y, z}, linear++);
        block.run();
        if (launch.stopped)
          return Error{ErrorCode::DeviceError, describe(findings_.back())};
      }
  return collect(launch);
}

} // namespace swallow::emulator
