#include "test/cuda-emulator/driver/Exports.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace swallow::emulator {

//===-- The driver --------------------------------------------------------===//

CUresult cuInit(unsigned flags) {
  std::unique_lock lock(state().mutex);
  if (flags != 0)
    return CUresult::InvalidValue;
  State &all = state();
  if (!all.initialized) {
    all.settings = Settings::fromEnvironment();
    for (int i = 0; i < all.settings.devices; ++i) {
      auto device = std::make_unique<DeviceState>();
      device->ordinal = i;
      all.devices.push_back(std::move(device));
    }
    all.initialized = !all.devices.empty();
  }
  return all.initialized ? CUresult::Success : CUresult::NoDevice;
}

CUresult cuDriverGetVersion(int *version) {
  if (!version)
    return CUresult::InvalidValue;
  std::unique_lock lock(state().mutex);
  // Works before cuInit as well.
  *version = state().initialized ? state().settings.driverVersion
                                 : Settings::fromEnvironment().driverVersion;
  return *version ? CUresult::Success : CUresult::StubLibrary;
}

namespace {
struct ErrorText {
  CUresult result;
  const char *name;
  const char *text;
};
} // namespace

/// The texts say what the reference says of each in a few words of its own.
static const ErrorText kErrors[] = {
    {CUresult::Success, "CUDA_SUCCESS", "no error"},
    {CUresult::InvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUresult::OutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUresult::NotInitialized, "CUDA_ERROR_NOT_INITIALIZED",
     "initialization error"},
    {CUresult::NoDevice, "CUDA_ERROR_NO_DEVICE", "no device is usable"},
    {CUresult::InvalidDevice, "CUDA_ERROR_INVALID_DEVICE",
     "invalid device ordinal"},
    {CUresult::InvalidImage, "CUDA_ERROR_INVALID_IMAGE",
     "device kernel image is invalid"},
    {CUresult::InvalidContext, "CUDA_ERROR_INVALID_CONTEXT",
     "invalid device context"},
    {CUresult::NoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image for this device"},
    {CUresult::InvalidPtx, "CUDA_ERROR_INVALID_PTX",
     "a PTX compilation failed"},
    {CUresult::UnsupportedPtxVersion, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "the PTX needs a newer driver"},
    {CUresult::InvalidHandle, "CUDA_ERROR_INVALID_HANDLE",
     "invalid resource handle"},
    {CUresult::NotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUresult::NotReady, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CUresult::IllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS",
     "an illegal memory access"},
    {CUresult::ContextIsDestroyed, "CUDA_ERROR_CONTEXT_IS_DESTROYED",
     "context is destroyed"},
    {CUresult::LaunchFailed, "CUDA_ERROR_LAUNCH_FAILED",
     "unspecified launch failure"},
    {CUresult::NotPermitted, "CUDA_ERROR_NOT_PERMITTED",
     "operation not permitted"},
    {CUresult::NotSupported, "CUDA_ERROR_NOT_SUPPORTED",
     "operation not supported"},
    {CUresult::StreamCaptureUnsupported,
     "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "not permitted while a stream is capturing"},
    {CUresult::StreamCaptureInvalidated,
     "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "an earlier error spoilt the capture"},
    {CUresult::StreamCaptureUnmatched, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "capture was not begun in this stream"},
    {CUresult::StreamCaptureUnjoined, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED",
     "capture has work that was not joined"},
    {CUresult::StreamCaptureIsolation, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "dependency crosses the border of a capture"},
    {CUresult::CapturedEvent, "CUDA_ERROR_CAPTURED_EVENT",
     "not permitted on an event of a capture"},
    {CUresult::InvalidClusterSize, "CUDA_ERROR_INVALID_CLUSTER_SIZE",
     "invalid cluster size"},
    {CUresult::Unknown, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static CUresult errorText(CUresult result, const char *ErrorText::*which,
                          const char **text) {
  if (!text)
    return CUresult::InvalidValue;
  for (const ErrorText &error : kErrors)
    if (error.result == result) {
      *text = error.*which;
      return CUresult::Success;
    }
  *text = nullptr;
  return CUresult::InvalidValue;
}

CUresult cuGetErrorName(CUresult error, const char **name) {
  return errorText(error, &ErrorText::name, name);
}

CUresult cuGetErrorString(CUresult error, const char **text) {
  return errorText(error, &ErrorText::text, text);
}

CUresult cuGetProcAddress_v2(const char *symbol, void **address, int version,
                             uint64_t flags, int *status) {
  if (!symbol || !address)
    return CUresult::InvalidValue;
  *address = nullptr;
#define SWALLOW_MATCH(name, exported, parameters)                              \
  if (std::strcmp(symbol, #name) == 0)                                         \
    *address = reinterpret_cast<void *>(&exported);
  SWALLOW_CUDA_FUNCTIONS(SWALLOW_MATCH)
#undef SWALLOW_MATCH
  if (std::strcmp(symbol, "cuGetProcAddress") == 0)
    *address = reinterpret_cast<void *>(&cuGetProcAddress_v2);
  if (status)
    *status = *address ? 0 : 1; // CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND
  return *address ? CUresult::Success : CUresult::NotFound;
}

//===-- Devices -----------------------------------------------------------===//

/// What calls about a device begin with; they need no context.
static CUresult findDevice(CUdevice ordinal, const void *output,
                           DeviceState *&device) {
  State &all = state();
  if (!all.initialized)
    return CUresult::NotInitialized;
  device = all.deviceAt(ordinal);
  if (!device)
    return CUresult::InvalidDevice;
  return output ? CUresult::Success : CUresult::InvalidValue;
}

CUresult cuDeviceGetCount(int *count) {
  std::unique_lock lock(state().mutex);
  if (!state().initialized)
    return CUresult::NotInitialized;
  if (!count)
    return CUresult::InvalidValue;
  *count = static_cast<int>(state().devices.size());
  return CUresult::Success;
}

CUresult cuDeviceGet(CUdevice *handle, int ordinal) {
  std::unique_lock lock(state().mutex);
  DeviceState *device = nullptr;
  CUresult result = findDevice(ordinal, handle, device);
  if (result == CUresult::Success)
    *handle = ordinal;
  return result;
}

CUresult cuDeviceGetName(char *name, int size, CUdevice ordinal) {
  std::unique_lock lock(state().mutex);
  DeviceState *device = nullptr;
  CUresult result = findDevice(ordinal, name, device);
  if (result != CUresult::Success)
    return result;
  if (size <= 0)
    return CUresult::InvalidValue;
  std::snprintf(name, static_cast<size_t>(size), "%s",
                state().settings.name.c_str());
  return CUresult::Success;
}

CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice ordinal) {
  std::unique_lock lock(state().mutex);
  DeviceState *device = nullptr;
  CUresult result = findDevice(ordinal, uuid, device);
  if (result != CUresult::Success)
    return result;
  std::memcpy(uuid->bytes, "swallow-emulate", 15);
  uuid->bytes[15] = static_cast<char>(ordinal);
  return CUresult::Success;
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice ordinal) {
  std::unique_lock lock(state().mutex);
  DeviceState *device = nullptr;
  CUresult result = findDevice(ordinal, bytes, device);
  if (result == CUresult::Success)
    *bytes = state().settings.memoryBytes;
  return result;
}

/// Of one block after it asked for more, by compute capability (CUDA C++
/// Programming Guide, "Technical Specifications per Compute Capability").
static int sharedOptIn(const Settings &s) {
  if (s.major == 9 || s.major == 10)
    return 227 << 10;
  return s.major == 8 && (s.minor == 0 || s.minor == 7) ? 163 << 10 : 99 << 10;
}

CUresult cuDeviceGetAttribute(int *value, CUdeviceAttribute attribute,
                              CUdevice ordinal) {
  std::unique_lock lock(state().mutex);
  DeviceState *device = nullptr;
  CUresult result = findDevice(ordinal, value, device);
  if (result != CUresult::Success)
    return result;
  const Settings &s = state().settings;
  // Sizes, clocks and widths where nothing is set are those of an H100 SXM.
  switch (attribute) {
  case CUdeviceAttribute::MaxThreadsPerBlock:
  case CUdeviceAttribute::MaxBlockDimX:
  case CUdeviceAttribute::MaxBlockDimY:
    *value = 1024;
    break;
  case CUdeviceAttribute::MaxBlockDimZ:
    *value = 64;
    break;
  case CUdeviceAttribute::MaxGridDimX:
    *value = 2147483647;
    break;
  case CUdeviceAttribute::MaxGridDimY:
  case CUdeviceAttribute::MaxGridDimZ:
    *value = 65535;
    break;
  case CUdeviceAttribute::MaxSharedMemoryPerBlock:
    *value = 48 << 10;
    break;
  case CUdeviceAttribute::MaxSharedMemoryPerBlockOptin:
    *value = sharedOptIn(s);
    break;
  case CUdeviceAttribute::ReservedSharedMemoryPerBlock:
    *value = 1 << 10;
    break;
  case CUdeviceAttribute::MaxSharedMemoryPerMultiprocessor:
    *value = sharedOptIn(s) + (1 << 10);
    break;
  case CUdeviceAttribute::WarpSize:
    *value = 32;
    break;
  case CUdeviceAttribute::MaxRegistersPerBlock:
  case CUdeviceAttribute::MaxRegistersPerMultiprocessor:
    *value = 65536;
    break;
  case CUdeviceAttribute::ClockRate:
    *value = 1980000;
    break;
  case CUdeviceAttribute::MultiprocessorCount:
    *value = s.multiprocessors;
    break;
  case CUdeviceAttribute::MemoryClockRate:
    *value = 2619000;
    break;
  case CUdeviceAttribute::GlobalMemoryBusWidth:
    *value = 5120;
    break;
  case CUdeviceAttribute::L2CacheSize:
    *value = 50 << 20;
    break;
  case CUdeviceAttribute::MaxThreadsPerMultiprocessor:
    *value = 2048;
    break;
  case CUdeviceAttribute::MaxBlocksPerMultiprocessor:
    *value = 32;
    break;
  case CUdeviceAttribute::ComputeCapabilityMajor:
    *value = s.major;
    break;
  case CUdeviceAttribute::ComputeCapabilityMinor:
    *value = s.minor;
    break;
  case CUdeviceAttribute::Integrated:
  case CUdeviceAttribute::ComputeMode:
  case CUdeviceAttribute::CooperativeLaunch: // blocks run one by one
  case CUdeviceAttribute::ClusterLaunch:
    *value = 0;
    break;
  default:
    return CUresult::InvalidValue;
  }
  return CUresult::Success;
}

//===-- Contexts ----------------------------------------------------------===//

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice ordinal) {
  std::unique_lock lock(state().mutex);
  DeviceState *device = nullptr;
  CUresult result = findDevice(ordinal, context, device);
  if (result != CUresult::Success)
    return result;
  if (device->retained++ == 0) {
    device->context = reinterpret_cast<CUcontext>(nextHandle());
    device->memory =
        std::make_unique<DeviceMemory>(state().settings.memoryBytes);
  }
  *context = device->context;
  return CUresult::Success;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice ordinal) {
  std::unique_lock lock(state().mutex);
  DeviceState *device = nullptr;
  CUresult result = findDevice(ordinal, &ordinal, device);
  if (result != CUresult::Success)
    return result;
  if (device->retained == 0)
    return CUresult::InvalidContext;
  if (--device->retained > 0)
    return CUresult::Success;
  (void)drainAll(*device);
  state().findLeaks(*device, "when the context was released");
  device->modules.clear(); // before the memory that holds their variables
  auto fresh = std::make_unique<DeviceState>();
  fresh->ordinal = ordinal;
  state().devices[static_cast<size_t>(ordinal)] = std::move(fresh);
  return CUresult::Success;
}

CUresult cuCtxGetCurrent(CUcontext *context) {
  std::unique_lock lock(state().mutex);
  if (!state().initialized)
    return CUresult::NotInitialized;
  if (!context)
    return CUresult::InvalidValue;
  *context = currentContext();
  return CUresult::Success;
}

CUresult cuCtxSetCurrent(CUcontext context) {
  std::unique_lock lock(state().mutex);
  if (!state().initialized)
    return CUresult::NotInitialized;
  if (context && !state().deviceOf(context))
    return CUresult::InvalidContext;
  currentContext() = context;
  return CUresult::Success;
}

} // namespace swallow::emulator
