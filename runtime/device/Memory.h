//===- Memory.h - page mappings ---------------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_DEVICE_MEMORY_H
#define SWALLOW_RUNTIME_DEVICE_MEMORY_H

#include "runtime/support/Result.h"

#include <cstddef>
#include <cstdint>

namespace swallow {

/// A range of pages that is unmapped on destruction. Move-only.
class PageMapping {
public:
  PageMapping() = default;
  PageMapping(void *data, size_t size)
      : data_(static_cast<uint8_t *>(data)), size_(size) {}
  PageMapping(PageMapping &&other) noexcept;
  PageMapping &operator=(PageMapping &&other) noexcept;
  ~PageMapping();

  /// `size` zero bytes, readable and writable, aligned to a page; pages take
  /// memory when they are first touched. Large ranges ask for huge pages.
  /// `what` names the purpose in the OutOfMemory error. A size of 0 gives an
  /// empty mapping.
  static Result<PageMapping> allocate(size_t size, const char *what);

  uint8_t *data() const { return data_; }
  size_t size() const { return size_; }

private:
  uint8_t *data_ = nullptr;
  size_t size_ = 0;
};

/// "1.50 GiB", "384 B": sizes in messages and listings.
std::string formatBytes(uint64_t bytes);

} // namespace swallow

#endif // SWALLOW_RUNTIME_DEVICE_MEMORY_H
