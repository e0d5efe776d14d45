//===- Selection.h - which code of an artifact fits a device ----*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_CUDA_SELECTION_H
#define SWALLOW_RUNTIME_CUDA_SELECTION_H

#include "runtime/cuda/Device.h"

#include <span>

namespace swallow::cuda {

/// What a piece of device code was compiled for.
struct DeviceCode {
  enum class Kind { Ptx, Cubin };

  int sm = 0; // 90 for sm_90 and sm_90a
  /// sm_90a: uses what only this architecture has, so nothing newer runs it.
  bool architectureSpecific = false;
  Kind kind = Kind::Ptx;

  /// "sm_90a PTX".
  std::string text() const;
};

/// The index of the piece to load.
///
/// A cubin runs on its own major version and the same or a newer minor one;
/// PTX is compiled for the same or any newer capability; architecture-specific
/// code of either kind runs on exactly its own (CUDA C++ Programming Guide,
/// "Compute Capabilities"). A cubin comes before PTX since it needs no
/// compiler, then the newer before the older, then the specific one.
///
/// Fails with WrongMachine, naming the device and what there is.
Result<size_t> selectCode(std::span<const DeviceCode> codes,
                          const DeviceInfo &device);

} // namespace swallow::cuda

#endif // SWALLOW_RUNTIME_CUDA_SELECTION_H
