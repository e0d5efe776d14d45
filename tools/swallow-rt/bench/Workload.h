//===- Workload.h - what a model has to read and to compute -----*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_BENCH_WORKLOAD_H
#define SWALLOW_TOOLS_SWALLOW_RT_BENCH_WORKLOAD_H

#include "runtime/include/swallow_rt.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

/// Bytes that are read and operations (multiplications and additions) that are
/// done, at least. What stays in caches is not counted.
struct Work {
  double bytes = 0;
  double operations = 0;

  Work &operator+=(const Work &other) {
    bytes += other.bytes;
    operations += other.operations;
    return *this;
  }
};

/// The work of the steps of one test, by stage of the compiled code.
class Workload {
public:
  /// `description`: what swallow_artifact_inspect says.
  explicit Workload(nlohmann::json description);

  const nlohmann::json &description() const { return description_; }
  /// Bytes of the weights that a step of one token reads: all but the embedding
  /// table, of which it reads a row.
  double stepBytes() const;

  /// The stage that a stage or kernel of compiled code computes for: a GPU may
  /// have several kernels for one, whose names begin with its. Empty: one that
  /// reads no weights and no keys.
  static std::string stageOf(std::string_view kernel);

  /// One step that appends `rows` tokens to each of `sequences` sequences of
  /// `depth` tokens; `logitRows` of all of them want logits.
  std::map<std::string, Work> step(int64_t sequences, int64_t rows,
                                   int64_t depth, int64_t logitRows) const;

private:
  struct Weights {
    double parameters = 0, bytes = 0;
  };
  Weights weightsOf(const std::string &stage) const;

  nlohmann::json description_;
};

#endif // SWALLOW_TOOLS_SWALLOW_RT_BENCH_WORKLOAD_H
