#include "runtime/cuda/WeightUpload.h"

#include <algorithm>
#include <cstring>

namespace swallow::cuda {

Result<WeightUpload> WeightUpload::create(const ContextPtr &context,
                                          UploadProgress progress,
                                          uint64_t stagingBytes) {
  WeightUpload upload;
  SWALLOW_ASSIGN(upload.stream_, Stream::create(context));
  for (Stage &stage : upload.stages_) {
    SWALLOW_ASSIGN(stage.buffer,
                   PinnedBuffer::allocate(context, stagingBytes,
                                          "upload of the weights",
                                          PinnedBuffer::Use::WriteOnly));
    SWALLOW_ASSIGN(stage.fetched, Event::create(context));
  }
  upload.progress_ = std::move(progress);
  return upload;
}

Status WeightUpload::upload(const MappedFile &file, uint64_t offset,
                            uint64_t size, CUdeviceptr target) {
  std::span<const uint8_t> bytes = file.bytes();
  if (offset > bytes.size() || size > bytes.size() - offset)
    return Error{ErrorCode::OutOfRange, file.path() + ": weights up to byte " +
                                            std::to_string(offset + size) +
                                            " of a file of " +
                                            std::to_string(bytes.size())};
  const Context &context = stream_.context();
  const uint64_t chunk = stages_[0].buffer.size();
  file.adviseSequential(offset, std::min(size, 2 * chunk));
  for (uint64_t at = 0; at < size;) {
    const uint64_t length = std::min(chunk, size - at);
    // The read of the chunk after next starts before the copy of this one.
    if (size - at > 2 * chunk)
      file.adviseSequential(offset + at + 2 * chunk,
                            std::min(chunk, size - at - 2 * chunk));
    Stage &stage = stages_[next_];
    SWALLOW_TRY(stage.fetched.synchronize());
    std::memcpy(stage.buffer.data(), bytes.data() + offset + at, length);
    SWALLOW_TRY(context.makeCurrent());
    SWALLOW_TRY(context.check(
        context.api().cuMemcpyHtoDAsync(target + at, stage.buffer.data(),
                                        length, stream_.get()),
        "copying weights to the device"));
    SWALLOW_TRY(stream_.record(stage.fetched));
    file.adviseDontNeed(offset + at, length);
    next_ = 1 - next_;
    at += length;
    done_ += length;
    if (progress_)
      progress_(done_);
  }
  return {};
}

WeightUpload::~WeightUpload() {
  if (stream_.get())
    (void)finish().ok();
}

Status WeightUpload::finish() { return stream_.synchronize(); }

} // namespace swallow::cuda
