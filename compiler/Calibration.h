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

/// How much an error of each input of a tensor counts: the mean square of the
/// input, relative to the largest. By the tensor's name.
using ImportanceMap =
    std::map<std::string, std::shared_ptr<const std::vector<float>>>;

/// The importance of the inputs of all products of `module` but the LM head's.
/// The module is at the fused stage and not quantised. `weights` are read once.
/// Fails with InvalidArgument where inputs are not finite numbers, and as the
/// evaluator.
Result<ImportanceMap> measureImportance(mlir::ModuleOp module,
                                        const WeightSource &weights,
                                        const EvalBatch &batch, int threads,
                                        Progress &progress);

} // namespace swallow

#endif // SWALLOW_COMPILER_CALIBRATION_H
