//===- Architecture.cpp - GPU architectures of the NVIDIA target ----------===//

#include "targets/nvidia/Architecture.h"

using namespace swallow::nvidia;

llvm::ArrayRef<Architecture> swallow::nvidia::allArchitectures() {
  static const std::vector<Architecture> architectures = {
      {"sm_80", 80, 74}, {"sm_86", 86, 74},   {"sm_89", 89, 78},
      {"sm_90", 90, 78}, {"sm_100", 100, 86}, {"sm_120", 120, 87},
  };
  return architectures;
}

const Architecture *swallow::nvidia::findArchitecture(llvm::StringRef name) {
  for (const Architecture &architecture : allArchitectures())
    if (architecture.name == name)
      return &architecture;
  return nullptr;
}
