//===- FuseGatedMlp.cpp - silu(gate) * up in one --------------------------===//

#include "passes/FusionUtils.h"
#include "passes/Passes.h"

namespace swallow {
#define GEN_PASS_DEF_FUSEGATEDMLPPASS
#include "passes/Passes.h.inc"
} // namespace swallow

using namespace mlir;
using namespace swallow;

namespace {

struct FuseGatedMlpPattern : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MulOp mul,
                                PatternRewriter &rewriter) const override {
    auto silu = mul.getLhs().getDefiningOp<SiluOp>();
    auto up = mul.getRhs().getDefiningOp<LinearOp>();
    if (!silu || !up) {
      silu = mul.getRhs().getDefiningOp<SiluOp>();
      up = mul.getLhs().getDefiningOp<LinearOp>();
    }
    if (!silu || !up)
      return rewriter.notifyMatchFailure(
          mul, "operands are not a silu and a projection");
    auto gate = silu.getInput().getDefiningOp<LinearOp>();
    if (!gate)
      return rewriter.notifyMatchFailure(mul, "gate is not a projection");
    if (!silu->hasOneUse())
      return rewriter.notifyMatchFailure(mul, "silu has another use");
    LinearOp projections[] = {gate, up};
    if (failed(checkJoinable(rewriter, mul, projections)))
      return failure();

    JoinedWeights joined = joinWeights(rewriter, projections, "gate_up_proj");
    Location loc = rewriter.getFusedLoc(
        {gate.getLoc(), up.getLoc(), silu.getLoc(), mul.getLoc()});
    auto fused = GatedMlpOp::create(
        rewriter, loc, mul.getType(), gate.getInput(), joined.weight,
        /*norm=*/Value(), joined.bias, /*eps=*/FloatAttr());
    rewriter.replaceOp(mul, fused);
    rewriter.eraseOp(silu);
    eraseProjections(rewriter, projections);
    return success();
  }
};

struct FuseGatedMlpPass
    : swallow::impl::FuseGatedMlpPassBase<FuseGatedMlpPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseGatedMlpPattern>(&getContext());
    if (failed(applyFusion(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
