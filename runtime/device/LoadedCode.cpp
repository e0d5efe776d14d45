#include "runtime/device/LoadedCode.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace swallow {

Result<LoadedCode> LoadedCode::map(int fd, uint64_t offset,
                                   std::span<const uint8_t> contents,
                                   uint64_t stepOffset,
                                   const std::string &file) {
  if (offset % 4096 != 0)
    return Error{ErrorCode::Corrupt, file + ": code segment at offset " +
                                         std::to_string(offset) +
                                         " is not aligned to 4096 bytes"};
  if (stepOffset >= contents.size())
    return Error{ErrorCode::Corrupt,
                 file + ": step function at offset " +
                     std::to_string(stepOffset) + " of a code segment of " +
                     std::to_string(contents.size()) + " bytes"};

  LoadedCode image;
  void *pages = mmap(nullptr, contents.size(), PROT_READ | PROT_EXEC,
                     MAP_PRIVATE, fd, static_cast<off_t>(offset));
  if (pages != MAP_FAILED) {
    image.pages_ = PageMapping(pages, contents.size());
  } else {
    SWALLOW_ASSIGN(image.pages_,
                   PageMapping::allocate(contents.size(), "compiled code"));
    image.copied_ = true;
    std::memcpy(image.pages_.data(), contents.data(), contents.size());
    // Never writable and executable at once.
    if (mprotect(image.pages_.data(), contents.size(), PROT_READ | PROT_EXEC))
      return Error{ErrorCode::DeviceError,
                   file + ": the system does not allow executable memory (" +
                       std::strerror(errno) + ")"};
  }
  image.step_ = std::bit_cast<SwallowStepFn>(image.pages_.data() + stepOffset);
  return image;
}

} // namespace swallow
