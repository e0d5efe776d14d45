//===- CpuWorkspaces.cpp - scratch of x86 kernels in the arena ------------===//

#include "passes/arena/ArenaPlan.h"

#include "dialects/swallow/ProductRows.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::arena;

namespace {

constexpr int64_t f32Bytes = 4;
/// The pieces of scratch that x86 kernels work in, see Passes.td.
constexpr int64_t scratchRows = 8;
constexpr int64_t tileRows = 128;
constexpr int64_t panelDepth = 512;
constexpr int64_t sumRows = 32;
constexpr int64_t largeTileRows = 512;
constexpr int64_t maxBlock = 64;

/// Most columns of a piece of work: a gate block with its up block, a head
/// padded to blocks, or the blocks of a pass (targets/x86/ProductPass.h).
int64_t tileColumns(Operation *op) {
  int64_t blocks = kPassBlocks * maxBlock;
  if (auto qkv = dyn_cast<FusedQkvOp>(op))
    return std::max(blocks, static_cast<int64_t>(llvm::alignTo(
                                qkv.getKv().getType().getHeadDim(), maxBlock)));
  return blocks;
}

/// Null for a weight that is not quantised.
QuantAttr quantOf(Value weight) {
  WeightOp op = weightOf(weight);
  return op ? op.getQuantAttr() : QuantAttr();
}

bool isQuantizedWeight(Value weight) {
  return static_cast<bool>(quantOf(weight));
}

} // namespace

bool ArenaPlan::quantizesChunksFor(Value weight) const {
  return integerSums == "dots" && quantOf(weight).getInputs().isInteger();
}

bool ArenaPlan::quantizesGroupsFor(Value weight) const {
  const Type inputs = quantOf(weight).getInputs();
  if (isa<VectorType>(inputs))
    return integerSums != "few-words" && !tiles;
  return integerSums == "words" && inputs.isInteger();
}

QuantizedRecords ArenaPlan::records(int64_t width) const {
  return {width, integerSums != "dots"};
}

/// Rows for a step of many: quantised, rounded to bf16, or in f32 where the
/// activation itself will not do.
void ArenaPlan::addQuantizedRows(const StepLiveness::Event &event,
                                 const Product &product) {
  Type f32 = Float32Type::get(module.getContext());
  Type stored = event.input < 0 ? f32 : elementOfGroup[groupOf[event.input]];
  int64_t width = columns(product.input);
  if (quantizesGroupsFor(product.weight))
    useWorkspace(event.op, "norm", records(width).stride(), event.time,
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

void ArenaPlan::addCpuWorkspaces() {
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
                         records(columns(product->input)).stride(),
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
