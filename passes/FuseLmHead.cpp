//===- FuseLmHead.cpp - row selection, norm and LM head in one ------------===//

#include "passes/FusionUtils.h"
#include "passes/Passes.h"

namespace swallow {
#define GEN_PASS_DEF_FUSELMHEADPASS
#include "passes/Passes.h.inc"
} // namespace swallow

using namespace mlir;
using namespace swallow;

namespace {

struct FuseLmHeadPattern : OpRewritePattern<LmHeadOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LmHeadOp head,
                                PatternRewriter &rewriter) const override {
    // The norm works row by row, so it commutes with the selection: either
    // may come first.
    SelectRowsOp select;
    RmsNormOp norm;
    SmallVector<Operation *, 2> chain;
    SmallVector<Location, 3> locations = {head.getLoc()};
    Value input = head.getInput();
    while (Operation *producer = input.getDefiningOp()) {
      if (!input.hasOneUse())
        break;
      if (auto op = dyn_cast<SelectRowsOp>(producer); op && !select) {
        select = op;
        input = op.getInput();
      } else if (auto op = dyn_cast<RmsNormOp>(producer); op && !norm) {
        norm = op;
        input = op.getInput();
      } else {
        break;
      }
      chain.push_back(producer);
      locations.push_back(producer->getLoc());
    }
    if (!select)
      return rewriter.notifyMatchFailure(
          head, "no row selection that only this LM head uses");

    auto fused = FusedLmHeadOp::create(
        rewriter, rewriter.getFusedLoc(locations), head.getType(), input,
        select.getBatch(), head.getWeight(), norm ? norm.getWeight() : Value(),
        norm ? norm.getEpsAttr() : FloatAttr());
    rewriter.replaceOp(head, fused);
    for (Operation *op : chain)
      rewriter.eraseOp(op);
    return success();
  }
};

struct FuseLmHeadPass : swallow::impl::FuseLmHeadPassBase<FuseLmHeadPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseLmHeadPattern>(&getContext());
    if (failed(applyFusion(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
