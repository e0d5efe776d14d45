//===- QuantizeWeights.cpp - which matrices are quantised, and how --------===//

#include "passes/Passes.h"

#include "dialects/swallow/ProductRows.h"
#include "dialects/swallow/SwallowDialect.h"
#include "runtime/packing/QuantFormat.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

namespace swallow {
#define GEN_PASS_DEF_QUANTIZEWEIGHTSPASS
#include "passes/Passes.h.inc"
} // namespace swallow

using namespace mlir;
using namespace swallow;

namespace {

/// In the order in which one class gives way to another that also uses the
/// weight.
enum class WeightClass { None, Embedding, Attention, Mlp, Head };

/// The class that a use gives to a matrix; None for other operands.
WeightClass classOf(OpOperand &use) {
  Value value = use.get();
  return llvm::TypeSwitch<Operation *, WeightClass>(use.getOwner())
      .Case([&](EmbeddingOp op) {
        return op.getTable() == value ? WeightClass::Embedding
                                      : WeightClass::None;
      })
      .Case([&](FusedQkvOp op) {
        return op.getWeight() == value ? WeightClass::Attention
                                       : WeightClass::None;
      })
      .Case([&](FusedLinearOp op) {
        if (op.getWeight() != value)
          return WeightClass::None;
        return op.getInput().getDefiningOp<AttentionOp>()
                   ? WeightClass::Attention
                   : WeightClass::Mlp;
      })
      .Case([&](GatedMlpOp op) {
        return op.getWeight() == value ? WeightClass::Mlp : WeightClass::None;
      })
      .Case([&](FusedLmHeadOp op) {
        return op.getWeight() == value ? WeightClass::Head : WeightClass::None;
      })
      .Default(WeightClass::None);
}

struct QuantizeWeightsPass
    : swallow::impl::QuantizeWeightsPassBase<QuantizeWeightsPass> {
  using QuantizeWeightsPassBase::QuantizeWeightsPassBase;

  void runOnOperation() override {
    llvm::MapVector<Operation *, WeightClass> classes;
    llvm::MapVector<Operation *, SmallVector<LoadWeightOp>> loads;
    SymbolTableCollection symbols;
    getOperation().walk([&](LoadWeightOp load) {
      auto weight =
          symbols.lookupNearestSymbolFrom<WeightOp>(load, load.getWeightAttr());
      loads[weight].push_back(load);
      for (OpOperand &use : load.getResult().getUses()) {
        WeightClass &known = classes[weight];
        known = std::max(known, classOf(use));
      }
    });
    for (auto &[op, weightClass] : classes) {
      int64_t bits = bitsOf(weightClass);
      if (bits == 0)
        continue;
      if (bits != 4 && bits != 6 && bits != 8) {
        getOperation().emitError()
            << "weights are quantised to 4, 6 or 8 bits, not " << bits;
        return signalPassFailure();
      }
      if (inputs != "" && inputs != "i8" && inputs != "groups" &&
          inputs != "bf16") {
        getOperation().emitError()
            << "inputs of products are rounded to i8, groups or bf16, not "
            << inputs;
        return signalPassFailure();
      }
      quantize(cast<WeightOp>(op), loads[op], bits);
    }
  }

private:
  int64_t bitsOf(WeightClass weightClass) const {
    switch (weightClass) {
    case WeightClass::None:
      return 0;
    case WeightClass::Embedding:
      return embedding;
    case WeightClass::Attention:
      return attention;
    case WeightClass::Mlp:
      return mlp;
    case WeightClass::Head:
      return head;
    }
    return 0;
  }

  void quantize(WeightOp weight, ArrayRef<LoadWeightOp> loads, int64_t bits) {
    auto type = RankedTensorType::get(weight.getTensorType().getShape(),
                                      Float32Type::get(&getContext()));
    weight.setType(type);
    StringRef form = inputs;
    if (form.empty())
      form = bits < 8 ? "i8" : "groups";
    Type byte = IntegerType::get(&getContext(), 8);
    Type input = form == "i8" ? byte
                 : form == "groups"
                     ? Type(VectorType::get({QuantizedRecords::kInputs}, byte))
                     : Type(BFloat16Type::get(&getContext()));
    weight.setQuantAttr(
        QuantAttr::get(&getContext(), bits, kQuantGroup, input));
    for (LoadWeightOp load : loads)
      load.getResult().setType(type);
  }
};

} // namespace
