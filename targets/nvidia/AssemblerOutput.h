//===- AssemblerOutput.h - what ptxas says about kernels --------*- C++ -*-===//

#ifndef SWALLOW_TARGETS_NVIDIA_ASSEMBLEROUTPUT_H
#define SWALLOW_TARGETS_NVIDIA_ASSEMBLEROUTPUT_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swallow::nvidia {

/// What a kernel takes of a multiprocessor, as ptxas -v reports it.
struct KernelResources {
  std::string name;
  int64_t registers = 0;       // of a thread
  int64_t barriers = 0;        // of a block
  int64_t stackBytes = 0;      // of a thread: arrays and spills
  int64_t spillStoreBytes = 0; // of a thread, each time the code runs
  int64_t spillLoadBytes = 0;
  int64_t sharedBytes = 0;   // of a block, without what a launch adds
  int64_t constantBytes = 0; // all banks, parameters included

  bool operator==(const KernelResources &) const = default;
};

/// The lines of one run of ptxas -v, by kind.
struct AssemblerOutput {
  std::vector<KernelResources> kernels; // in the order of the output
  /// Verbatim, with what ptxas calls information but is about lost speed.
  std::vector<std::string> warnings;
  /// Verbatim. Either the PTX is wrong...
  std::vector<std::string> rejections;
  /// ... or this ptxas does not know its version or the architecture, or
  /// cannot do its work for another reason.
  std::vector<std::string> failures;
};

/// Reads what ptxas has written to its output and error streams. Lines that it
/// does not know are left out.
AssemblerOutput parseAssemblerOutput(std::string_view text);

/// "13.0.88" of the text of ptxas --version; empty where it is none.
std::string parseAssemblerVersion(std::string_view text);

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_ASSEMBLEROUTPUT_H
