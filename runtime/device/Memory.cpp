#include "runtime/device/Memory.h"

#include <cstdio>
#include <sys/mman.h>
#include <utility>

namespace swallow {

PageMapping::PageMapping(PageMapping &&other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

PageMapping &PageMapping::operator=(PageMapping &&other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

PageMapping::~PageMapping() {
  if (data_)
    munmap(data_, size_);
}

Result<PageMapping> PageMapping::allocate(size_t size, const char *what) {
  if (size == 0)
    return PageMapping();
  // MAP_NORESERVE: most of a KV pool is never touched when contexts stay
  // short, so it should not count against the commit limit as a whole.
  void *data = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED)
    return Error{ErrorCode::OutOfMemory,
                 "cannot allocate " + formatBytes(size) + " for the " + what};
  constexpr size_t hugePage = size_t(2) << 20;
  if (size >= 4 * hugePage)
    madvise(data, size, MADV_HUGEPAGE); // a wish; refusal costs only speed
  return PageMapping(data, size);
}

std::string formatBytes(uint64_t bytes) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(units)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit == 0 ? "%.0f %s" : "%.2f %s", value,
                units[unit]);
  return text;
}

} // namespace swallow
