//===- Passes.h - target-independent passes ---------------------*- C++ -*-===//
//
// What each pass does and requires is described in Passes.td (docs/passes.md).
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_PASSES_PASSES_H
#define SWALLOW_PASSES_PASSES_H

#include "passes/QuantOptions.h"

#include "mlir/Pass/Pass.h"

#include <string>

namespace swallow {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

/// The import stage to the fused stage: QKV, gated MLP, remaining linears with
/// their residuals, LM head, then the norms of all of these.
void buildFusePipeline(mlir::OpPassManager &manager);

/// Of a fused module, before it is planned.
void buildQuantizePipeline(mlir::OpPassManager &manager, QuantOptions options);

struct PlanOptions {
  /// Element type in which inputs of products are stored: "f32"; "bf16", of
  /// those with bf16 weights (f32 of others); empty: the weight's own.
  std::string inputType;
  /// How products with quantised weights are summed in integers, see
  /// Passes.td: "dots", "words" or "few-words".
  std::string integerSums = "dots";
  /// Whether many rows in bf16 are laid in tile order (TiledRows).
  bool tiles = false;
  /// Whether kernels have their scratch in the arena.
  bool scratch = true;
};

/// The fused stage to the planned stage: weights, KV memory, arena.
void buildPlanPipeline(mlir::OpPassManager &manager, PlanOptions options = {});

/// Registers the passes and the pipelines `swallow-fuse` and `swallow-plan`
/// with MLIR's command-line registry.
void registerSwallowPasses();

} // namespace swallow

#endif // SWALLOW_PASSES_PASSES_H
