//===- CpuFeatures.h - what this CPU can execute ----------------*- C++ -*-===//
//
// Feature names are LLVM's ("avx512bf16", not "avx512_bf16"), because that is
// how a variant of an artifact states what it needs.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_DEVICE_CPUFEATURES_H
#define SWALLOW_RUNTIME_DEVICE_CPUFEATURES_H

#include "runtime/support/Result.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

/// A set of feature names, and what else depends on the CPU. Immutable, so
/// sharing between threads is safe.
class CpuFeatures {
public:
  /// What CPUID reports and the operating system has enabled (XGETBV):
  /// a feature whose registers the system does not save is not there.
  static const CpuFeatures &host();

  /// `vendor` as CPUID names it: "GenuineIntel", "AuthenticAMD".
  explicit CpuFeatures(std::vector<std::string> names,
                       std::string_view vendor = "");

  bool has(std::string_view name) const;
  /// Pieces of memory that a thread reads fastest side by side, 1 to 8: one
  /// after the other on AMD's processors; eight on others, whose prefetching
  /// starts anew at each page. Measured, see docs/performance.md.
  int64_t readStreams() const { return readStreams_; }
  std::span<const std::string> names() const { return names_; }

private:
  std::vector<std::string> names_;
  int64_t readStreams_;
};

/// What one code variant of an artifact asks of the machine.
struct VariantNeeds {
  std::string name;
  std::vector<std::string> features;
};

/// The features of `variant` that `cpu` lacks, separated by ", "; empty when
/// it can run.
std::string missingFeatures(const VariantNeeds &variant,
                            const CpuFeatures &cpu);

/// Index of the first variant (an artifact lists the most capable first) whose
/// features `cpu` all has; with a non-empty `wanted`, the variant of that name.
///
/// Errors: InvalidArgument when no variant is named `wanted` (the message lists
/// those there are); WrongMachine when the CPU lacks what is needed, naming
/// what the artifact needs and what the machine has. `file` names the artifact
/// in messages.
Result<size_t> selectVariant(std::span<const VariantNeeds> variants,
                             const CpuFeatures &cpu, std::string_view wanted,
                             const std::string &file);

} // namespace swallow

#endif // SWALLOW_RUNTIME_DEVICE_CPUFEATURES_H
