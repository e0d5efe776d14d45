//===- Artifact.h - a .swallow file, opened and checked ---------*- C++ -*-===//
//
// Opening maps the file, checks its structure, its hashes (all but the
// weights') and the meaning of every table, so that whoever holds an Artifact
// may use its numbers as array bounds and its offsets as addresses. Nothing of
// the weights is read.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_ARTIFACT_ARTIFACT_H
#define SWALLOW_RUNTIME_ARTIFACT_ARTIFACT_H

#include "runtime/artifact/CodeImage.h"
#include "runtime/artifact/program_generated.h"
#include "runtime/packing/KvLayout.h"
#include "runtime/packing/PackedLayout.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace swallow {

struct OpenOptions {
  /// Also check the weights' hashes before open returns, on this many threads
  /// (0: all that the process may use). Reads the whole file.
  bool verifyWeights = false;
  int threads = 0;
};

/// Called with bytes done and bytes in all, from one thread at a time.
using VerifyProgress = std::function<void(uint64_t done, uint64_t total)>;

/// Move-only. Concurrent const access is safe; spans and references live as
/// long as the Artifact, also after it has been moved.
class Artifact {
public:
  /// Fails with FileNotFound, FileUnreadable, NotAnArtifact (another kind of
  /// file), VersionMismatch (of the format or of
  /// the step ABI; both sides are named) or Corrupt. Messages start with
  /// `path`.
  static Result<Artifact> open(const std::string &path,
                               const OpenOptions &options = {});

  /// The same for a file image in memory, which is copied. `name` stands for
  /// the path in messages.
  static Result<Artifact> openBytes(std::span<const uint8_t> bytes,
                                    const std::string &name);

  const fbs::Program &program() const { return *program_; }
  const std::string &path() const { return path_; }
  uint64_t fileSize() const { return bytes_.size(); }

  /// The bytes of segment `index` of Program.segments; 4096-byte aligned.
  std::span<const uint8_t> segment(size_t index) const;
  /// The first segment of that kind; empty if there is none. An artifact has
  /// at most one of each kind but Code and ChatTemplate.
  std::span<const uint8_t> segmentOfKind(fbs::SegmentKind kind) const;
  std::span<const uint8_t> weights() const {
    return segmentOfKind(fbs::SegmentKind::Weights);
  }

  /// The seed of weights that the file does not have but describes; weights()
  /// is then empty.
  std::optional<uint64_t> syntheticSeed() const;
  /// Bytes of all weights, in the file or in memory.
  uint64_t weightsSize() const;

  /// The bytes of Program.weights[index], unless they are synthetic.
  std::span<const uint8_t> weight(size_t index) const;

  /// The code of Program.variants[index]: its load segment (CodeImage), in
  /// which step_offset lies. `fileOffset` is where it starts in the file, a
  /// multiple of 4096, so that it can be mapped from fd().
  struct Code {
    std::span<const uint8_t> bytes;
    uint64_t fileOffset;
  };
  Code code(size_t variant) const;
  /// The machine code of a GPU's variant, 4096-byte aligned; empty where there
  /// is none beside the PTX.
  std::span<const uint8_t> cubin(size_t variant) const;

  /// The file's descriptor, or -1 after openBytes.
  int fd() const { return file_.fd(); }
  /// The mapped file; null after openBytes.
  const MappedFile *file() const { return copy_ ? nullptr : &file_; }

  /// Hashes every weight in parallel; synthetic ones have no hashes. Fails with
  /// Corrupt naming the first corrupt tensor of the table. threads 0: all that
  /// the process may use.
  Status verifyWeights(int threads = 0, VerifyProgress progress = {}) const;

private:
  Artifact() = default;
  Status load();
  Status verifyWeightGaps() const; // padding is zero, so every bit is checked

  struct AlignedDelete {
    void operator()(uint8_t *pointer) const;
  };
  std::string path_;
  MappedFile file_;                                // one of these two
  std::unique_ptr<uint8_t[], AlignedDelete> copy_; // owns bytes_
  std::span<const uint8_t> bytes_;
  uint64_t segmentBase_ = 0;
  const fbs::Program *program_ = nullptr;
  std::vector<CodeImage> images_; // by variant
};

/// What a session chooses, the parameters of the memory plan.
struct PlanParameters {
  uint64_t tokens = 0; // max_step_tokens rounded up to SWALLOW_TILE_ROWS
  uint64_t threads = 0;
  uint64_t sequences = 0;
};

/// Bytes that an affine expression comes to (a null one is 0). Fails with
/// OutOfRange if they exceed 2^62.
Result<uint64_t> evaluate(const fbs::Affine *affine,
                          const PlanParameters &parameters);

/// Bytes of one element; I4 counts as a whole byte here and has no use yet.
uint64_t elementBytes(fbs::ElementType type);

/// How a session stores keys and values when it is not told.
KvElement kvElement(const fbs::KvPlan &plan);
/// Bytes of one KV block of one layer, K and V together.
uint64_t kvBlockBytes(const fbs::KvPlan &plan, KvElement element);

/// The layout in which a weight is packed; valid() for every weight of an open
/// Artifact.
PackedLayout weightLayout(const fbs::Weight &weight);

/// The element types of packed weights in the schema; nothing for those that
/// no weight has.
fbs::ElementType elementTypeOf(PackedElement element);
std::optional<PackedElement> packedElementOf(fbs::ElementType element);

/// Where the last of the weights ends, counted from the first.
uint64_t weightsEnd(const fbs::Program &program);

/// "model.layers.3.mlp.gate_proj.weight, model.layers.3.mlp.up_proj.weight".
std::string weightSources(const fbs::Weight &weight);

} // namespace swallow

#endif // SWALLOW_RUNTIME_ARTIFACT_ARTIFACT_H
