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
#include <cassert>
#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>

using namespace swallow;

namespace {

constexpr int64_t kChunkBytes = int64_t(4) << 20;

struct Chunk {
  size_t state; // of its job
  int64_t blockBegin, blockEnd;
};

struct Stats {
  std::vector<PackStats> weights;   // by source
  std::vector<OutputStats> outputs; // by source; none without a factor
};

struct JobState {
  size_t index;
  Hasher hasher;
  int64_t hashedBlocks = 0; // guarded by the packing's mutex
  Stats stats;              // likewise
};

/// Some jobs being packed.
class Packing {
public:
  Packing(const std::vector<WeightJob> &jobs,
          const std::vector<size_t> &indices,
          const std::vector<uint64_t> &fileOffsets, const AtomicFile &file,
          const InputFactor *factor, Progress *progress)
      : jobs_(jobs), fileOffsets_(fileOffsets), file_(file), factor_(factor),
        progress_(progress) {
    for (size_t state = 0; state < indices.size(); ++state) {
      const WeightJob &job = jobs[indices[state]];
      const PackedLayout &layout = job.layout;
      states_.emplace_back().index = indices[state];
      states_.back().stats = emptyStats(job);
      int64_t blocks = layout.totalBlocks();
      // With a factor a single block is a lot of work.
      int64_t step = std::clamp<int64_t>(
          factor ? 1 : kChunkBytes / layout.blockBytes(), 1, blocks);
      for (int64_t block = 0; block < blocks; block += step)
        chunks_.push_back({state, block, std::min(block + step, blocks)});
      bufferBytes_ = std::max(bufferBytes_, step * layout.blockBytes());
    }
  }

  Status run(int threads, std::vector<PackedWeight> &packed) {
    threads_ = std::min<size_t>(threadCount(threads),
                                std::max<size_t>(chunks_.size(), 1));
    runOnThreads(static_cast<int>(threads_), [this] { work(); });
    for (JobState &state : states_)
      packed[state.index] = {state.hasher.finish(),
                             std::move(state.stats.weights),
                             std::move(state.stats.outputs)};
    return error_;
  }

private:
  const WeightJob &jobOf(const Chunk &chunk) const {
    return jobs_[states_[chunk.state].index];
  }

  Stats emptyStats(const WeightJob &job) const {
    Stats stats;
    stats.weights.resize(job.sources.size());
    stats.outputs.resize(factor_ ? job.sources.size() : 0);
    return stats;
  }

  void work() {
    std::vector<uint8_t> buffer(static_cast<size_t>(bufferBytes_));
    for (size_t at; (at = next_.fetch_add(1)) < chunks_.size();) {
      if (at + threads_ < chunks_.size())
        advise(chunks_[at + threads_], &MappedFile::adviseSequential);
      const Chunk &chunk = chunks_[at];
      const int64_t blockBytes = jobOf(chunk).layout.blockBytes();
      std::span<const uint8_t> packed(
          buffer.data(), static_cast<size_t>(
                             (chunk.blockEnd - chunk.blockBegin) * blockBytes));
      const Stats stats = pack(chunk, buffer.data());
      advise(chunk, &MappedFile::adviseDontNeed);
      if (!hash(chunk, packed, stats))
        return;
      Status written = file_.writeAt(
          fileOffsets_[states_[chunk.state].index] +
              static_cast<uint64_t>(chunk.blockBegin * blockBytes),
          packed);
      if (!written)
        return fail(std::move(written));
      if (progress_)
        progress_->advance(packed.size());
    }
  }

  Stats pack(const Chunk &chunk, uint8_t *out) const {
    const WeightJob &job = jobOf(chunk);
    std::vector<PackSource> sources;
    for (const SourceTensor &source : job.sources)
      sources.push_back({source.element, source.bytes, source.importance});
    Stats stats = emptyStats(job);
    if (factor_)
      packBlocksWithFeedback(job.layout, sources, *factor_, chunk.blockBegin,
                             chunk.blockEnd, out, stats.weights, stats.outputs);
    else
      packBlocks(job.layout, sources, chunk.blockBegin, chunk.blockEnd, out,
                 stats.weights);
    return stats;
  }

  // Hashes in order; false if another thread has failed meanwhile.
  bool hash(const Chunk &chunk, std::span<const uint8_t> packed,
            const Stats &stats) {
    JobState &state = states_[chunk.state];
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
    for (size_t i = 0; i < stats.weights.size(); ++i)
      state.stats.weights[i] += stats.weights[i];
    for (size_t i = 0; i < stats.outputs.size(); ++i)
      state.stats.outputs[i] += stats.outputs[i];
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
    const WeightJob &job = jobOf(chunk);
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
  const InputFactor *factor_;
  Progress *progress_;
  std::vector<Chunk> chunks_;
  int64_t bufferBytes_ = 0; // of the largest chunk
  size_t threads_ = 1;

  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  std::condition_variable turn_;
  std::deque<JobState> states_; // a Hasher does not move
  Status error_;                // the first; guarded by mutex_
};

} // namespace

WeightStream::WeightStream(const std::vector<WeightJob> &jobs,
                           const std::vector<uint64_t> &fileOffsets,
                           const AtomicFile &file, int threads)
    : jobs_(jobs), fileOffsets_(fileOffsets), file_(file), threads_(threads),
      packed_(jobs.size()), done_(jobs.size()) {}

Status WeightStream::pack(const std::vector<size_t> &indices,
                          const InputFactor *factor, Progress *progress) {
  for (size_t index : indices)
    done_[index] = true;
  return Packing(jobs_, indices, fileOffsets_, file_, factor, progress)
      .run(threads_, packed_);
}

Status WeightStream::packWithFactor(size_t index, const InputFactor &factor) {
  assert(!done_[index]);
  return pack({index}, &factor, nullptr);
}

Status WeightStream::packOthers(Progress *progress) {
  std::vector<size_t> others;
  for (size_t index = 0; index < jobs_.size(); ++index)
    if (!done_[index])
      others.push_back(index);
  return pack(others, nullptr, progress);
}
