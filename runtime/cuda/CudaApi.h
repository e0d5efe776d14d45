//===- CudaApi.h - the part of the CUDA driver API in use -------*- C++ -*-===//
//
// Swallow opens the driver with dlopen, and neither building nor running it
// needs a CUDA toolkit, so the types, values and signatures that it uses are
// declared here. Only the C interface is described: what a call does, what it
// may return and which threads may make it is in the CUDA Driver API reference,
// under the same names (docs.nvidia.com/cuda/cuda-driver-api).
//
// Types keep the names of the reference; enumerators drop their prefix
// (CUDA_ERROR_OUT_OF_MEMORY is CUresult::OutOfMemory). Values and layouts are
// part of the driver's binary interface and never change. Where a CUDA header
// is installed, test/runtime/cuda/CudaApiTest.cpp compares all of it.
//
// Nothing here is newer than CUDA 12.0, see Driver.h.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_CUDA_CUDAAPI_H
#define SWALLOW_RUNTIME_CUDA_CUDAAPI_H

#include <cstddef>
#include <cstdint>

namespace swallow::cuda {

//===-- Handles -----------------------------------------------------------===//

/// An index from 0, in the order that CUDA_VISIBLE_DEVICES gives.
using CUdevice = int;
/// An address in device memory (of a 64-bit process).
using CUdeviceptr = unsigned long long;
// Opaque pointers, owned by whoever created or retained them.
using CUcontext = struct ContextHandle *;
using CUstream = struct StreamHandle *; // null: the legacy default stream
using CUevent = struct EventHandle *;
using CUmodule = struct ModuleHandle *;
using CUfunction = struct FunctionHandle *; // owned by its module
using CUlinkState = struct LinkStateHandle *;
using CUgraph = struct GraphHandle *;
using CUgraphNode = struct GraphNodeHandle *; // owned by its graph
using CUgraphExec = struct GraphExecHandle *;
using CUkernel = struct KernelHandle *;

struct CUuuid {
  char bytes[16];
};

//===-- Results -----------------------------------------------------------===//

/// Those that Swallow or the emulator tells apart. The driver may return
/// others, which cuGetErrorName can still name.
enum class CUresult : int {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NotInitialized = 3,
  Deinitialized = 4,
  StubLibrary = 34,
  DeviceUnavailable = 46,
  NoDevice = 100,
  InvalidDevice = 101,
  InvalidImage = 200,
  InvalidContext = 201,
  NoBinaryForGpu = 209,
  EccUncorrectable = 214,
  InvalidPtx = 218,
  NvlinkUncorrectable = 220,
  JitCompilerNotFound = 221,
  UnsupportedPtxVersion = 222,
  JitCompilationDisabled = 223,
  Contained = 226,
  OperatingSystem = 304,
  InvalidHandle = 400,
  IllegalState = 401,
  NotFound = 500,
  NotReady = 600,
  IllegalAddress = 700,
  LaunchOutOfResources = 701,
  LaunchTimeout = 702,
  ContextIsDestroyed = 709,
  Assert = 710,
  HardwareStackError = 714,
  IllegalInstruction = 715,
  MisalignedAddress = 716,
  InvalidAddressSpace = 717,
  InvalidPc = 718,
  LaunchFailed = 719,
  CooperativeLaunchTooLarge = 720,
  NotPermitted = 800,
  NotSupported = 801,
  SystemNotReady = 802,
  SystemDriverMismatch = 803,
  StreamCaptureUnsupported = 900,
  StreamCaptureInvalidated = 901,
  StreamCaptureUnmatched = 903,
  StreamCaptureUnjoined = 904,
  StreamCaptureIsolation = 905,
  StreamCaptureImplicit = 906,
  CapturedEvent = 907,
  GraphExecUpdateFailure = 910,
  InvalidClusterSize = 912,
  Unknown = 999,
};

//===-- Devices and functions ---------------------------------------------===//

/// CUdevice_attribute; sizes are in bytes, clocks in kHz, widths in bits.
enum class CUdeviceAttribute : int {
  MaxThreadsPerBlock = 1,
  MaxBlockDimX = 2,
  MaxBlockDimY = 3,
  MaxBlockDimZ = 4,
  MaxGridDimX = 5,
  MaxGridDimY = 6,
  MaxGridDimZ = 7,
  MaxSharedMemoryPerBlock = 8,
  WarpSize = 10,
  MaxRegistersPerBlock = 12,
  ClockRate = 13,
  MultiprocessorCount = 16,
  Integrated = 18,
  ComputeMode = 20,
  MemoryClockRate = 36,
  GlobalMemoryBusWidth = 37,
  L2CacheSize = 38,
  MaxThreadsPerMultiprocessor = 39,
  ComputeCapabilityMajor = 75,
  ComputeCapabilityMinor = 76,
  MaxSharedMemoryPerMultiprocessor = 81,
  MaxRegistersPerMultiprocessor = 82,
  CooperativeLaunch = 95,
  MaxSharedMemoryPerBlockOptin = 97,
  MaxBlocksPerMultiprocessor = 106,
  ReservedSharedMemoryPerBlock = 111,
  ClusterLaunch = 120,
};

/// CUfunction_attribute.
enum class CUfunctionAttribute : int {
  MaxThreadsPerBlock = 0,
  SharedSizeBytes = 1, // static
  ConstSizeBytes = 2,
  LocalSizeBytes = 3, // of each thread: spills and arrays
  NumRegs = 4,
  PtxVersion = 5,    // 70 is .version 7.0
  BinaryVersion = 6, // 80 is sm_80
  MaxDynamicSharedSizeBytes = 8,
  PreferredSharedMemoryCarveout = 9,
};

//===-- Modules and the compiler in the driver ----------------------------===//

/// CUjit_option. A value is cast to void *, not pointed to.
enum class CUjitOption : int {
  MaxRegisters = 0,
  WallTime = 2,
  InfoLogBuffer = 3,
  InfoLogBufferSizeBytes = 4,
  ErrorLogBuffer = 5,
  ErrorLogBufferSizeBytes = 6,
  OptimizationLevel = 7, // 0 to 4
  LogVerbose = 12,
  GenerateLineInfo = 13,
};

enum class CUjitInputType : int { Cubin = 0, Ptx = 1, Fatbinary = 2 };

//===-- Streams, events, host memory --------------------------------------===//

enum CUstreamFlags : unsigned {
  StreamDefault = 0,
  StreamNonBlocking = 1, // no implicit order with the legacy default stream
};

enum CUeventFlags : unsigned {
  EventDefault = 0,
  EventBlockingSync = 1, // a waiting thread sleeps
  EventDisableTiming = 2,
};

enum CUeventRecordFlags : unsigned {
  EventRecordDefault = 0,
  EventRecordExternal = 1, // while capturing: each launch of the graph records
};

enum CUmemHostAllocFlags : unsigned {
  MemHostAllocPortable = 1,
  MemHostAllocDeviceMap = 2,
  MemHostAllocWriteCombined = 4,
};

enum class CUstreamCaptureMode : int { Global = 0, ThreadLocal = 1, Relaxed };
enum class CUstreamCaptureStatus : int { None = 0, Active = 1, Invalidated };

//===-- Launches and graphs -----------------------------------------------===//

/// CUlaunchAttributeID.
enum class CUlaunchAttributeID : int {
  Ignore = 0,
  Cooperative = 2,
  ClusterDimension = 4,
  ProgrammaticStreamSerialization = 6,
};

union CUlaunchAttributeValue {
  char pad[64];
  int cooperative;
  struct {
    unsigned x, y, z; // blocks; each divides the grid's
  } clusterDim;
  int programmaticStreamSerializationAllowed;
};

struct CUlaunchAttribute {
  CUlaunchAttributeID id;
  char pad[4];
  CUlaunchAttributeValue value;
};

struct CUlaunchConfig {
  unsigned gridDimX, gridDimY, gridDimZ;    // blocks
  unsigned blockDimX, blockDimY, blockDimZ; // threads
  unsigned sharedMemBytes;                  // dynamic
  CUstream hStream;
  CUlaunchAttribute *attrs; // numAttrs of them, or null
  unsigned numAttrs;
};

/// CUDA_KERNEL_NODE_PARAMS_v2.
struct CUkernelNodeParams {
  CUfunction func;
  unsigned gridDimX, gridDimY, gridDimZ;
  unsigned blockDimX, blockDimY, blockDimZ;
  unsigned sharedMemBytes;
  void **kernelParams; // one pointer to the value of each parameter
  void **extra;        // null
  CUkernel kern;       // null where func is set
  CUcontext ctx;       // null: the current one
};

enum class CUgraphNodeType : int {
  Kernel = 0,
  Memcpy = 1,
  Memset = 2,
  Empty = 5,
  EventRecord = 7,
};

//===-- Functions ---------------------------------------------------------===//

/// Every function in use, X(name, exported, parameters). A function whose
/// interface once changed is exported under a version suffix as well; the bare
/// name is then the old interface, so the suffix is part of this table.
// clang-format off
#define SWALLOW_CUDA_FUNCTIONS(X)                                              \
  /* The driver. */                                                            \
  X(cuInit, cuInit, (unsigned flags))                                          \
  X(cuDriverGetVersion, cuDriverGetVersion, (int *version))                    \
  X(cuGetErrorName, cuGetErrorName, (CUresult error, const char **name))       \
  X(cuGetErrorString, cuGetErrorString, (CUresult error, const char **text))   \
  /* Devices. */                                                               \
  X(cuDeviceGetCount, cuDeviceGetCount, (int *count))                          \
  X(cuDeviceGet, cuDeviceGet, (CUdevice *device, int ordinal))                 \
  X(cuDeviceGetName, cuDeviceGetName, (char *name, int size, CUdevice device)) \
  X(cuDeviceGetUuid, cuDeviceGetUuid_v2, (CUuuid *uuid, CUdevice device))      \
  X(cuDeviceTotalMem, cuDeviceTotalMem_v2, (size_t *bytes, CUdevice device))   \
  X(cuDeviceGetAttribute, cuDeviceGetAttribute,                                \
    (int *value, CUdeviceAttribute attribute, CUdevice device))                \
  /* The primary context: one a device and process, shared with libraries. */  \
  X(cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain,                        \
    (CUcontext *context, CUdevice device))                                     \
  X(cuDevicePrimaryCtxRelease, cuDevicePrimaryCtxRelease_v2,                   \
    (CUdevice device))                                                         \
  X(cuCtxGetCurrent, cuCtxGetCurrent, (CUcontext *context))                    \
  X(cuCtxSetCurrent, cuCtxSetCurrent, (CUcontext context))                     \
  X(cuCtxSynchronize, cuCtxSynchronize, (void))                                \
  /* Memory. The synchronous copies are for small things outside of a step. */ \
  X(cuMemGetInfo, cuMemGetInfo_v2, (size_t *freeBytes, size_t *totalBytes))    \
  X(cuMemAlloc, cuMemAlloc_v2, (CUdeviceptr *pointer, size_t bytes))           \
  X(cuMemFree, cuMemFree_v2, (CUdeviceptr pointer))                            \
  X(cuMemHostAlloc, cuMemHostAlloc,                                            \
    (void **pointer, size_t bytes, unsigned flags))                            \
  X(cuMemFreeHost, cuMemFreeHost, (void *pointer))                             \
  X(cuMemcpyHtoD, cuMemcpyHtoD_v2,                                             \
    (CUdeviceptr target, const void *source, size_t bytes))                    \
  X(cuMemcpyDtoH, cuMemcpyDtoH_v2,                                             \
    (void *target, CUdeviceptr source, size_t bytes))                          \
  X(cuMemcpyDtoD, cuMemcpyDtoD_v2,                                             \
    (CUdeviceptr target, CUdeviceptr source, size_t bytes))                    \
  X(cuMemcpyHtoDAsync, cuMemcpyHtoDAsync_v2,                                   \
    (CUdeviceptr target, const void *source, size_t bytes, CUstream stream))   \
  X(cuMemcpyDtoHAsync, cuMemcpyDtoHAsync_v2,                                   \
    (void *target, CUdeviceptr source, size_t bytes, CUstream stream))         \
  X(cuMemcpyDtoDAsync, cuMemcpyDtoDAsync_v2,                                   \
    (CUdeviceptr target, CUdeviceptr source, size_t bytes, CUstream stream))   \
  X(cuMemsetD8Async, cuMemsetD8Async,                                          \
    (CUdeviceptr target, unsigned char value, size_t count, CUstream stream))  \
  X(cuMemsetD32Async, cuMemsetD32Async,                                        \
    (CUdeviceptr target, unsigned value, size_t count, CUstream stream))       \
  /* Streams. */                                                               \
  X(cuStreamCreate, cuStreamCreate, (CUstream *stream, unsigned flags))        \
  X(cuStreamDestroy, cuStreamDestroy_v2, (CUstream stream))                    \
  X(cuStreamSynchronize, cuStreamSynchronize, (CUstream stream))               \
  X(cuStreamQuery, cuStreamQuery, (CUstream stream))                           \
  X(cuStreamWaitEvent, cuStreamWaitEvent,                                      \
    (CUstream stream, CUevent event, unsigned flags))                          \
  X(cuStreamBeginCapture, cuStreamBeginCapture_v2,                             \
    (CUstream stream, CUstreamCaptureMode mode))                               \
  X(cuStreamEndCapture, cuStreamEndCapture, (CUstream stream, CUgraph *graph)) \
  X(cuStreamGetCaptureInfo, cuStreamGetCaptureInfo_v2,                         \
    (CUstream stream, CUstreamCaptureStatus *status, uint64_t *id,             \
     CUgraph *graph, const CUgraphNode **dependencies,                         \
     size_t *numDependencies))                                                 \
  /* Events. */                                                                \
  X(cuEventCreate, cuEventCreate, (CUevent *event, unsigned flags))            \
  X(cuEventDestroy, cuEventDestroy_v2, (CUevent event))                        \
  X(cuEventRecord, cuEventRecord, (CUevent event, CUstream stream))            \
  X(cuEventRecordWithFlags, cuEventRecordWithFlags,                            \
    (CUevent event, CUstream stream, unsigned flags))                          \
  X(cuEventSynchronize, cuEventSynchronize, (CUevent event))                   \
  X(cuEventQuery, cuEventQuery, (CUevent event))                               \
  X(cuEventElapsedTime, cuEventElapsedTime,                                    \
    (float *milliseconds, CUevent start, CUevent end))                         \
  /* Modules, their functions and variables. */                                \
  X(cuModuleLoadDataEx, cuModuleLoadDataEx,                                    \
    (CUmodule *module, const void *image, unsigned numOptions,                 \
     CUjitOption *options, void **values))                                     \
  X(cuModuleUnload, cuModuleUnload, (CUmodule module))                         \
  X(cuModuleGetFunction, cuModuleGetFunction,                                  \
    (CUfunction *function, CUmodule module, const char *name))                 \
  X(cuModuleGetGlobal, cuModuleGetGlobal_v2,                                   \
    (CUdeviceptr *pointer, size_t *bytes, CUmodule module, const char *name))  \
  X(cuFuncGetAttribute, cuFuncGetAttribute,                                    \
    (int *value, CUfunctionAttribute attribute, CUfunction function))          \
  X(cuFuncSetAttribute, cuFuncSetAttribute,                                    \
    (CUfunction function, CUfunctionAttribute attribute, int value))           \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor,                               \
    cuOccupancyMaxActiveBlocksPerMultiprocessor,                               \
    (int *blocks, CUfunction function, int blockSize, size_t dynamicShared))   \
  /* The compiler in the driver. */                                            \
  X(cuLinkCreate, cuLinkCreate_v2,                                             \
    (unsigned numOptions, CUjitOption *options, void **values,                 \
     CUlinkState *state))                                                      \
  X(cuLinkAddData, cuLinkAddData_v2,                                           \
    (CUlinkState state, CUjitInputType type, void *data, size_t size,          \
     const char *name, unsigned numOptions, CUjitOption *options,              \
     void **values))                                                           \
  X(cuLinkComplete, cuLinkComplete,                                            \
    (CUlinkState state, void **cubin, size_t *size))                           \
  X(cuLinkDestroy, cuLinkDestroy, (CUlinkState state))                         \
  /* Launches. */                                                              \
  X(cuLaunchKernel, cuLaunchKernel,                                            \
    (CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,      \
     unsigned blockX, unsigned blockY, unsigned blockZ,                        \
     unsigned dynamicShared, CUstream stream, void **parameters,               \
     void **extra))                                                            \
  X(cuLaunchKernelEx, cuLaunchKernelEx,                                        \
    (const CUlaunchConfig *config, CUfunction function, void **parameters,     \
     void **extra))                                                            \
  /* Graphs. */                                                                \
  X(cuGraphGetNodes, cuGraphGetNodes,                                          \
    (CUgraph graph, CUgraphNode *nodes, size_t *numNodes))                     \
  X(cuGraphNodeGetType, cuGraphNodeGetType,                                    \
    (CUgraphNode node, CUgraphNodeType *type))                                 \
  X(cuGraphKernelNodeGetParams, cuGraphKernelNodeGetParams_v2,                 \
    (CUgraphNode node, CUkernelNodeParams *parameters))                        \
  X(cuGraphInstantiate, cuGraphInstantiateWithFlags,                           \
    (CUgraphExec *exec, CUgraph graph, unsigned long long flags))              \
  X(cuGraphExecKernelNodeSetParams, cuGraphExecKernelNodeSetParams_v2,         \
    (CUgraphExec exec, CUgraphNode node, const CUkernelNodeParams *parameters))\
  X(cuGraphUpload, cuGraphUpload, (CUgraphExec exec, CUstream stream))         \
  X(cuGraphLaunch, cuGraphLaunch, (CUgraphExec exec, CUstream stream))         \
  X(cuGraphExecDestroy, cuGraphExecDestroy, (CUgraphExec exec))                \
  X(cuGraphDestroy, cuGraphDestroy, (CUgraph graph))
// clang-format on

/// The address of each function above, under the name without suffix.
struct DriverFunctions {
#define SWALLOW_CUDA_MEMBER(name, exported, parameters)                        \
  CUresult(*name) parameters = nullptr;
  SWALLOW_CUDA_FUNCTIONS(SWALLOW_CUDA_MEMBER)
#undef SWALLOW_CUDA_MEMBER
};

} // namespace swallow::cuda

#endif // SWALLOW_RUNTIME_CUDA_CUDAAPI_H
