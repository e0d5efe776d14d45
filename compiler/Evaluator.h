//===- Evaluator.h - interprets the swallow dialect -------------*- C++ -*-===//
//
// The oracle: computes a module of the dialect, at the import, fused or planned
// stage, exactly as the dialect describes it. Slow beside compiled code, but
// the same bits on every machine.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_COMPILER_EVALUATOR_H
#define SWALLOW_COMPILER_EVALUATOR_H

#include "compiler/EvaluatorKernels.h"
#include "compiler/WeightSource.h"
#include "runtime/packing/KvLayout.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace swallow {

/// What `!swallow.batch` stands for.
struct EvalBatch {
  std::vector<int32_t> ids;       // token of each row
  std::vector<int32_t> positions; // of each row in its sequence, < 2^20
  std::vector<int32_t> sequences; // of each row; any number names a sequence
  std::vector<int32_t> logitRows; // rows that want logits, in any order
  /// A sequence whose inputs of products, keys and values are not rounded:
  /// beside one that is, it shows what rounding does to a model.
  std::optional<int32_t> unrounded;

  /// Appends a row and returns its number.
  int32_t push(int32_t id, int32_t position, int32_t sequence);
};

/// Sees a product before it is computed: the matrix, whose names are set, and
/// the rows that it is to be multiplied by, not yet rounded. A failure is the
/// evaluation's.
using ProductObserver =
    std::function<Status(const EvalMatrix &weight, const EvalTensor &input)>;

/// An argument: a tensor, or the value of an index.
using EvalInput = std::variant<EvalTensor, int64_t>;

/// Keeps the keys and values of all sequences from call to call: what the
/// module's `!swallow.kv` stands for. Not thread-safe.
class Evaluator {
public:
  struct Options {
    int threads = 1;
    /// How keys and values are stored; nothing: as the module says.
    std::optional<KvElement> kvElement = {};
    ProductObserver observer = {};
    /// Whether an LM head is computed; otherwise its result has no rows and the
    /// observer does not see it.
    bool computesLogits = true;
    /// Whether keys and values stay for the next call; otherwise those of a
    /// layer are dropped as soon as another layer appends.
    bool keepsKv = true;
  };

  /// `module` must verify and must, like `weights`, outlive the evaluator.
  Evaluator(mlir::ModuleOp module, const WeightSource &weights,
            Options options);
  ~Evaluator();

  /// Calls @step. Returns the logits, (batch.logitRows.size(), vocabulary)
  /// row-major. Fails with InvalidArgument or OutOfRange for an ill-formed
  /// batch, InvalidToken for an id outside the vocabulary, MissingTensor or
  /// TensorMismatch for weights, and Internal for an op that it does not know,
  /// naming it. A step that fails may have appended keys and values.
  Result<std::vector<float>> step(const EvalBatch &batch);

  /// Calls any function of the module: `!swallow.batch` arguments are `batch`,
  /// `!swallow.kv` arguments this evaluator's keys and values, and `inputs` are
  /// the remaining arguments in their order: activations, weights (as static
  /// tensors, (1, n) for vectors; rounded to their type as they are read) and
  /// indices. Returns the tensor results.
  Result<std::vector<EvalTensor>>
  evaluateFunction(std::string_view name, const EvalBatch &batch,
                   const std::vector<EvalInput> &inputs);

  /// The keys and values, for tests that prepare or inspect them.
  KvState &kv();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace swallow

#endif // SWALLOW_COMPILER_EVALUATOR_H
