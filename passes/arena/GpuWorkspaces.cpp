//===- GpuWorkspaces.cpp - what GPU kernels leave for each other ----------===//

#include "passes/arena/ArenaPlan.h"

#include "dialects/swallow/SplitAttention.h"
#include "dialects/swallow/SplitProduct.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::arena;

void ArenaPlan::addGpuWorkspaces() {
  addPreparedRows();
  addSplitAttention();
  addSplitProducts();
}

/// Many rows are normalised, rounded to 16 bits and (LM head) selected before a
/// product reads them.
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
