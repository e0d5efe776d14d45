//===- Architecture.h - GPU architectures of the NVIDIA target --*- C++ -*-===//

#ifndef SWALLOW_TARGETS_NVIDIA_ARCHITECTURE_H
#define SWALLOW_TARGETS_NVIDIA_ARCHITECTURE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <string>
#include <vector>

namespace swallow::nvidia {

/// One architecture that code is generated for.
struct Architecture {
  std::string name; ///< "sm_90"
  int capability;   ///< 10 * major + minor of the compute capability
  /// Lowest PTX version that knows it and the cache hints of loads, which 7.4
  /// brought (PTX ISA, "Release Notes"): the lower, the older the driver may
  /// be. 74 is PTX 7.4.
  int ptxVersion;
};

/// In ascending order of capability.
llvm::ArrayRef<Architecture> allArchitectures();

/// Null when none has that name.
const Architecture *findArchitecture(llvm::StringRef name);

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_ARCHITECTURE_H
