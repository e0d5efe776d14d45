//===- Findings.cpp - what the checker found ------------------------------===//

#include "test/cuda-emulator/Findings.h"

namespace swallow::emulator {

const char *kindName(Finding::Kind kind) {
  switch (kind) {
  case Finding::Kind::OutOfBounds:
    return "OutOfBounds";
  case Finding::Kind::Misaligned:
    return "Misaligned";
  case Finding::Kind::UninitializedGlobal:
    return "UninitializedGlobal";
  case Finding::Kind::UninitializedShared:
    return "UninitializedShared";
  case Finding::Kind::Race:
    return "Race";
  case Finding::Kind::MissingAsyncWait:
    return "MissingAsyncWait";
  case Finding::Kind::DivergentBarrier:
    return "DivergentBarrier";
  case Finding::Kind::Hang:
    return "Hang";
  case Finding::Kind::BadOperand:
    return "BadOperand";
  case Finding::Kind::Trap:
    return "Trap";
  }
  return "?";
}

bool isFatal(Finding::Kind kind) {
  switch (kind) {
  case Finding::Kind::OutOfBounds:
  case Finding::Kind::Misaligned:
  case Finding::Kind::DivergentBarrier:
  case Finding::Kind::Hang:
  case Finding::Kind::Trap:
    return true;
  case Finding::Kind::UninitializedGlobal:
  case Finding::Kind::UninitializedShared:
  case Finding::Kind::Race:
  case Finding::Kind::MissingAsyncWait:
  case Finding::Kind::BadOperand:
    return false;
  }
  return true;
}

std::string describe(const Finding &finding) {
  auto triple = [](const std::array<uint32_t, 3> &v) {
    return std::to_string(v[0]) + "," + std::to_string(v[1]) + "," +
           std::to_string(v[2]);
  };
  std::string text = finding.kernel + ":" + std::to_string(finding.line) +
                     ": " + kindName(finding.kind) + ": " + finding.message +
                     " (block " + triple(finding.block) + " thread " +
                     triple(finding.thread);
  if (finding.count > 1)
    text += "; " + std::to_string(finding.count) + " times";
  return text + ")";
}

} // namespace swallow::emulator
