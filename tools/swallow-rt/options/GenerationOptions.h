//===- GenerationOptions.h - how text is generated --------------*- C++ -*-===//
//
// The options of `run` and `chat` about sampling and where a text ends.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_OPTIONS_GENERATIONOPTIONS_H
#define SWALLOW_TOOLS_SWALLOW_RT_OPTIONS_GENERATIONOPTIONS_H

#include "runtime/include/swallow_rt.h"
#include "tools/swallow-rt/options/Options.h"

#include <optional>
#include <string>
#include <vector>

/// What the command line says; what it does not say comes from the checkpoint's
/// generation config ("model's" in the help).
struct GenerationOptions {
  std::optional<int64_t> maxTokens, minTokens;
  std::vector<std::string> stop;
  std::vector<int32_t> stopTokenIds;
  bool ignoreEos = false;

  std::optional<double> temperature, topP, minP, typicalP;
  std::optional<int32_t> topK;
  std::optional<uint64_t> seed;

  std::optional<double> repetitionPenalty, frequencyPenalty, presencePenalty;
  std::vector<swallow_logit_bias> logitBias;

  void declareEnds(Options &declare);
  void declareSampling(Options &declare);
  void declarePenalties(Options &declare);
};

/// The runtime's options for a model, with the arrays that they point to.
class GenerationRequest {
public:
  GenerationRequest(const GenerationOptions &options,
                    const swallow_artifact *artifact);
  GenerationRequest(const GenerationRequest &) = delete;
  GenerationRequest &operator=(const GenerationRequest &) = delete;

  swallow_generation_options &options() { return request_; }
  bool samples() const {
    return request_.do_sample && request_.temperature > 0;
  }
  /// "temperature 0.7, top_k 50, top_p 1, seed 42", or "greedy".
  std::string describe() const;

private:
  GenerationOptions given_;
  std::vector<const char *> stop_;
  swallow_generation_options request_;
};

#endif // SWALLOW_TOOLS_SWALLOW_RT_OPTIONS_GENERATIONOPTIONS_H
