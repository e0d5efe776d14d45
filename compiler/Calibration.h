//===- Calibration.h - what a model's inputs look like ----------*- C++ -*-===//
//
// Runs the model over a text by the reference evaluator and measures the inputs
// of its products. The same bits on every machine, whatever the threads.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_COMPILER_CALIBRATION_H
#define SWALLOW_COMPILER_CALIBRATION_H

#include "compiler/ArtifactWriter.h"
#include "compiler/Evaluator.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace swallow {

/// Which jobs have their weights chosen by a text, and what is kept for it.
struct CalibratedJobs {
  /// The quantised jobs of weights inside the layers, by the name of their
  /// first tensor. Those that a product of the model reads are erased when it
  /// has been met, so that what is left has not been calibrated.
  std::map<std::string, size_t> byName;
  /// How much an error of each input counts: the mean square of the input,
  /// relative to the largest. What SourceTensor::importance refers to.
  std::vector<std::shared_ptr<const std::vector<float>>> importance;
};

/// Runs the model over `text`, layer by layer. Jobs of int4 and int6 weights
/// are packed with error feedback as soon as their inputs are known, by `pack`;
/// those of int8 weights get the importance of their inputs. `module` is at the
/// fused stage and not quantised; `weights` are read once. Fails with
/// InvalidArgument where inputs are not finite numbers, as the evaluator, and
/// as `pack`.
Status calibrate(mlir::ModuleOp module, const WeightSource &weights,
                 const EvalBatch &text, int threads, const PackWithFactor &pack,
                 std::vector<WeightJob> &jobs, CalibratedJobs &calibrated,
                 Progress &progress);

} // namespace swallow

#endif // SWALLOW_COMPILER_CALIBRATION_H
