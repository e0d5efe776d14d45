//===- PlanWeights.cpp - packing and place of each weight -----------------===//

#include "passes/Passes.h"

#include "dialects/swallow/SwallowDialect.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

namespace swallow {
#define GEN_PASS_DEF_PLANWEIGHTSPASS
#include "passes/Passes.h.inc"
} // namespace swallow

using namespace mlir;
using namespace swallow;

namespace {

constexpr int64_t alignment = 64;

/// What a use asks of a weight's layout.
struct Demand {
  enum Kind {
    Any,   ///< Rows are looked up: any layout serves.
    Plain, ///< Row-major.
    Blocks ///< Packed, with this row unit and interleaving.
  };
  Kind kind = Any;
  int64_t rowUnit = 0;
  bool interleave = false;
  Operation *user = nullptr;

  bool agreesWith(const Demand &other) const {
    return kind == other.kind && rowUnit == other.rowUnit &&
           interleave == other.interleave;
  }
};

WeightOp getWeight(Value value) {
  auto load = value.getDefiningOp<LoadWeightOp>();
  if (!load)
    return nullptr;
  return SymbolTable::lookupNearestSymbolFrom<WeightOp>(load,
                                                        load.getWeightAttr());
}

/// How `op` wants its matrix and bias packed; nothing when it has no matrix.
struct Product {
  Value weight, bias;
  int64_t rowUnit = 0;
  bool interleave = false;
};
std::optional<Product> getProduct(Operation *op) {
  using Result = std::optional<Product>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([](FusedQkvOp op) {
        return Product{op.getWeight(), op.getBias(),
                       op.getKv().getType().getHeadDim()};
      })
      .Case([](GatedMlpOp op) {
        return Product{op.getWeight(), op.getBias(), 0, true};
      })
      .Case<FusedLinearOp, LinearOp>(
          [](auto op) { return Product{op.getWeight(), op.getBias()}; })
      .Case<FusedLmHeadOp, LmHeadOp>(
          [](auto op) { return Product{op.getWeight(), Value()}; })
      .Default(Result());
}

Demand getDemand(OpOperand &use) {
  Demand demand;
  demand.user = use.getOwner();
  if (isa<EmbeddingOp>(demand.user))
    return demand;
  std::optional<Product> product = getProduct(demand.user);
  if (product && (use.get() == product->weight || use.get() == product->bias)) {
    demand.kind = Demand::Blocks;
    demand.rowUnit = product->rowUnit;
    demand.interleave = product->interleave;
    return demand;
  }
  demand.kind = Demand::Plain;
  return demand;
}

/// The pieces of a weight that start at a block of their own.
SmallVector<int64_t> getUnits(ArrayRef<int64_t> sourceRows, int64_t rowUnit) {
  if (rowUnit == 0)
    return SmallVector<int64_t>(sourceRows);
  SmallVector<int64_t> units;
  for (int64_t rows : sourceRows)
    for (int64_t row = 0; row < rows; row += rowUnit)
      units.push_back(std::min(rowUnit, rows - row));
  return units;
}

/// The block size that Passes.td describes.
int64_t chooseBlock(ArrayRef<int64_t> units) {
  int64_t best = 0, bestPadding = 0;
  for (int64_t block : {64, 48, 32, 16}) {
    int64_t rows = 0, padding = 0;
    for (int64_t unit : units) {
      rows += unit;
      padding += llvm::alignTo(unit, block) - unit;
    }
    if (padding * 16 <= rows)
      return block;
    if (best == 0 || padding < bestPadding) {
      best = block;
      bestPadding = padding;
    }
  }
  return best;
}

struct PlanWeightsPass : swallow::impl::PlanWeightsPassBase<PlanWeightsPass> {
  void runOnOperation() override {
    demands.clear();
    for (auto weight : getOperation().getOps<WeightOp>())
      demands[weight] = Demand();
    if (failed(checkBiases()) || failed(collectDemands()))
      return signalPassFailure();
    for (auto &[op, demand] : demands)
      if (failed(pack(cast<WeightOp>(op), demand)))
        return signalPassFailure();
    place();
  }

private:
  LogicalResult checkBiases();
  LogicalResult collectDemands();
  LogicalResult pack(WeightOp weight, const Demand &demand);
  void place();

  /// In module order, which is the order in the artifact.
  llvm::MapVector<Operation *, Demand> demands;
};

/// A bias is indexed by its matrix's packed columns, so both must be cut alike.
LogicalResult PlanWeightsPass::checkBiases() {
  WalkResult result = getOperation().walk([](Operation *op) {
    std::optional<Product> product = getProduct(op);
    if (!product || !product->bias)
      return WalkResult::advance();
    WeightOp matrix = getWeight(product->weight);
    WeightOp bias = getWeight(product->bias);
    if (!matrix || !bias || matrix.getSourceRows() == bias.getSourceRows())
      return WalkResult::advance();
    op->emitOpError("expects a bias with the source rows of its weight")
            .attachNote(bias.getLoc())
        << "bias is declared here";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

LogicalResult PlanWeightsPass::collectDemands() {
  WalkResult result = getOperation().walk([&](LoadWeightOp load) {
    WeightOp weight = getWeight(load);
    for (OpOperand &use : load.getResult().getUses()) {
      Demand demand = getDemand(use);
      Demand &known = demands[weight];
      if (known.kind == Demand::Any) {
        known = demand;
      } else if (demand.kind != Demand::Any && !demand.agreesWith(known)) {
        weight.emitOpError("is used in ways that need different packings")
                .attachNote(known.user->getLoc())
            << "one use";
        return WalkResult::interrupt();
      }
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

LogicalResult PlanWeightsPass::pack(WeightOp weight, const Demand &demand) {
  Type element = weight.getTensorType().getElementType();
  if (!element.isF32() && !element.isBF16() && !element.isF16())
    return weight.emitOpError("expects element f32, bf16 or f16, got ")
           << element;
  int64_t block = 0, kGroup = 1;
  ArrayRef<int64_t> rows = weight.getSourceRows();
  if (demand.interleave && (rows.size() != 2 || rows[0] != rows[1]))
    return weight.emitOpError(
               "expects two sources of equal rows, gate and up, got ")
           << weight.getSourceRowsAttr();
  if (QuantAttr quant = weight.getQuantAttr()) {
    if (demand.kind == Demand::Plain)
      return weight.emitOpError("is quantised, but used where weights lie "
                                "row-major");
    block = chooseBlock(getUnits(rows, demand.rowUnit));
    kGroup = quant.getGroup();
  } else if (demand.kind == Demand::Blocks) {
    block = chooseBlock(getUnits(rows, demand.rowUnit));
    kGroup = element.isF32() ? 1 : 2;
  }
  weight.setPackingAttr(PackingAttr::get(&getContext(), block, kGroup,
                                         demand.rowUnit, demand.interleave));
  return success();
}

void PlanWeightsPass::place() {
  OpBuilder builder(&getContext());
  int64_t end = 0;
  // Places the weights with this number of layers after all that came before.
  auto placeGroup = [&](std::optional<uint64_t> layers) {
    int64_t begin = end;
    SmallVector<WeightOp> group;
    for (auto &[op, demand] : demands)
      if (auto weight = cast<WeightOp>(op); weight.getLayers() == layers)
        group.push_back(weight);
    for (WeightOp weight : group) {
      weight.setOffsetAttr(builder.getI64IntegerAttr(end));
      end += llvm::alignTo(weight.getPackedLayout().totalBytes(), alignment);
    }
    int64_t stride = end - begin;
    for (WeightOp weight : group)
      if (layers)
        weight.setLayerStrideAttr(builder.getI64IntegerAttr(stride));
    end = begin + stride * static_cast<int64_t>(layers.value_or(1));
  };
  llvm::SetVector<uint64_t> layerCounts;
  for (auto &[op, demand] : demands)
    if (auto layers = cast<WeightOp>(op).getLayers())
      layerCounts.insert(*layers);
  placeGroup(std::nullopt);
  for (uint64_t layers : layerCounts)
    placeGroup(layers);
  getOperation()->setAttr("swallow.weights_size",
                          builder.getI64IntegerAttr(end));
}

} // namespace
