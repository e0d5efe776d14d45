//===- DeviceMemory.cpp - the global memory of one device -----------------===//

#include "test/cuda-emulator/memory/DeviceMemory.h"

#include "test/cuda-emulator/memory/RaceShadow.h"

#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace swallow::emulator {

static constexpr uint64_t page = 4096;
static constexpr uint64_t guard = 16 * page; // on either side

Allocation::Allocation() = default;
Allocation::Allocation(Allocation &&other) noexcept
    : address(other.address), bytes(other.bytes), isHost(other.isHost),
      initialized(std::exchange(other.initialized, nullptr)),
      races(std::move(other.races)),
      mapping_(std::exchange(other.mapping_, nullptr)),
      mappingBytes_(other.mappingBytes_), shadowBytes_(other.shadowBytes_) {}

Allocation::~Allocation() {
  if (mapping_)
    munmap(mapping_, mappingBytes_);
  if (initialized)
    munmap(initialized, shadowBytes_);
}

bool Allocation::isInitialized(uint64_t first, uint64_t size) const {
  if (!initialized)
    return true;
  uint64_t begin = first - address, end = begin + size;
  // Naturally aligned accesses of 8 bits' worth at most: the usual case.
  if (size <= 8 && begin / 8 == (end - 1) / 8) {
    uint8_t mask = static_cast<uint8_t>(((1u << size) - 1) << begin % 8);
    return (initialized[begin / 8] & mask) == mask;
  }
  for (uint64_t i = begin; i < end;) {
    if (i % 8 == 0 && end - i >= 8) {
      if (initialized[i / 8] != 0xff)
        return false;
      i += 8;
    } else {
      if (!(initialized[i / 8] >> i % 8 & 1))
        return false;
      ++i;
    }
  }
  return true;
}

void Allocation::markInitialized(uint64_t first, uint64_t size) {
  if (!initialized)
    return;
  uint64_t begin = first - address, end = begin + size;
  while (begin < end && begin % 8 != 0) {
    initialized[begin / 8] |= 1 << begin % 8;
    ++begin;
  }
  uint64_t whole = (end - begin) / 8;
  if (begin < end && whole)
    std::memset(initialized + begin / 8, 0xff, whole);
  for (uint64_t i = begin + whole * 8; i < end; ++i)
    initialized[i / 8] |= 1 << i % 8;
}

DeviceMemory::DeviceMemory(uint64_t capacity) : capacity_(capacity) {}
DeviceMemory::~DeviceMemory() = default;

static uint64_t roundToPage(uint64_t bytes) {
  return (bytes + page - 1) / page * page;
}

Result<uint64_t> DeviceMemory::allocate(uint64_t bytes) {
  if (bytes == 0)
    return Error{ErrorCode::InvalidArgument,
                 "an allocation of 0 bytes: expected at least 1"};
  if (bytes > capacity_ || roundToPage(bytes) > freeBytes())
    return Error{ErrorCode::OutOfMemory,
                 "device memory: " + std::to_string(bytes) +
                     " bytes asked for, " + std::to_string(freeBytes()) +
                     " are free"};
  uint64_t body = roundToPage(bytes);
  Allocation allocation;
  allocation.mappingBytes_ = body + 2 * guard;
  allocation.shadowBytes_ = roundToPage(bytes / 8 + 1);
  void *mapping = mmap(nullptr, allocation.mappingBytes_, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void *shadow = mmap(nullptr, allocation.shadowBytes_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping != MAP_FAILED)
    allocation.mapping_ = mapping;
  if (shadow != MAP_FAILED)
    allocation.initialized = static_cast<uint8_t *>(shadow);
  if (mapping == MAP_FAILED || shadow == MAP_FAILED ||
      mprotect(static_cast<uint8_t *>(mapping) + guard, body,
               PROT_READ | PROT_WRITE) != 0)
    return Error{ErrorCode::OutOfMemory, "device memory: the host has no " +
                                             std::to_string(bytes) +
                                             " bytes to stand for it"};
  uint8_t *data = static_cast<uint8_t *>(mapping) + guard;
  std::memset(data, 0xcb, bytes);
  allocation.address = reinterpret_cast<uint64_t>(data);
  allocation.bytes = bytes;
  allocation.races = std::make_unique<RaceShadow>(bytes);
  used_ += body;
  uint64_t address = allocation.address;
  allocations_.emplace(address, std::move(allocation));
  return address;
}

Status DeviceMemory::free(uint64_t address) {
  auto it = allocations_.find(address);
  if (it == allocations_.end() || it->second.isHost)
    return Error{ErrorCode::InvalidArgument,
                 "free: no allocation starts at this device address"};
  used_ -= roundToPage(it->second.bytes);
  allocations_.erase(it);
  return {};
}

Allocation *DeviceMemory::find(uint64_t address) {
  auto it = allocations_.upper_bound(address);
  if (it == allocations_.begin())
    return nullptr;
  --it;
  return it->second.contains(address, 1) ? &it->second : nullptr;
}

const Allocation *DeviceMemory::find(uint64_t address) const {
  return const_cast<DeviceMemory *>(this)->find(address);
}

bool DeviceMemory::isInitialized(uint64_t address, uint64_t bytes) const {
  const Allocation *allocation = find(address);
  return allocation && allocation->contains(address, bytes) &&
         allocation->isInitialized(address, bytes);
}

size_t DeviceMemory::liveAllocations() const {
  size_t count = 0;
  for (const auto &[address, allocation] : allocations_)
    count += !allocation.isHost;
  return count;
}

static Error outOfRange(const char *what, uint64_t bytes) {
  return {ErrorCode::OutOfRange,
          std::string(what) + " of " + std::to_string(bytes) +
              " bytes: not all of them lie in one device allocation"};
}

Status DeviceMemory::write(uint64_t address, const void *source,
                           uint64_t bytes) {
  if (bytes == 0)
    return {};
  Allocation *allocation = find(address);
  if (!allocation || !allocation->contains(address, bytes))
    return outOfRange("copy to the device", bytes);
  std::memmove(reinterpret_cast<void *>(address), source, bytes);
  allocation->markInitialized(address, bytes);
  return {};
}

Status DeviceMemory::read(void *destination, uint64_t address,
                          uint64_t bytes) const {
  if (bytes == 0)
    return {};
  const Allocation *allocation = find(address);
  if (!allocation || !allocation->contains(address, bytes))
    return outOfRange("copy from the device", bytes);
  std::memmove(destination, reinterpret_cast<const void *>(address), bytes);
  return {};
}

Status DeviceMemory::fill(uint64_t address, uint32_t value,
                          uint32_t elementBytes, uint64_t count) {
  if (elementBytes != 1 && elementBytes != 2 && elementBytes != 4)
    return Error{ErrorCode::InvalidArgument,
                 "fill: elements of 1, 2 or 4 bytes expected"};
  if (address % elementBytes != 0)
    return Error{ErrorCode::InvalidArgument,
                 "fill: an address aligned to the element expected"};
  if (count == 0)
    return {};
  if (count > UINT64_MAX / elementBytes)
    return outOfRange("fill", UINT64_MAX);
  uint64_t bytes = count * elementBytes;
  Allocation *allocation = find(address);
  if (!allocation || !allocation->contains(address, bytes))
    return outOfRange("fill", bytes);
  auto *data = reinterpret_cast<uint8_t *>(address);
  if (elementBytes == 1) {
    std::memset(data, static_cast<uint8_t>(value), bytes);
  } else {
    for (uint64_t i = 0; i < count; ++i)
      std::memcpy(data + i * elementBytes, &value, elementBytes);
  }
  allocation->markInitialized(address, bytes);
  return {};
}

Status DeviceMemory::copy(uint64_t destination, uint64_t source,
                          uint64_t bytes) {
  if (bytes == 0)
    return {};
  Allocation *from = find(source);
  Allocation *to = find(destination);
  if (!from || !to || !from->contains(source, bytes) ||
      !to->contains(destination, bytes))
    return outOfRange("copy within the device", bytes);
  std::memmove(reinterpret_cast<void *>(destination),
               reinterpret_cast<const void *>(source), bytes);
  if (from->isInitialized(source, bytes)) {
    to->markInitialized(destination, bytes);
    return {};
  }
  if (!to->initialized)
    return {};
  // Some bytes were never written: carry that over byte by byte, in the
  // direction that an overlap allows.
  auto carry = [&](uint64_t i) {
    uint64_t at = destination + i - to->address;
    uint8_t bit = static_cast<uint8_t>(1 << at % 8);
    if (from->isInitialized(source + i, 1))
      to->initialized[at / 8] |= bit;
    else
      to->initialized[at / 8] &= static_cast<uint8_t>(~bit);
  };
  if (destination < source)
    for (uint64_t i = 0; i < bytes; ++i)
      carry(i);
  else
    for (uint64_t i = bytes; i-- > 0;)
      carry(i);
  return {};
}

Status DeviceMemory::registerHost(void *pointer, uint64_t bytes) {
  auto address = reinterpret_cast<uint64_t>(pointer);
  if (!pointer || bytes == 0 || address + bytes < address)
    return Error{
        ErrorCode::InvalidArgument,
        "host memory to register: a range of at least 1 byte expected"};
  auto next = allocations_.lower_bound(address);
  bool overlaps = next != allocations_.end() && next->first < address + bytes;
  if (overlaps || find(address))
    return Error{ErrorCode::InvalidArgument,
                 "host memory to register: a part of it is registered already"};
  Allocation allocation;
  allocation.address = address;
  allocation.bytes = bytes;
  allocation.isHost = true;
  allocation.races = std::make_unique<RaceShadow>(bytes);
  allocations_.emplace(address, std::move(allocation));
  return {};
}

Status DeviceMemory::unregisterHost(void *pointer) {
  auto it = allocations_.find(reinterpret_cast<uint64_t>(pointer));
  if (it == allocations_.end() || !it->second.isHost)
    return Error{ErrorCode::InvalidArgument,
                 "unregister: no registered host memory starts here"};
  allocations_.erase(it);
  return {};
}

} // namespace swallow::emulator
