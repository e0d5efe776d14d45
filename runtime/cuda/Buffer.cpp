#include "runtime/cuda/Buffer.h"

#include "runtime/device/Memory.h"

namespace swallow::cuda {

Result<DeviceBuffer> DeviceBuffer::allocate(ContextPtr context, uint64_t bytes,
                                            std::string_view what) {
  if (bytes == 0)
    return DeviceBuffer(Handle(std::move(context), 0), 0);
  SWALLOW_TRY(context->makeCurrent());
  CUdeviceptr address = 0;
  CUresult result = context->api().cuMemAlloc(&address, bytes);
  if (result == CUresult::OutOfMemory) {
    std::string message = context->device().id() + " (" +
                          context->device().name +
                          "): out of memory: " + formatBytes(bytes) +
                          " wanted for the " + std::string(what);
    if (auto memory = context->memoryInfo(); memory.ok())
      message += ", " + formatBytes(memory->freeBytes) + " of " +
                 formatBytes(memory->totalBytes) + " free";
    return Error{ErrorCode::OutOfMemory, std::move(message)};
  }
  SWALLOW_TRY(context->check(result, "allocating " + formatBytes(bytes) +
                                         " for the " + std::string(what)));
  return DeviceBuffer(Handle(std::move(context), address), bytes);
}

Status DeviceBuffer::checkRange(uint64_t offset, uint64_t size) const {
  if (offset <= size_ && size <= size_ - offset)
    return {};
  return Error{ErrorCode::OutOfRange,
               "copy of " + std::to_string(size) + " bytes at " +
                   std::to_string(offset) + " of a device buffer of " +
                   std::to_string(size_)};
}

Status DeviceBuffer::write(const Stream &stream,
                           std::span<const uint8_t> source,
                           uint64_t offset) const {
  SWALLOW_TRY(checkRange(offset, source.size()));
  if (source.empty())
    return {};
  const Context &context = handle_.context();
  SWALLOW_TRY(context.makeCurrent());
  return context.check(
      context.api().cuMemcpyHtoDAsync(address() + offset, source.data(),
                                      source.size(), stream.get()),
      "copying to the device");
}

Status DeviceBuffer::copyWithin(const Stream &stream, uint64_t from,
                                uint64_t to, uint64_t size) const {
  SWALLOW_TRY(checkRange(from, size));
  SWALLOW_TRY(checkRange(to, size));
  if (size == 0)
    return {};
  const Context &context = handle_.context();
  SWALLOW_TRY(context.makeCurrent());
  return context.check(context.api().cuMemcpyDtoDAsync(address() + to,
                                                       address() + from, size,
                                                       stream.get()),
                       "copying on the device");
}

Status DeviceBuffer::read(const Stream &stream, std::span<uint8_t> target,
                          uint64_t offset) const {
  SWALLOW_TRY(checkRange(offset, target.size()));
  if (target.empty())
    return {};
  const Context &context = handle_.context();
  SWALLOW_TRY(context.makeCurrent());
  return context.check(
      context.api().cuMemcpyDtoHAsync(target.data(), address() + offset,
                                      target.size(), stream.get()),
      "copying from the device");
}

Status DeviceBuffer::fill(const Stream &stream, uint8_t value) const {
  return fill(stream, value, 0, size_);
}

Status DeviceBuffer::fill(const Stream &stream, uint8_t value, uint64_t offset,
                          uint64_t size) const {
  SWALLOW_TRY(checkRange(offset, size));
  if (size == 0)
    return {};
  const Context &context = handle_.context();
  SWALLOW_TRY(context.makeCurrent());
  return context.check(context.api().cuMemsetD8Async(address() + offset, value,
                                                     size, stream.get()),
                       "filling device memory");
}

Result<PinnedBuffer> PinnedBuffer::allocate(ContextPtr context, uint64_t bytes,
                                            std::string_view what, Use use) {
  if (bytes == 0)
    return PinnedBuffer(Handle(std::move(context), nullptr), 0);
  SWALLOW_TRY(context->makeCurrent());
  unsigned flags = MemHostAllocPortable;
  if (use == Use::WriteOnly)
    flags |= MemHostAllocWriteCombined;
  void *data = nullptr;
  CUresult result = context->api().cuMemHostAlloc(&data, bytes, flags);
  if (result == CUresult::OutOfMemory)
    return Error{ErrorCode::OutOfMemory,
                 "cannot lock " + formatBytes(bytes) +
                     " of the computer's memory for the " + std::string(what)};
  SWALLOW_TRY(context->check(result, "locking host memory"));
  return PinnedBuffer(Handle(std::move(context), data), bytes);
}

} // namespace swallow::cuda
