//===- EvaluatorFrame.cpp - one function call of the evaluator ------------===//

#include "compiler/EvaluatorFrame.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>

using namespace mlir;

namespace swallow {

DType elementOf(Type type) {
  if (type.isBF16())
    return DType::BF16;
  return type.isF16() ? DType::F16 : DType::F32;
}

namespace {

constexpr int maxCallDepth = 64;

std::string printed(Location loc) {
  std::string text;
  llvm::raw_string_ostream(text) << loc;
  return text;
}

Error opError(Operation *op, ErrorCode code, const std::string &message) {
  return {code, op->getName().getStringRef().str() + " at " +
                    printed(op->getLoc()) + ": " + message};
}

/// One call of a function; interprets what it calls with further frames.
class Frame {
public:
  explicit Frame(EvalContext &context) : context_(context) {}

  Result<Slots> call(func::FuncOp function, Slots arguments) {
    if (function.isDeclaration())
      return opError(function, ErrorCode::InvalidArgument,
                     "@" + function.getName().str() + " has no body");
    if (context_.depth >= maxCallDepth)
      return opError(function, ErrorCode::InvalidArgument,
                     "calls are nested too deeply");
    if (!function.getBody().hasOneBlock())
      return opError(function, ErrorCode::InvalidArgument,
                     "expected one block");
    ++context_.depth;
    for (auto [argument, slot] : llvm::zip(function.getArguments(), arguments))
      slots_[argument] = std::move(slot);
    Result<Slots> results = runBlock(function.getBody().front());
    --context_.depth;
    return results;
  }

private:
  // Values ------------------------------------------------------------------

  const EvalTensor &tensor(Value value) {
    return *std::get<TensorPtr>(slots_[value]);
  }
  const EvalMatrix &matrix(Value value) {
    return *std::get<MatrixPtr>(slots_[value]);
  }
  const std::vector<float> *vectorOrNull(Value value) {
    return value ? std::get<VectorPtr>(slots_[value]).get() : nullptr;
  }
  int64_t index(Value value) { return std::get<int64_t>(slots_[value]); }

  void set(Value value, EvalTensor tensor) {
    slots_[value] = std::make_shared<const EvalTensor>(std::move(tensor));
  }

  int64_t batchRows() const { return context_.batch.ids.size(); }

  Status requireBatchRows(Operation *op, const EvalTensor &x) {
    if (x.rows != batchRows())
      return opError(op, ErrorCode::InvalidArgument,
                     "expected a row for each of the batch's " +
                         std::to_string(batchRows()) + " tokens, got " +
                         std::to_string(x.rows));
    return {};
  }

  Status requireSameRows(Operation *op, const EvalTensor &a,
                         const EvalTensor &b) {
    if (a.rows != b.rows)
      return opError(op, ErrorCode::InvalidArgument,
                     "operands of " + std::to_string(a.rows) + " and " +
                         std::to_string(b.rows) + " rows");
    return {};
  }

  // Control flow --------------------------------------------------------------

  /// Runs a block and returns what its terminator returns or yields.
  Result<Slots> runBlock(Block &block) {
    for (Operation &op : block) {
      if (isa<func::ReturnOp, scf::YieldOp>(op)) {
        Slots results;
        for (Value operand : op.getOperands())
          results.push_back(slots_[operand]);
        return results;
      }
      SWALLOW_TRY(run(&op));
    }
    return Error{ErrorCode::Internal, "a block without func.return or "
                                      "scf.yield"};
  }

  Status run(Operation *op) {
    return llvm::TypeSwitch<Operation *, Status>(op)
        .Case<LoadWeightOp, EmbeddingOp, RmsNormOp, LinearOp, RopeOp,
              KvAppendOp, AttentionOp, SiluOp, AddOp, MulOp, SelectRowsOp,
              LmHeadOp, FusedQkvOp, FusedLinearOp, GatedMlpOp, FusedLmHeadOp,
              scf::ForOp, func::CallOp>([&](auto o) { return eval(o); })
        .Default([&](Operation *o) { return evalIndexOp(o); });
  }

  Status evalIndexOp(Operation *op) {
    IntegerAttr constant;
    if (matchPattern(op, m_Constant(&constant))) {
      slots_[op->getResult(0)] = constant.getValue().getSExtValue();
      return {};
    }
    bool binary = op->getNumOperands() == 2 && op->getNumResults() == 1 &&
                  op->getResult(0).getType().isIndex();
    if (!binary || !isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op))
      return opError(op, ErrorCode::Internal,
                     "the evaluator does not know this op");
    // Unsigned, so that overflow wraps as it does in arith.
    uint64_t a = index(op->getOperand(0)), b = index(op->getOperand(1));
    uint64_t result = isa<arith::AddIOp>(op)   ? a + b
                      : isa<arith::SubIOp>(op) ? a - b
                                               : a * b;
    slots_[op->getResult(0)] = static_cast<int64_t>(result);
    return {};
  }

  Status eval(scf::ForOp op) {
    int64_t end = index(op.getUpperBound()), step = index(op.getStep());
    if (step <= 0)
      return opError(op, ErrorCode::InvalidArgument, "expected a step > 0");
    Slots carried;
    for (Value init : op.getInitArgs())
      carried.push_back(slots_[init]);
    for (int64_t i = index(op.getLowerBound()); i < end; i += step) {
      slots_[op.getInductionVar()] = i;
      for (auto [argument, slot] : llvm::zip(op.getRegionIterArgs(), carried))
        slots_[argument] = slot;
      SWALLOW_ASSIGN(carried, runBlock(*op.getBody()));
    }
    for (auto [result, slot] : llvm::zip(op.getResults(), carried))
      slots_[result] = slot;
    return {};
  }

  Status eval(func::CallOp op) {
    auto callee = context_.symbols.lookup<func::FuncOp>(op.getCallee());
    Slots arguments;
    for (Value operand : op.getOperands())
      arguments.push_back(slots_[operand]);
    SWALLOW_ASSIGN(Slots results,
                   Frame(context_).call(callee, std::move(arguments)));
    for (auto [result, slot] : llvm::zip(op.getResults(), results))
      slots_[result] = slot;
    return {};
  }

  // Weights -------------------------------------------------------------------

  Status eval(LoadWeightOp op) {
    auto weight = context_.symbols.lookup<WeightOp>(op.getWeight());
    int64_t layer = 0;
    if (op.getLayer()) {
      layer = index(op.getLayer());
      if (layer < 0 || layer >= static_cast<int64_t>(*weight.getLayers()))
        return opError(op, ErrorCode::OutOfRange,
                       "layer " + std::to_string(layer) + " of " +
                           std::to_string(*weight.getLayers()));
    }
    RankedTensorType type = weight.getTensorType();
    bool isVector = type.getRank() == 1;
    EvalMatrix matrix{{},
                      type.getDimSize(0),
                      isVector ? 1 : type.getDimSize(1),
                      elementOf(type.getElementType())};
    std::vector<float> values;
    for (auto [i, rows] : llvm::enumerate(weight.getSourceRows())) {
      std::vector<int64_t> shape{rows};
      if (!isVector)
        shape.push_back(matrix.cols);
      SWALLOW_ASSIGN(auto reader, context_.weights.open(
                                      weight.getSourceName(i, layer), shape));
      if (isVector) {
        values.resize(values.size() + rows);
        reader->readRow(0, values.data() + values.size() - rows);
      }
      matrix.sources.push_back({std::move(reader), rows});
      matrix.names.push_back(weight.getSourceName(i, layer));
    }
    if (isVector) {
      roundTo(matrix.element, values.data(), values.size());
      slots_[op.getResult()] =
          std::make_shared<const std::vector<float>>(std::move(values));
    } else {
      slots_[op.getResult()] =
          std::make_shared<const EvalMatrix>(std::move(matrix));
    }
    return {};
  }

  // Pieces of ops -------------------------------------------------------------

  EvalTensor selectRows(const EvalTensor &x) {
    const std::vector<int32_t> &rows = context_.batch.logitRows;
    EvalTensor out{static_cast<int64_t>(rows.size()), x.cols, {}};
    for (int32_t row : rows)
      out.data.insert(out.data.end(), x.row(row), x.row(row) + x.cols);
    return out;
  }

  EvalTensor normIfGiven(const EvalTensor &x, Value norm,
                         std::optional<APFloat> eps) {
    if (!norm)
      return x;
    return rmsNorm(x, *vectorOrNull(norm),
                   static_cast<float>(eps->convertToDouble()));
  }

  /// x has a row for each of the batch's.
  Result<EvalTensor> linear(const EvalTensor &x, Value weight, Value bias) {
    SWALLOW_TRY(observe(x, weight));
    return multiply(x, matrix(weight), vectorOrNull(bias),
                    unroundedRows(x.rows), context_.options.threads);
  }

  /// x has a row for each that wants logits.
  Result<EvalTensor> head(const EvalTensor &x, Value weight) {
    if (!context_.options.computesLogits)
      return EvalTensor{0, matrix(weight).rows, {}};
    SWALLOW_TRY(observe(x, weight));
    std::vector<bool> unrounded;
    if (context_.batch.unrounded)
      for (int32_t row : context_.batch.logitRows)
        unrounded.push_back(isUnrounded(row));
    return multiply(x, matrix(weight), nullptr, unrounded,
                    context_.options.threads);
  }

  Status observe(const EvalTensor &x, Value weight) {
    if (!context_.options.observer)
      return {};
    return context_.options.observer(matrix(weight), x);
  }

  /// Of a tensor with a row for each of the batch's; empty if none is.
  std::vector<bool> unroundedRows(int64_t rows) const {
    std::vector<bool> unrounded;
    if (context_.batch.unrounded)
      for (int64_t r = 0; r < rows; ++r)
        unrounded.push_back(isUnrounded(r));
    return unrounded;
  }

  bool isUnrounded(int64_t row) const {
    return row < batchRows() &&
           context_.batch.sequences[row] == context_.batch.unrounded;
  }

  EvalTensor rope(const EvalTensor &x, RopeAttr rope, int64_t headDim) {
    return rotate(x, context_.batch.positions,
                  ropeInverseFrequencies(rope, headDim));
  }

  Status requireLayer(Operation *op, int64_t layer, KvType type) {
    if (layer < 0 || layer >= type.getLayers())
      return opError(op, ErrorCode::OutOfRange,
                     "layer " + std::to_string(layer) + " of " +
                         std::to_string(type.getLayers()));
    return {};
  }

  KvElement kvElementOf(KvType type) {
    return context_.options.kvElement.value_or(kvBlockLayout(type).element);
  }

  Status append(Operation *op, const EvalTensor &keys, const EvalTensor &values,
                KvType type, int64_t layer) {
    SWALLOW_TRY(requireBatchRows(op, keys));
    SWALLOW_TRY(requireBatchRows(op, values));
    SWALLOW_TRY(requireLayer(op, layer, type));
    if (!context_.options.keepsKv)
      context_.kv.eraseLayersBut(layer);
    KvElement element = kvElementOf(type);
    for (int64_t r = 0; r < keys.rows; ++r) {
      std::vector<float> &entry =
          context_.kv.at(layer, context_.batch.sequences[r],
                         context_.batch.positions[r], keys.cols);
      std::copy_n(keys.row(r), keys.cols, entry.begin());
      std::copy_n(values.row(r), keys.cols, entry.begin() + keys.cols);
      if (!isUnrounded(r))
        roundToKv(element, type.getHeadDim(), entry);
    }
    return {};
  }

  // Ops -----------------------------------------------------------------------

  Status eval(EmbeddingOp op) {
    const EvalMatrix &table = matrix(op.getTable());
    EvalTensor out{batchRows(), table.cols, {}};
    out.data.resize(out.rows * out.cols);
    for (int64_t r = 0; r < out.rows; ++r) {
      int32_t id = context_.batch.ids[r];
      if (id < 0 || id >= table.rows)
        return opError(op, ErrorCode::InvalidToken,
                       "token " + std::to_string(id) +
                           " is outside the vocabulary of " +
                           std::to_string(table.rows));
      table.readRow(id, out.row(r));
    }
    set(op.getResult(), std::move(out));
    return {};
  }

  Status eval(RmsNormOp op) {
    set(op.getResult(),
        normIfGiven(tensor(op.getInput()), op.getWeight(), op.getEps()));
    return {};
  }

  Status eval(LinearOp op) {
    SWALLOW_ASSIGN(EvalTensor product,
                   linear(tensor(op.getInput()), op.getWeight(), op.getBias()));
    set(op.getResult(), std::move(product));
    return {};
  }

  Status eval(RopeOp op) {
    SWALLOW_TRY(requireBatchRows(op, tensor(op.getInput())));
    set(op.getResult(),
        rope(tensor(op.getInput()), op.getRope(), op.getHeadDim()));
    return {};
  }

  Status eval(KvAppendOp op) {
    return append(op, tensor(op.getKey()), tensor(op.getValue()),
                  op.getKv().getType(), index(op.getLayer()));
  }

  Status eval(AttentionOp op) {
    const EvalTensor &query = tensor(op.getQuery());
    KvType type = op.getKv().getType();
    int64_t layer = index(op.getLayer());
    SWALLOW_TRY(requireBatchRows(op, query));
    SWALLOW_TRY(requireLayer(op, layer, type));
    int64_t width = type.getHeads() * type.getHeadDim();
    std::vector<AttentionRow> rows(query.rows);
    for (int64_t r = 0; r < query.rows; ++r) {
      int64_t last = context_.batch.positions[r];
      int64_t sequence = context_.batch.sequences[r];
      int64_t window = type.getWindow();
      for (int64_t j = window ? std::max<int64_t>(0, last - window + 1) : 0;
           j <= last; ++j) {
        const float *entry = context_.kv.find(layer, sequence, j, width);
        if (!entry)
          return opError(op, ErrorCode::InvalidArgument,
                         "position " + std::to_string(j) + " of sequence " +
                             std::to_string(sequence) +
                             " has never been appended");
        rows[r].entries.push_back(entry);
      }
    }
    set(op.getResult(),
        attend(query, rows, type.getHeads(), type.getHeadDim(),
               static_cast<float>(op.getScale().convertToDouble()),
               kvElementOf(type), unroundedRows(query.rows),
               context_.options.threads));
    return {};
  }

  Status eval(SiluOp op) {
    set(op.getResult(), silu(tensor(op.getInput())));
    return {};
  }

  Status eval(AddOp op) {
    SWALLOW_TRY(requireSameRows(op, tensor(op.getLhs()), tensor(op.getRhs())));
    set(op.getResult(), add(tensor(op.getLhs()), tensor(op.getRhs())));
    return {};
  }

  Status eval(MulOp op) {
    SWALLOW_TRY(requireSameRows(op, tensor(op.getLhs()), tensor(op.getRhs())));
    set(op.getResult(),
        multiplyElements(tensor(op.getLhs()), tensor(op.getRhs())));
    return {};
  }

  Status eval(SelectRowsOp op) {
    SWALLOW_TRY(requireBatchRows(op, tensor(op.getInput())));
    set(op.getResult(), selectRows(tensor(op.getInput())));
    return {};
  }

  Status eval(LmHeadOp op) {
    SWALLOW_ASSIGN(EvalTensor logits,
                   head(tensor(op.getInput()), op.getWeight()));
    set(op.getResult(), std::move(logits));
    return {};
  }

  Status eval(FusedQkvOp op) {
    KvType type = op.getKv().getType();
    int64_t headDim = type.getHeadDim();
    int64_t keys = type.getHeads() * headDim;
    SWALLOW_TRY(requireBatchRows(op, tensor(op.getInput())));
    SWALLOW_ASSIGN(
        EvalTensor projected,
        linear(normIfGiven(tensor(op.getInput()), op.getNorm(), op.getEps()),
               op.getWeight(), op.getBias()));
    int64_t queries = projected.cols - 2 * keys;
    SWALLOW_TRY(append(
        op, rope(columnSlice(projected, queries, keys), op.getRope(), headDim),
        columnSlice(projected, queries + keys, keys), type,
        index(op.getLayer())));
    set(op.getResult(),
        rope(columnSlice(projected, 0, queries), op.getRope(), headDim));
    return {};
  }

  Status eval(FusedLinearOp op) {
    SWALLOW_ASSIGN(
        EvalTensor product,
        linear(normIfGiven(tensor(op.getInput()), op.getNorm(), op.getEps()),
               op.getWeight(), op.getBias()));
    if (op.getResidual()) {
      const EvalTensor &residual = tensor(op.getResidual());
      SWALLOW_TRY(requireSameRows(op, residual, product));
      product = add(residual, product);
    }
    set(op.getResult(), std::move(product));
    return {};
  }

  Status eval(GatedMlpOp op) {
    SWALLOW_ASSIGN(
        EvalTensor both,
        linear(normIfGiven(tensor(op.getInput()), op.getNorm(), op.getEps()),
               op.getWeight(), op.getBias()));
    int64_t width = both.cols / 2;
    set(op.getResult(), multiplyElements(silu(columnSlice(both, 0, width)),
                                         columnSlice(both, width, width)));
    return {};
  }

  Status eval(FusedLmHeadOp op) {
    SWALLOW_TRY(requireBatchRows(op, tensor(op.getInput())));
    SWALLOW_ASSIGN(EvalTensor logits,
                   head(normIfGiven(selectRows(tensor(op.getInput())),
                                    op.getNorm(), op.getEps()),
                        op.getWeight()));
    set(op.getResult(), std::move(logits));
    return {};
  }

  EvalContext &context_;
  llvm::DenseMap<Value, Slot> slots_;
};

} // namespace

Result<Slots> callFunction(EvalContext &context, func::FuncOp function,
                           Slots arguments) {
  return Frame(context).call(function, std::move(arguments));
}

} // namespace swallow
