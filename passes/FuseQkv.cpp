//===- FuseQkv.cpp - Q/K/V projections, RoPE and KV append in one ---------===//

#include "passes/FusionUtils.h"
#include "passes/Passes.h"

namespace swallow {
#define GEN_PASS_DEF_FUSEQKVPASS
#include "passes/Passes.h.inc"
} // namespace swallow

using namespace mlir;
using namespace swallow;

namespace {

/// Whether every use of `value` comes after `op` in program order, so that
/// `op`'s place may define it.
bool usesFollow(Value value, Operation *op) {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    Operation *ancestor = op->getBlock()->findAncestorOpInBlock(*user);
    return ancestor && op->isBeforeInBlock(ancestor);
  });
}

/// The rope of a projection of `input` that is the query of an attention over
/// what `append` appends to; null when there is none or more than one.
RopeOp findQueryRope(KvAppendOp append, Value input) {
  RopeOp found;
  for (Operation *user : append.getKv().getUsers()) {
    auto attention = dyn_cast<AttentionOp>(user);
    if (!attention || attention.getLayer() != append.getLayer() ||
        attention.getBatch() != append.getBatch())
      continue;
    auto rope = attention.getQuery().getDefiningOp<RopeOp>();
    if (!rope || rope == found)
      continue;
    auto projection = rope.getInput().getDefiningOp<LinearOp>();
    if (!projection || projection.getInput() != input)
      continue;
    if (found)
      return nullptr;
    found = rope;
  }
  return found;
}

struct FuseQkvPattern : OpRewritePattern<KvAppendOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(KvAppendOp append,
                                PatternRewriter &rewriter) const override {
    auto keyRope = append.getKey().getDefiningOp<RopeOp>();
    auto value = append.getValue().getDefiningOp<LinearOp>();
    if (!keyRope || !value)
      return rewriter.notifyMatchFailure(
          append, "key is not a rope or value not a projection");
    auto key = keyRope.getInput().getDefiningOp<LinearOp>();
    if (!key)
      return rewriter.notifyMatchFailure(append, "key is not a projection");
    RopeOp queryRope = findQueryRope(append, key.getInput());
    if (!queryRope)
      return rewriter.notifyMatchFailure(
          append, "no single query of the same input attends to this append");
    auto query = queryRope.getInput().getDefiningOp<LinearOp>();

    if (!keyRope->hasOneUse())
      return rewriter.notifyMatchFailure(append, "rotated key has another use");
    int64_t headDim = append.getKv().getType().getHeadDim();
    for (RopeOp rope : {queryRope, keyRope})
      if (static_cast<int64_t>(rope.getHeadDim()) != headDim ||
          rope.getRopeAttr() != keyRope.getRopeAttr() ||
          rope.getBatch() != append.getBatch())
        return rewriter.notifyMatchFailure(append, "ropes differ");
    if (!usesFollow(queryRope.getResult(), append))
      return rewriter.notifyMatchFailure(append,
                                         "query is used before the append");
    LinearOp projections[] = {query, key, value};
    if (failed(checkJoinable(rewriter, append, projections)))
      return failure();

    JoinedWeights joined = joinWeights(rewriter, projections, "qkv_proj");
    auto fused = FusedQkvOp::create(
        rewriter,
        rewriter.getFusedLoc({query.getLoc(), key.getLoc(), value.getLoc(),
                              queryRope.getLoc(), append.getLoc()}),
        queryRope.getType(), key.getInput(), joined.weight, /*norm=*/Value(),
        joined.bias, append.getBatch(), append.getKv(), append.getLayer(),
        /*eps=*/FloatAttr(), keyRope.getRopeAttr());
    rewriter.replaceOp(queryRope, fused);
    rewriter.eraseOp(append);
    rewriter.eraseOp(keyRope);
    eraseProjections(rewriter, projections);
    return success();
  }
};

struct FuseQkvPass : swallow::impl::FuseQkvPassBase<FuseQkvPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseQkvPattern>(&getContext());
    if (failed(applyFusion(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
