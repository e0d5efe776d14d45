//===- Compiler.h - a Hugging Face folder to an artifact --------*- C++ -*-===//

#ifndef SWALLOW_COMPILER_COMPILER_H
#define SWALLOW_COMPILER_COMPILER_H

#include "compiler/CalibrationText.h"
#include "compiler/Pipelines.h"
#include "frontends/huggingface/ModelConfig.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace swallow {

/// Version that the artifact records.
const char *compilerVersion();

struct CompileOptions {
  std::string modelDir;
  std::string output;
  DType dtype = DType::BF16;
  /// Which matrices are quantised; those that are not have type dtype.
  QuantOptions quant;
  /// A text by which the model's inputs, and so errors, are weighed.
  CalibrationOptions calibration;
  /// Where to write what quantisation did to each tensor and what GPU kernels
  /// take, as JSON; empty: nowhere.
  std::string report;
  /// NVIDIA's assembler for GPU targets: a path, "none", or empty for the one
  /// that is found (targets/nvidia/Assembler.h).
  std::string ptxas;
  /// Targets: "x86-64" for all its code variants, names of variants, of which a
  /// machine needs one that it can run, and GPU architectures ("sm_90").
  std::vector<std::string> targets = {"x86-64"};
  /// Instead of a checkpoint's weights, those of this seed
  /// (runtime/packing/Synthetic.h); the folder needs its config.json only.
  std::optional<uint64_t> syntheticSeed;
  /// Only the first layers; 0 for all.
  int64_t layers = 0;
  /// Tokens of the probe; 0 for none. Synthetic weights have none.
  int64_t probeTokens = 4;
  int threads = 0;          ///< 0: all that the process may use
  bool showProgress = true; ///< a bar or lines on standard error
  /// One line each: what the user should know and what is being done.
  std::function<void(const std::string &)> warn = {};
  std::function<void(const std::string &)> note = {};
};

struct CompileReport {
  uint64_t fileBytes = 0;
  uint64_t weightBytes = 0;
  double calibrationSeconds = 0;
  double codeSeconds = 0; ///< all variants: passes, LLVM and linking
  double probeSeconds = 0;
  double packSeconds = 0;
};

/// Compiles the checkpoint in options.modelDir to options.output. With
/// synthetic weights a folder without tokenizer files makes an artifact that
/// works on token ids alone. Errors name
/// the file, tensor or key; nothing is written unless all is well.
Result<CompileReport> compileModel(const CompileOptions &options);

/// The text of one stage, for --emit; Planned and later stages are those of the
/// variant or architecture `variant` (empty: the first of options.targets, the
/// most capable one of x86-64). Reads no weights.
Result<std::string> emitStage(const CompileOptions &options, Stage stage,
                              const std::string &variant);

} // namespace swallow

#endif // SWALLOW_COMPILER_COMPILER_H
