//===- ProbeLogits.h - the probe of an artifact -----------------*- C++ -*-===//

#ifndef SWALLOW_COMPILER_PROBELOGITS_H
#define SWALLOW_COMPILER_PROBELOGITS_H

#include "compiler/WeightSource.h"
#include "runtime/artifact/program_generated.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace swallow {

struct ProbeRequest {
  int64_t tokens = 4;
  int64_t vocabSize = 0;
  int64_t numLayers = 0;
  std::optional<int64_t> bosToken;
  /// To what inputs of products are rounded.
  DType inputs = DType::F32;
  /// Whether weights are quantised.
  bool quantized = false;
  int threads = 1;
};

/// A probe of `tokens` tokens, spread over the vocabulary by a fixed rule after
/// the BOS token where there is one, whose logits are still 0.
std::unique_ptr<fbs::ProbeT> emptyProbe(const ProbeRequest &request);

/// Fills in the logits by the reference evaluator, their root mean square and
/// the bound on what compiled code may differ; false when they are not finite.
/// Errors: the evaluator's.
Result<bool> evaluateProbe(const ProbeRequest &request, mlir::ModuleOp module,
                           const WeightSource &weights, fbs::ProbeT &probe);

} // namespace swallow

#endif // SWALLOW_COMPILER_PROBELOGITS_H
