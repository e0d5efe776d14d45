//===- StepProgram.h - a compiled step ready to be called -------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_STEPPROGRAM_H
#define SWALLOW_RUNTIME_ENGINE_STEPPROGRAM_H

#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/Artifact.h"
#include "runtime/cuda/Device.h"
#include "runtime/device/CpuFeatures.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace swallow {

/// A GPU and the driver that it is reached through.
struct GpuChoice {
  std::shared_ptr<const cuda::Driver> driver;
  cuda::DeviceInfo device;
};

/// Which code of an artifact runs, and where.
struct CodeChoice {
  size_t variant = 0;           // index of program.variants
  std::optional<GpuChoice> gpu; // none: the CPU
  bool cubin = false;           // of a GPU's: its machine code fits the device
  /// One line for the user where a GPU could have been meant but the CPU runs;
  /// else empty.
  std::string notice;
};

/// One code variant with everything that a session needs of its artifact. It
/// can as well be put together by hand around any function that keeps the
/// contract of StepAbi.h.
struct StepProgram {
  SwallowStepFn step = nullptr; // of a CPU's variant
  std::optional<GpuChoice> gpu; // of a GPU's, with its kernels:
  std::string_view ptx;
  std::span<const uint8_t> cubin; // instead of the PTX; empty: none that fits
  const fbs::ModelInfo *model = nullptr;
  const fbs::KvPlan *kv = nullptr;
  const fbs::Variant *variant = nullptr;
  std::span<const uint8_t> weights; // 64-byte aligned; empty if synthetic
  /// The table of weights; null in a program put together by hand.
  const fbs::Program *tables = nullptr;
  /// The file that `weights` lies in; null where it is in memory.
  const MappedFile *file = nullptr;
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

/// The code to use. `variant` names one, or the environment variable
/// SWALLOW_VARIANT does; `device`, or else SWALLOW_DEVICE, is "cpu", "cuda",
/// "cuda:1", or "auto" (also where it is empty): a GPU where the artifact has
/// code for one that is there, else the CPU. Errors as selectVariant,
/// cuda::Driver::open, cuda::findDevice and cuda::selectCode.
Result<CodeChoice> chooseCode(const Artifact &artifact,
                              std::string_view variant,
                              std::string_view device);

/// What this machine lacks for `variant` of the artifact; empty when it runs.
std::string missingFor(const Artifact &artifact, size_t variant);

/// Maps the code of a choice that chooseCode returned.
Result<StepProgram> loadStep(std::shared_ptr<const Artifact> artifact,
                             CodeChoice choice);

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_STEPPROGRAM_H
