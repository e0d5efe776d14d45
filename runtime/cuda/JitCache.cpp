#include "runtime/cuda/JitCache.h"

#include "runtime/support/MappedFile.h"

#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <unistd.h>

namespace swallow::cuda {

namespace {

/// In front of the cubin, which takes up the rest of the file. Read back by
/// the machine that wrote it, so in its byte order.
struct Header {
  char magic[8];
  uint64_t size;
  Hash128 hash; // of the cubin
};
static_assert(sizeof(Header) == 32);
constexpr char kMagic[8] = {'S', 'W', 'C', 'U', 'B', 'I', 'N', '1'};

Header headerFor(std::span<const uint8_t> cubin) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.size = cubin.size();
  header.hash = hashBytes(cubin);
  return header;
}

/// The cubin in a file's bytes; empty when anything is wrong with it.
std::span<const uint8_t> cubinIn(std::span<const uint8_t> file) {
  if (file.size() <= sizeof(Header))
    return {};
  std::span<const uint8_t> cubin = file.subspan(sizeof(Header));
  Header expected = headerFor(cubin);
  if (std::memcmp(file.data(), &expected, sizeof(Header)) != 0)
    return {};
  return cubin;
}

/// Writes all of `bytes`; false with errno on failure.
bool writeAll(int fd, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return true;
}

/// Stores a cubin at `path`. Returns why it could not, or nothing.
std::optional<std::string> store(const std::string &path,
                                 std::span<const uint8_t> cubin) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(),
                                      error);
  if (error)
    return error.message();
  std::string temporary = path + ".XXXXXX";
  int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0)
    return std::strerror(errno);
  Header header = headerFor(cubin);
  auto headerBytes = std::bit_cast<std::array<uint8_t, sizeof(Header)>>(header);
  bool stored = writeAll(fd, headerBytes) && writeAll(fd, cubin);
  int reason = errno;
  // Some file systems report a full disk only here.
  if (::close(fd) != 0 && stored) {
    stored = false;
    reason = errno;
  }
  if (stored && std::rename(temporary.c_str(), path.c_str()) != 0) {
    stored = false;
    reason = errno;
  }
  if (stored)
    return std::nullopt;
  ::unlink(temporary.c_str());
  return std::strerror(reason);
}

} // namespace

std::string JitCache::defaultFolder() {
  auto environment = [](const char *name) {
    const char *value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (std::string folder = environment("SWALLOW_CACHE_DIR"); !folder.empty())
    return folder;
  // A relative XDG_CACHE_HOME counts as unset (XDG Base Directory
  // Specification).
  if (std::string cache = environment("XDG_CACHE_HOME"); cache.starts_with('/'))
    return cache + "/swallow";
  if (std::string home = environment("HOME"); !home.empty())
    return home + "/.cache/swallow";
  return "";
}

std::string JitCache::pathFor(const Context &context, std::string_view ptx,
                              const JitOptions &options) const {
  // The lines around the PTX cannot be mistaken for a part of it: the text
  // begins after the first empty line.
  std::string key = "sm_" + std::to_string(context.device().sm()) +
                    "\ndriver " + std::to_string(context.driver().version()) +
                    "\noptions " + options.text() + "\n\n";
  key += ptx;
  std::span bytes(reinterpret_cast<const uint8_t *>(key.data()), key.size());
  return folder_ + "/" + toHex(hashBytes(bytes)) + ".cubin";
}

Result<CachedCode> JitCache::get(const Context &context, std::string_view ptx,
                                 const JitOptions &options,
                                 std::string_view name) const {
  CachedCode code;
  if (folder_.empty()) {
    SWALLOW_ASSIGN(code.cubin, compilePtx(context, ptx, options, name));
    return code;
  }

  const std::string path = pathFor(context, ptx, options);
  if (auto file = MappedFile::open(path); file.ok()) {
    std::span<const uint8_t> cubin = cubinIn(file->bytes());
    if (!cubin.empty()) {
      code.cubin.assign(cubin.begin(), cubin.end());
      code.fromCache = true;
      return code;
    }
    ::unlink(path.c_str());
    code.notice = path + ": compiled kernels were damaged; compiling them "
                         "again";
  }

  SWALLOW_ASSIGN(code.cubin, compilePtx(context, ptx, options, name));
  if (auto reason = store(path, code.cubin); reason && code.notice.empty())
    code.notice = "compiled kernels cannot be kept in " + folder_ + " (" +
                  *reason + "), so the next start compiles them again";
  return code;
}

} // namespace swallow::cuda
