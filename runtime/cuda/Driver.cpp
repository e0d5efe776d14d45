#include "runtime/cuda/Driver.h"

#include <bit>
#include <cstdlib>
#include <dlfcn.h>

namespace swallow::cuda {

FailureKind failureKind(CUresult result) {
  switch (result) {
  case CUresult::OutOfMemory:
    return FailureKind::OutOfMemory;
  case CUresult::IllegalAddress:
  case CUresult::LaunchTimeout:
  case CUresult::Assert:
  case CUresult::HardwareStackError:
  case CUresult::IllegalInstruction:
  case CUresult::MisalignedAddress:
  case CUresult::InvalidAddressSpace:
  case CUresult::InvalidPc:
  case CUresult::LaunchFailed:
    return FailureKind::KernelFault;
  // A device that has fallen off the bus is reported as one of the first or
  // the last of these.
  case CUresult::DeviceUnavailable:
  case CUresult::EccUncorrectable:
  case CUresult::NvlinkUncorrectable:
  case CUresult::Contained:
  case CUresult::SystemNotReady:
  case CUresult::Unknown:
    return FailureKind::DeviceLost;
  default:
    return FailureKind::Other;
  }
}

std::string versionText(int version) {
  return std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

std::string Driver::defaultLibrary() {
  const char *path = std::getenv("SWALLOW_CUDA_LIBRARY");
  return path && *path ? path : "libcuda.so.1";
}

Result<std::shared_ptr<const Driver>> Driver::open(const std::string &path) {
  // NOW: a library that lacks something fails here, not in the middle of a run.
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    return Error{ErrorCode::DeviceError,
                 std::string("no NVIDIA driver: ") +
                     (reason ? reason : "cannot load " + path)};
  }
  std::shared_ptr<Driver> driver(new Driver());
  driver->path_ = path;
  SWALLOW_TRY(driver->loadFunctions(library));
  SWALLOW_TRY(driver->initialize());
  return std::shared_ptr<const Driver>(std::move(driver));
}

Status Driver::loadFunctions(void *library) {
  // The version first: an old driver also lacks functions, and which of them
  // tells nobody what to do.
  api_.cuDriverGetVersion = std::bit_cast<decltype(api_.cuDriverGetVersion)>(
      dlsym(library, "cuDriverGetVersion"));
  CUresult result = api_.cuDriverGetVersion ? api_.cuDriverGetVersion(&version_)
                                            : CUresult::NotFound;
  if (result == CUresult::StubLibrary)
    return Error{ErrorCode::DeviceError,
                 path_ + " is the stub of the CUDA toolkit, not a driver: it "
                         "is meant for linking only"};
  if (result != CUresult::Success)
    return Error{ErrorCode::DeviceError,
                 path_ + " is not a CUDA driver: it does not tell its version"};
  if (version_ < kMinimumDriverVersion)
    return Error{ErrorCode::DeviceError,
                 "the NVIDIA driver (" + path_ + ") supports CUDA " +
                     versionText(version_) + ", but CUDA " +
                     versionText(kMinimumDriverVersion) +
                     " or newer is needed: update the driver"};

  const char *missing = nullptr;
#define SWALLOW_CUDA_LOAD(name, exported, parameters)                          \
  api_.name = std::bit_cast<decltype(api_.name)>(dlsym(library, #exported));   \
  if (!api_.name && !missing)                                                  \
    missing = #exported;
  SWALLOW_CUDA_FUNCTIONS(SWALLOW_CUDA_LOAD)
#undef SWALLOW_CUDA_LOAD
  if (missing)
    return Error{ErrorCode::DeviceError, path_ + " (CUDA " +
                                             versionText(version_) +
                                             ") has no function " + missing};
  return {};
}

Status Driver::initialize() {
  CUresult result = api_.cuInit(0);
  if (result == CUresult::Success)
    result = api_.cuDeviceGetCount(&deviceCount_);
  if (result == CUresult::NoDevice ||
      (result == CUresult::Success && deviceCount_ == 0)) {
    // The driver does not tell an empty machine from one whose devices are
    // hidden. The list ends at its first entry that is no device.
    if (const char *visible = std::getenv("CUDA_VISIBLE_DEVICES")) {
      const bool hidesAll = *visible == '\0' || *visible == '-';
      return Error{ErrorCode::DeviceError,
                   std::string("no CUDA device: CUDA_VISIBLE_DEVICES=\"") +
                       visible +
                       (hidesAll ? "\" hides every device"
                                 : "\" names none of this machine")};
    }
    return Error{ErrorCode::DeviceError, "no CUDA device: the driver (CUDA " +
                                             versionText(version_) +
                                             ") finds none in this machine"};
  }
  return check(result, "initialising the NVIDIA driver");
}

std::string Driver::describe(CUresult result) const {
  const char *name = nullptr, *text = nullptr;
  if (api_.cuGetErrorName(result, &name) != CUresult::Success || !name)
    return "CUDA error " + std::to_string(static_cast<int>(result));
  if (api_.cuGetErrorString(result, &text) != CUresult::Success || !text)
    return name;
  return std::string(name) + " (" + text + ")";
}

Error Driver::error(CUresult result, std::string_view doing) const {
  std::string what = describe(result), place(doing);
  switch (failureKind(result)) {
  case FailureKind::OutOfMemory:
    return {ErrorCode::OutOfMemory, "out of memory while " + place};
  case FailureKind::KernelFault:
    return {ErrorCode::DeviceError,
            "a kernel failed with " + what + ", noticed while " + place +
                ": this process cannot use the device any more"};
  case FailureKind::DeviceLost:
    return {ErrorCode::DeviceError,
            "the device was lost with " + what + " while " + place +
                ": start again (the kernel log may have a line \"Xid\" that "
                "says why)"};
  case FailureKind::Other:
    break;
  }
  return {ErrorCode::DeviceError, what + " while " + place};
}

} // namespace swallow::cuda
