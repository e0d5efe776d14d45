//===- Driver.h - the CUDA driver, opened at run time -----------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_CUDA_DRIVER_H
#define SWALLOW_RUNTIME_CUDA_DRIVER_H

#include "runtime/cuda/CudaApi.h"
#include "runtime/support/Result.h"

#include <memory>
#include <string>
#include <string_view>

namespace swallow::cuda {

/// The oldest driver that works, as cuDriverGetVersion counts (1000 * major +
/// 10 * minor): 12.0 brought PTX 8.0 for sm_90a and the kernel-node interface
/// in CudaApi.h.
inline constexpr int kMinimumDriverVersion = 12000;

/// What a failed call means for the work that follows.
enum class FailureKind {
  OutOfMemory, // the call had no effect; smaller ones may succeed
  KernelFault, // a kernel did something illegal: the context is unusable
  DeviceLost,  // the device itself is unusable for this process
  Other,
};

FailureKind failureKind(CUresult result);

/// "12.4" for 12040.
std::string versionText(int version);

/// The driver library and its entry points.
///
/// The library stays loaded for the life of the process: the driver starts
/// threads and leaves handlers behind that must not lose their code. All
/// methods may be called from any thread.
class Driver {
public:
  /// The library that open() takes: the environment variable
  /// SWALLOW_CUDA_LIBRARY where it is set, else libcuda.so.1.
  static std::string defaultLibrary();

  /// Loads the library at `path` and initialises it. Fails with DeviceError
  /// when there is no library, it is older than kMinimumDriverVersion, or there
  /// is no device that this process may use.
  static Result<std::shared_ptr<const Driver>>
  open(const std::string &path = defaultLibrary());

  const DriverFunctions &api() const { return api_; }
  int version() const { return version_; }         // 12040 is CUDA 12.4
  int deviceCount() const { return deviceCount_; } // at least 1
  const std::string &path() const { return path_; }

  /// "CUDA_ERROR_NOT_FOUND (named symbol not found)".
  std::string describe(CUresult result) const;

  /// The Error of a call that returned `result`, `doing` what ("copying to the
  /// device", not capitalised). OutOfMemory, or DeviceError for everything
  /// else; one line, which says where the whole process is affected.
  Error error(CUresult result, std::string_view doing) const;

  /// error() where `result` is not Success; allocates nothing when it is.
  Status check(CUresult result, std::string_view doing) const {
    if (result == CUresult::Success)
      return {};
    return error(result, doing);
  }

private:
  Driver() = default;
  Status loadFunctions(void *library);
  Status initialize();

  DriverFunctions api_;
  std::string path_;
  int version_ = 0;
  int deviceCount_ = 0;
};

} // namespace swallow::cuda

#endif // SWALLOW_RUNTIME_CUDA_DRIVER_H
