//===- AtomicFile.cpp - a file that is there whole or not at all ----------===//

#include "compiler/AtomicFile.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace swallow;

static constexpr mode_t kMode = 0666; // less the umask

/// What a large page maps on x86-64.
static constexpr uint64_t kPieceBytes = uint64_t(2) << 20;

// A name beside `path` that this process gives to nothing else.
static std::string temporaryName(const std::string &path, int attempt) {
  size_t slash = path.rfind('/');
  size_t base = slash == std::string::npos ? 0 : slash + 1;
  return path.substr(0, base) + "." + path.substr(base) + "." +
         std::to_string(::getpid()) + "." + std::to_string(attempt) + ".tmp";
}

static constexpr int kAttempts = 100;

Status AtomicFile::failed(int error) const {
  return {ErrorCode::WriteFailed,
          path_ + ": cannot write: " + std::strerror(error)};
}

Result<AtomicFile> AtomicFile::create(const std::string &path, bool unnamed) {
  AtomicFile file;
  file.path_ = path;
  size_t slash = path.rfind('/');
  file.directory_ = slash == std::string::npos ? "."
                    : slash == 0               ? "/"
                                               : path.substr(0, slash);
  struct stat st;
  if (::stat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode))
    return {ErrorCode::WriteFailed,
            path + ": cannot write: it is there and is not a regular file"};
  if (unnamed) {
    file.fd_ =
        ::open(file.directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, kMode);
    if (file.fd_ >= 0)
      return file;
    // What kernels and file systems without O_TMPFILE answer.
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
      return file.failed(errno).error();
  }
  for (int attempt = 0; attempt < kAttempts && file.fd_ < 0; ++attempt) {
    std::string name = temporaryName(path, attempt);
    file.fd_ =
        ::open(name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, kMode);
    if (file.fd_ >= 0)
      file.temporary_ = name;
    else if (errno != EEXIST)
      break;
  }
  if (file.fd_ < 0)
    return file.failed(errno).error();
  return file;
}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : path_(std::move(other.path_)), directory_(std::move(other.directory_)),
      temporary_(std::exchange(other.temporary_, {})),
      pieces_(std::exchange(other.pieces_, 0)), begun_(std::move(other.begun_)),
      zeros_(std::move(other.zeros_)), fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty())
    ::unlink(temporary_.c_str());
  if (fd_ >= 0)
    ::close(fd_);
}

Status AtomicFile::resize(uint64_t size, bool preallocate) {
  pieces_ = size / kPieceBytes;
  begun_ = std::make_unique<std::once_flag[]>(pieces_);
  zeros_.resize(pieces_ > 0 ? kPieceBytes : 0);
  int result;
  if (preallocate && size > 0) {
    // Not posix_fallocate, which writes to every block where the file system
    // cannot do it.
    do
      result = ::fallocate(fd_, 0, 0, static_cast<off_t>(size));
    while (result != 0 && errno == EINTR);
    if (result == 0)
      return {};
    if (errno != EOPNOTSUPP && errno != ENOSYS)
      return failed(errno);
  }
  do
    result = ::ftruncate(fd_, static_cast<off_t>(size));
  while (result != 0 && errno == EINTR);
  return result == 0 ? Status() : failed(errno);
}

MappedBytes::~MappedBytes() {
  if (data_ && size_ > 0)
    ::munmap(const_cast<uint8_t *>(data_), size_);
}

Result<MappedBytes> AtomicFile::map(uint64_t offset, uint64_t size) const {
  if (size == 0)
    return MappedBytes(nullptr, 0);
  void *data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd_,
                      static_cast<off_t>(offset));
  if (data == MAP_FAILED)
    return Error{
        ErrorCode::WriteFailed,
        path_ + ": cannot map what has been written: " + std::strerror(errno)};
  return MappedBytes(static_cast<const uint8_t *>(data), size);
}

Status AtomicFile::writeAt(uint64_t offset,
                           std::span<const uint8_t> bytes) const {
  SWALLOW_TRY(beginPieces(offset, bytes.size()));
  return write(offset, bytes);
}

Status AtomicFile::beginPieces(uint64_t offset, uint64_t size) const {
  const uint64_t end = offset + size;
  for (uint64_t piece = offset / kPieceBytes;
       piece < pieces_ && piece * kPieceBytes < end; ++piece) {
    const uint64_t begin = piece * kPieceBytes;
    const bool whole = offset <= begin && begin + kPieceBytes <= end;
    Status begun;
    std::call_once(begun_[piece], [&] {
      if (!whole) // which does by itself
        begun = write(begin, zeros_);
    });
    SWALLOW_TRY(begun);
  }
  return {};
}

Status AtomicFile::write(uint64_t offset,
                         std::span<const uint8_t> bytes) const {
  while (!bytes.empty()) {
    ssize_t written =
        ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return failed(written < 0 ? errno : ENOSPC);
    offset += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return {};
}

Status AtomicFile::link(const std::string &name, int &error) const {
  // The way of open(2), which needs no privilege, and then the one that needs
  // no /proc.
  std::string self = "/proc/self/fd/" + std::to_string(fd_);
  error = 0;
  if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(),
               AT_SYMLINK_FOLLOW) == 0)
    return {};
  error = errno;
  if (error != EEXIST &&
      ::linkat(fd_, "", AT_FDCWD, name.c_str(), AT_EMPTY_PATH) == 0)
    error = 0;
  return error == 0 ? Status() : failed(error);
}

Status AtomicFile::commit(bool sync) {
  if (sync && ::fsync(fd_) != 0)
    return failed(errno);
  int error = 0;
  if (temporary_.empty()) {
    Status linked = link(path_, error);
    // A link cannot replace: link under another name and rename that.
    for (int attempt = 0; error == EEXIST && attempt < kAttempts; ++attempt) {
      std::string name = temporaryName(path_, attempt);
      linked = link(name, error);
      if (linked)
        temporary_ = name;
    }
    if (!linked)
      return linked;
  }
  if (!temporary_.empty()) {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0)
      return failed(errno);
    temporary_.clear();
  }
  if (sync) {
    int directory =
        ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
      return failed(errno);
    int result = ::fsync(directory);
    error = errno;
    ::close(directory);
    // Some file systems cannot sync a folder; their names need no sync.
    if (result != 0 && error != EINVAL)
      return failed(error);
  }
  return {};
}
