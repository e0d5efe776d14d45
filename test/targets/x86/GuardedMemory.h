//===- GuardedMemory.h - buffers with forbidden neighbours ------*- C++ -*-===//

#ifndef SWALLOW_TEST_TARGETS_X86_GUARDEDMEMORY_H
#define SWALLOW_TEST_TARGETS_X86_GUARDEDMEMORY_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace swallow::test {

/// Bytes that end at a page nobody may touch, and begin right after another or
/// within a page of it. An access outside ends the process with a line that
/// names the buffer. Move-only.
class GuardedMemory {
public:
  GuardedMemory() = default;
  /// `bytes` bytes, each set to `fill`. Aligned to what `bytes` is a multiple
  /// of, up to a page.
  GuardedMemory(std::string name, size_t bytes, uint8_t fill);
  GuardedMemory(GuardedMemory &&other) noexcept;
  GuardedMemory &operator=(GuardedMemory &&other) noexcept;
  ~GuardedMemory();

  uint8_t *data() const { return data_; }
  size_t size() const { return size_; }
  /// Whether every byte in front of the data, in its first page, is as it was.
  bool frontIsUntouched() const;

private:
  void release();

  std::string name_;
  uint8_t *pages_ = nullptr; // the first forbidden page
  size_t pageBytes_ = 0;     // with both forbidden pages
  uint8_t *data_ = nullptr;
  size_t size_ = 0;
};

} // namespace swallow::test

#endif // SWALLOW_TEST_TARGETS_X86_GUARDEDMEMORY_H
