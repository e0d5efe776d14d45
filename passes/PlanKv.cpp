//===- PlanKv.cpp - how keys and values lie in memory ---------------------===//

#include "passes/Passes.h"

#include "dialects/swallow/SwallowDialect.h"

namespace swallow {
#define GEN_PASS_DEF_PLANKVPASS
#include "passes/Passes.h.inc"
} // namespace swallow

using namespace mlir;
using namespace swallow;

namespace {

KvLayoutAttr layoutOf(KvType kv) {
  bool ring = kv.getWindow() > 0;
  return KvLayoutAttr::get(kv.getContext(), KvBlockLayout::tokens,
                           kvBlockLayout(kv).blockBytes(), ring,
                           ring ? kv.getWindow() - 1 : 0);
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
