//===- FuseNorm.cpp - RMS norms into the ops that read them ---------------===//

#include "passes/FusionUtils.h"
#include "passes/Passes.h"

namespace swallow {
#define GEN_PASS_DEF_FUSENORMPASS
#include "passes/Passes.h.inc"
} // namespace swallow

using namespace mlir;
using namespace swallow;

namespace {

template <typename FusedOp> struct FuseNormPattern : OpRewritePattern<FusedOp> {
  using OpRewritePattern<FusedOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(FusedOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNorm())
      return rewriter.notifyMatchFailure(op, "has a norm already");
    auto norm = op.getInput().template getDefiningOp<RmsNormOp>();
    if (!norm)
      return rewriter.notifyMatchFailure(op, "input is not a norm");
    if (!norm->hasOneUse())
      return rewriter.notifyMatchFailure(op, "norm has another use");
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputMutable().assign(norm.getInput());
      op.getNormMutable().assign(norm.getWeight());
      op.setEpsAttr(norm.getEpsAttr());
      op->setLoc(rewriter.getFusedLoc({norm.getLoc(), op.getLoc()}));
    });
    rewriter.eraseOp(norm);
    return success();
  }
};

struct FuseNormPass : swallow::impl::FuseNormPassBase<FuseNormPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseNormPattern<FusedLinearOp>, FuseNormPattern<FusedLmHeadOp>,
                 FuseNormPattern<FusedQkvOp>, FuseNormPattern<GatedMlpOp>>(
        &getContext());
    if (failed(applyFusion(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
