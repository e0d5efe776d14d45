#include "runtime/generation/Sampler.h"

#include "runtime/generation/logits/Processors.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>

namespace swallow {

static bool penalises(const GenerationOptions &o) {
  return o.repetitionPenalty != 1 || o.frequencyPenalty != 0 ||
         o.presencePenalty != 0;
}

/// Whether a processor in front of the warpers may do something.
static bool hasProcessors(const GenerationOptions &o, int64_t minTokens) {
  return penalises(o) || !o.logitBias.empty() || !o.sequenceBias.empty() ||
         o.noRepeatNgramSize > 0 || minTokens > 0 || o.forcedBosTokenId >= 0 ||
         !o.forcedEosTokenIds.empty() || o.removeInvalidValues ||
         o.decayPenaltyFactor != 1 || !o.suppressTokens.empty() ||
         !o.beginSuppressTokens.empty();
}

static std::vector<int32_t> endTokens(const GenerationOptions &o) {
  std::vector<int32_t> tokens = o.stopTokenIds;
  if (!o.ignoreEos)
    tokens.insert(tokens.end(), o.eosTokenIds.begin(), o.eosTokenIds.end());
  return tokens;
}

/// A sequence that is named twice has the bias of the last, as transformers'
/// dictionary has.
static std::vector<SequenceBias>
distinctBiases(const std::vector<SequenceBias> &biases) {
  std::vector<SequenceBias> distinct;
  std::map<std::vector<int32_t>, size_t> places;
  for (const SequenceBias &entry : biases) {
    auto [place, isNew] = places.try_emplace(entry.ids, distinct.size());
    if (isNew)
      distinct.push_back(entry);
    else
      distinct[place->second].bias = entry.bias;
  }
  return distinct;
}

Sampler::Sampler(std::shared_ptr<const GenerationOptions> options,
                 const SampleStart &start)
    : options_(std::move(options)),
      sequenceBias_(distinctBiases(options_->sequenceBias)),
      endTokens_(endTokens(*options_)),
      minTokens_(std::max(options_->minTokens,
                          options_->minLength -
                              static_cast<int64_t>(start.prompt.size()))),
      limit_(start.limit), processes_(hasProcessors(*options_, minTokens_)),
      history_(start.prompt,
               static_cast<int64_t>(start.prompt.size()) + start.limit,
               start.vocabSize, penalises(*options_)),
      random_(CounterRandom::stream(options_->seed,
                                    static_cast<uint64_t>(start.index))) {}

std::span<const float> Sampler::process(std::span<const float> logits) {
  if (!processes_)
    return logits;
  const GenerationOptions &o = *options_;
  row_.assign(logits.begin(), logits.end());
  LogitRow row = row_;
  int64_t generated = history_.numGenerated();

  addLogitBias(row, o.logitBias);
  addSequenceBias(row, sequenceBias_, history_);
  if (o.repetitionPenalty != 1)
    applyRepetitionPenalty(row, static_cast<float>(o.repetitionPenalty),
                           history_);
  if (o.frequencyPenalty != 0 || o.presencePenalty != 0)
    applyFrequencyAndPresencePenalty(
        row, static_cast<float>(o.frequencyPenalty),
        static_cast<float>(o.presencePenalty), history_);
  if (o.noRepeatNgramSize > 0)
    banRepeatedNgrams(row, o.noRepeatNgramSize, history_);
  if (generated < minTokens_)
    banTokens(row, endTokens_);
  if (o.forcedBosTokenId >= 0 && history_.length() == 1)
    forceTokens(row, {&o.forcedBosTokenId, 1});
  if (!o.forcedEosTokenIds.empty() && generated == limit_ - 1)
    forceTokens(row, o.forcedEosTokenIds);
  if (o.removeInvalidValues)
    removeInvalidValues(row);
  if (o.decayPenaltyFactor != 1 && generated > o.decayPenaltyStart &&
      !o.ignoreEos)
    applyDecayPenalty(row, o.eosTokenIds, o.decayPenaltyFactor,
                      generated - o.decayPenaltyStart);
  banTokens(row, o.suppressTokens);
  // Behind a token that is forced to be the first of all.
  const bool forcesFirst =
      o.forcedBosTokenId >= 0 && history_.length() - generated <= 1;
  if (generated == (forcesFirst ? 1 : 0))
    banTokens(row, o.beginSuppressTokens);
  return row;
}

void Sampler::narrow(std::span<const float> row) {
  const GenerationOptions &o = *options_;
  candidates_.assign(row, o.temperature);
  if (o.topH > 0)
    candidates_.topH(o.topH);
  candidates_.topK(o.topK);
  candidates_.topP(o.topP);
  candidates_.minP(o.minP);
  candidates_.typicalP(o.typicalP);
  candidates_.epsilonCutoff(o.epsilonCutoff);
  candidates_.etaCutoff(o.etaCutoff);
}

Status Sampler::checkChoice(const Likeliest &best, bool processed) {
  if (std::isfinite(best.logit))
    return {};
  if (processed)
    return {ErrorCode::InvalidArgument,
            "no token can follow: the options suppress all that are left"};
  return {ErrorCode::Internal, "no logit is a finite number"};
}

Result<int32_t> Sampler::sample(std::span<const float> logits) {
  std::span<const float> row = process(logits);
  const Likeliest best = likeliestOf(row);
  SWALLOW_TRY(checkChoice(best, row.data() != logits.data()));
  int32_t token = best.token;
  if (!options_->greedy()) {
    narrow(row);
    token = candidates_.draw(random_.nextUniform());
  }
  accept(token);
  return token;
}

Result<int32_t> Sampler::sample(const Likeliest &likeliest) {
  assert(!needsLogits());
  SWALLOW_TRY(checkChoice(likeliest, /*processed=*/false));
  accept(likeliest.token);
  return likeliest.token;
}

Status Sampler::distribution(std::span<const float> logits,
                             std::vector<double> &probabilities) {
  std::span<const float> row = process(logits);
  SWALLOW_TRY(checkChoice(likeliestOf(row), row.data() != logits.data()));
  if (options_->greedy())
    candidates_.assign(row, 1);
  else
    narrow(row);
  probabilities.assign(logits.size(), 0);
  std::span<const double> kept = candidates_.probabilities();
  for (size_t i = 0; i < kept.size(); ++i)
    probabilities[static_cast<size_t>(candidates_.ids()[i])] = kept[i];
  return {};
}

} // namespace swallow
