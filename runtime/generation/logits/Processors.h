//===- Processors.h - what changes logits before sampling -------*- C++ -*-===//
//
// One function for each of transformers' logits processors
// (generation/logits_process.py), in the order in which generate() applies
// them, on a row of logits in single precision as there. The presence and
// frequency penalties are OpenAI's and vLLM's.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_GENERATION_LOGITS_PROCESSORS_H
#define SWALLOW_RUNTIME_GENERATION_LOGITS_PROCESSORS_H

#include "runtime/generation/Options.h"
#include "runtime/generation/logits/TokenHistory.h"

#include <span>

namespace swallow {

using LogitRow = std::span<float>; // [vocab]; minus infinity: never

/// row[token] += bias. Tokens are within the row.
void addLogitBias(LogitRow row, std::span<const LogitBias> biases);

/// Adds the bias to a sequence's last token where the others end the text.
void addSequenceBias(LogitRow row, std::span<const SequenceBias> biases,
                     const TokenHistory &history);

/// Keskar et al., "CTRL: a conditional transformer language model for
/// controllable generation", 2019, section 4.1: tokens of the prompt and the
/// generated text are divided by `penalty`, or multiplied where negative.
void applyRepetitionPenalty(LogitRow row, float penalty,
                            const TokenHistory &history);

/// row[token] -= frequency * times generated + presence * (generated at all).
void applyFrequencyAndPresencePenalty(LogitRow row, float frequency,
                                      float presence,
                                      const TokenHistory &history);

/// Bans what would make the text hold some `size` tokens in a row twice.
void banRepeatedNgrams(LogitRow row, int32_t size, const TokenHistory &history);

/// Bans tokens; those outside the row are left out.
void banTokens(LogitRow row, std::span<const int32_t> tokens);

/// Bans all but these, which become equally likely.
void forceTokens(LogitRow row, std::span<const int32_t> tokens);

/// NaN becomes 0, infinities the largest finite numbers.
void removeInvalidValues(LogitRow row);

/// Adds |logit| * (factor^steps - 1) to each of `tokens` that is finite.
void applyDecayPenalty(LogitRow row, std::span<const int32_t> tokens,
                       double factor, int64_t steps);

} // namespace swallow

#endif // SWALLOW_RUNTIME_GENERATION_LOGITS_PROCESSORS_H
