//===- SwallowPlan.cpp - verifiers of what the planning passes leave ------===//

#include "dialects/swallow/SwallowDialect.h"

#include "runtime/packing/KvLayout.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include "mlir/IR/BuiltinOps.h"

#include <algorithm>

using namespace mlir;
using namespace swallow;

KvBlockLayout swallow::kvBlockLayout(KvType kv) {
  KvElement element = kv.getElement().isBF16()  ? KvElement::BF16
                      : kv.getElement().isF16() ? KvElement::F16
                                                : KvElement::F32;
  return {kv.getHeads(), kv.getHeadDim(), element};
}

static LogicalResult verifyKvLayout(Operation *op, Type type, Attribute attr) {
  auto kv = dyn_cast<KvType>(type);
  auto layout = dyn_cast<KvLayoutAttr>(attr);
  if (!kv || !layout)
    return op->emitOpError("expects swallow.kv_layout to be a "
                           "#swallow.kv_layout on a !swallow.kv argument");
  int64_t bytes = kvBlockLayout(kv).blockBytes();
  if (layout.getBlockTokens() != KvBlockLayout::tokens ||
      layout.getBlockBytes() != bytes)
    return op->emitOpError() << "expects KV blocks of " << bytes
                             << " bytes for " << kv << ", got " << layout;
  int64_t positions = kv.getWindow() > 0 ? kv.getWindow() - 1 : 0;
  if (layout.getRing() != (kv.getWindow() > 0) ||
      layout.getRingPositions() != positions)
    return op->emitOpError()
           << "expects a ring of " << positions
           << " positions exactly when the KV memory has a window, got "
           << layout;
  return success();
}

/// Checks that `slot` is one of the module's arena.
static LogicalResult verifySlot(Operation *op, StringRef name, int64_t slot) {
  auto module = op->getParentOfType<ModuleOp>();
  auto arena =
      module ? module->getAttrOfType<ArrayAttr>("swallow.arena") : ArrayAttr();
  if (!arena)
    return op->emitOpError()
           << "has " << name << " in a module without swallow.arena";
  if (slot < 0 || slot >= static_cast<int64_t>(arena.size()))
    return op->emitOpError()
           << "expects " << name << " to be one of the " << arena.size()
           << " slots of the arena, got " << slot;
  return success();
}

static LogicalResult verifySlotAttr(Operation *op, NamedAttribute attribute) {
  auto slot = dyn_cast<IntegerAttr>(attribute.getValue());
  if (!slot || !slot.getType().isInteger(64))
    return op->emitOpError()
           << "expects " << attribute.getName().getValue() << " to be an i64";
  return verifySlot(op, attribute.getName(), slot.getInt());
}

LogicalResult
SwallowDialect::verifyRegionArgAttribute(Operation *op, unsigned regionIndex,
                                         unsigned argIndex,
                                         NamedAttribute attribute) {
  if (attribute.getName() == "swallow.kv_layout") {
    auto func = dyn_cast<func::FuncOp>(op);
    if (!func)
      return op->emitOpError("has swallow.kv_layout but is no function");
    return verifyKvLayout(op, func.getArgumentTypes()[argIndex],
                          attribute.getValue());
  }
  if (attribute.getName() == "swallow.slot")
    return verifySlotAttr(op, attribute);
  return success();
}

LogicalResult
SwallowDialect::verifyOperationAttribute(Operation *op,
                                         NamedAttribute attribute) {
  StringRef name = attribute.getName();
  Attribute value = attribute.getValue();
  if (name == "swallow.arena") {
    auto slots = dyn_cast<ArrayAttr>(value);
    if (!isa<ModuleOp>(op) || !slots ||
        !llvm::all_of(slots, llvm::IsaPred<SlotAttr>))
      return op->emitOpError(
          "expects swallow.arena to be an array of #swallow.slot on a module");
  } else if (name == "swallow.arena_size") {
    if (!isa<ModuleOp>(op) || !isa<AffineAttr>(value))
      return op->emitOpError(
          "expects swallow.arena_size to be a #swallow.affine on a module");
  } else if (name == "swallow.weights_size") {
    auto bytes = dyn_cast<IntegerAttr>(value);
    if (!isa<ModuleOp>(op) || !bytes || !bytes.getType().isInteger(64))
      return op->emitOpError(
          "expects swallow.weights_size to be an i64 on a module");
  } else if (name == "swallow.result_slot") {
    return verifySlotAttr(op, attribute);
  } else if (name == "swallow.result_element") {
    if (!isa<TypeAttr>(value))
      return op->emitOpError("expects swallow.result_element to be a type");
  } else if (name == "swallow.workspace_slots") {
    auto slots = dyn_cast<DenseI64ArrayAttr>(value);
    if (!slots)
      return op->emitOpError(
          "expects swallow.workspace_slots to be an array<i64>");
    for (int64_t slot : slots.asArrayRef())
      if (failed(verifySlot(op, name, slot)))
        return failure();
  }
  return success();
}

bool swallow::isStoredAsProductInput(Value activation) {
  auto isInputOf = [&](auto product) {
    return !product.getNorm() && product.getInput() == activation;
  };
  return isa_and_nonnull<AttentionOp, GatedMlpOp>(activation.getDefiningOp()) &&
         llvm::all_of(activation.getUses(), [&](OpOperand &use) {
           return use.getOperandNumber() == 0 &&
                  llvm::TypeSwitch<Operation *, bool>(use.getOwner())
                      .Case<FusedQkvOp, FusedLinearOp, GatedMlpOp,
                            FusedLmHeadOp>(isInputOf)
                      .Default(false);
         });
}

AttentionWorkspace swallow::attentionWorkspace(AttentionOp op, bool tiles) {
  // 128 queries keep a chunk of keys and values in use long enough to hide what
  // comes after it; more only take cache from it.
  constexpr int64_t targetQueries = 128, mostRows = 32;
  // Rows of queries and positions that kernels work on at a time, at most.
  constexpr int64_t chunk = 128;
  const int64_t groupRows = tiles ? 32 : 8;
  KvType kv = op.getKv().getType();
  int64_t queryHeads =
      cast<RankedTensorType>(op.getQuery().getType()).getDimSize(1) /
      kv.getHeadDim();
  int64_t group = queryHeads / kv.getHeads();
  int64_t rowBytes = llvm::alignTo(kv.getHeadDim(), 16) * 4;

  AttentionWorkspace w;
  w.tileRows = std::clamp<int64_t>(targetQueries / group, 1, mostRows);
  w.tileQueries =
      static_cast<int64_t>(llvm::alignTo(w.tileRows * group, groupRows));
  w.splitRows = 8;
  // With those of all KV heads enough for the threads of large machines.
  w.maxSplits = std::clamp<int64_t>(128 / kv.getHeads(), 4, 32);
  // Of each query also a maximum, a sum and a correction; 8 pointers to blocks.
  w.scratchBytes =
      w.tileQueries * (2 * rowBytes + 16) + 2 * groupRows * chunk * 4 + 64;
  // Pointers to what tiles are loaded from, and pairs of bf16, features filled
  // up to a tile.
  if (tiles)
    w.scratchBytes +=
        64 +
        chunk * (static_cast<int64_t>(llvm::alignTo(kv.getHeadDim(), 32)) * 2 +
                 rowBytes / 2);
  w.scratchBytes = static_cast<int64_t>(llvm::alignTo(w.scratchBytes, 64));
  w.partialsBytes = w.splitRows * queryHeads * w.maxSplits * (rowBytes + 64);
  return w;
}
