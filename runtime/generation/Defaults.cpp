#include "runtime/generation/Defaults.h"

#include <charconv>

namespace swallow {

/// The decimal number that was rounded to `value`: 0.9, not 0.899999976. The
/// file has single precision, thresholds are compared with more.
static double asWritten(float value) {
  char text[32];
  auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  double result = 0;
  std::from_chars(text, end, result);
  return result;
}

template <typename Vector>
static void copyIds(std::vector<int32_t> &out, const Vector *ids) {
  if (ids)
    out.assign(ids->begin(), ids->end());
}

GenerationOptions defaultOptions(const fbs::GenerationDefaults *defaults) {
  GenerationOptions options;
  options.topK = 50; // transformers' own
  if (!defaults)
    return options;
  const fbs::GenerationDefaults &d = *defaults;
  options.doSample = d.do_sample();
  if (d.sequence_bias())
    for (const fbs::SequenceBias *entry : *d.sequence_bias()) {
      options.sequenceBias.push_back({{}, entry->bias()});
      copyIds(options.sequenceBias.back().ids, entry->ids());
    }
  options.repetitionPenalty = asWritten(d.repetition_penalty());
  options.noRepeatNgramSize = d.no_repeat_ngram_size();
  options.minTokens = d.min_new_tokens();
  // The counts of new tokens win where both are set.
  options.minLength = options.minTokens > 0 ? 0 : d.min_length();
  options.forcedBosTokenId = d.forced_bos_token_id();
  copyIds(options.forcedEosTokenIds, d.forced_eos_token_ids());
  options.removeInvalidValues = d.remove_invalid_values();
  options.decayPenaltyStart = d.decay_penalty_start();
  options.decayPenaltyFactor = d.decay_penalty_factor();
  copyIds(options.suppressTokens, d.suppress_tokens());
  copyIds(options.beginSuppressTokens, d.begin_suppress_tokens());
  options.temperature = asWritten(d.temperature());
  options.topH = d.top_h();
  options.topK = d.top_k();
  options.topP = asWritten(d.top_p());
  options.minP = asWritten(d.min_p());
  options.typicalP = asWritten(d.typical_p());
  options.epsilonCutoff = d.epsilon_cutoff();
  options.etaCutoff = d.eta_cutoff();
  options.maxTokens = d.max_new_tokens();
  options.maxLength = options.maxTokens >= 0 ? -1 : d.max_length();
  copyIds(options.eosTokenIds, d.eos_token_ids());
  if (d.stop_strings())
    for (const flatbuffers::String *stop : *d.stop_strings())
      options.stop.push_back(stop->str());
  return options;
}

} // namespace swallow
