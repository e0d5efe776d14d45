//===- GenerationConfig.h - generation_config.json --------------*- C++ -*-===//
//
// The defaults with which a model is meant to generate, as transformers'
// GenerationConfig reads them.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_GENERATIONCONFIG_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_GENERATIONCONFIG_H

#include "frontends/huggingface/ModelConfig.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

/// A sequence of tokens whose last one gets `bias` after the others.
struct TokenSequenceBias {
  std::vector<int64_t> ids; // at least one
  double bias;              // finite, or minus infinity: never
};

/// An absent value means that the checkpoint says nothing: the caller's own
/// default holds (transformers' is greedy, and with do_sample top_k 50).
struct GenerationConfig {
  std::vector<int64_t> eosTokenIds; // any of them ends a text; may be empty
  std::optional<int64_t> bosTokenId;
  std::optional<int64_t> padTokenId;
  std::optional<bool> doSample;            // false: greedy
  std::optional<double> temperature;       // >= 0
  std::optional<double> topP;              // 0..1
  std::optional<int64_t> topK;             // 0: off
  std::optional<double> minP;              // 0..1
  std::optional<double> topH;              // 0..1
  std::optional<double> typicalP;          // > 0, to 1
  std::optional<double> epsilonCutoff;     // 0 to below 1
  std::optional<double> etaCutoff;         // 0 to below 1
  std::optional<double> repetitionPenalty; // > 0; 1: off
  std::optional<int64_t> noRepeatNgramSize;
  std::optional<int64_t> maxNewTokens; // generated tokens
  std::optional<int64_t> maxLength;    // prompt and generated tokens
  std::optional<int64_t> minNewTokens;
  std::optional<int64_t> minLength;
  std::vector<std::string> stopStrings; // none is empty
  std::vector<int64_t> suppressTokens;
  std::vector<int64_t> beginSuppressTokens;
  /// bad_words_ids, as a bias of minus infinity, and sequence_bias.
  std::vector<TokenSequenceBias> sequenceBias;
  std::optional<int64_t> forcedBosTokenId;
  std::vector<int64_t> forcedEosTokenIds;
  std::optional<bool> removeInvalidValues;
  std::optional<int64_t> decayPenaltyStart; // both or none
  std::optional<double> decayPenaltyFactor;

  /// One line for each setting that changes what transformers generates and
  /// that Swallow does not have.
  std::vector<std::string> warnings;
};

/// Parses the text of a generation_config.json; `path` is named in messages.
/// Token ids that it does not set come from `config`: a generation that nothing
/// ends, which transformers makes of such a file, is of no use. Fails with
/// MalformedFile or InvalidConfig.
Result<GenerationConfig> parseGenerationConfig(std::string_view json,
                                               const std::string &path,
                                               const ModelConfig &config);

/// Reads `modelDir`/generation_config.json; without that file, the same keys
/// of config.json, as transformers does.
Result<GenerationConfig> readGenerationConfig(const std::string &modelDir,
                                              const ModelConfig &config);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_GENERATIONCONFIG_H
