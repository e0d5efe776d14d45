//===- Calibration.cpp - what a model's inputs look like ------------------===//

#include "compiler/Calibration.h"

#include "compiler/EvaluatorFrame.h"
#include "compiler/InputFactor.h"

#include "mlir/IR/BuiltinOps.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace swallow {
namespace {

/// Added to every mean square, in parts of their mean: an input that the text
/// never moves may still matter to another text.
constexpr double kFloor = 1e-3;
/// The same where errors are fed back, which takes the text at its word more
/// than a weighted search does.
constexpr float kDamping = 5e-2f;

bool allFinite(const EvalTensor &input) {
  return std::all_of(input.data.begin(), input.data.end(),
                     [](float x) { return std::isfinite(x); });
}

/// Whether errors are fed back. Those of int8 are too small for it to show.
bool feedsBack(PackedElement element) {
  return element == PackedElement::I4 || element == PackedElement::I6;
}

std::vector<float> importanceOf(const EvalTensor &input) {
  std::vector<double> squares(static_cast<size_t>(input.cols));
  for (int64_t row = 0; row < input.rows; ++row)
    for (int64_t col = 0; col < input.cols; ++col) {
      const double x = input.row(row)[col];
      squares[col] += x * x;
    }
  const double sum = std::accumulate(squares.begin(), squares.end(), 0.0);
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

Status calibrate(mlir::ModuleOp module, const WeightSource &weights,
                 const EvalBatch &text, int threads, const PackWithFactor &pack,
                 std::vector<WeightJob> &jobs, CalibratedJobs &calibrated,
                 Progress &progress) {
  auto use = [&](const EvalMatrix &weight, const EvalTensor &input) -> Status {
    auto it = calibrated.byName.find(weight.names.front());
    if (it == calibrated.byName.end())
      return {};
    const size_t index = it->second;
    calibrated.byName.erase(it);
    if (feedsBack(jobs[index].layout.element)) {
      Result<InputFactor> factor = factorInputs(input, kDamping, threads);
      if (!factor)
        return {factor.error().code, "the inputs of " + weight.names.front() +
                                         " are " + factor.error().message +
                                         " with the calibration text"};
      return pack(index, *factor);
    }
    auto importance =
        std::make_shared<const std::vector<float>>(importanceOf(input));
    for (SourceTensor &tensor : jobs[index].sources)
      tensor.importance = *importance;
    calibrated.importance.push_back(std::move(importance));
    return {};
  };
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
    if (!allFinite(input))
      return {ErrorCode::InvalidArgument,
              "the inputs of " + weight.names.front() +
                  " are not finite numbers with the calibration text"};
    return use(weight, input);
  };
  progress.begin("Calibrating", left);
  Result<std::vector<float>> logits =
      Evaluator(module, weights, options).step(text);
  progress.end();
  if (!logits)
    return logits.error();
  return {};
}

} // namespace swallow
