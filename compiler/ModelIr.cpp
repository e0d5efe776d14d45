//===- ModelIr.cpp - the model of a compile as IR -------------------------===//

#include "compiler/ModelIr.h"

#include "compiler/Pipelines.h"
#include "frontends/huggingface/Importer.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"

using namespace mlir;
using namespace swallow;

Result<Model> swallow::readModel(const CompileOptions &options) {
  SWALLOW_ASSIGN(ModelConfig config, readModelConfig(options.modelDir));
  const int64_t all = config.numLayers;
  if (options.layers > all)
    return {ErrorCode::InvalidArgument,
            "-layers is expected to be 1 to " + std::to_string(all) +
                " for this model, not " + std::to_string(options.layers)};
  if (options.layers > 0)
    config.numLayers = options.layers;
  return Model{std::move(config), all};
}

std::unique_ptr<MLIRContext> swallow::makeContext() {
  DialectRegistry registry;
  registerCompilerDialects(registry);
  // Passes over a few hundred ops gain nothing from MLIR's thread pool, which
  // would also take the packer's cores.
  auto context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  return context;
}

Result<OwningOpRef<ModuleOp>>
swallow::fusedModule(MLIRContext &context, const ModelConfig &config,
                     const CompileOptions &options) {
  auto module = importModel(context, config, {options.dtype});
  SWALLOW_TRY(fuseModule(*module));
  if (options.quant.any())
    SWALLOW_TRY(quantizeModule(*module, options.quant));
  return module;
}
