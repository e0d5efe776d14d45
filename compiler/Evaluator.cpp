//===- Evaluator.cpp - interprets the swallow dialect ---------------------===//

#include "compiler/Evaluator.h"

#include "compiler/EvaluatorFrame.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

namespace swallow {
namespace {

constexpr int64_t maxPosition = 1 << 20; // to which angles are exact enough

Status checkBatch(const EvalBatch &batch) {
  size_t rows = batch.ids.size();
  if (batch.positions.size() != rows || batch.sequences.size() != rows)
    return {ErrorCode::InvalidArgument,
            "a batch needs as many positions and sequences as ids"};
  for (int32_t position : batch.positions)
    if (position < 0 || position >= maxPosition)
      return {ErrorCode::OutOfRange, "position " + std::to_string(position) +
                                         " is not in 0 .. 2^20 - 1"};
  for (int32_t row : batch.logitRows)
    if (row < 0 || static_cast<size_t>(row) >= rows)
      return {ErrorCode::OutOfRange, "logits wanted of row " +
                                         std::to_string(row) + " of " +
                                         std::to_string(rows)};
  return {};
}

/// An input as the value of an argument of type `type`.
Result<Slot> bindInput(const EvalInput &input, Type type) {
  if (const int64_t *value = std::get_if<int64_t>(&input)) {
    if (!type.isIndex())
      return {ErrorCode::InvalidArgument, "an index is given for a tensor"};
    return Slot(*value);
  }
  const EvalTensor &given = std::get<EvalTensor>(input);
  auto tensorType = dyn_cast<RankedTensorType>(type);
  if (!tensorType || tensorType.getRank() > 2 || tensorType.getRank() < 1)
    return {ErrorCode::InvalidArgument,
            "a tensor is given for another argument"};
  bool isVector = tensorType.getRank() == 1;
  int64_t rows = isVector ? 1 : tensorType.getDimSize(0);
  if (given.cols != tensorType.getDimSize(isVector ? 0 : 1) ||
      (!ShapedType::isDynamic(rows) && given.rows != rows) ||
      static_cast<int64_t>(given.data.size()) != given.rows * given.cols)
    return {ErrorCode::InvalidArgument,
            "a tensor's shape is not that of its argument"};
  if (isVector)
    return Slot(std::make_shared<const std::vector<float>>(given.data));
  if (ShapedType::isDynamic(rows))
    return Slot(std::make_shared<const EvalTensor>(given));
  auto values = std::make_shared<const std::vector<float>>(given.data);
  return Slot(std::make_shared<const EvalMatrix>(
      EvalMatrix{{{memoryReader(values, given.cols), given.rows}},
                 given.rows,
                 given.cols,
                 elementOf(tensorType.getElementType())}));
}

} // namespace

int32_t EvalBatch::push(int32_t id, int32_t position, int32_t sequence) {
  ids.push_back(id);
  positions.push_back(position);
  sequences.push_back(sequence);
  return static_cast<int32_t>(ids.size()) - 1;
}

struct Evaluator::Impl {
  Impl(ModuleOp module, const WeightSource &weights, Options options)
      : symbols(module), weights(weights), options(options) {}

  SymbolTable symbols;
  const WeightSource &weights;
  Options options;
  KvState kv;
};

Evaluator::Evaluator(ModuleOp module, const WeightSource &weights,
                     Options options)
    : impl_(std::make_unique<Impl>(module, weights, options)) {}

Evaluator::~Evaluator() = default;

KvState &Evaluator::kv() { return impl_->kv; }

Result<std::vector<float>> Evaluator::step(const EvalBatch &batch) {
  SWALLOW_ASSIGN(auto results, evaluateFunction("step", batch, {}));
  if (results.size() != 1)
    return {ErrorCode::Internal, "@step does not return one tensor"};
  return std::move(results.front().data);
}

Result<std::vector<EvalTensor>>
Evaluator::evaluateFunction(std::string_view name, const EvalBatch &batch,
                            const std::vector<EvalInput> &inputs) {
  SWALLOW_TRY(checkBatch(batch));
  auto function = impl_->symbols.lookup<func::FuncOp>(name);
  if (!function)
    return {ErrorCode::InvalidArgument,
            "no function @" + std::string(name) + " in the module"};
  Slots arguments;
  size_t next = 0;
  for (Type type : function.getArgumentTypes()) {
    if (isa<BatchType, KvType>(type)) {
      arguments.emplace_back();
      continue;
    }
    if (next == inputs.size())
      return {ErrorCode::InvalidArgument,
              "too few inputs for @" + std::string(name)};
    SWALLOW_ASSIGN(Slot slot, bindInput(inputs[next++], type));
    arguments.push_back(std::move(slot));
  }
  if (next != inputs.size())
    return {ErrorCode::InvalidArgument,
            "too many inputs for @" + std::string(name)};

  EvalContext context{impl_->symbols, impl_->weights, batch, impl_->kv,
                      impl_->options};
  SWALLOW_ASSIGN(Slots slots,
                 callFunction(context, function, std::move(arguments)));
  std::vector<EvalTensor> results;
  for (const Slot &slot : slots)
    if (const TensorPtr *tensor = std::get_if<TensorPtr>(&slot))
      results.push_back(**tensor);
  return results;
}

} // namespace swallow
