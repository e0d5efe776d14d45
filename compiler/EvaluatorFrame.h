//===- EvaluatorFrame.h - one function call of the evaluator ----*- C++ -*-===//

#ifndef SWALLOW_COMPILER_EVALUATORFRAME_H
#define SWALLOW_COMPILER_EVALUATORFRAME_H

#include "compiler/Evaluator.h"
#include "dialects/swallow/SwallowDialect.h"

namespace swallow {

// A value of the interpreted program. Batches and KV memories have none: there
// is one of each.
using TensorPtr = std::shared_ptr<const EvalTensor>;
using MatrixPtr = std::shared_ptr<const EvalMatrix>;
using VectorPtr = std::shared_ptr<const std::vector<float>>;
using Slot =
    std::variant<std::monostate, int64_t, TensorPtr, MatrixPtr, VectorPtr>;
using Slots = std::vector<Slot>;

/// The element type of a weight or of the KV memory: f32, bf16 or f16.
DType elementOf(mlir::Type type);

/// What all calls of an evaluation share.
struct EvalContext {
  mlir::SymbolTable &symbols;
  const WeightSource &weights;
  const EvalBatch &batch;
  KvState &kv;
  const Evaluator::Options &options;
  int depth = 0; // of nested calls
};

/// Interprets a function of a module that verifies; `arguments` are of its
/// types. Returns what it returns.
Result<Slots> callFunction(EvalContext &context, mlir::func::FuncOp function,
                           Slots arguments);

} // namespace swallow

#endif // SWALLOW_COMPILER_EVALUATORFRAME_H
