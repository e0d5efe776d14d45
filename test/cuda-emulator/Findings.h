//===- Findings.h - what the checker found ----------------------*- C++ -*-===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_FINDINGS_H
#define SWALLOW_TEST_CUDA_EMULATOR_FINDINGS_H

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace swallow::emulator {

/// One defect of a kernel, at the first thread that showed it. The same kind
/// at the same line of the same kernel is reported once and counted.
struct Finding {
  enum class Kind {
    OutOfBounds,         ///< no allocation holds all bytes of the access
    Misaligned,          ///< address not a multiple of the access's size
    UninitializedGlobal, ///< read of global bytes that nobody wrote
    UninitializedShared, ///< read of shared bytes that the block did not write
    Race,                ///< two accesses, one a write, that nothing orders
    MissingAsyncWait, ///< touches bytes of a cp.async that was not waited for
    DivergentBarrier, ///< threads of a warp at different aligned barriers,
                      ///< or members of a .sync that cannot come
    Hang,             ///< nobody can go on, or the budget is used up
    BadOperand,       ///< the ISA leaves the result undefined; ends the
                      ///< launch where it cannot go on
    Trap,             ///< trap or brkpt was executed
  };

  Kind kind;
  std::string kernel;
  int line = 0;                     ///< in the PTX text, from 1
  std::array<uint32_t, 3> block{};  ///< %ctaid
  std::array<uint32_t, 3> thread{}; ///< %tid
  std::string message;              ///< one line
  uint64_t count = 1;               ///< how often, this one included
};

/// "OutOfBounds", as the enumerator is spelled.
const char *kindName(Finding::Kind kind);

/// Whether a launch always stops there, as on a device that faulted.
bool isFatal(Finding::Kind kind);

/// "kernel:12: Race: message (block 0,0,0 thread 32,0,0; 5 times)".
std::string describe(const Finding &finding);

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_FINDINGS_H
