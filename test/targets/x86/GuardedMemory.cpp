//===- GuardedMemory.cpp - buffers with forbidden neighbours --------------===//

#include "test/targets/x86/GuardedMemory.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace swallow::test {

namespace {
constexpr size_t kPage = 4096;
constexpr uint8_t kFrontByte = 0xa5;

/// What the signal handler looks through: no locks, no allocation.
struct Region {
  const uint8_t *begin, *end; // with the forbidden pages
  const uint8_t *data, *dataEnd;
  const char *name;
};
std::array<Region, 1024> regions;
size_t regionCount = 0;

void onFault(int, siginfo_t *info, void *) {
  const uint8_t *at = static_cast<const uint8_t *>(info->si_addr);
  char line[256];
  int size = std::snprintf(line, sizeof(line),
                           "a kernel touched %p, which is no buffer's\n",
                           info->si_addr);
  for (size_t i = 0; i < regionCount; ++i) {
    const Region &r = regions[i];
    if (at < r.begin || at >= r.end)
      continue;
    bool behind = at >= r.dataEnd;
    size =
        std::snprintf(line, sizeof(line),
                      "a kernel touched byte %td %s of '%s' (%td bytes)\n",
                      behind ? at - r.dataEnd : r.data - at,
                      behind ? "behind the end" : "in front of the beginning",
                      r.name, r.dataEnd - r.data);
  }
  ssize_t ignored = write(STDERR_FILENO, line, static_cast<size_t>(size));
  static_cast<void>(ignored);
  _exit(1);
}

/// Each time, since lld sets its own handlers while it links.
void installHandler() {
  struct sigaction action{};
  action.sa_sigaction = onFault;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, nullptr);
  sigaction(SIGBUS, &action, nullptr);
}
} // namespace

GuardedMemory::GuardedMemory(std::string name, size_t bytes, uint8_t fill)
    : name_(std::move(name)), size_(bytes) {
  installHandler();
  size_t inner = (bytes + kPage - 1) / kPage * kPage;
  pageBytes_ = inner + 2 * kPage;
  void *mapped =
      mmap(nullptr, pageBytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED || regionCount == regions.size()) {
    std::perror("GuardedMemory");
    std::abort();
  }
  pages_ = static_cast<uint8_t *>(mapped);
  data_ = pages_ + kPage + inner - bytes;
  if (inner) {
    mprotect(pages_ + kPage, inner, PROT_READ | PROT_WRITE);
    std::memset(pages_ + kPage, kFrontByte, inner - bytes);
    std::memset(data_, fill, bytes);
  }
  regions[regionCount++] = {pages_, pages_ + pageBytes_, data_, data_ + bytes,
                            name_.c_str()};
}

GuardedMemory::GuardedMemory(GuardedMemory &&other) noexcept {
  *this = std::move(other);
}

GuardedMemory &GuardedMemory::operator=(GuardedMemory &&other) noexcept {
  if (this == &other)
    return *this;
  release();
  name_ = std::move(other.name_);
  pages_ = std::exchange(other.pages_, nullptr);
  pageBytes_ = other.pageBytes_;
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  // The name's bytes may have moved with it.
  for (size_t i = 0; i < regionCount; ++i)
    if (regions[i].begin == pages_)
      regions[i].name = name_.c_str();
  return *this;
}

GuardedMemory::~GuardedMemory() { release(); }

void GuardedMemory::release() {
  if (!pages_)
    return;
  for (size_t i = 0; i < regionCount; ++i)
    if (regions[i].begin == pages_) {
      regions[i] = regions[--regionCount];
      break;
    }
  munmap(pages_, pageBytes_);
  pages_ = nullptr;
}

bool GuardedMemory::frontIsUntouched() const {
  return std::all_of(pages_ + kPage, data_,
                     [](uint8_t byte) { return byte == kFrontByte; });
}

} // namespace swallow::test
