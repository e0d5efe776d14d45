//===- Calibration.cpp - what a model's inputs look like ------------------===//

#include "compiler/Calibration.h"

#include "compiler/EvaluatorFrame.h"

#include "mlir/IR/BuiltinOps.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace swallow {
namespace {

/// Added to every mean square, in parts of their mean: an input that the text
/// never moves may still matter to another text.
constexpr double kFloor = 1e-3;

/// Empty where an input is not finite.
std::vector<float> importanceOf(const EvalTensor &input) {
  std::vector<double> squares(static_cast<size_t>(input.cols));
  for (int64_t row = 0; row < input.rows; ++row)
    for (int64_t col = 0; col < input.cols; ++col) {
      const double x = input.row(row)[col];
      squares[col] += x * x;
    }
  const double sum = std::accumulate(squares.begin(), squares.end(), 0.0);
  if (!std::isfinite(sum))
    return {};
  const double floor = kFloor * sum / static_cast<double>(input.cols);
  const double largest =
      *std::max_element(squares.begin(), squares.end()) + floor;
  std::vector<float> importance(squares.size(), 1.0f);
  if (largest > 0)
    for (size_t i = 0; i < squares.size(); ++i)
      importance[i] = static_cast<float>((squares[i] + floor) / largest);
  return importance;
}

uint64_t bytesOf(DType element, int64_t rows, int64_t cols) {
  return static_cast<uint64_t>(rows * cols) * dtypeSize(element);
}

/// The size of all matrices inside the layers.
uint64_t layerBytes(mlir::ModuleOp module) {
  uint64_t bytes = 0;
  module.walk([&](WeightOp weight) {
    mlir::RankedTensorType type = weight.getTensorType();
    if (weight.getLayers() && type.getRank() == 2)
      bytes += static_cast<uint64_t>(*weight.getLayers()) *
               bytesOf(elementOf(type.getElementType()), type.getDimSize(0),
                       type.getDimSize(1));
  });
  return bytes;
}

} // namespace

Result<ImportanceMap> measureImportance(mlir::ModuleOp module,
                                        const WeightSource &weights,
                                        const EvalBatch &batch, int threads,
                                        Progress &progress) {
  ImportanceMap found;
  Evaluator::Options options;
  options.threads = threads;
  options.computesLogits = false;
  options.keepsKv = false;
  uint64_t left = layerBytes(module), running = 0;
  options.observer = [&](const EvalMatrix &weight,
                         const EvalTensor &input) -> Status {
    progress.advance(running); // The product before this one is done.
    left -= running;
    running = std::min(left, bytesOf(weight.element, weight.rows, weight.cols));
    auto importance =
        std::make_shared<const std::vector<float>>(importanceOf(input));
    if (importance->empty())
      return {ErrorCode::InvalidArgument,
              "the inputs of " + weight.names.front() +
                  " are not finite numbers with the calibration text"};
    for (const std::string &name : weight.names)
      found[name] = importance;
    return {};
  };
  progress.begin("Calibrating", left);
  Result<std::vector<float>> logits =
      Evaluator(module, weights, options).step(batch);
  progress.end();
  if (!logits)
    return logits.error();
  return found;
}

} // namespace swallow
