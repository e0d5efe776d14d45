//===- Device.h - which CUDA devices there are ------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_CUDA_DEVICE_H
#define SWALLOW_RUNTIME_CUDA_DEVICE_H

#include "runtime/cuda/Driver.h"

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace swallow::cuda {

/// What is fixed about one device. Plain data.
struct DeviceInfo {
  CUdevice index = 0; // the N of "cuda:N"
  std::string name;   // "NVIDIA H100 80GB HBM3"
  std::array<uint8_t, 16> uuid{};
  int major = 0, minor = 0;       // compute capability
  int multiprocessors = 0;        // SMs
  uint64_t memoryBytes = 0;       // all, not what is free
  int64_t sharedBytesDefault = 0; // of a block, without asking for more
  int64_t sharedBytesOptIn = 0;   // of a block, after setMaxDynamicShared
  int64_t l2Bytes = 0;
  int maxThreadsPerBlock = 0;
  int clockKHz = 0;       // 0 where the driver does not say
  int memoryClockKHz = 0; // 0 where the driver does not say
  int memoryBusBits = 0;

  /// 90 for compute capability 9.0, as in sm_90.
  int sm() const { return 10 * major + minor; }
  /// "cuda:0".
  std::string id() const { return "cuda:" + std::to_string(index); }
  /// "GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", as nvidia-smi -L prints it.
  std::string uuidText() const;
  /// Bytes a second that the memory's pins can move, 0 where the clock is not
  /// known. Two transfers a clock: CUDA C++ Best Practices Guide, "Theoretical
  /// Bandwidth Calculation".
  double peakBandwidth() const;
  /// Multiplications and additions a second that the tensor cores' dense
  /// products of bf16 can reach at the clock that the driver names, 0 where
  /// that or the architecture is not known. Nominal: products with f32 sums
  /// have half of it on GeForce cards, which nothing tells apart.
  double peakProducts() const;
};

/// Every device that the process may use, by index.
Result<std::vector<DeviceInfo>> listDevices(const Driver &driver);

/// What `--device` asks for.
struct DeviceChoice {
  enum class Kind { Cpu, Cuda } kind = Kind::Cpu;
  int index = 0; // of Kind::Cuda
};

/// Reads `cpu`, `cuda` (the first) or `cuda:N`; `auto`, which the caller knows,
/// is named in the message alone. Needs no driver. Fails with
/// InvalidArgument.
Result<DeviceChoice> parseDevice(std::string_view text);

/// The device that a choice of Kind::Cuda means. Fails with InvalidArgument,
/// naming those that exist.
Result<DeviceInfo> findDevice(DeviceChoice choice,
                              std::span<const DeviceInfo> devices);

} // namespace swallow::cuda

#endif // SWALLOW_RUNTIME_CUDA_DEVICE_H
