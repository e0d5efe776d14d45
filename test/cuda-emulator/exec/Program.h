//===- Program.h - decoded code of one kernel -------------------*- C++ -*-===//
//
// A kernel with all calls inlined: one array of instructions whose operands
// are places in a register file. Registers are structures of arrays: 32 lanes
// side by side, 2 bytes per lane for 8- and 16-bit types, else their own size.
// A predicate is one 32-bit mask.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_EXEC_PROGRAM_H
#define SWALLOW_TEST_CUDA_EMULATOR_EXEC_PROGRAM_H

#include "test/cuda-emulator/memory/Ordering.h"
#include "test/cuda-emulator/ptx/Ast.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace swallow::emulator {

struct Inst;
class Warp;
using Handler = void (*)(Warp &, const Inst &);

/// A byte offset into the registers of a warp or, with the top bit set, into
/// the constants of the program.
using Slot = uint32_t;
inline constexpr Slot constantBit = 0x80000000u;
inline constexpr Slot noSlot = 0x7fffffffu;

/// How a memory instruction touches memory.
struct MemoryMode {
  ptx::Space space = ptx::Space::Generic;
  bool strong = false; ///< .relaxed, .acquire, .release, .volatile
  bool acquire = false, release = false;
  bool nonCoherent = false; ///< .nc
  Scope scope = Scope::Gpu; ///< of the strong ones
};

struct Inst {
  Handler handler = nullptr;
  Slot guard = noSlot;
  bool guardNegated = false;
  bool isHelper = false;   ///< made by the decoder; not counted
  bool wideAddress = true; ///< the address operand has 64 bits
  MemoryMode memory;
  uint32_t line = 0;
  uint32_t opcode = 0; ///< index of Program::opcodes
  uint32_t target = 0; ///< of a branch: index in the code
  // What these mean is said where each family decodes.
  std::array<Slot, 17> slots{};
  std::array<uint8_t, 6> flags{};
  int64_t immediate = 0;
  std::vector<uint32_t> targets; ///< brx.idx
};

struct Program {
  std::string kernel;
  std::vector<Inst> code;
  std::vector<std::string> opcodes;
  std::vector<uint8_t> constants; ///< 64-byte aligned lanes, see Slot
  uint32_t registerBytes = 64;    ///< slot 0.. is scratch
  uint32_t localBytes = 0;        ///< per thread
  uint32_t staticSharedEnd = 0;   ///< end of the shared variables' addresses
  uint32_t parameterBytes = 0;
};

// Addresses of the windows that generic addresses fall into. Everything else
// is global memory at its host address.
inline constexpr uint64_t sharedWindow = uint64_t{1} << 56;
inline constexpr uint64_t localWindow = uint64_t{2} << 56;
inline constexpr uint64_t paramWindow = uint64_t{3} << 56;
/// Where addresses of .shared and .local start, so that a null is no address.
inline constexpr uint32_t sharedStart = 1024;
inline constexpr uint32_t localStart = 256;

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_EXEC_PROGRAM_H
