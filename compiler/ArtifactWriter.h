//===- ArtifactWriter.h - writes a .swallow file ----------------*- C++ -*-===//
//
// Streams the weights from the mapped checkpoint through the packer into the
// output. Memory stays bounded (a few MB per thread, or one packed block where
// that is larger) whatever the size of the model. The bytes written depend on
// the input alone, not on the number of threads.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_COMPILER_ARTIFACTWRITER_H
#define SWALLOW_COMPILER_ARTIFACTWRITER_H

#include "compiler/Progress.h"
#include "runtime/artifact/program_generated.h"
#include "runtime/packing/ErrorFeedback.h"
#include "runtime/packing/PackedLayout.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace swallow {

/// A segment whose bytes are ready: code, tokenizer, chat template. Segment i
/// of the artifact is element i of the writer's `segments`; the weights segment
/// is appended after them.
struct SegmentData {
  fbs::SegmentKind kind = fbs::SegmentKind::Code;
  std::string name; // "x86-64-avx2"; "tokenizer"
  std::vector<uint8_t> bytes;
};

/// A row-major matrix of the checkpoint, [sourceRows[i]][cols] of the layout.
struct SourceTensor {
  std::string name; // "model.layers.0.mlp.up_proj.weight"
  SourceElement element = SourceElement::F32;
  std::span<const uint8_t> bytes; // may be unaligned
  /// Where `bytes` comes from, for prefetching and dropping pages; null if it
  /// is not part of a mapped file. Not owned.
  const MappedFile *file = nullptr;
  size_t fileOffset = 0; // of bytes in file
  /// How much an error of each input counts, see PackSource. Not owned.
  std::span<const float> importance = {};
};

/// How one entry of program.weights is made. Of the sources of synthetic
/// weights only the names count.
struct WeightJob {
  size_t weightIndex = 0; // into program.weights, each exactly once
  PackedLayout layout;
  std::vector<SourceTensor> sources; // one per layout.sourceRows
};

/// Packs job `index`, which is quantised, with the factor of its inputs.
using PackWithFactor =
    std::function<Status(size_t index, const InputFactor &factor)>;

struct WriteOptions {
  int threads = 0;              // 0: all that the process may use
  Progress *progress = nullptr; // begun and ended by the writer; not owned
  /// Receives one line for each source with values that are NaN, infinite or
  /// too large for its element type, in the order of the jobs.
  std::function<void(const std::string &)> warn = {};
  /// Take the file's space before writing it, so that a full disk is met at
  /// once. Off only where a file system does that badly.
  bool preallocate = true;
  /// Wait until the file is on the disk (fsync).
  bool sync = false;
  /// Called before weights are packed, to pack some of the jobs with a factor
  /// of their inputs, each once: factors are large, so that they are made one
  /// by one. Its failure is the writer's.
  std::function<Status(const PackWithFactor &pack)> packFirst = {};
  /// Called when the weights are packed, with the bytes of their segment: the
  /// last chance to change values of the program, whose serialised size must
  /// stay as it is. Its failure is the writer's.
  std::function<Status(fbs::ProgramT &program,
                       std::span<const uint8_t> weights)>
      finish = {};
};

/// What packing met in one tensor of the checkpoint.
struct SourceReport {
  std::string name;
  PackedLayout layout; // of the weight that it became, or became part of
  PackStats stats;
  bool hasImportance = false; // see SourceTensor
  /// Of what a weight that was packed with a factor is multiplied by.
  std::optional<double> outputError = {};
};

struct WriteReport {
  uint64_t fileBytes = 0;
  uint64_t weightBytes = 0; // size of the weights segment, or of what stands
                            // for it where the weights are synthetic
  double seconds = 0;
  std::vector<SourceReport> sources; // in the order of the jobs
};

/// Bytes after which the next weight may start: `end` rounded up to the
/// alignment of weights. For planning Weight.offset: the compiled code knows
/// the offsets, so they are decided before the writer runs.
uint64_t alignWeightOffset(uint64_t end);

/// Writes the artifact to `path`, atomically: an unnamed temporary file in the
/// same folder gets the name when everything is in it, replacing a regular file
/// of that name. On failure, or if the process is killed, nothing is left and
/// an older file stays as it was.
///
/// Of `program` the caller fills in everything but what the writer derives:
/// `segments`; of each weight: `sources`, `shape`, the layout fields, `size`
/// and `hash` (`name`, `layer` and `offset` are the caller's). The result is
/// validated with the loader's own checks before weights are packed. With
/// program.synthetic the weights are described and not written.
///
/// Fails with WriteFailed naming the path and the system's reason (disk full,
/// no such folder), or with Internal if program, segments and jobs do not make
/// a valid artifact.
Result<WriteReport> writeArtifact(const std::string &path,
                                  fbs::ProgramT program,
                                  const std::vector<SegmentData> &segments,
                                  const std::vector<WeightJob> &jobs,
                                  const WriteOptions &options = {});

} // namespace swallow

#endif // SWALLOW_COMPILER_ARTIFACTWRITER_H
