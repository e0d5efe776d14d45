//===- WeightStream.cpp - packs all weights into the output ---------------===//
//
// The weights are cut into chunks of blocks, in order. A thread takes the next
// chunk, packs it into its own buffer, waits until all chunks of the same
// weight before it have been hashed, hashes its own, and writes it. Packing and
// writing are parallel; hashing, several times faster than either, is in order,
// so a weight's hash is that of its packed bytes as one string. A chunk's
// predecessor has been taken earlier by a thread that is at work on it, so the
// waiting ends.
//
//===----------------------------------------------------------------------===//

#include "compiler/WeightStream.h"

#include "runtime/support/RunOnThreads.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>

using namespace swallow;

namespace {

constexpr int64_t kChunkBytes = int64_t(4) << 20;

struct Chunk {
  size_t job;
  int64_t blockBegin, blockEnd;
};

struct JobState {
  Hasher hasher;
  int64_t hashedBlocks = 0;     // guarded by the stream's mutex
  std::vector<PackStats> stats; // likewise
};

class Stream {
public:
  Stream(const std::vector<WeightJob> &jobs,
         const std::vector<uint64_t> &fileOffsets, const AtomicFile &file,
         Progress *progress)
      : jobs_(jobs), fileOffsets_(fileOffsets), file_(file),
        progress_(progress) {
    for (size_t job = 0; job < jobs.size(); ++job) {
      const PackedLayout &layout = jobs[job].layout;
      states_.emplace_back().stats.resize(jobs[job].sources.size());
      int64_t blocks = layout.totalBlocks();
      int64_t step =
          std::clamp<int64_t>(kChunkBytes / layout.blockBytes(), 1, blocks);
      for (int64_t block = 0; block < blocks; block += step)
        chunks_.push_back({job, block, std::min(block + step, blocks)});
      bufferBytes_ = std::max(bufferBytes_, step * layout.blockBytes());
    }
  }

  Result<std::vector<PackedWeight>> run(int threads) {
    threads_ = std::min<size_t>(threadCount(threads),
                                std::max<size_t>(chunks_.size(), 1));
    runOnThreads(static_cast<int>(threads_), [this] { work(); });
    if (!error_.ok())
      return error_.error();
    std::vector<PackedWeight> result;
    for (JobState &state : states_)
      result.push_back({state.hasher.finish(), std::move(state.stats)});
    return result;
  }

private:
  void work() {
    std::vector<uint8_t> buffer(static_cast<size_t>(bufferBytes_));
    for (size_t at; (at = next_.fetch_add(1)) < chunks_.size();) {
      if (at + threads_ < chunks_.size())
        advise(chunks_[at + threads_], &MappedFile::adviseSequential);
      const Chunk &chunk = chunks_[at];
      const int64_t blockBytes = jobs_[chunk.job].layout.blockBytes();
      std::span<const uint8_t> packed(
          buffer.data(), static_cast<size_t>(
                             (chunk.blockEnd - chunk.blockBegin) * blockBytes));
      std::vector<PackStats> stats = pack(chunk, buffer.data());
      advise(chunk, &MappedFile::adviseDontNeed);
      if (!hash(chunk, packed, stats))
        return;
      Status written = file_.writeAt(
          fileOffsets_[chunk.job] +
              static_cast<uint64_t>(chunk.blockBegin * blockBytes),
          packed);
      if (!written)
        return fail(std::move(written));
      if (progress_)
        progress_->advance(packed.size());
    }
  }

  std::vector<PackStats> pack(const Chunk &chunk, uint8_t *out) const {
    const WeightJob &job = jobs_[chunk.job];
    std::vector<PackSource> sources;
    for (const SourceTensor &source : job.sources)
      sources.push_back({source.element, source.bytes, source.importance});
    std::vector<PackStats> stats(sources.size());
    packBlocks(job.layout, sources, chunk.blockBegin, chunk.blockEnd, out,
               stats);
    return stats;
  }

  // Hashes in order; false if another thread has failed meanwhile.
  bool hash(const Chunk &chunk, std::span<const uint8_t> packed,
            const std::vector<PackStats> &stats) {
    JobState &state = states_[chunk.job];
    std::unique_lock lock(mutex_);
    turn_.wait(lock, [&] {
      return !error_.ok() || state.hashedBlocks == chunk.blockBegin;
    });
    if (!error_.ok())
      return false;
    lock.unlock();
    state.hasher.update(packed); // nobody else's turn
    lock.lock();
    state.hashedBlocks = chunk.blockEnd;
    for (size_t i = 0; i < stats.size(); ++i)
      state.stats[i] += stats[i];
    turn_.notify_all();
    return true;
  }

  void fail(Status error) {
    std::lock_guard lock(mutex_);
    if (error_.ok())
      error_ = std::move(error);
    next_ = chunks_.size();
    turn_.notify_all();
  }

  // Tells the kernel about the rows of the checkpoint that a chunk reads.
  void advise(const Chunk &chunk,
              void (MappedFile::*what)(size_t, size_t) const) const {
    const WeightJob &job = jobs_[chunk.job];
    struct Rows {
      int64_t begin = std::numeric_limits<int64_t>::max(), end = 0;
    };
    std::vector<Rows> rows(job.sources.size());
    for (int64_t block = chunk.blockBegin; block < chunk.blockEnd; ++block) {
      auto [source, begin, end] = job.layout.rowsOfBlock(block);
      rows[source].begin = std::min(rows[source].begin, begin);
      rows[source].end = std::max(rows[source].end, end);
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      const SourceTensor &source = job.sources[i];
      if (!source.file || rows[i].begin >= rows[i].end)
        continue;
      int64_t rowBytes = job.layout.cols * sourceElementSize(source.element);
      (source.file->*what)(
          source.fileOffset + static_cast<size_t>(rows[i].begin * rowBytes),
          static_cast<size_t>((rows[i].end - rows[i].begin) * rowBytes));
    }
  }

  const std::vector<WeightJob> &jobs_;
  const std::vector<uint64_t> &fileOffsets_;
  const AtomicFile &file_;
  Progress *progress_;
  std::vector<Chunk> chunks_;
  int64_t bufferBytes_ = 0; // of the largest chunk
  size_t threads_ = 1;

  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  std::condition_variable turn_;
  std::deque<JobState> states_; // by job; a Hasher does not move
  Status error_;                // the first; guarded by mutex_
};

} // namespace

Result<std::vector<PackedWeight>>
swallow::streamWeights(const std::vector<WeightJob> &jobs,
                       const std::vector<uint64_t> &fileOffsets,
                       const AtomicFile &file, int threads,
                       Progress *progress) {
  return Stream(jobs, fileOffsets, file, progress).run(threads);
}
