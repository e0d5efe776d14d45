//===- Importer.h - a model as a step in the swallow dialect ----*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_IMPORTER_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_IMPORTER_H

#include "frontends/huggingface/ModelConfig.h"

#include "mlir/IR/OwningOpRef.h"

namespace mlir {
class MLIRContext;
class ModuleOp;
} // namespace mlir

namespace swallow {

struct ImportOptions {
  /// Element type of the weight matrices and of the keys and values. Norm
  /// weights and biases are always f32.
  DType dtype = DType::BF16;
};

/// Builds the import-stage module of a model:
///
/// - a `swallow.weight` for each tensor of the forward pass: @embed_tokens,
///   @norm, @lm_head (absent with tied embeddings: the head then reads
///   @embed_tokens), and once for all layers @layers.input_layernorm,
///   @layers.{q,k,v,o}_proj, @layers.post_attention_layernorm and
///   @layers.{gate,up,down}_proj, with @layers.q_proj.bias and so on where the
///   config announces biases;
/// - `func private @decoder_layer(hidden, layer, batch, kv) -> hidden`;
/// - `func @step(batch, kv) -> logits`, which loops over the layers.
///
/// Only the config is read: the weights are names. The size of the module does
/// not depend on the number of layers. Loads the dialects that it needs into
/// `context`. The result verifies for every config that parseModelConfig
/// accepts.
mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext &context,
                                              const ModelConfig &config,
                                              const ImportOptions &options);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_IMPORTER_H
