//===- WeightUpload.h - from a file to device memory ------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_CUDA_WEIGHTUPLOAD_H
#define SWALLOW_RUNTIME_CUDA_WEIGHTUPLOAD_H

#include "runtime/cuda/Buffer.h"
#include "runtime/support/MappedFile.h"

#include <functional>

namespace swallow::cuda {

/// Bytes that have left the file, of all that upload() was asked for so far.
using UploadProgress = std::function<void(uint64_t done)>;

/// Copies ranges of a mapped file to device memory through two locked buffers
/// in turn: while the device fetches one of them, the CPU fills the other from
/// the file, so the slower of disk and bus sets the pace. The file's pages are
/// let go behind the copy, so that a model larger than the computer's memory
/// does not push everything else out of it.
///
/// Used by one thread at a time. Move-only.
class WeightUpload {
public:
  static constexpr uint64_t kDefaultStagingBytes = uint64_t{16} << 20;

  WeightUpload(WeightUpload &&) noexcept = default;
  WeightUpload &operator=(WeightUpload &&) noexcept = default;
  /// Waits, since the device may still be reading the buffers.
  ~WeightUpload();

  /// Allocates both buffers of `stagingBytes` each and a stream of its own.
  static Result<WeightUpload>
  create(const ContextPtr &context, UploadProgress progress = {},
         uint64_t stagingBytes = kDefaultStagingBytes);

  /// Copies [offset, offset + size) of the file to `target`. The bytes have
  /// left the file when this returns, but need not have arrived: finish().
  /// Fails with OutOfRange when the file is shorter.
  Status upload(const MappedFile &file, uint64_t offset, uint64_t size,
                CUdeviceptr target);

  /// Waits until everything has arrived.
  Status finish();

private:
  struct Stage {
    PinnedBuffer buffer;
    Event fetched; // the device has read the buffer
  };

  WeightUpload() = default;

  Stream stream_; // first: what the others belong to outlives them
  Stage stages_[2];
  int next_ = 0;
  uint64_t done_ = 0;
  UploadProgress progress_;
};

} // namespace swallow::cuda

#endif // SWALLOW_RUNTIME_CUDA_WEIGHTUPLOAD_H
