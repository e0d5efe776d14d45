//===- ProbeLogits.cpp - the probe of an artifact -------------------------===//

#include "compiler/ProbeLogits.h"

#include "compiler/Evaluator.h"

#include "mlir/IR/BuiltinOps.h"

#include <algorithm>
#include <cmath>

namespace swallow {

std::unique_ptr<fbs::ProbeT> emptyProbe(const ProbeRequest &request) {
  auto probe = std::make_unique<fbs::ProbeT>();
  for (int64_t i = 0; i < request.tokens; ++i) {
    int64_t id = (i * 2654435761 + 17) % request.vocabSize;
    if (i == 0 && request.bosToken && *request.bosToken < request.vocabSize)
      id = *request.bosToken;
    probe->token_ids.push_back(static_cast<int32_t>(id));
  }
  // Not 0: the program is serialised once before the values are known, and
  // fields with a default value would take no space.
  probe->logits.assign(static_cast<size_t>(request.tokens * request.vocabSize),
                       1.0f);
  probe->logit_rms = 1;
  probe->tolerance = 1;
  return probe;
}

/// The bound for quantised weights: the evaluator knows their exact values, but
/// not that kernels quantise inputs as well. That error grows with the square
/// root of the number of layers; measured were 0.013 with 4 layers and 0.030
/// with 22, a third of this. A wrong kernel is off by 1 or more.
static float quantizedTolerance(int64_t layers) {
  return 0.02f * std::sqrt(static_cast<float>(layers));
}

Result<bool> evaluateProbe(const ProbeRequest &request, mlir::ModuleOp module,
                           const WeightSource &weights, fbs::ProbeT &probe) {
  EvalBatch batch;
  for (size_t i = 0; i < probe.token_ids.size(); ++i)
    batch.logitRows.push_back(batch.push(
        probe.token_ids[i], static_cast<int32_t>(i), /*sequence=*/0));
  // What rounding does to this model is measured on the first few tokens, in
  // the same step, since reading the weights is what takes time.
  if (request.inputs != DType::F32 && !request.quantized) {
    batch.unrounded = 1;
    for (size_t i = 0; i < std::min<size_t>(probe.token_ids.size(), 4); ++i)
      batch.logitRows.push_back(batch.push(
          probe.token_ids[i], static_cast<int32_t>(i), *batch.unrounded));
  }
  Evaluator::Options options;
  options.threads = request.threads;
  Evaluator evaluator(module, weights, options);
  SWALLOW_ASSIGN(std::vector<float> logits, evaluator.step(batch));
  const size_t count =
      probe.token_ids.size() * static_cast<size_t>(request.vocabSize);
  double squares = 0, distance = 0;
  for (size_t i = 0; i < count; ++i)
    squares += static_cast<double>(logits[i]) * logits[i];
  const size_t unrounded = logits.size() - count;
  for (size_t i = 0; i < unrounded; ++i)
    distance += std::abs(static_cast<double>(logits[i]) - logits[count + i]);
  logits.resize(count);
  probe.logits = std::move(logits);
  probe.logit_rms = static_cast<float>(
      std::sqrt(squares / static_cast<double>(probe.logits.size())));
  // The evaluator rounds what the code rounds, at the same places; what is left
  // is the order of sums, which now and then flips a rounding, in bf16 one that
  // is 8 times as large as in f16. In a
  // deep model these add up until evaluator and code are as far from each other
  // as two independent roundings, each of them the measured distance from none.
  probe.tolerance = 1e-4f;
  if (request.quantized)
    probe.tolerance = quantizedTolerance(request.numLayers);
  else if (unrounded > 0)
    probe.tolerance = std::max(
        request.inputs == DType::F16 ? 0.00125f : 0.01f,
        static_cast<float>(2 * distance / static_cast<double>(unrounded) /
                           probe.logit_rms));
  return std::isfinite(probe.logit_rms);
}

} // namespace swallow
