//===- DeviceMemory.h - the global memory of one device ---------*- C++ -*-===//
//
// Device addresses are host addresses of real mappings, so a copy is a copy
// and page-locked host memory has one address on both sides. Every allocation
// lies in a mapping of its own between guard pages, and every access is
// checked against the exact size that was asked for.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_MEMORY_DEVICEMEMORY_H
#define SWALLOW_TEST_CUDA_EMULATOR_MEMORY_DEVICEMEMORY_H

#include "runtime/support/Result.h"

#include <cstdint>
#include <map>
#include <memory>

namespace swallow::emulator {

/// Who last touched each 4-byte word of an allocation: memory/RaceShadow.h.
class RaceShadow;

/// A live range of device-accessible memory.
struct Allocation {
  Allocation();
  ~Allocation();
  Allocation(Allocation &&) noexcept;

  uint64_t address = 0;
  uint64_t bytes = 0;
  bool isHost = false; ///< registered host memory: always initialised
  uint8_t *initialized = nullptr; ///< one bit per byte; null for host memory
  std::unique_ptr<RaceShadow> races;

  bool contains(uint64_t first, uint64_t size) const {
    return first >= address && size <= bytes && first - address <= bytes - size;
  }
  /// Whether all of [first, first + size) was written; must be contained.
  bool isInitialized(uint64_t first, uint64_t size) const;
  void markInitialized(uint64_t first, uint64_t size);

private:
  friend class DeviceMemory;
  void *mapping_ = nullptr; // with the guard pages; null for host memory
  uint64_t mappingBytes_ = 0;
  uint64_t shadowBytes_ = 0;
};

class DeviceMemory {
public:
  /// `capacity`: bytes that allocate() hands out at most, page-rounded.
  explicit DeviceMemory(uint64_t capacity = uint64_t{4} << 30);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;

  /// A 256-byte aligned address of `bytes` uninitialised bytes (filled with
  /// 0xCB, so that nobody takes them for zero). InvalidArgument for 0 bytes,
  /// OutOfMemory beyond the capacity.
  Result<uint64_t> allocate(uint64_t bytes);
  /// InvalidArgument unless `address` came from allocate().
  Status free(uint64_t address);

  /// Host to device; marks the bytes initialised. OutOfRange when they are
  /// not all in one allocation.
  Status write(uint64_t address, const void *source, uint64_t bytes);
  /// Device to host. Bytes that nobody wrote are copied like any others.
  Status read(void *destination, uint64_t address, uint64_t bytes) const;
  /// `count` elements of `elementBytes` (1, 2 or 4), each the low bytes of
  /// `value`; marks them initialised.
  Status fill(uint64_t address, uint32_t value, uint32_t elementBytes,
              uint64_t count);
  /// Device to device; ranges may overlap. Carries over what is initialised.
  Status copy(uint64_t destination, uint64_t source, uint64_t bytes);

  /// Lets the device use [pointer, pointer + bytes) at its host address.
  Status registerHost(void *pointer, uint64_t bytes);
  Status unregisterHost(void *pointer);

  /// The allocation that holds `address`, or null.
  Allocation *find(uint64_t address);
  const Allocation *find(uint64_t address) const;
  /// Whether all `bytes` at `address` lie in one allocation and were written.
  bool isInitialized(uint64_t address, uint64_t bytes) const;

  uint64_t totalBytes() const { return capacity_; }
  uint64_t freeBytes() const { return capacity_ - used_; }
  /// Allocations that were not freed, host ranges not counted.
  size_t liveAllocations() const;

  /// Ticks of the race detector: one clock for all launches on this memory.
  uint32_t raceClock = 1;

private:
  uint64_t capacity_;
  uint64_t used_ = 0;
  std::map<uint64_t, Allocation> allocations_; // by address
};

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_MEMORY_DEVICEMEMORY_H
