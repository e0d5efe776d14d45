#include "tools/swallow-rt/Generation.h"

#include <chrono>
#include <cstdio>

namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

double seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

Json tokenJson(const swallow_artifact *artifact, int32_t id, double logprob) {
  return {{"token_id", id},
          {"token", decode(artifact, {id}, /*skipSpecialTokens=*/false)},
          {"logprob", logprob}};
}

Json logprobsJson(const swallow_artifact *artifact,
                  const swallow_generation_event &event) {
  Json entry = tokenJson(artifact, event.token, event.logprob);
  entry["rank"] = event.rank;
  entry["top"] = Json::array();
  for (size_t i = 0; i < event.num_top_logprobs; ++i)
    entry["top"].push_back(tokenJson(artifact, event.top_logprobs[i].token,
                                     event.top_logprobs[i].logprob));
  return entry;
}

void finish(Sample &sample, const swallow_generation_event &event) {
  sample.finishReason = swallow_finish_reason_name(event.finish_reason);
  sample.contextFull = event.context_full;
  if (event.stop_string)
    sample.stopReason = event.stop_string;
  else if (event.stop_token >= 0 && !event.stopped_by_eos)
    sample.stopReason = event.stop_token;
}

double rate(int64_t count, double time) {
  return count > 0 && time > 0 ? double(count) / time : 0;
}

} // namespace

GenerationPtr createGeneration(const swallow_artifact *artifact,
                               swallow_session *session) {
  swallow_generation *generation = nullptr;
  check(swallow_generation_create(artifact, session, &generation));
  return GenerationPtr(generation);
}

int64_t Outcome::generatedTokens() const {
  int64_t count = 0;
  for (const Sample &sample : samples)
    count += static_cast<int64_t>(sample.ids.size());
  return count;
}

double Outcome::promptSpeed() const {
  return rate(promptTokens - promptReused, promptSeconds);
}

double Outcome::generateSpeed() const {
  return rate(generatedTokens(), generateSeconds);
}

Outcome generate(const swallow_artifact *artifact,
                 swallow_generation *generation,
                 const swallow_generation_options &options,
                 const std::vector<int32_t> &ids,
                 const std::function<bool(int64_t, std::string_view)> &onText) {
  check(swallow_generation_start(generation, &options, ids.data(), ids.size()));
  Outcome outcome;
  outcome.samples.resize(static_cast<size_t>(options.n));
  if (options.logprobs >= 0)
    for (Sample &sample : outcome.samples)
      sample.logprobs = Json::array();
  // As vLLM has it: nothing can be said about the first token.
  if (options.prompt_logprobs >= 0)
    outcome.promptLogprobs = Json::array({Json()});
  Clock::time_point start = Clock::now(), promptEnd = start;
  bool aborted = false;
  for (;;) {
    swallow_generation_event event{};
    event.struct_size = sizeof(event);
    check(swallow_generation_next(generation, &event));
    if (event.kind == SWALLOW_EVENT_DONE)
      break;
    outcome.promptTokens = event.prompt_tokens;
    outcome.promptReused = event.prompt_reused;
    if (event.kind == SWALLOW_EVENT_PROMPT)
      promptEnd = Clock::now();
    if (event.kind == SWALLOW_EVENT_PROMPT_TOKEN)
      outcome.promptLogprobs.push_back(logprobsJson(artifact, event));
    bool more = true;
    if (event.kind == SWALLOW_EVENT_TOKEN || event.kind == SWALLOW_EVENT_END) {
      Sample &sample = outcome.samples[static_cast<size_t>(event.index)];
      sample.text.append(event.text, event.text_size);
      if (event.token >= 0)
        sample.ids.push_back(event.token);
      if (event.token >= 0 && options.logprobs >= 0)
        sample.logprobs.push_back(logprobsJson(artifact, event));
      if (event.finish_reason != SWALLOW_FINISH_NONE)
        finish(sample, event);
      if (event.text_size > 0)
        more = onText(event.index, {event.text, event.text_size});
    }
    outcome.interrupted |= interruptRequested();
    if ((outcome.interrupted || !more) && !aborted) {
      aborted = true;
      check(swallow_generation_abort(generation, -1));
    }
  }
  outcome.promptSeconds = seconds(start, promptEnd);
  outcome.generateSeconds = seconds(promptEnd, Clock::now());
  return outcome;
}

std::string speedLine(const Outcome &outcome) {
  char line[240];
  std::snprintf(
      line, sizeof(line),
      "prompt %lld tokens (%lld reused) in %.3f s (%.1f/s); generated %lld "
      "tokens in %.3f s (%.1f/s)",
      static_cast<long long>(outcome.promptTokens),
      static_cast<long long>(outcome.promptReused), outcome.promptSeconds,
      outcome.promptSpeed(), static_cast<long long>(outcome.generatedTokens()),
      outcome.generateSeconds, outcome.generateSpeed());
  return line;
}
