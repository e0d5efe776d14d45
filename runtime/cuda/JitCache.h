//===- JitCache.h - machine code that the driver has compiled ---*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_CUDA_JITCACHE_H
#define SWALLOW_RUNTIME_CUDA_JITCACHE_H

#include "runtime/cuda/Module.h"
#include "runtime/support/Hash.h"

#include <string>
#include <vector>

namespace swallow::cuda {

/// Machine code for the device, and how it was come by.
struct CachedCode {
  std::vector<uint8_t> cubin;
  bool fromCache = false;
  /// One line for the user where something was wrong with the cache, which is
  /// never a reason to fail; else empty.
  std::string notice;
};

/// A folder of cubins, each under a hash of all that it depends on: the PTX,
/// the device's compute capability, the driver's version and the options.
/// Compiling a model's kernels takes the driver seconds; reading them back,
/// milliseconds. (The driver has a cache of its own, but it is small, forgets
/// old entries and is often off in containers.)
///
/// Files are written under another name and renamed, so several processes and
/// threads may use one folder at a time and a reader sees all of a file or
/// none. A file carries its length and hash: one that was damaged since is
/// removed and made again. Nothing is ever removed for space.
/// The hash is no signature: whoever can write to the folder can run code on
/// the device.
class JitCache {
public:
  /// $SWALLOW_CACHE_DIR, else $XDG_CACHE_HOME/swallow, else ~/.cache/swallow;
  /// empty where there is no home folder either, which turns caching off.
  static std::string defaultFolder();

  /// Touches nothing yet; the folder is made when something is stored.
  explicit JitCache(std::string folder = defaultFolder())
      : folder_(std::move(folder)) {}

  const std::string &folder() const { return folder_; }

  /// Machine code for the context's device. Fails only as compilePtx does.
  Result<CachedCode> get(const Context &context, std::string_view ptx,
                         const JitOptions &options,
                         std::string_view name) const;

  /// Where the code for these would be kept.
  std::string pathFor(const Context &context, std::string_view ptx,
                      const JitOptions &options) const;

private:
  std::string folder_;
};

} // namespace swallow::cuda

#endif // SWALLOW_RUNTIME_CUDA_JITCACHE_H
