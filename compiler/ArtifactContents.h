//===- ArtifactContents.h - planned modules as an artifact's tables -*- C++
//-*-===//

#ifndef SWALLOW_COMPILER_ARTIFACTCONTENTS_H
#define SWALLOW_COMPILER_ARTIFACTCONTENTS_H

#include "compiler/ArtifactWriter.h"
#include "frontends/huggingface/Checkpoint.h"
#include "frontends/huggingface/GenerationConfig.h"
#include "targets/nvidia/Architecture.h"
#include "targets/x86/Variant.h"

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace swallow {

/// `checkpointLayers`: before the model was cut to config.numLayers of them.
std::unique_ptr<fbs::ModelInfoT>
describeModel(const ModelConfig &config, int64_t checkpointLayers, DType dtype);

std::unique_ptr<fbs::GenerationDefaultsT>
describeGeneration(const GenerationConfig &config);

/// The KV plan of a planned module.
Result<std::unique_ptr<fbs::KvPlanT>> describeKv(mlir::ModuleOp planned);

/// Name, features, arena, micro-kernels and stages of a module of kernels;
/// `code_segment` and `step_offset` are left to the caller.
Result<std::unique_ptr<fbs::VariantT>>
describeVariant(mlir::ModuleOp kernels, const x86::Variant &variant);

/// The same of a module of GPU kernels: name, arena and launches.
Result<std::unique_ptr<fbs::VariantT>>
describeVariant(mlir::ModuleOp kernels,
                const nvidia::Architecture &architecture);

/// One entry of program.weights, and how it is packed, for each weight of a
/// planned module and each layer of it, in the order of their offsets.
/// `checkpoint` must outlive the jobs; without one (null) their sources are
/// names.
Status describeWeights(mlir::ModuleOp planned, const Checkpoint *checkpoint,
                       fbs::ProgramT &program, std::vector<WeightJob> &jobs);

} // namespace swallow

#endif // SWALLOW_COMPILER_ARTIFACTCONTENTS_H
