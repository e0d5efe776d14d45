#include "test/cuda-emulator/driver/Exports.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

namespace swallow::emulator {

/// Limits that compute capabilities 8.0 to 9.0 share (CUDA C++ Programming
/// Guide, table "Technical Specifications per Compute Capability").
constexpr uint64_t kMaxGrid[3] = {2147483647, 65535, 65535};
constexpr uint64_t kMaxBlock[3] = {1024, 1024, 64};
constexpr uint64_t kMaxThreads = 1024;

CUresult makeKernelWork(DeviceState &device, CUfunction handle,
                        const LaunchShape &shape, void **parameters,
                        KernelWork &work) {
  FunctionObject *function = device.functions.find(handle);
  if (!function)
    return CUresult::InvalidHandle;
  const Kernel &kernel = *function->kernel;
  uint64_t threads = 1;
  for (int i = 0; i < 3; ++i) {
    if (shape.grid[i] == 0 || shape.grid[i] > kMaxGrid[i] ||
        shape.block[i] == 0 || shape.block[i] > kMaxBlock[i])
      return CUresult::InvalidValue;
    threads *= shape.block[i];
  }
  if (threads > kMaxThreads)
    return CUresult::InvalidValue;
  // .maxntid bounds the number of threads, .reqntid gives the exact shape.
  if (const auto &most = kernel.maxThreads;
      most && threads > uint64_t{(*most)[0]} * (*most)[1] * (*most)[2])
    return CUresult::InvalidValue;
  if (kernel.requiredThreads && *kernel.requiredThreads != shape.block)
    return CUresult::InvalidValue;
  if (shape.dynamicSharedBytes > kernel.maxDynamicShared)
    return CUresult::InvalidValue;

  work.function = handle;
  work.shape = shape;
  work.parameters.assign(kernel.parameterBytes, 0);
  for (size_t i = 0; i < kernel.params.size(); ++i) {
    if (!parameters || !parameters[i])
      return CUresult::InvalidValue;
    std::memcpy(work.parameters.data() + kernel.params[i].offset, parameters[i],
                kernel.params[i].size);
  }
  return CUresult::Success;
}

static CUresult executeKernel(DeviceState &device, const KernelWork &work) {
  State &all = state();
  if (++all.launches == all.settings.failLaunch)
    return CUresult::Unknown; // as a device that fell off the bus is reported
  FunctionObject *function = device.functions.find(work.function);
  if (!function) {
    all.found("UseAfterFree", "a kernel of an unloaded module was launched");
    return CUresult::LaunchFailed;
  }
  device.executor.clearFindings();
  Result<Counters> counters = device.executor.run(
      *function->kernel, work.shape, work.parameters, *device.memory);
  KernelRecord &record = all.kernels[function->kernel->name];
  ++record.launches;
  if (counters.ok())
    record.counters += *counters;
  for (const Finding &finding : device.executor.findings()) {
    std::fprintf(stderr, "cuda-emulator: %s\n", describe(finding).c_str());
    all.kernelFindings.push_back(finding);
  }
  if (!counters.ok() && device.executor.findings().empty())
    std::fprintf(stderr, "cuda-emulator: %s\n",
                 counters.error().message.c_str());
  bool failed = !counters.ok() || (all.settings.allFindingsFatal &&
                                   !device.executor.findings().empty());
  return failed ? CUresult::LaunchFailed : CUresult::Success;
}

static Status copyToDevice(DeviceState &device, const CopyWork &copy) {
  const void *source = copy.staged
                           ? copy.staged->data()
                           : reinterpret_cast<const void *>(copy.source);
  State &all = state();
  std::this_thread::sleep_for(
      std::chrono::milliseconds(all.settings.copyMilliseconds));
  if (++all.copiesIn != all.settings.spoilCopy)
    return device.memory->write(copy.target, source, copy.bytes);
  const auto *bytes = static_cast<const uint8_t *>(source);
  std::vector<uint8_t> spoilt(bytes, bytes + copy.bytes);
  for (uint8_t &byte : spoilt)
    byte = static_cast<uint8_t>(~byte);
  return device.memory->write(copy.target, spoilt.data(), copy.bytes);
}

static CUresult executeCopy(DeviceState &device, const CopyWork &copy) {
  Status status;
  switch (copy.way) {
  case CopyWork::Way::HostToDevice:
    status = copyToDevice(device, copy);
    break;
  case CopyWork::Way::DeviceToHost:
    state().bytesToHost += copy.bytes;
    status = device.memory->read(reinterpret_cast<void *>(copy.target),
                                 copy.source, copy.bytes);
    break;
  case CopyWork::Way::DeviceToDevice:
    status = device.memory->copy(copy.target, copy.source, copy.bytes);
    break;
  }
  if (status.ok())
    return CUresult::Success;
  // In a graph, memory can be freed between the recording and the launch.
  (void)checkRange(device,
                   copy.way == CopyWork::Way::DeviceToHost ? copy.source
                                                           : copy.target,
                   copy.bytes);
  return CUresult::IllegalAddress;
}

static CUresult executeRecord(DeviceState &device, const RecordWork &record) {
  EventObject *event = device.events.find(record.event);
  if (!event)
    return CUresult::InvalidHandle;
  event->mark = std::make_shared<EventMark>();
  event->mark->done = true;
  event->mark->when = std::chrono::steady_clock::now();
  return CUresult::Success;
}

CUresult execute(DeviceState &device, const Work &work) {
  if (auto *kernel = std::get_if<KernelWork>(&work))
    return executeKernel(device, *kernel);
  if (auto *copy = std::get_if<CopyWork>(&work))
    return executeCopy(device, *copy);
  if (auto *record = std::get_if<RecordWork>(&work))
    return executeRecord(device, *record);
  const auto &fill = std::get<FillWork>(work);
  if (device.memory
          ->fill(fill.target, fill.value, fill.elementBytes, fill.count)
          .ok())
    return CUresult::Success;
  (void)checkRange(device, fill.target, fill.count * fill.elementBytes);
  return CUresult::IllegalAddress;
}

CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function,
                          void **parameters, void **extra) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  if (!config || (config->numAttrs && !config->attrs))
    return CUresult::InvalidValue;
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    const CUlaunchAttribute &attribute = config->attrs[i];
    switch (attribute.id) {
    case CUlaunchAttributeID::Ignore:
    case CUlaunchAttributeID::ProgrammaticStreamSerialization: // runs in order
      break;
    case CUlaunchAttributeID::ClusterDimension: {
      const auto &size = attribute.value.clusterDim;
      if (!size.x || !size.y || !size.z || config->gridDimX % size.x ||
          config->gridDimY % size.y || config->gridDimZ % size.z)
        return CUresult::InvalidClusterSize;
      if (size.x * size.y * size.z > 1)
        return CUresult::NotSupported;
      break;
    }
    default:
      return CUresult::NotSupported;
    }
  }
  if (extra) // the other way to pass parameters
    return CUresult::NotSupported;
  LaunchShape shape;
  shape.grid = {config->gridDimX, config->gridDimY, config->gridDimZ};
  shape.block = {config->blockDimX, config->blockDimY, config->blockDimZ};
  shape.dynamicSharedBytes = config->sharedMemBytes;
  KernelWork work;
  if (CUresult result =
          makeKernelWork(*call.device, function, shape, parameters, work);
      result != CUresult::Success)
    return result;
  return enqueue(call, config->hStream, std::move(work));
}

CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY,
                        unsigned gridZ, unsigned blockX, unsigned blockY,
                        unsigned blockZ, unsigned dynamicShared,
                        CUstream stream, void **parameters, void **extra) {
  CUlaunchConfig config{};
  config.gridDimX = gridX;
  config.gridDimY = gridY;
  config.gridDimZ = gridZ;
  config.blockDimX = blockX;
  config.blockDimY = blockY;
  config.blockDimZ = blockZ;
  config.sharedMemBytes = dynamicShared;
  config.hStream = stream;
  return cuLaunchKernelEx(&config, function, parameters, extra);
}

} // namespace swallow::emulator
