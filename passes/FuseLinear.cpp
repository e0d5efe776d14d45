//===- FuseLinear.cpp - linears with bias and residual --------------------===//

#include "passes/FusionUtils.h"
#include "passes/Passes.h"

namespace swallow {
#define GEN_PASS_DEF_FUSELINEARPASS
#include "passes/Passes.h.inc"
} // namespace swallow

using namespace mlir;
using namespace swallow;

namespace {

struct FuseLinearPattern : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LinearOp linear,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<FusedLinearOp>(
        linear, linear.getType(), linear.getInput(), linear.getWeight(),
        /*norm=*/Value(), linear.getBias(), /*residual=*/Value(),
        /*eps=*/FloatAttr());
    return success();
  }
};

struct FuseResidualPattern : OpRewritePattern<AddOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AddOp add,
                                PatternRewriter &rewriter) const override {
    auto product = getProduct(add.getLhs());
    Value residual = add.getRhs();
    if (!product) {
      product = getProduct(add.getRhs());
      residual = add.getLhs();
    }
    if (!product)
      return rewriter.notifyMatchFailure(
          add, "neither side is a product that has no residual and no other "
               "use");
    rewriter.setInsertionPoint(add);
    auto fused = FusedLinearOp::create(
        rewriter, rewriter.getFusedLoc({product.getLoc(), add.getLoc()}),
        add.getType(), product.getInput(), product.getWeight(),
        product.getNorm(), product.getBias(), residual, product.getEpsAttr());
    rewriter.replaceOp(add, fused);
    rewriter.eraseOp(product);
    return success();
  }

private:
  static FusedLinearOp getProduct(Value value) {
    auto product = value.getDefiningOp<FusedLinearOp>();
    if (!product || product.getResidual() || !product->hasOneUse())
      return nullptr;
    return product;
  }
};

struct FuseLinearPass : swallow::impl::FuseLinearPassBase<FuseLinearPass> {
  void runOnOperation() override {
    // Two sweeps, so that an add sees all its products: which of two it takes
    // must not depend on the driver's order.
    RewritePatternSet linears(&getContext());
    linears.add<FuseLinearPattern>(&getContext());
    RewritePatternSet residuals(&getContext());
    residuals.add<FuseResidualPattern>(&getContext());
    if (failed(applyFusion(getOperation(), std::move(linears))) ||
        failed(applyFusion(getOperation(), std::move(residuals))))
      signalPassFailure();
  }
};

} // namespace
