//===- MappedFile.cpp - read-only file mapping ----------------------------===//

#include "runtime/support/MappedFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace swallow;

Result<MappedFile> MappedFile::open(const std::string &path) {
  MappedFile file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file.fd_ < 0) {
    int err = errno;
    return {err == ENOENT || err == ENOTDIR ? ErrorCode::FileNotFound
                                            : ErrorCode::FileUnreadable,
            path + ": " + std::strerror(err)};
  }
  struct stat st;
  if (::fstat(file.fd_, &st) != 0)
    return {ErrorCode::FileUnreadable, path + ": " + std::strerror(errno)};
  if (!S_ISREG(st.st_mode))
    return {ErrorCode::FileUnreadable,
            path + ": expected a regular file" +
                (S_ISDIR(st.st_mode) ? ", this is a directory" : "")};
  file.size_ = static_cast<size_t>(st.st_size);
  if (file.size_ == 0)
    return file;
  void *data = ::mmap(nullptr, file.size_, PROT_READ, MAP_PRIVATE, file.fd_, 0);
  if (data == MAP_FAILED)
    return {ErrorCode::FileUnreadable,
            path + ": cannot map: " + std::strerror(errno)};
  file.data_ = static_cast<const uint8_t *>(data);
  return file;
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)), fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  if (this != &other) {
    this->~MappedFile();
    new (this) MappedFile(std::move(other));
  }
  return *this;
}

MappedFile::~MappedFile() {
  if (data_)
    ::munmap(const_cast<uint8_t *>(data_), size_);
  if (fd_ >= 0)
    ::close(fd_);
}

static void advise(const uint8_t *data, size_t size, size_t offset,
                   size_t length, int advice) {
  if (!data || offset >= size)
    return;
  const size_t page = 4096;
  size_t begin = offset / page * page;
  size_t end = offset + std::min(length, size - offset);
  ::madvise(const_cast<uint8_t *>(data) + begin, end - begin, advice);
}

void MappedFile::adviseSequential(size_t offset, size_t length) const {
  advise(data_, size_, offset, length, MADV_WILLNEED);
}

void MappedFile::adviseDontNeed(size_t offset, size_t length) const {
  advise(data_, size_, offset, length, MADV_DONTNEED);
}

void MappedFile::adviseLargePages() const {
  advise(data_, size_, 0, size_, MADV_HUGEPAGE);
}

Result<std::string> swallow::readFile(const std::string &path) {
  SWALLOW_ASSIGN(MappedFile file, MappedFile::open(path));
  auto bytes = file.bytes();
  return std::string(reinterpret_cast<const char *>(bytes.data()),
                     bytes.size());
}
