//===- ModelIr.h - the model of a compile as IR -----------------*- C++ -*-===//

#ifndef SWALLOW_COMPILER_MODELIR_H
#define SWALLOW_COMPILER_MODELIR_H

#include "compiler/Compiler.h"
#include "frontends/huggingface/ModelConfig.h"

#include "mlir/IR/OwningOpRef.h"

#include <memory>

namespace mlir {
class MLIRContext;
class ModuleOp;
} // namespace mlir

namespace swallow {

/// A model, cut to the layers that were asked for.
struct Model {
  ModelConfig config;
  int64_t checkpointLayers = 0;
};

/// Errors: those of readModelConfig; InvalidArgument for more layers than there
/// are.
Result<Model> readModel(const CompileOptions &options);

/// A context of one thread with every dialect that a compile needs.
std::unique_ptr<mlir::MLIRContext> makeContext();

/// The model as the passes that know no target leave it.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
fusedModule(mlir::MLIRContext &context, const ModelConfig &config,
            const CompileOptions &options);

} // namespace swallow

#endif // SWALLOW_COMPILER_MODELIR_H
