//===- Options.h - what a generation request can ask for --------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_GENERATION_OPTIONS_H
#define SWALLOW_RUNTIME_GENERATION_OPTIONS_H

#include "runtime/support/Result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace swallow {

struct LogitBias {
  int32_t token;
  double bias;
};

struct SequenceBias {
  std::vector<int32_t> ids;
  double bias;
};

/// swallow_generation_options in C++; runtime/include/swallow_generation.h has
/// the meaning and range of each, docs/generation.md the formulas.
struct GenerationOptions {
  uint64_t seed = 0;
  int64_t n = 1;
  bool doSample = false;

  std::vector<LogitBias> logitBias;
  std::vector<SequenceBias> sequenceBias;
  double repetitionPenalty = 1;
  double frequencyPenalty = 0;
  double presencePenalty = 0;
  int32_t noRepeatNgramSize = 0;
  int64_t minLength = 0;
  int64_t minTokens = 0;
  int32_t forcedBosTokenId = -1;
  std::vector<int32_t> forcedEosTokenIds;
  bool removeInvalidValues = false;
  int64_t decayPenaltyStart = 0;
  double decayPenaltyFactor = 1;
  std::vector<int32_t> suppressTokens;
  std::vector<int32_t> beginSuppressTokens;

  double temperature = 1;
  double topH = 0;
  int32_t topK = 0;
  double topP = 1;
  double minP = 0;
  double typicalP = 1;
  double epsilonCutoff = 0;
  double etaCutoff = 0;

  int64_t maxTokens = -1;
  int64_t maxLength = -1;
  std::vector<int32_t> eosTokenIds;
  bool ignoreEos = false;
  std::vector<int32_t> stopTokenIds;
  std::vector<std::string> stop;

  bool detokenize = true;
  bool skipSpecialTokens = true;
  int32_t logprobs = -1;
  int32_t promptLogprobs = -1;

  bool greedy() const { return !doSample || temperature == 0; }
};

/// The most alternatives that logprobs can name, and what stop strings may
/// hold together, in bytes.
constexpr int32_t kMaxLogprobs = 1024;
constexpr size_t kMaxStopBytes = size_t(1) << 16;

/// InvalidArgument with name, value and range of the first option that is
/// outside its range for a vocabulary of `vocabSize`.
Status validateOptions(const GenerationOptions &options, int64_t vocabSize);

} // namespace swallow

#endif // SWALLOW_RUNTIME_GENERATION_OPTIONS_H
