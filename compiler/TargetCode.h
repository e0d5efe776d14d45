//===- TargetCode.h - code for the targets of a compile ---------*- C++ -*-===//

#ifndef SWALLOW_COMPILER_TARGETCODE_H
#define SWALLOW_COMPILER_TARGETCODE_H

#include "compiler/ArtifactWriter.h"
#include "compiler/Compiler.h"
#include "compiler/GpuReport.h"
#include "frontends/huggingface/ModelConfig.h"
#include "targets/nvidia/Architecture.h"
#include "targets/x86/Variant.h"

#include <string>
#include <vector>

namespace swallow {

/// What code is generated for.
struct Targets {
  /// In the order in which a machine looks for one that it can run.
  std::vector<const x86::Variant *> variants;
  std::vector<const nvidia::Architecture *> architectures;
};

/// InvalidArgument for options.targets that are unknown, or for which there is
/// no code of options.dtype.
Result<Targets> selectTargets(const CompileOptions &options);

/// "x86-64-avx2, sm_80".
std::string namesOf(const Targets &targets);

/// Compiles for all targets side by side, each in a context of its own, and
/// adds their code in their order. `gpu` gets what there is to say of GPUs'.
Status addVariants(const ModelConfig &config, const CompileOptions &options,
                   const Targets &targets, fbs::ProgramT &program,
                   std::vector<SegmentData> &segments,
                   std::vector<GpuReport> &gpu);

} // namespace swallow

#endif // SWALLOW_COMPILER_TARGETCODE_H
