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

GenerationOptions defaultOptions(const fbs::GenerationDefaults *defaults) {
  GenerationOptions options;
  options.topK = 50; // transformers' own
  if (!defaults)
    return options;
  if (defaults->eos_token_ids())
    options.eosTokenIds.assign(defaults->eos_token_ids()->begin(),
                               defaults->eos_token_ids()->end());
  options.doSample = defaults->do_sample();
  options.temperature = asWritten(defaults->temperature());
  options.topK = defaults->top_k();
  options.topP = asWritten(defaults->top_p());
  options.minP = asWritten(defaults->min_p());
  options.typicalP = asWritten(defaults->typical_p());
  options.repetitionPenalty = asWritten(defaults->repetition_penalty());
  options.maxTokens = defaults->max_new_tokens();
  return options;
}

} // namespace swallow
