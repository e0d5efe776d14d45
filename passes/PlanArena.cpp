//===- PlanArena.cpp - places of activations and workspaces ---------------===//

#include "dialects/swallow/ProductRows.h"
#include "dialects/swallow/SplitAttention.h"
#include "dialects/swallow/SplitProduct.h"
#include "passes/Passes.h"
#include "passes/StepLiveness.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <map>
#include <numeric>

namespace swallow {
#define GEN_PASS_DEF_PLANARENAPASS
#include "passes/Passes.h.inc"
} // namespace swallow

using namespace mlir;
using namespace swallow;

namespace {

constexpr int64_t alignment = 64;
constexpr int64_t f32Bytes = 4;
/// The pieces of scratch that x86 kernels work in, see Passes.td.
constexpr int64_t scratchRows = 8;
constexpr int64_t tileRows = 128;
constexpr int64_t panelDepth = 512;
constexpr int64_t sumRows = 32;
constexpr int64_t largeTileRows = 512;
constexpr int64_t maxBlock = 64;

int64_t columns(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1);
}

int64_t rowBytes(int64_t elements, Type element) {
  return llvm::alignTo(elements * element.getIntOrFloatBitWidth() / 8,
                       alignment);
}

/// The operands of the ops that multiply by a matrix.
struct Product {
  Value input, weight;
  bool hasNorm = false;
};
std::optional<Product> getProduct(Operation *op) {
  using Result = std::optional<Product>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<FusedQkvOp, FusedLinearOp, GatedMlpOp, FusedLmHeadOp>([](auto op) {
        return Product{op.getInput(), op.getWeight(),
                       static_cast<bool>(op.getNorm())};
      })
      .Default(Result());
}

/// Most columns of a unit of work: a gate block with its up block, or a head
/// padded to blocks.
int64_t tileColumns(Operation *op) {
  int64_t blocks = 2 * maxBlock;
  if (auto qkv = dyn_cast<FusedQkvOp>(op))
    return std::max(blocks, static_cast<int64_t>(llvm::alignTo(
                                qkv.getKv().getType().getHeadDim(), maxBlock)));
  return blocks;
}

/// Base name of the slot of what `value` names.
StringRef nameOf(Value value) {
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

/// Null for what is not loaded.
WeightOp weightOf(Value loaded) {
  auto load = loaded.getDefiningOp<LoadWeightOp>();
  return load ? SymbolTable::lookupNearestSymbolFrom<WeightOp>(
                    load, load.getWeightAttr())
              : WeightOp();
}

/// Null for a weight that is not quantised.
QuantAttr quantOf(Value weight) {
  WeightOp op = weightOf(weight);
  return op ? op.getQuantAttr() : QuantAttr();
}

bool isQuantizedWeight(Value weight) {
  return static_cast<bool>(quantOf(weight));
}

using Interval = std::pair<int, int>;

bool overlap(ArrayRef<Interval> a, ArrayRef<Interval> b) {
  return llvm::any_of(a, [&](Interval x) {
    return llvm::any_of(b, [&](Interval y) {
      return x.first <= y.second && y.first <= x.second;
    });
  });
}

/// What a slot's size is a multiple of.
enum class Per { Token, Thread, Session };

struct Slot {
  std::string base; ///< Name without suffix.
  std::string name;
  int64_t bytes = 0; ///< Of one token, thread or session.
  Per per = Per::Token;
  SmallVector<Interval> live;
  int64_t offset = 0; ///< In the region of its form.
};

/// The plan of one module.
class ArenaPlan {
public:
  ArenaPlan(ModuleOp module, StringRef inputType, bool quantizesRows,
            bool tiles, bool scratch)
      : module(module), inputType(inputType), quantizesRows(quantizesRows),
        tiles(tiles), scratch(scratch) {}

  LogicalResult plan();

private:
  LogicalResult joinGroups();
  LogicalResult checkJoined(ArrayRef<int> members);
  void updateResidualsInPlace();
  void addActivationSlots();
  void addQuantizedRows(const StepLiveness::Event &event,
                        const Product &product);
  /// Whether many rows are quantised for a product by this quantised weight:
  /// in chunks, or in groups as few are.
  bool quantizesChunksFor(Value weight) const;
  bool quantizesGroupsFor(Value weight) const;
  void addWorkspaces();
  void addPreparedRows();
  void addSplitAttention();
  void addSplitProducts();
  void addRopeTables();
  void assignOffsets();
  void annotate();

  /// The element type in which a product takes its input.
  Type inputElement(const Product &product);
  /// Of a weight that is not quantised.
  bool usesTiles(const Product &product) {
    return tiles && inputElement(product).isBF16();
  }
  Type storedElement(ArrayRef<int> members);
  void merge(int a, int b);
  int addSlot(StringRef base, int64_t bytes, ArrayRef<Interval> live);
  void useWorkspace(Operation *op, StringRef name, int64_t bytes, int time,
                    Per per);

  ModuleOp module;
  StringRef inputType;
  bool quantizesRows, tiles, scratch;
  StepLiveness liveness;
  /// Activation -> its group; group -> activations that share a place.
  std::vector<int> groupOf;
  std::vector<SmallVector<int>> groups;
  std::vector<int> slotOfGroup;
  std::vector<Type> elementOfGroup;
  std::vector<Slot> slots;
  std::map<std::string, int> workspaces;
  llvm::MapVector<Operation *, SmallVector<int64_t>> workspacesOf;
  int64_t perToken = 0, perThread = 0, perSession = 0;
};

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

bool ArenaPlan::quantizesChunksFor(Value weight) const {
  return quantizesRows && quantOf(weight).getInputs().isInteger();
}

bool ArenaPlan::quantizesGroupsFor(Value weight) const {
  return quantizesRows && !tiles &&
         isa<VectorType>(quantOf(weight).getInputs());
}

/// Rows for a step of many: quantised, rounded to bf16, or in f32 where the
/// activation itself will not do.
void ArenaPlan::addQuantizedRows(const StepLiveness::Event &event,
                                 const Product &product) {
  Type f32 = Float32Type::get(module.getContext());
  Type stored = event.input < 0 ? f32 : elementOfGroup[groupOf[event.input]];
  int64_t width = columns(product.input);
  if (quantizesGroupsFor(product.weight))
    useWorkspace(event.op, "norm", QuantizedRecords{width}.stride(), event.time,
                 Per::Token);
  else if (quantizesChunksFor(product.weight))
    useWorkspace(event.op, "norm", QuantizedChunks{width}.bytesPerRow(),
                 event.time, Per::Token);
  else if (tiles)
    useWorkspace(event.op, "norm", TiledRows{width}.bytesPerRow(), event.time,
                 Per::Token);
  else if (inputType != "f32")
    useWorkspace(event.op, "norm",
                 rowBytes(width, BFloat16Type::get(module.getContext())),
                 event.time, Per::Token);
  else if (product.hasNorm || stored != f32 || isa<FusedLmHeadOp>(event.op))
    useWorkspace(event.op, "norm", rowBytes(width, f32), event.time,
                 Per::Token);
}

void ArenaPlan::addWorkspaces() {
  // All slots per token come before the slots per thread.
  for (const StepLiveness::Event &event : liveness.events) {
    std::optional<Product> product = getProduct(event.op);
    if (!product)
      continue;
    if (isQuantizedWeight(product->weight)) {
      addQuantizedRows(event, *product);
      continue;
    }
    // Rows are copied to be normalised, rounded, or (LM head) selected.
    Type element = inputElement(*product);
    if (usesTiles(*product))
      useWorkspace(event.op, "norm",
                   TiledRows{columns(product->input)}.bytesPerRow(), event.time,
                   Per::Token);
    Type stored = event.input < 0 ? Type(Float32Type::get(module.getContext()))
                                  : elementOfGroup[groupOf[event.input]];
    bool rounds =
        cast<RankedTensorType>(product->weight.getType()).getElementType() !=
            stored &&
        !isStoredAsProductInput(product->input);
    if (!product->hasNorm && stored == element && !rounds &&
        !isa<FusedLmHeadOp>(event.op))
      continue;
    int64_t width = columns(product->input);
    useWorkspace(event.op, "norm", rowBytes(width, element), event.time,
                 Per::Token);
  }
  for (const StepLiveness::Event &event : liveness.events) {
    if (std::optional<Product> product = getProduct(event.op)) {
      if (isQuantizedWeight(product->weight))
        useWorkspace(event.op, "row_scratch",
                     QuantizedRecords::kMostRows *
                         QuantizedRecords{columns(product->input)}.stride(),
                     event.time, Per::Thread);
      else if (workspaces.contains("norm") &&
               llvm::is_contained(workspacesOf[event.op], workspaces["norm"]))
        useWorkspace(event.op, "row_scratch",
                     scratchRows *
                         rowBytes(columns(product->input),
                                  Float32Type::get(module.getContext())),
                     event.time, Per::Thread);
      useWorkspace(event.op, "tile_scratch",
                   (isQuantizedWeight(product->weight) || usesTiles(*product)
                        ? largeTileRows
                        : tileRows) *
                       tileColumns(event.op) * f32Bytes,
                   event.time, Per::Thread);
      useWorkspace(event.op, "panel_scratch", panelDepth * maxBlock * f32Bytes,
                   event.time, Per::Thread);
      if (isQuantizedWeight(product->weight) &&
          quantizesChunksFor(product->weight))
        useWorkspace(event.op, "sum_scratch", sumRows * maxBlock * f32Bytes,
                     event.time, Per::Thread);
    } else if (auto attention = dyn_cast<AttentionOp>(event.op)) {
      AttentionWorkspace workspace = attentionWorkspace(attention, tiles);
      useWorkspace(event.op, "attention_scratch", workspace.scratchBytes,
                   event.time, Per::Thread);
      useWorkspace(event.op, "attention_partials", workspace.partialsBytes,
                   event.time, Per::Session);
    }
  }
}

/// Where kernels have no scratch in the arena: many rows are normalised,
/// rounded to 16 bits and (LM head) selected before a product reads them.
void ArenaPlan::addPreparedRows() {
  constexpr int64_t bytes = 2;
  for (const StepLiveness::Event &event : liveness.events) {
    std::optional<Product> product = getProduct(event.op);
    if (!product)
      continue;
    const bool isRounded =
        event.input >= 0 && !elementOfGroup[groupOf[event.input]].isF32();
    if (isRounded && !product->hasNorm && !isa<FusedLmHeadOp>(event.op))
      continue;
    useWorkspace(event.op, "norm",
                 llvm::alignTo(columns(product->input) * bytes, alignment),
                 event.time, Per::Token);
  }
}

/// What blocks of a GPU leave for each other.
void ArenaPlan::addSplitAttention() {
  for (const StepLiveness::Event &event : liveness.events) {
    auto attention = dyn_cast<AttentionOp>(event.op);
    if (!attention)
      continue;
    KvType kv = attention.getKv().getType();
    SplitAttention split{kv.getHeads(),
                         columns(attention.getQuery()) / kv.getHeadDim(),
                         kv.getHeadDim()};
    useWorkspace(event.op, "attention_partials", split.partialsBytes(),
                 event.time, Per::Session);
    useWorkspace(event.op, "attention_tickets", split.ticketsBytes(),
                 event.time, Per::Session);
  }
}

void ArenaPlan::addSplitProducts() {
  for (const StepLiveness::Event &event : liveness.events) {
    auto linear = dyn_cast<FusedLinearOp>(event.op);
    WeightOp weight =
        linear && !linear.getNorm() ? weightOf(linear.getWeight()) : WeightOp();
    if (!weight || !weight.getPackingAttr())
      continue;
    auto split = SplitProduct::of(weight.getPackedLayout());
    if (split.pieces() == 1)
      continue;
    useWorkspace(event.op, "product_partials", split.partialsBytes(),
                 event.time, Per::Session);
    useWorkspace(event.op, "product_tickets", split.ticketsBytes(), event.time,
                 Per::Session);
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
  if (scratch) {
    addWorkspaces();
  } else {
    addPreparedRows();
    addSplitAttention();
    addSplitProducts();
  }
  assignOffsets();
  annotate();
  return success();
}

struct PlanArenaPass : swallow::impl::PlanArenaPassBase<PlanArenaPass> {
  using PlanArenaPassBase::PlanArenaPassBase;

  void runOnOperation() override {
    if (failed(
            ArenaPlan(getOperation(), inputType, quantizesRows, tiles, scratch)
                .plan()))
      signalPassFailure();
  }
};

} // namespace
