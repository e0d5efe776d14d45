#include "test/cuda-emulator/driver/Exports.h"

#include <sys/mman.h>

namespace swallow::emulator {

bool checkRange(DeviceState &device, uint64_t address, uint64_t bytes) {
  const Allocation *allocation = device.memory->find(address);
  if (allocation && allocation->contains(address, bytes))
    return true;
  auto it = device.freed.upper_bound(address);
  if (it != device.freed.begin()) {
    --it;
    if (address - it->first < it->second)
      state().found("UseAfterFree",
                    "a copy or fill of " + std::to_string(bytes) +
                        " bytes touches an allocation of " +
                        std::to_string(it->second) + " bytes that was freed");
  }
  return false;
}

CUresult cuMemGetInfo_v2(size_t *freeBytes, size_t *totalBytes) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  if (!freeBytes || !totalBytes)
    return CUresult::InvalidValue;
  *freeBytes = call.device->memory->freeBytes();
  *totalBytes = call.device->memory->totalBytes();
  return CUresult::Success;
}

CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  if (!pointer || bytes == 0)
    return CUresult::InvalidValue;
  if (CUresult result = forbidWhileCapturing(*call.device);
      result != CUresult::Success)
    return result;
  if (++call.state.allocations == call.state.settings.failAllocation)
    return CUresult::OutOfMemory;
  Result<uint64_t> address = call.device->memory->allocate(bytes);
  if (!address.ok())
    return CUresult::OutOfMemory;
  // What lay here before may be touched again.
  std::erase_if(call.device->freed, [&](const auto &old) {
    return old.first < *address + bytes && *address < old.first + old.second;
  });
  call.device->allocated.insert(*address);
  *pointer = *address;
  return CUresult::Success;
}

CUresult cuMemFree_v2(CUdeviceptr pointer) {
  Call call;
  if (!call.device)
    return call.result;
  if (pointer == 0)
    return CUresult::Success;
  DeviceState &device = *call.device;
  if (call.result == CUresult::Success)
    if (CUresult result = forbidWhileCapturing(device);
        result != CUresult::Success)
      return result;
  drainAll(device); // work in the queues may still use it
  if (device.allocated.erase(pointer) == 0) {
    if (device.freed.count(pointer))
      call.state.found("DoubleFree", "an allocation of " +
                                         std::to_string(device.freed[pointer]) +
                                         " bytes was freed twice");
    return CUresult::InvalidValue;
  }
  device.freed[pointer] = device.memory->find(pointer)->bytes;
  if (!device.memory->free(pointer).ok())
    return CUresult::InvalidValue;
  return device.sticky;
}

CUresult cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  if (!pointer || bytes == 0 || flags > 7)
    return CUresult::InvalidValue;
  void *data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return CUresult::OutOfMemory;
  if (!call.device->memory->registerHost(data, bytes).ok()) {
    munmap(data, bytes);
    return CUresult::OutOfMemory;
  }
  call.device->hostBlocks[reinterpret_cast<uintptr_t>(data)] = bytes;
  *pointer = data;
  return CUresult::Success;
}

CUresult cuMemFreeHost(void *pointer) {
  Call call;
  if (!call.device)
    return call.result;
  DeviceState &device = *call.device;
  auto block = device.hostBlocks.find(reinterpret_cast<uintptr_t>(pointer));
  if (block == device.hostBlocks.end())
    return CUresult::InvalidValue;
  drainAll(device);
  (void)device.memory->unregisterHost(pointer).ok();
  munmap(pointer, block->second);
  device.hostBlocks.erase(block);
  return device.sticky;
}

//===-- Copies and fills --------------------------------------------------===//

static bool isPinned(const DeviceState &device, const void *pointer,
                     size_t bytes) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  auto it = device.hostBlocks.upper_bound(address);
  if (it == device.hostBlocks.begin())
    return false;
  --it;
  return address - it->first <= it->second &&
         bytes <= it->second - (address - it->first);
}

/// Checks what a copy or fill names at the time of the call.
static CUresult checkDeviceSide(Call &call, uint64_t address, uint64_t bytes) {
  if (call.result != CUresult::Success)
    return call.result;
  return checkRange(*call.device, address, bytes) ? CUresult::Success
                                                  : CUresult::InvalidValue;
}

/// A copy that is done when the call returns, on the default stream.
static CUresult copyNow(Call &call, const CopyWork &work) {
  if (CUresult result = forbidWhileCapturing(*call.device);
      result != CUresult::Success)
    return result;
  if (CUresult result = drainBlocking(*call.device);
      result != CUresult::Success)
    return result;
  return execute(*call.device, work);
}

static uint64_t addressOf(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

CUresult cuMemcpyHtoD_v2(CUdeviceptr target, const void *source, size_t bytes) {
  Call call;
  if (bytes == 0)
    return call.result;
  CUresult result = checkDeviceSide(call, target, bytes);
  if (result != CUresult::Success)
    return result;
  if (!source)
    return CUresult::InvalidValue;
  return copyNow(call, {CopyWork::Way::HostToDevice, target, addressOf(source),
                        bytes, nullptr});
}

CUresult cuMemcpyDtoH_v2(void *target, CUdeviceptr source, size_t bytes) {
  Call call;
  if (bytes == 0)
    return call.result;
  CUresult result = checkDeviceSide(call, source, bytes);
  if (result != CUresult::Success)
    return result;
  if (!target)
    return CUresult::InvalidValue;
  return copyNow(call, {CopyWork::Way::DeviceToHost, addressOf(target), source,
                        bytes, nullptr});
}

CUresult cuMemcpyDtoD_v2(CUdeviceptr target, CUdeviceptr source, size_t bytes) {
  Call call;
  if (bytes == 0)
    return call.result;
  CUresult result = checkDeviceSide(call, target, bytes);
  if (result == CUresult::Success)
    result = checkDeviceSide(call, source, bytes);
  if (result != CUresult::Success)
    return result;
  return copyNow(
      call, {CopyWork::Way::DeviceToDevice, target, source, bytes, nullptr});
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr target, const void *source,
                              size_t bytes, CUstream stream) {
  Call call;
  if (bytes == 0)
    return call.result;
  CUresult result = checkDeviceSide(call, target, bytes);
  if (result != CUresult::Success)
    return result;
  if (!source)
    return CUresult::InvalidValue;
  CopyWork work{CopyWork::Way::HostToDevice, target, addressOf(source), bytes,
                nullptr};
  // Ordinary memory is read before the call returns; locked memory when the
  // stream comes to the copy.
  if (!isPinned(*call.device, source, bytes)) {
    const auto *data = static_cast<const uint8_t *>(source);
    work.staged = std::make_shared<std::vector<uint8_t>>(data, data + bytes);
  }
  return enqueue(call, stream, std::move(work));
}

CUresult cuMemcpyDtoHAsync_v2(void *target, CUdeviceptr source, size_t bytes,
                              CUstream streamHandle) {
  Call call;
  if (bytes == 0)
    return call.result;
  CUresult result = checkDeviceSide(call, source, bytes);
  if (result != CUresult::Success)
    return result;
  if (!target)
    return CUresult::InvalidValue;
  result = enqueue(call, streamHandle,
                   CopyWork{CopyWork::Way::DeviceToHost, addressOf(target),
                            source, bytes, nullptr});
  // A copy to ordinary memory returns when it is done.
  StreamObject *stream = call.device->stream(streamHandle);
  if (result == CUresult::Success && !stream->capture &&
      !isPinned(*call.device, target, bytes))
    result = drain(*call.device, *stream);
  return result;
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr target, CUdeviceptr source,
                              size_t bytes, CUstream stream) {
  Call call;
  if (bytes == 0)
    return call.result;
  CUresult result = checkDeviceSide(call, target, bytes);
  if (result == CUresult::Success)
    result = checkDeviceSide(call, source, bytes);
  if (result != CUresult::Success)
    return result;
  return enqueue(
      call, stream,
      CopyWork{CopyWork::Way::DeviceToDevice, target, source, bytes, nullptr});
}

static CUresult fillAsync(CUdeviceptr target, uint32_t value,
                          uint32_t elementBytes, size_t count,
                          CUstream stream) {
  Call call;
  if (count == 0)
    return call.result;
  CUresult result = checkDeviceSide(call, target, count * elementBytes);
  if (result != CUresult::Success)
    return result;
  if (target % elementBytes != 0)
    return CUresult::InvalidValue;
  return enqueue(call, stream, FillWork{target, value, elementBytes, count});
}

CUresult cuMemsetD8Async(CUdeviceptr target, unsigned char value, size_t count,
                         CUstream stream) {
  return fillAsync(target, value, 1, count, stream);
}

CUresult cuMemsetD32Async(CUdeviceptr target, unsigned value, size_t count,
                          CUstream stream) {
  return fillAsync(target, value, 4, count, stream);
}

} // namespace swallow::emulator
