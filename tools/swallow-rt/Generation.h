//===- Generation.h - running a generation to its end -----------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_GENERATION_H
#define SWALLOW_TOOLS_SWALLOW_RT_GENERATION_H

#include "tools/swallow-rt/Support.h"

#include <nlohmann/json.hpp>

#include <functional>

struct GenerationDeleter {
  void operator()(swallow_generation *g) const {
    swallow_generation_destroy(g);
  }
};
using GenerationPtr = std::unique_ptr<swallow_generation, GenerationDeleter>;

GenerationPtr createGeneration(const swallow_artifact *artifact,
                               swallow_session *session);

/// One text of a generation.
struct Sample {
  std::string text;
  std::vector<int32_t> ids;  // the token that ended it included
  std::string finishReason;  // "stop", "length", "abort"
  nlohmann::json stopReason; // a stop string, a stop token's id, or null
  nlohmann::json logprobs;   // null without --logprobs
  bool contextFull = false;
};

struct Outcome {
  std::vector<Sample> samples;
  nlohmann::json promptLogprobs; // null without --prompt-logprobs
  int64_t promptTokens = 0;
  int64_t promptReused = 0; // of them, those that were not computed again
  double promptSeconds = 0;
  double generateSeconds = 0;
  bool interrupted = false;

  int64_t generatedTokens() const;
  /// Tokens per second, 0 where there was nothing to measure.
  double promptSpeed() const;
  double generateSpeed() const;
};

/// Runs until every sample has ended, Ctrl-C, or `onText` (called with each
/// piece of text and the sample's index) returns false; what is not at its end
/// then gets the reason "abort".
Outcome
generate(const swallow_artifact *artifact, swallow_generation *generation,
         const swallow_generation_options &options,
         const std::vector<int32_t> &ids,
         const std::function<bool(int64_t index, std::string_view)> &onText);

/// One line about both speeds.
std::string speedLine(const Outcome &outcome);

#endif // SWALLOW_TOOLS_SWALLOW_RT_GENERATION_H
