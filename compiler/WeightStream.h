//===- WeightStream.h - packs all weights into the output -------*- C++ -*-===//

#ifndef SWALLOW_COMPILER_WEIGHTSTREAM_H
#define SWALLOW_COMPILER_WEIGHTSTREAM_H

#include "compiler/ArtifactWriter.h"
#include "compiler/AtomicFile.h"
#include "runtime/support/Hash.h"

namespace swallow {

/// What packing found out about one job.
struct PackedWeight {
  Hash128 hash = {};            // of the packed bytes
  std::vector<PackStats> stats; // by source
};

/// Packs job i into `file` at fileOffsets[i]; see writeArtifact for memory and
/// threads. The jobs have been checked: valid layouts, sources of the right
/// size. Fails with WriteFailed.
Result<std::vector<PackedWeight>>
streamWeights(const std::vector<WeightJob> &jobs,
              const std::vector<uint64_t> &fileOffsets, const AtomicFile &file,
              int threads, Progress *progress);

} // namespace swallow

#endif // SWALLOW_COMPILER_WEIGHTSTREAM_H
