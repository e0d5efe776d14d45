//===- ArenaPlan.cpp - places of activations and workspaces ---------------===//

#include "passes/arena/ArenaPlan.h"

#include "passes/Passes.h"

#include "llvm/ADT/TypeSwitch.h"

#include <numeric>

namespace swallow {
#define GEN_PASS_DEF_PLANARENAPASS
#include "passes/Passes.h.inc"
} // namespace swallow

using namespace mlir;
using namespace swallow;
using namespace swallow::arena;

std::optional<Product> arena::getProduct(Operation *op) {
  using Result = std::optional<Product>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<FusedQkvOp, FusedLinearOp, GatedMlpOp, FusedLmHeadOp>([](auto op) {
        return Product{op.getInput(), op.getWeight(),
                       static_cast<bool>(op.getNorm())};
      })
      .Default(Result());
}

WeightOp arena::weightOf(Value loaded) {
  auto load = loaded.getDefiningOp<LoadWeightOp>();
  return load ? SymbolTable::lookupNearestSymbolFrom<WeightOp>(
                    load, load.getWeightAttr())
              : WeightOp();
}

/// Base name of the slot of what `value` names.
static StringRef nameOf(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return "input";
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case<EmbeddingOp>([](auto) { return "hidden"; })
      .Case<FusedQkvOp>([](auto) { return "query"; })
      .Case<AttentionOp>([](auto) { return "attention"; })
      .Case<GatedMlpOp>([](auto) { return "mlp"; })
      .Case([](FusedLinearOp op) {
        return op.getResidual() ? "hidden" : "linear";
      })
      .Default([](Operation *op) { return op->getName().stripDialect(); });
}

static bool overlap(ArrayRef<Interval> a, ArrayRef<Interval> b) {
  return llvm::any_of(a, [&](Interval x) {
    return llvm::any_of(b, [&](Interval y) {
      return x.first <= y.second && y.first <= x.second;
    });
  });
}

Type ArenaPlan::inputElement(const Product &product) {
  Type element =
      cast<RankedTensorType>(product.weight.getType()).getElementType();
  const bool asWeight =
      inputType.empty() || (inputType == "bf16" && element.isBF16());
  return asWeight ? element : Float32Type::get(module.getContext());
}

//===----------------------------------------------------------------------===//
// Which activations share a place
//===----------------------------------------------------------------------===//

void ArenaPlan::merge(int a, int b) {
  if (groupOf[a] == groupOf[b])
    return;
  SmallVector<int> &to = groups[groupOf[a]], &from = groups[groupOf[b]];
  for (int id : SmallVector<int>(std::exchange(from, {}))) {
    groupOf[id] = groupOf[a];
    to.push_back(id);
  }
}

LogicalResult ArenaPlan::checkJoined(ArrayRef<int> members) {
  for (int a : members) {
    for (int b : members) {
      const auto &first = liveness.activations[a];
      const auto &second = liveness.activations[b];
      if (first.begin > second.begin || !liveness.conflict(a, b))
        continue;
      InFlightDiagnostic error =
          emitError(second.value.getLoc())
          << "a loop or call needs this activation in the place of another "
             "one that is still read";
      error.attachNote(first.value.getLoc()) << "the other one is made here";
      return error;
    }
  }
  return success();
}

LogicalResult ArenaPlan::joinGroups() {
  size_t count = liveness.activations.size();
  groupOf.resize(count);
  std::iota(groupOf.begin(), groupOf.end(), 0);
  for (size_t i = 0; i < count; ++i)
    groups.push_back({static_cast<int>(i)});
  for (auto [a, b] : liveness.joined)
    merge(a, b);
  for (const SmallVector<int> &members : groups)
    if (failed(checkJoined(members)))
      return failure();
  return success();
}

void ArenaPlan::updateResidualsInPlace() {
  for (auto [id, activation] : llvm::enumerate(liveness.activations)) {
    if (activation.residual < 0)
      continue;
    bool legal = llvm::none_of(groups[groupOf[id]], [&](int a) {
      return llvm::any_of(groups[groupOf[activation.residual]],
                          [&](int b) { return liveness.conflict(a, b); });
    });
    if (legal)
      merge(activation.residual, static_cast<int>(id));
  }
}

//===----------------------------------------------------------------------===//
// Slots
//===----------------------------------------------------------------------===//

/// The input type when attention or MLP results are read by products alone.
Type ArenaPlan::storedElement(ArrayRef<int> members) {
  Type f32 = Float32Type::get(module.getContext()), stored;
  for (int id : members) {
    const auto &activation = liveness.activations[id];
    if (!isa_and_nonnull<AttentionOp, GatedMlpOp>(
            activation.value.getDefiningOp()))
      return f32;
    for (OpOperand *read : activation.reads) {
      std::optional<Product> product = getProduct(read->getOwner());
      if (!product || product->hasNorm || read->getOperandNumber() != 0)
        return f32;
      Type element = inputElement(*product);
      if (stored && stored != element)
        return f32;
      stored = element;
    }
  }
  return stored ? stored : f32;
}

int ArenaPlan::addSlot(StringRef base, int64_t bytes, ArrayRef<Interval> live) {
  // Layers of two kinds, say, use one slot for queries of one size.
  int sameBase = 0;
  for (auto [i, slot] : llvm::enumerate(slots)) {
    if (slot.base != base)
      continue;
    if (slot.bytes == bytes && !overlap(slot.live, live)) {
      llvm::append_range(slot.live, live);
      return static_cast<int>(i);
    }
    ++sameBase;
  }
  Slot slot;
  slot.base = base.str();
  slot.name = sameBase ? slot.base + "_" + std::to_string(sameBase) : slot.base;
  slot.bytes = bytes;
  slot.live.assign(live.begin(), live.end());
  slots.push_back(std::move(slot));
  return static_cast<int>(slots.size()) - 1;
}

void ArenaPlan::addActivationSlots() {
  slotOfGroup.assign(groups.size(), -1);
  elementOfGroup.assign(groups.size(), Type());
  // In the order in which the step writes them.
  for (size_t id = 0; id < liveness.activations.size(); ++id) {
    int group = groupOf[id];
    if (slotOfGroup[group] >= 0)
      continue;
    SmallVector<Interval> live;
    for (int member : groups[group])
      live.emplace_back(liveness.activations[member].begin,
                        liveness.activations[member].end);
    Value value = liveness.activations[id].value;
    elementOfGroup[group] = storedElement(groups[group]);
    slotOfGroup[group] = addSlot(
        nameOf(value), rowBytes(columns(value), elementOfGroup[group]), live);
  }
}

void ArenaPlan::useWorkspace(Operation *op, StringRef name, int64_t bytes,
                             int time, Per per) {
  auto [found, isNew] = workspaces.try_emplace(name.str(), slots.size());
  if (isNew) {
    Slot slot;
    slot.base = slot.name = name.str();
    slot.per = per;
    slots.push_back(std::move(slot));
  }
  Slot &slot = slots[found->second];
  slot.bytes = std::max(slot.bytes, bytes);
  slot.live.emplace_back(time, time);
  SmallVector<int64_t> &used = workspacesOf[op];
  if (!llvm::is_contained(used, found->second))
    used.push_back(found->second);
}

/// The table is written with the embedding and read in every layer; there is
/// one per kind of RoPE.
void ArenaPlan::addRopeTables() {
  int begin = 0;
  Operation *embedding = nullptr;
  for (const StepLiveness::Event &event : liveness.events) {
    if (isa<EmbeddingOp>(event.op)) {
      begin = event.time;
      embedding = event.op;
      break;
    }
  }
  llvm::MapVector<std::pair<Attribute, int64_t>, Interval> tables;
  auto keyOf = [](FusedQkvOp op) {
    return std::pair<Attribute, int64_t>(op.getRopeAttr(),
                                         op.getKv().getType().getHeadDim());
  };
  for (const StepLiveness::Event &event : liveness.events)
    if (auto qkv = dyn_cast<FusedQkvOp>(event.op)) {
      Interval &live =
          tables.try_emplace(keyOf(qkv), begin, begin).first->second;
      live.second =
          std::max(live.second, liveness.endOfRead(begin, event.time));
    }
  llvm::MapVector<std::pair<Attribute, int64_t>, int64_t> slotOf;
  for (auto &[key, live] : tables) {
    int64_t bytes = rowBytes(key.second, Float32Type::get(module.getContext()));
    slotOf[key] = addSlot("rope", bytes, live);
    if (embedding)
      workspacesOf[embedding].push_back(slotOf[key]);
  }
  for (const StepLiveness::Event &event : liveness.events)
    if (auto qkv = dyn_cast<FusedQkvOp>(event.op)) {
      SmallVector<int64_t> &used = workspacesOf[event.op];
      if (!llvm::is_contained(used, slotOf[keyOf(qkv)]))
        used.push_back(slotOf[keyOf(qkv)]);
    }
}

//===----------------------------------------------------------------------===//
// Offsets
//===----------------------------------------------------------------------===//

void ArenaPlan::assignOffsets() {
  // Largest first, each into the first colour that is free while it lives:
  // a colour then never grows.
  SmallVector<Slot *> order;
  for (Slot &slot : slots)
    if (slot.per == Per::Token)
      order.push_back(&slot);
  llvm::stable_sort(order,
                    [](Slot *a, Slot *b) { return a->bytes > b->bytes; });
  struct Colour {
    int64_t offset;
    SmallVector<Interval> live;
  };
  std::vector<Colour> colours;
  for (Slot *slot : order) {
    auto colour = llvm::find_if(
        colours, [&](const Colour &c) { return !overlap(c.live, slot->live); });
    if (colour == colours.end()) {
      colour = colours.insert(colour, {perToken, {}});
      perToken += slot->bytes;
    }
    slot->offset = colour->offset;
    llvm::append_range(colour->live, slot->live);
  }
  for (Slot &slot : slots) {
    if (slot.per == Per::Token)
      continue;
    int64_t &end = slot.per == Per::Thread ? perThread : perSession;
    slot.offset = end;
    end += slot.bytes;
  }
}

void ArenaPlan::annotate() {
  Builder builder(module.getContext());
  // Attributes of an earlier plan must not outlive it.
  module.walk([](Operation *op) {
    for (StringRef name : {"swallow.result_slot", "swallow.result_element",
                           "swallow.workspace_slots"})
      op->removeAttr(name);
    if (auto func = dyn_cast<func::FuncOp>(op))
      for (unsigned i = 0; i < func.getNumArguments(); ++i)
        func.removeArgAttr(i, "swallow.slot");
  });

  for (auto &[value, ids] : liveness.named) {
    int group = groupOf[ids.front()];
    IntegerAttr slot = builder.getI64IntegerAttr(slotOfGroup[group]);
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      // The place of a loop's argument is that of the loop's result.
      if (auto func =
              dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()))
        func.setArgAttr(argument.getArgNumber(), "swallow.slot", slot);
      continue;
    }
    Operation *op = value.getDefiningOp();
    op->setAttr("swallow.result_slot", slot);
    op->setAttr("swallow.result_element", TypeAttr::get(elementOfGroup[group]));
  }
  for (auto &[op, used] : workspacesOf)
    op->setAttr("swallow.workspace_slots", builder.getDenseI64ArrayAttr(used));

  auto affine = [&](int64_t session, int64_t tokens, int64_t threads) {
    return AffineAttr::get(module.getContext(), session, tokens, threads, 0);
  };
  // The tokens' come first, then the threads', then what there is one of.
  SmallVector<Attribute> arena;
  for (const Slot &slot : slots) {
    AffineAttr offset, size;
    switch (slot.per) {
    case Per::Session:
      offset = affine(slot.offset, perToken, perThread);
      size = affine(slot.bytes, 0, 0);
      break;
    case Per::Token:
      offset = affine(0, slot.offset, 0);
      size = affine(0, slot.bytes, 0);
      break;
    case Per::Thread:
      offset = affine(0, perToken, slot.offset);
      size = affine(0, 0, slot.bytes);
      break;
    }
    arena.push_back(SlotAttr::get(
        module.getContext(), builder.getStringAttr(slot.name), offset, size));
  }
  module->setAttr("swallow.arena", builder.getArrayAttr(arena));
  module->setAttr("swallow.arena_size",
                  affine(perSession, perToken, perThread));
}

LogicalResult ArenaPlan::plan() {
  if (!inputType.empty() && inputType != "f32" && inputType != "bf16")
    return module.emitError()
           << "input-type must be f32 or bf16, got '" << inputType << "'";
  if (integerSums != "dots" && integerSums != "words" &&
      integerSums != "few-words")
    return module.emitError()
           << "integer-sums must be dots, words or few-words, got '"
           << integerSums << "'";
  auto step = module.lookupSymbol<func::FuncOp>("step");
  if (!step)
    return module.emitError("expects a function named step");
  FailureOr<StepLiveness> traced = StepLiveness::compute(step);
  if (failed(traced))
    return failure();
  liveness = std::move(*traced);
  for (auto &[value, ids] : liveness.named)
    if (Operation *op = value.getDefiningOp())
      if (llvm::count_if(op->getResults(), isArenaActivation) > 1)
        return op->emitOpError("has more than one activation result");
  if (failed(joinGroups()))
    return failure();
  updateResidualsInPlace();
  addActivationSlots();
  addRopeTables();
  if (scratch)
    addCpuWorkspaces();
  else
    addGpuWorkspaces();
  assignOffsets();
  annotate();
  return success();
}

namespace {

struct PlanArenaPass : swallow::impl::PlanArenaPassBase<PlanArenaPass> {
  using PlanArenaPassBase::PlanArenaPassBase;

  void runOnOperation() override {
    if (failed(ArenaPlan(getOperation(), inputType, integerSums, tiles, scratch)
                   .plan()))
      signalPassFailure();
  }
};

} // namespace
