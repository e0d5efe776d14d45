//===- PlanKv.cpp - how keys and values lie in memory ---------------------===//

#include "passes/Passes.h"

#include "dialects/swallow/SwallowDialect.h"
#include "runtime/abi/StepAbi.h"

namespace swallow {
#define GEN_PASS_DEF_PLANKVPASS
#include "passes/Passes.h.inc"
} // namespace swallow

using namespace mlir;
using namespace swallow;

namespace {

KvLayoutAttr layoutOf(KvType kv) {
  int64_t elementBytes = kv.getElement().getIntOrFloatBitWidth() / 8;
  int64_t blockBytes = 2 * kv.getHeads() * SWALLOW_KV_BLOCK_TOKENS *
                       kv.getHeadDim() * elementBytes;
  bool ring = kv.getWindow() > 0;
  return KvLayoutAttr::get(kv.getContext(), SWALLOW_KV_BLOCK_TOKENS, blockBytes,
                           ring, ring ? kv.getWindow() - 1 : 0);
}

struct PlanKvPass : swallow::impl::PlanKvPassBase<PlanKvPass> {
  void runOnOperation() override {
    getOperation().walk([](func::FuncOp func) {
      for (auto [i, type] : llvm::enumerate(func.getArgumentTypes()))
        if (auto kv = dyn_cast<KvType>(type))
          func.setArgAttr(i, "swallow.kv_layout", layoutOf(kv));
    });
  }
};

} // namespace
