//===- CudaApiTest.cpp - our declarations against NVIDIA's ------*- C++ -*-===//
//
// Everything is checked when this is compiled; it is built only where a cuda.h
// is installed.
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/CudaApi.h"

// Ours first: the header makes macros of names that a member has in ours. This
// asks for the interfaces of all versions, without those macros.
#define __CUDA_API_VERSION_INTERNAL
#include <cuda.h>

#include <gtest/gtest.h>

#include <cstddef>
#include <type_traits>

namespace swallow::cuda {
namespace {

/// Whether a caller passes two types alike.
template <typename A, typename B>
constexpr bool kSame =
    sizeof(A) == sizeof(B) && alignof(A) == alignof(B) &&
    std::is_pointer_v<A> == std::is_pointer_v<B> &&
    std::is_floating_point_v<A> == std::is_floating_point_v<B>;

template <typename A, typename B> struct SameFunction : std::false_type {};
template <typename... A, typename... B>
struct SameFunction<CUresult (*)(A...), ::CUresult (*)(B...)>
    : std::bool_constant<sizeof...(A) == sizeof...(B)> {
  static_assert((kSame<A, B> && ...));
};

#define SWALLOW_COMPARE(name, exported, parameters)                            \
  static_assert(                                                               \
      SameFunction<CUresult(*) parameters, decltype(&::exported)>::value,      \
      #exported);
SWALLOW_CUDA_FUNCTIONS(SWALLOW_COMPARE)
#undef SWALLOW_COMPARE

#define SAME(ours, theirs)                                                     \
  static_assert(static_cast<long>(ours) == static_cast<long>(theirs), #theirs)
SAME(CUresult::Success, CUDA_SUCCESS);
SAME(CUresult::InvalidValue, CUDA_ERROR_INVALID_VALUE);
SAME(CUresult::OutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
SAME(CUresult::NotInitialized, CUDA_ERROR_NOT_INITIALIZED);
SAME(CUresult::Deinitialized, CUDA_ERROR_DEINITIALIZED);
SAME(CUresult::StubLibrary, CUDA_ERROR_STUB_LIBRARY);
SAME(CUresult::DeviceUnavailable, CUDA_ERROR_DEVICE_UNAVAILABLE);
SAME(CUresult::NoDevice, CUDA_ERROR_NO_DEVICE);
SAME(CUresult::InvalidDevice, CUDA_ERROR_INVALID_DEVICE);
SAME(CUresult::InvalidImage, CUDA_ERROR_INVALID_IMAGE);
SAME(CUresult::InvalidContext, CUDA_ERROR_INVALID_CONTEXT);
SAME(CUresult::NoBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU);
SAME(CUresult::EccUncorrectable, CUDA_ERROR_ECC_UNCORRECTABLE);
SAME(CUresult::InvalidPtx, CUDA_ERROR_INVALID_PTX);
SAME(CUresult::NvlinkUncorrectable, CUDA_ERROR_NVLINK_UNCORRECTABLE);
SAME(CUresult::JitCompilerNotFound, CUDA_ERROR_JIT_COMPILER_NOT_FOUND);
SAME(CUresult::UnsupportedPtxVersion, CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
SAME(CUresult::JitCompilationDisabled, CUDA_ERROR_JIT_COMPILATION_DISABLED);
SAME(CUresult::Contained, CUDA_ERROR_CONTAINED);
SAME(CUresult::OperatingSystem, CUDA_ERROR_OPERATING_SYSTEM);
SAME(CUresult::InvalidHandle, CUDA_ERROR_INVALID_HANDLE);
SAME(CUresult::IllegalState, CUDA_ERROR_ILLEGAL_STATE);
SAME(CUresult::NotFound, CUDA_ERROR_NOT_FOUND);
SAME(CUresult::NotReady, CUDA_ERROR_NOT_READY);
SAME(CUresult::IllegalAddress, CUDA_ERROR_ILLEGAL_ADDRESS);
SAME(CUresult::LaunchOutOfResources, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
SAME(CUresult::LaunchTimeout, CUDA_ERROR_LAUNCH_TIMEOUT);
SAME(CUresult::ContextIsDestroyed, CUDA_ERROR_CONTEXT_IS_DESTROYED);
SAME(CUresult::Assert, CUDA_ERROR_ASSERT);
SAME(CUresult::HardwareStackError, CUDA_ERROR_HARDWARE_STACK_ERROR);
SAME(CUresult::IllegalInstruction, CUDA_ERROR_ILLEGAL_INSTRUCTION);
SAME(CUresult::MisalignedAddress, CUDA_ERROR_MISALIGNED_ADDRESS);
SAME(CUresult::InvalidAddressSpace, CUDA_ERROR_INVALID_ADDRESS_SPACE);
SAME(CUresult::InvalidPc, CUDA_ERROR_INVALID_PC);
SAME(CUresult::LaunchFailed, CUDA_ERROR_LAUNCH_FAILED);
SAME(CUresult::CooperativeLaunchTooLarge,
     CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
SAME(CUresult::NotPermitted, CUDA_ERROR_NOT_PERMITTED);
SAME(CUresult::NotSupported, CUDA_ERROR_NOT_SUPPORTED);
SAME(CUresult::SystemNotReady, CUDA_ERROR_SYSTEM_NOT_READY);
SAME(CUresult::SystemDriverMismatch, CUDA_ERROR_SYSTEM_DRIVER_MISMATCH);
SAME(CUresult::StreamCaptureUnsupported, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
SAME(CUresult::StreamCaptureInvalidated, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
SAME(CUresult::StreamCaptureUnmatched, CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
SAME(CUresult::StreamCaptureUnjoined, CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
SAME(CUresult::StreamCaptureIsolation, CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
SAME(CUresult::StreamCaptureImplicit, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
SAME(CUresult::CapturedEvent, CUDA_ERROR_CAPTURED_EVENT);
SAME(CUresult::GraphExecUpdateFailure, CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
SAME(CUresult::InvalidClusterSize, CUDA_ERROR_INVALID_CLUSTER_SIZE);
SAME(CUresult::Unknown, CUDA_ERROR_UNKNOWN);
SAME(CUdeviceAttribute::MaxThreadsPerBlock,
     CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
SAME(CUdeviceAttribute::MaxBlockDimX, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X);
SAME(CUdeviceAttribute::MaxBlockDimY, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y);
SAME(CUdeviceAttribute::MaxBlockDimZ, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z);
SAME(CUdeviceAttribute::MaxGridDimX, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X);
SAME(CUdeviceAttribute::MaxGridDimY, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y);
SAME(CUdeviceAttribute::MaxGridDimZ, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z);
SAME(CUdeviceAttribute::MaxSharedMemoryPerBlock,
     CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK);
SAME(CUdeviceAttribute::WarpSize, CU_DEVICE_ATTRIBUTE_WARP_SIZE);
SAME(CUdeviceAttribute::MaxRegistersPerBlock,
     CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK);
SAME(CUdeviceAttribute::ClockRate, CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
SAME(CUdeviceAttribute::MultiprocessorCount,
     CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
SAME(CUdeviceAttribute::Integrated, CU_DEVICE_ATTRIBUTE_INTEGRATED);
SAME(CUdeviceAttribute::ComputeMode, CU_DEVICE_ATTRIBUTE_COMPUTE_MODE);
SAME(CUdeviceAttribute::MemoryClockRate, CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE);
SAME(CUdeviceAttribute::GlobalMemoryBusWidth,
     CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH);
SAME(CUdeviceAttribute::L2CacheSize, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
SAME(CUdeviceAttribute::MaxThreadsPerMultiprocessor,
     CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR);
SAME(CUdeviceAttribute::ComputeCapabilityMajor,
     CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
SAME(CUdeviceAttribute::ComputeCapabilityMinor,
     CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
SAME(CUdeviceAttribute::MaxSharedMemoryPerMultiprocessor,
     CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR);
SAME(CUdeviceAttribute::MaxRegistersPerMultiprocessor,
     CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR);
SAME(CUdeviceAttribute::CooperativeLaunch,
     CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH);
SAME(CUdeviceAttribute::MaxSharedMemoryPerBlockOptin,
     CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
SAME(CUdeviceAttribute::MaxBlocksPerMultiprocessor,
     CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR);
SAME(CUdeviceAttribute::ReservedSharedMemoryPerBlock,
     CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK);
SAME(CUdeviceAttribute::ClusterLaunch, CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH);
SAME(CUfunctionAttribute::MaxThreadsPerBlock,
     CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
SAME(CUfunctionAttribute::SharedSizeBytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
SAME(CUfunctionAttribute::ConstSizeBytes, CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES);
SAME(CUfunctionAttribute::LocalSizeBytes, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
SAME(CUfunctionAttribute::NumRegs, CU_FUNC_ATTRIBUTE_NUM_REGS);
SAME(CUfunctionAttribute::PtxVersion, CU_FUNC_ATTRIBUTE_PTX_VERSION);
SAME(CUfunctionAttribute::BinaryVersion, CU_FUNC_ATTRIBUTE_BINARY_VERSION);
SAME(CUfunctionAttribute::MaxDynamicSharedSizeBytes,
     CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
SAME(CUfunctionAttribute::PreferredSharedMemoryCarveout,
     CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT);
SAME(CUjitOption::MaxRegisters, CU_JIT_MAX_REGISTERS);
SAME(CUjitOption::WallTime, CU_JIT_WALL_TIME);
SAME(CUjitOption::InfoLogBuffer, CU_JIT_INFO_LOG_BUFFER);
SAME(CUjitOption::InfoLogBufferSizeBytes, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES);
SAME(CUjitOption::ErrorLogBuffer, CU_JIT_ERROR_LOG_BUFFER);
SAME(CUjitOption::ErrorLogBufferSizeBytes, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
SAME(CUjitOption::OptimizationLevel, CU_JIT_OPTIMIZATION_LEVEL);
SAME(CUjitOption::LogVerbose, CU_JIT_LOG_VERBOSE);
SAME(CUjitOption::GenerateLineInfo, CU_JIT_GENERATE_LINE_INFO);
SAME(CUjitInputType::Cubin, CU_JIT_INPUT_CUBIN);
SAME(CUjitInputType::Ptx, CU_JIT_INPUT_PTX);
SAME(CUjitInputType::Fatbinary, CU_JIT_INPUT_FATBINARY);
SAME(StreamDefault, CU_STREAM_DEFAULT);
SAME(StreamNonBlocking, CU_STREAM_NON_BLOCKING);
SAME(EventDefault, CU_EVENT_DEFAULT);
SAME(EventBlockingSync, CU_EVENT_BLOCKING_SYNC);
SAME(EventDisableTiming, CU_EVENT_DISABLE_TIMING);
SAME(EventRecordDefault, CU_EVENT_RECORD_DEFAULT);
SAME(EventRecordExternal, CU_EVENT_RECORD_EXTERNAL);
SAME(MemHostAllocPortable, CU_MEMHOSTALLOC_PORTABLE);
SAME(MemHostAllocDeviceMap, CU_MEMHOSTALLOC_DEVICEMAP);
SAME(MemHostAllocWriteCombined, CU_MEMHOSTALLOC_WRITECOMBINED);
SAME(CUstreamCaptureMode::Global, CU_STREAM_CAPTURE_MODE_GLOBAL);
SAME(CUstreamCaptureMode::ThreadLocal, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
SAME(CUstreamCaptureMode::Relaxed, CU_STREAM_CAPTURE_MODE_RELAXED);
SAME(CUstreamCaptureStatus::None, CU_STREAM_CAPTURE_STATUS_NONE);
SAME(CUstreamCaptureStatus::Active, CU_STREAM_CAPTURE_STATUS_ACTIVE);
SAME(CUstreamCaptureStatus::Invalidated, CU_STREAM_CAPTURE_STATUS_INVALIDATED);
SAME(CUlaunchAttributeID::Ignore, CU_LAUNCH_ATTRIBUTE_IGNORE);
SAME(CUlaunchAttributeID::Cooperative, CU_LAUNCH_ATTRIBUTE_COOPERATIVE);
SAME(CUlaunchAttributeID::ClusterDimension,
     CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
SAME(CUlaunchAttributeID::ProgrammaticStreamSerialization,
     CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
SAME(CUgraphNodeType::Kernel, CU_GRAPH_NODE_TYPE_KERNEL);
SAME(CUgraphNodeType::Memcpy, CU_GRAPH_NODE_TYPE_MEMCPY);
SAME(CUgraphNodeType::Memset, CU_GRAPH_NODE_TYPE_MEMSET);
SAME(CUgraphNodeType::Empty, CU_GRAPH_NODE_TYPE_EMPTY);
SAME(CUgraphNodeType::EventRecord, CU_GRAPH_NODE_TYPE_EVENT_RECORD);
#undef SAME

static_assert(kSame<CUdevice, ::CUdevice> && kSame<CUuuid, ::CUuuid> &&
              std::is_same_v<CUdeviceptr, ::CUdeviceptr>);

#define SAME_FIELD(ours, theirs, field)                                        \
  static_assert(offsetof(ours, field) == offsetof(theirs, field) &&            \
                    sizeof(ours::field) == sizeof(theirs::field),              \
                #field)
static_assert(sizeof(CUlaunchConfig) == sizeof(::CUlaunchConfig));
SAME_FIELD(CUlaunchConfig, ::CUlaunchConfig, gridDimZ);
SAME_FIELD(CUlaunchConfig, ::CUlaunchConfig, blockDimX);
SAME_FIELD(CUlaunchConfig, ::CUlaunchConfig, sharedMemBytes);
SAME_FIELD(CUlaunchConfig, ::CUlaunchConfig, hStream);
SAME_FIELD(CUlaunchConfig, ::CUlaunchConfig, attrs);
SAME_FIELD(CUlaunchConfig, ::CUlaunchConfig, numAttrs);
static_assert(sizeof(CUlaunchAttribute) == sizeof(::CUlaunchAttribute));
SAME_FIELD(CUlaunchAttribute, ::CUlaunchAttribute, value);
static_assert(sizeof(CUkernelNodeParams) == sizeof(CUDA_KERNEL_NODE_PARAMS_v2));
SAME_FIELD(CUkernelNodeParams, CUDA_KERNEL_NODE_PARAMS_v2, func);
SAME_FIELD(CUkernelNodeParams, CUDA_KERNEL_NODE_PARAMS_v2, sharedMemBytes);
SAME_FIELD(CUkernelNodeParams, CUDA_KERNEL_NODE_PARAMS_v2, kernelParams);
SAME_FIELD(CUkernelNodeParams, CUDA_KERNEL_NODE_PARAMS_v2, extra);
SAME_FIELD(CUkernelNodeParams, CUDA_KERNEL_NODE_PARAMS_v2, kern);
SAME_FIELD(CUkernelNodeParams, CUDA_KERNEL_NODE_PARAMS_v2, ctx);
#undef SAME_FIELD

TEST(CudaApiTest, AgreesWithTheHeader) { SUCCEED() << "checked above"; }

} // namespace
} // namespace swallow::cuda
