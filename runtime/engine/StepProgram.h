//===- StepProgram.h - a compiled step ready to be called -------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_STEPPROGRAM_H
#define SWALLOW_RUNTIME_ENGINE_STEPPROGRAM_H

#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/Artifact.h"
#include "runtime/device/CpuFeatures.h"

#include <memory>
#include <span>
#include <string_view>

namespace swallow {

/// One code variant with everything that a session needs of its artifact. It
/// can as well be put together by hand around any function that keeps the
/// contract of StepAbi.h.
struct StepProgram {
  SwallowStepFn step = nullptr;
  const fbs::ModelInfo *model = nullptr;
  const fbs::KvPlan *kv = nullptr;
  const fbs::Variant *variant = nullptr;
  std::span<const uint8_t> weights; // 64-byte aligned; empty if synthetic
  /// The table of weights; null in a program put together by hand.
  const fbs::Program *tables = nullptr;
  /// Keeps all of the above alive.
  std::shared_ptr<const void> owner;

  /// Whether its weights have to be made before a step can run.
  bool synthetic() const { return tables && tables->synthetic(); }
  uint64_t weightsSize() const {
    return synthetic() ? weightsEnd(*tables) : weights.size();
  }
};

/// The needs of each variant of the artifact, in its order.
std::vector<VariantNeeds> variantNeeds(const Artifact &artifact);

/// The index of the variant to use: `wanted`, else the environment variable
/// SWALLOW_VARIANT, else the best that this machine runs. Errors as
/// selectVariant.
Result<size_t> chooseVariant(const Artifact &artifact, std::string_view wanted);

/// Maps the code of `variant` (an index that chooseVariant returned).
Result<StepProgram> loadStep(std::shared_ptr<const Artifact> artifact,
                             size_t variant);

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_STEPPROGRAM_H
