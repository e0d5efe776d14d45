//===- MappedFile.h - read-only file mapping --------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_SUPPORT_MAPPEDFILE_H
#define SWALLOW_RUNTIME_SUPPORT_MAPPEDFILE_H

#include "runtime/support/Result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace swallow {

/// A whole file mapped read-only (MAP_PRIVATE). Move-only; unmaps on
/// destruction. The mapping and the descriptor stay valid for the object's
/// life even if the file is unlinked. Concurrent reads are safe.
class MappedFile {
public:
  /// Fails with FileNotFound or FileUnreadable, naming `path`; a directory is
  /// unreadable. An empty file maps to an empty span.
  static Result<MappedFile> open(const std::string &path);

  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  std::span<const uint8_t> bytes() const { return {data_, size_}; }
  const std::string &path() const { return path_; }
  int fd() const { return fd_; }

  /// Tells the kernel that [offset, offset + length) will be read in order
  /// soon, or is no longer needed; a hint, never an error.
  void adviseSequential(size_t offset, size_t length) const;
  void adviseDontNeed(size_t offset, size_t length) const;
  /// Asks for what is yet to be read from the disk, of the whole file, in pages
  /// of 2 MB; likewise a hint.
  void adviseLargePages() const;

private:
  const uint8_t *data_ = nullptr;
  size_t size_ = 0;
  int fd_ = -1;
  std::string path_;
};

/// Reads a small text file whole. Same errors as MappedFile::open.
Result<std::string> readFile(const std::string &path);

} // namespace swallow

#endif // SWALLOW_RUNTIME_SUPPORT_MAPPEDFILE_H
