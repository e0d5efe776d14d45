//===- FusionUtils.h - what the fusion passes share -------------*- C++ -*-===//

#ifndef SWALLOW_PASSES_FUSIONUTILS_H
#define SWALLOW_PASSES_FUSIONUTILS_H

#include "dialects/swallow/SwallowDialect.h"

#include "mlir/IR/PatternMatch.h"

namespace swallow {

/// Succeeds when `projections` multiply one input and their weights can become
/// one weight: loaded from symbols that nothing else uses, each of one
/// checkpoint tensor, of one element type, one number of layers and one layer;
/// each result has one use; all or none has a bias. Otherwise reports the
/// reason as the match failure of `root`.
mlir::LogicalResult checkJoinable(mlir::PatternRewriter &rewriter,
                                  mlir::Operation *root,
                                  llvm::ArrayRef<LinearOp> projections);

struct JoinedWeights {
  mlir::Value weight;
  mlir::Value bias; ///< Null when the projections have none.
};

/// Creates the weight symbol (and the bias symbol) whose sources are those of
/// `projections` in order, and loads them at the rewriter's insertion point.
/// The symbol is named `name` in the family of the first projection's weight:
/// @layers.q_proj gives @layers.<name>. Requires checkJoinable.
JoinedWeights joinWeights(mlir::PatternRewriter &rewriter,
                          llvm::ArrayRef<LinearOp> projections,
                          llvm::StringRef name);

/// Erases `projections`, which have no uses left, with the loads and weight
/// symbols that only they used.
void eraseProjections(mlir::PatternRewriter &rewriter,
                      llvm::ArrayRef<LinearOp> projections);

/// Applies `patterns` to `module` until none matches. Nothing else changes:
/// no folding, no moving of constants, no merging of blocks.
mlir::LogicalResult applyFusion(mlir::ModuleOp module,
                                mlir::RewritePatternSet patterns);

} // namespace swallow

#endif // SWALLOW_PASSES_FUSIONUTILS_H
