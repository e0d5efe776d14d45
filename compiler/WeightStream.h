//===- WeightStream.h - packs all weights into the output -------*- C++ -*-===//

#ifndef SWALLOW_COMPILER_WEIGHTSTREAM_H
#define SWALLOW_COMPILER_WEIGHTSTREAM_H

#include "compiler/ArtifactWriter.h"
#include "compiler/AtomicFile.h"
#include "runtime/support/Hash.h"

namespace swallow {

/// What packing found out about one job.
struct PackedWeight {
  Hash128 hash = {};                // of the packed bytes
  std::vector<PackStats> stats;     // by source
  std::vector<OutputStats> outputs; // by source; none without a factor
};

/// Packs job i into `file` at fileOffsets[i]; see writeArtifact for memory and
/// threads. The jobs have been checked: valid layouts, sources of the right
/// size. Everything that is given to the constructor must outlive the stream.
class WeightStream {
public:
  WeightStream(const std::vector<WeightJob> &jobs,
               const std::vector<uint64_t> &fileOffsets, const AtomicFile &file,
               int threads);

  /// Packs job `index`, which has not been packed, with the factor of its
  /// inputs. Fails with WriteFailed.
  Status packWithFactor(size_t index, const InputFactor &factor);

  /// Packs all jobs that have not been packed. Fails with WriteFailed.
  Status packOthers(Progress *progress);

  /// By job.
  const std::vector<PackedWeight> &packed() const { return packed_; }

private:
  Status pack(const std::vector<size_t> &indices, const InputFactor *factor,
              Progress *progress);

  const std::vector<WeightJob> &jobs_;
  const std::vector<uint64_t> &fileOffsets_;
  const AtomicFile &file_;
  int threads_;
  std::vector<PackedWeight> packed_;
  std::vector<bool> done_;
};

} // namespace swallow

#endif // SWALLOW_COMPILER_WEIGHTSTREAM_H
