//===- Buffer.h - memory of the device and memory it can copy ---*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_CUDA_BUFFER_H
#define SWALLOW_RUNTIME_CUDA_BUFFER_H

#include "runtime/cuda/Stream.h"

#include <span>

namespace swallow::cuda {

/// Device memory, aligned to at least 256 bytes, contents undefined at first.
/// Move-only; freeing it waits for the device. A default-constructed or
/// zero-sized one has the address 0.
class DeviceBuffer {
public:
  /// Fails with OutOfMemory; the line names `what` ("weights"), how much was
  /// wanted and how much is free.
  static Result<DeviceBuffer> allocate(ContextPtr context, uint64_t bytes,
                                       std::string_view what);

  DeviceBuffer() = default;
  CUdeviceptr address() const { return handle_.get(); }
  uint64_t size() const { return size_; }

  // Copies of [offset, offset + size of the host side) and fills of all of the
  // buffer. They are enqueued, and host memory must stay as it is until the
  // stream has come to them. OutOfRange where the range is not inside.
  Status write(const Stream &stream, std::span<const uint8_t> source,
               uint64_t offset = 0) const;
  Status read(const Stream &stream, std::span<uint8_t> target,
              uint64_t offset = 0) const;
  Status fill(const Stream &stream, uint8_t value) const;
  /// Fills [offset, offset + size).
  Status fill(const Stream &stream, uint8_t value, uint64_t offset,
              uint64_t size) const;
  /// Copies `size` bytes inside the buffer; the ranges do not overlap.
  Status copyWithin(const Stream &stream, uint64_t from, uint64_t to,
                    uint64_t size) const;

private:
  using Handle = Owned<CUdeviceptr, &DriverFunctions::cuMemFree>;
  DeviceBuffer(Handle handle, uint64_t size)
      : handle_(std::move(handle)), size_(size) {}
  Status checkRange(uint64_t offset, uint64_t size) const;

  Handle handle_;
  uint64_t size_ = 0;
};

/// Host memory that the driver has locked, so that the device copies from and
/// to it by itself. Move-only.
class PinnedBuffer {
public:
  enum class Use {
    ReadWrite,
    /// The CPU only writes it, front to back: reading it is very slow.
    WriteOnly,
  };
  static Result<PinnedBuffer> allocate(ContextPtr context, uint64_t bytes,
                                       std::string_view what,
                                       Use use = Use::ReadWrite);

  PinnedBuffer() = default;
  uint8_t *data() const { return static_cast<uint8_t *>(handle_.get()); }
  uint64_t size() const { return size_; }
  std::span<uint8_t> bytes() const { return {data(), size_}; }

private:
  using Handle = Owned<void *, &DriverFunctions::cuMemFreeHost>;
  PinnedBuffer(Handle handle, uint64_t size)
      : handle_(std::move(handle)), size_(size) {}

  Handle handle_;
  uint64_t size_ = 0;
};

} // namespace swallow::cuda

#endif // SWALLOW_RUNTIME_CUDA_BUFFER_H
