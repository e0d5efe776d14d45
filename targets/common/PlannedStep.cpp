//===- PlannedStep.cpp - what emitters ask of the planned step ------------===//

#include "targets/common/PlannedStep.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace swallow;

//===----------------------------------------------------------------------===//
// Lookups
//===----------------------------------------------------------------------===//

int64_t PlannedStep::resultSlot(Operation *op) {
  if (auto slot = op->getAttrOfType<IntegerAttr>("swallow.result_slot"))
    return slot.getInt();
  complain(op, "has no swallow.result_slot; run -swallow-plan-arena first");
  return -1;
}

void PlannedStep::complain(Operation *op, const Twine &message) {
  op->emitOpError(message);
  complained = true;
}

SlotAttr PlannedStep::slotAttr(int64_t index) {
  if (index < 0) // has had its diagnostic; others the dialect has verified
    return {};
  auto arena = planned->getAttrOfType<ArrayAttr>("swallow.arena");
  return cast<SlotAttr>(arena[index]);
}

int64_t PlannedStep::workspaceSlot(Operation *op, StringRef prefix) {
  if (auto slots =
          op->getAttrOfType<DenseI64ArrayAttr>("swallow.workspace_slots"))
    for (int64_t index : slots.asArrayRef())
      if (slotAttr(index).getName().getValue().starts_with(prefix))
        return index;
  complain(op,
           "has no workspace '" + prefix + "'; run -swallow-plan-arena first");
  return -1;
}

WeightOp PlannedStep::weightOf(Value loaded) {
  auto load = loaded.getDefiningOp<LoadWeightOp>();
  return load ? symbols.lookup<WeightOp>(load.getWeight()) : WeightOp();
}

int64_t PlannedStep::slotOf(Value activation) {
  if (Operation *op = activation.getDefiningOp())
    return resultSlot(op);
  auto argument = cast<BlockArgument>(activation);
  Operation *parent = argument.getOwner()->getParentOp();
  if (auto func = dyn_cast<func::FuncOp>(parent))
    if (auto slot = func.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(),
                                                       "swallow.slot"))
      return slot.getInt();
  if (isa<scf::ForOp>(parent))
    return resultSlot(parent);
  complain(parent, "has an argument without a slot; run "
                   "-swallow-plan-arena first");
  return -1;
}

Type PlannedStep::storedType(Value activation) {
  if (Operation *op = activation.getDefiningOp())
    if (auto element = op->getAttrOfType<TypeAttr>("swallow.result_element"))
      return element.getValue();
  return Float32Type::get(planned.getContext());
}

std::string PlannedStep::stageName(Operation *op) {
  // The weight's name tells two linears apart.
  if (auto linear = dyn_cast<FusedLinearOp>(op))
    if (WeightOp weight = weightOf(linear.getWeight())) {
      StringRef last = weight.getSymName().rsplit('.').second;
      return last.empty() ? weight.getSymName().str() : last.str();
    }
  return op->getName().stripDialect().str();
}

//===----------------------------------------------------------------------===//
// The walk
//===----------------------------------------------------------------------===//

func::FuncOp PlannedStep::stepFunction() {
  return symbols.lookup<func::FuncOp>("step");
}

LogicalResult PlannedStep::visit(StringRef target, const Visitor &visitor) {
  func::FuncOp func = stepFunction();
  if (!func)
    return planned.emitError("expects a function @step");
  if (!planned->getAttr("swallow.arena"))
    return planned.emitError("has no arena; run -swallow-plan-arena first");
  Operation *end = func.getBody().front().getTerminator();
  for (Value result : end->getOperands())
    if (!isa_and_nonnull<FusedLmHeadOp, SelectRowsOp>(result.getDefiningOp()))
      return end->emitOpError("is expected to return the logits of a "
                              "swallow.fused_lm_head or swallow.select_rows");
  return visitBlock(func.getBody().front(), target, visitor);
}

LogicalResult PlannedStep::visitBlock(Block &block, StringRef target,
                                      const Visitor &visitor) {
  for (Operation &op : block) {
    auto result =
        TypeSwitch<Operation *, LogicalResult>(&op)
            .Case([&](scf::ForOp loop) -> LogicalResult {
              auto constant = [](Value v) {
                APInt value;
                return matchPattern(v, m_ConstantInt(&value))
                           ? std::optional(value.getSExtValue())
                           : std::nullopt;
              };
              auto lower = constant(loop.getLowerBound());
              auto upper = constant(loop.getUpperBound());
              auto step = constant(loop.getStep());
              if (!lower || !upper || step != 1)
                return loop.emitOpError(
                    "is expected to count layers between constants");
              return visitor.layers(*lower, *upper, [&] {
                llvm::SaveAndRestore index(layerIndex, loop.getInductionVar());
                return visitBlock(*loop.getBody(), target, visitor);
              });
            })
            .Case([&](func::CallOp call) -> LogicalResult {
              auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
              if (!callee || callee.isExternal())
                return call.emitOpError("calls no function with a body");
              // The argument that is the layer inside.
              Value inside;
              for (auto [operand, argument] :
                   llvm::zip(call.getOperands(), callee.getArguments()))
                if (layerIndex && operand == layerIndex)
                  inside = argument;
              llvm::SaveAndRestore index(layerIndex, inside);
              return visitBlock(callee.getBody().front(), target, visitor);
            })
            .Case<EmbeddingOp, FusedQkvOp, AttentionOp, FusedLinearOp,
                  GatedMlpOp, FusedLmHeadOp, SelectRowsOp>(
                [&](auto stage) -> LogicalResult {
                  if (failed(checkPlanned(stage)))
                    return failure();
                  return visitor.stage(stage);
                })
            .Case<LoadWeightOp, arith::ConstantOp, func::ReturnOp,
                  scf::YieldOp>([](auto) { return success(); })
            .Default([&](Operation *other) {
              return other->emitOpError("has no ")
                     << target
                     << " kernel; run -swallow-fuse and -swallow-plan first";
            });
    if (failed(result))
      return failure();
  }
  return success();
}

/// Whether the weights that the emitters will ask for are planned, and all
/// layers those of the loop around the op: kernels know no other.
LogicalResult PlannedStep::checkPlanned(Operation *op) {
  auto isOtherLayer = [&](Value layer) {
    return layer && (!layerIndex || layer != layerIndex);
  };
  for (Value operand : op->getOperands()) {
    if (operand.getType().isIndex() && isOtherLayer(operand))
      return op->emitOpError(
          "is expected to use the layer of an scf.for around it");
    if (!isa<RankedTensorType>(operand.getType()))
      continue;
    if (auto load = operand.getDefiningOp<LoadWeightOp>()) {
      if (isOtherLayer(load.getLayer()))
        return load.emitOpError(
            "is expected to use the layer of an scf.for around it");
      WeightOp weight = weightOf(operand);
      if (!weight || !weight.getPacking() || !weight.getOffset())
        return op->emitOpError(
            "reads a weight without packing; run -swallow-plan-weights first");
    }
  }
  if (isa<FusedLmHeadOp, SelectRowsOp>(op))
    for (Operation *user : op->getUsers())
      if (!isa<func::ReturnOp>(user))
        return op->emitOpError("makes logits, which only the step's return can "
                               "use");
  return success();
}
