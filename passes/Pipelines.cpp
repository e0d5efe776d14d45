//===- Pipelines.cpp - the orders in which passes run ---------------------===//

#include "passes/Passes.h"

#include "dialects/swallow/SwallowDialect.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

namespace swallow {
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"
} // namespace swallow

using namespace mlir;

void swallow::buildFusePipeline(OpPassManager &manager) {
  // The passes that join several linears come before the one that renames
  // what is left; norms last, since only fused ops take them.
  manager.addPass(createFuseQkvPass());
  manager.addPass(createFuseGatedMlpPass());
  manager.addPass(createFuseLinearPass());
  manager.addPass(createFuseLmHeadPass());
  manager.addPass(createFuseNormPass());
}

void swallow::buildQuantizePipeline(OpPassManager &manager,
                                    QuantOptions options) {
  QuantizeWeightsPassOptions classes;
  classes.attention = options.attention;
  classes.mlp = options.mlp;
  classes.head = options.head;
  classes.embedding = options.embedding;
  classes.inputs = options.inputs;
  manager.addPass(createQuantizeWeightsPass(classes));
}

void swallow::buildPlanPipeline(OpPassManager &manager, PlanOptions options) {
  manager.addPass(createPlanWeightsPass());
  manager.addPass(createPlanKvPass());
  PlanArenaPassOptions arena;
  arena.inputType = options.inputType;
  arena.integerSums = options.integerSums;
  arena.tiles = options.tiles;
  arena.scratch = options.scratch;
  manager.addPass(createPlanArenaPass(arena));
}

namespace {
struct PlanPipelineOptions : PassPipelineOptions<PlanPipelineOptions> {
  Option<std::string> inputType{
      *this, "input-type",
      llvm::cl::desc("Element type in which inputs of products are stored: "
                     "f32; bf16, of products with bf16 weights"),
      llvm::cl::init("")};
  Option<std::string> integerSums{
      *this, "integer-sums",
      llvm::cl::desc("How products with quantised weights are summed in "
                     "integers: dots, words or few-words"),
      llvm::cl::init("dots")};
  Option<bool> tiles{
      *this, "tiles",
      llvm::cl::desc("Whether many rows in bf16 are laid in tile order"),
      llvm::cl::init(false)};
  Option<bool> scratch{
      *this, "scratch",
      llvm::cl::desc("Whether kernels have their scratch in the arena"),
      llvm::cl::init(true)};
};
} // namespace

void swallow::registerSwallowPasses() {
  registerSwallowCommonPasses();
  PassPipelineRegistration<>("swallow-fuse", "Import stage to fused stage",
                             buildFusePipeline);
  PassPipelineRegistration<PlanPipelineOptions>(
      "swallow-plan", "Fused stage to planned stage",
      [](OpPassManager &manager, const PlanPipelineOptions &options) {
        buildPlanPipeline(manager, {options.inputType, options.integerSums,
                                    options.tiles, options.scratch});
      });
}
