//===- MachineLimits.h - what the machine can do at best --------*- C++ -*-===//
//
// Small loops that do nothing but read memory, or nothing but multiply and add,
// for comparing what a model achieves with what is possible on the same threads
// at the same time.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_DEVICE_MACHINELIMITS_H
#define SWALLOW_RUNTIME_DEVICE_MACHINELIMITS_H

#include "runtime/device/CpuFeatures.h"
#include "runtime/device/ThreadTeam.h"

#include <cstdint>
#include <span>

namespace swallow {

/// Bytes per second at which the team reads `bytes` once, each thread its
/// contiguous share.
double measureReadSpeed(ThreadTeam &team, std::span<const uint8_t> bytes);

/// What a matrix product multiplies.
enum class ProductType { F32, BF16, I8 };

/// An instruction that multiplies and adds.
struct ProductInstruction {
  const char *name;   // "vdpbf16ps zmm"
  int64_t operations; // of one: multiplications and additions
  int64_t perRound;   // instructions in one round of the loop
  void (*loop)(int64_t rounds);
};

/// The one with the most operations for that type among those that `features`
/// allow and this machine has; F32's where a type has none of its own. Null
/// where not even that is there.
const ProductInstruction *productInstruction(ProductType type,
                                             const CpuFeatures &features);

/// Operations per second of the whole team with operands in registers.
double measurePeak(ThreadTeam &team, const ProductInstruction &instruction);

} // namespace swallow

#endif // SWALLOW_RUNTIME_DEVICE_MACHINELIMITS_H
