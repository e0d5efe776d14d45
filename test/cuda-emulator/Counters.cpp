//===- Counters.cpp - what a launch did -----------------------------------===//

#include "test/cuda-emulator/Counters.h"

namespace swallow::emulator {

AccessCounts &AccessCounts::operator+=(const AccessCounts &other) {
  globalLoads += other.globalLoads;
  globalStores += other.globalStores;
  globalLoadSectors += other.globalLoadSectors;
  globalStoreSectors += other.globalStoreSectors;
  globalLoadBytes += other.globalLoadBytes;
  globalStoreBytes += other.globalStoreBytes;
  sharedAccesses += other.sharedAccesses;
  sharedBankConflicts += other.sharedBankConflicts;
  atomics += other.atomics;
  barriers += other.barriers;
  return *this;
}

uint64_t Counters::instructionsWithPrefix(const std::string &prefix) const {
  uint64_t sum = 0;
  for (auto it = instructions.lower_bound(prefix);
       it != instructions.end() && it->first.starts_with(prefix); ++it)
    sum += it->second;
  return sum;
}

Counters &Counters::operator+=(const Counters &other) {
  AccessCounts::operator+=(other);
  warpInstructions += other.warpInstructions;
  for (const auto &[opcode, count] : other.instructions)
    instructions[opcode] += count;
  for (const auto &[line, counts] : other.lines) {
    LineCounts &mine = lines[line];
    mine.opcode = counts.opcode;
    mine.instructions += counts.instructions;
    static_cast<AccessCounts &>(mine) += counts;
  }
  return *this;
}

} // namespace swallow::emulator
