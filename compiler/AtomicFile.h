//===- AtomicFile.h - a file that is there whole or not at all --*- C++ -*-===//

#ifndef SWALLOW_COMPILER_ATOMICFILE_H
#define SWALLOW_COMPILER_ATOMICFILE_H

#include "runtime/support/Result.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace swallow {

/// Part of a file mapped read-only. Move-only; unmaps on destruction.
class MappedBytes {
public:
  MappedBytes(const uint8_t *data, size_t size) : data_(data), size_(size) {}
  MappedBytes(MappedBytes &&other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  MappedBytes &operator=(MappedBytes &&) = delete;
  ~MappedBytes();
  std::span<const uint8_t> bytes() const { return {data_, size_}; }

private:
  const uint8_t *data_;
  size_t size_;
};

/// An output file without a name until it is committed: while it is written it
/// exists only as an open descriptor (O_TMPFILE), so that whatever ends the
/// process, nothing is left. Where the file system has no unnamed files, a
/// hidden temporary file beside the destination, which a killed process does
/// leave. Errors are WriteFailed and start with the destination's path.
///
/// Linux keeps what is written in pages as large as the write, and who maps the
/// file gets them so (where the file system can do that, as ext4 can since 6.16
/// and XFS since long). Weights in pages of 2 MB are read up to 1.2 times as
/// fast as in pages of 4 KB. So each whole 2 MB of the file are written at once
/// before any part of them. Move-only.
class AtomicFile {
public:
  /// `path` may not exist or be a regular file. With `unnamed` false, always
  /// the temporary file.
  static Result<AtomicFile> create(const std::string &path,
                                   bool unnamed = true);

  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile &operator=(AtomicFile &&other) = delete;
  ~AtomicFile(); // discards what is not committed

  /// Makes the file `size` bytes of zeros, before anything is written. With
  /// `preallocate` takes the space on the disk, if the file system can.
  Status resize(uint64_t size, bool preallocate);

  /// Thread-safe.
  Status writeAt(uint64_t offset, std::span<const uint8_t> bytes) const;

  /// What has been written so far, for reading. `offset` is a multiple of the
  /// page size.
  Result<MappedBytes> map(uint64_t offset, uint64_t size) const;

  /// Gives the file its name, replacing what was there. `sync`: returns after
  /// file and name are on the disk.
  Status commit(bool sync);

private:
  AtomicFile() = default;
  Status failed(int error) const;
  Status link(const std::string &name, int &error) const;
  Status write(uint64_t offset, std::span<const uint8_t> bytes) const;
  /// Writes zeros to the large pages that [offset, offset + size) has a part
  /// of, unless that has been done.
  Status beginPieces(uint64_t offset, uint64_t size) const;

  std::string path_;
  std::string directory_;
  std::string temporary_;                   // its name as long as it has one
  uint64_t pieces_ = 0;                     // whole large pages
  std::unique_ptr<std::once_flag[]> begun_; // by piece
  std::vector<uint8_t> zeros_;              // of a piece
  int fd_ = -1;
};

} // namespace swallow

#endif // SWALLOW_COMPILER_ATOMICFILE_H
