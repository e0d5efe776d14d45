//===- GpuReport.h - what the assembler said about GPU code -----*- C++ -*-===//

#ifndef SWALLOW_COMPILER_GPUREPORT_H
#define SWALLOW_COMPILER_GPUREPORT_H

#include "targets/nvidia/AssemblerOutput.h"

#include <cstdint>
#include <string>
#include <vector>

namespace swallow {

/// The code for one GPU architecture.
struct GpuReport {
  std::string architecture; // "sm_90"
  std::string assembler;    // version of ptxas; empty: there is no cubin, and
  std::string reason;       // why
  uint64_t cubinBytes = 0;
  std::vector<nvidia::KernelResources> kernels;
  std::vector<std::string> warnings; // verbatim
};

/// "sm_90: 14 kernels by ptxas 13.0.88, at most 96 registers, no spills, at
/// most 8192 bytes of shared memory", or why the driver will compile the PTX.
std::string summaryLine(const GpuReport &report);

/// A line for each warning, and for each kernel that keeps something in local
/// memory, which is as slow as global memory: nothing of it is meant to.
std::vector<std::string> warningLines(const GpuReport &report);

} // namespace swallow

#endif // SWALLOW_COMPILER_GPUREPORT_H
