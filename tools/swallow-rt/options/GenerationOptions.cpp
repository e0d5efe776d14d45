#include "tools/swallow-rt/options/GenerationOptions.h"
#include "tools/swallow-rt/Support.h"

#include <cmath>
#include <cstdio>
#include <limits>
#include <sys/random.h>

namespace {

/// What transformers does without max_new_tokens is 20 tokens, too few to be of
/// use.
constexpr int64_t kDefaultMaxTokens = 512;

constexpr const char *kModels = "model's";

/// "ID=BIAS".
swallow_logit_bias parseBias(const std::string &text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos)
    throw CLI::ValidationError("--logit-bias " + inQuotes(text) +
                               " is not ID=BIAS");
  swallow_logit_bias bias{};
  bias.token =
      numberInRange<int32_t>("--logit-bias", text.substr(0, equals), {0});
  std::string value = text.substr(equals + 1);
  if (value == "-inf")
    bias.bias = -INFINITY;
  else
    bias.bias = numberInRange<double>("--logit-bias", value,
                                      {std::numeric_limits<double>::lowest()});
  return bias;
}

uint64_t randomSeed() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
    throw CommandError("the system has no random seed; give one with --seed");
  return seed;
}

} // namespace

void GenerationOptions::declareEnds(Options &declare) {
  declare.number<int64_t>("-n,--max-tokens", maxTokens, "N", "Most new tokens",
                          {0}, "model's or 512");
  declare.number<int64_t>("--min-tokens", minTokens, "N",
                          "No end before this many", {0}, kModels);
  declare.repeated("--stop", "TEXT", "End before this text",
                   "may be repeated, default none",
                   [this](const std::string &text) {
                     if (text.empty())
                       throw CLI::ValidationError("--stop is empty");
                     stop.push_back(text);
                   });
  declare.repeated("--stop-token-id", "ID", "End at this token",
                   "at least 0, may be repeated",
                   [this](const std::string &id) {
                     stopTokenIds.push_back(
                         numberInRange<int32_t>("--stop-token-id", id, {0}));
                   });
  declare.flag("--ignore-eos", ignoreEos, "Go on after the end of the text");
}

void GenerationOptions::declareSampling(Options &declare) {
  declare.number<double>("--temperature", temperature, "T",
                         "0: always the likeliest", {0}, kModels);
  declare.number<int32_t>("--top-k", topK, "K", "Of the K likeliest", {0},
                          kModels);
  declare.number<double>("--top-p", topP, "P", "Of the likeliest of sum P",
                         {0, 1}, kModels);
  declare.number<double>("--min-p", minP, "P", "At least P of the likeliest",
                         {0, 1}, kModels);
  declare.number<double>("--typical-p", typicalP, "P", "Most typical",
                         {.low = 0, .high = 1, .aboveLow = true}, kModels);
  declare.number<uint64_t>("--seed", seed, "N", "Makes sampling repeatable",
                           {0}, "random");
}

void GenerationOptions::declarePenalties(Options &declare) {
  declare.number<double>("--repetition-penalty", repetitionPenalty, "X",
                         "Divides seen logits", {.low = 0, .aboveLow = true},
                         kModels);
  declare.number<double>("--frequency-penalty", frequencyPenalty, "X",
                         "Off per occurrence", {-2, 2}, kModels);
  declare.number<double>("--presence-penalty", presencePenalty, "X",
                         "Off once used", {-2, 2}, kModels);
  declare.repeated("--logit-bias", "ID=X", "Added to a token's logit",
                   "number or -inf, repeatable",
                   [this](const std::string &text) {
                     logitBias.push_back(parseBias(text));
                   });
}

GenerationRequest::GenerationRequest(const GenerationOptions &options,
                                     const swallow_artifact *artifact)
    : given_(options) {
  check(swallow_generation_options_from_artifact(artifact, &request_,
                                                 sizeof(request_)));
  auto take = [](auto &value, const auto &given) {
    if (given)
      value = *given;
  };
  take(request_.max_tokens, given_.maxTokens);
  if (request_.max_tokens < 0 && request_.max_length < 0)
    request_.max_tokens = kDefaultMaxTokens;
  take(request_.min_tokens, given_.minTokens);
  // The checkpoint's stop strings go on to count.
  for (size_t i = 0; i < request_.num_stop; ++i)
    stop_.push_back(request_.stop[i]);
  for (const std::string &text : given_.stop)
    stop_.push_back(text.c_str());
  request_.stop = stop_.data();
  request_.num_stop = stop_.size();
  if (!given_.stopTokenIds.empty()) {
    request_.stop_token_ids = given_.stopTokenIds.data();
    request_.num_stop_token_ids = given_.stopTokenIds.size();
  }
  request_.ignore_eos |= given_.ignoreEos;

  // Asking for a way of sampling asks for sampling.
  request_.do_sample |= given_.temperature || given_.topK || given_.topP ||
                        given_.minP || given_.typicalP;
  take(request_.temperature, given_.temperature);
  take(request_.top_k, given_.topK);
  take(request_.top_p, given_.topP);
  take(request_.min_p, given_.minP);
  take(request_.typical_p, given_.typicalP);
  if (given_.seed)
    request_.seed = *given_.seed;
  else if (samples())
    request_.seed = randomSeed();

  take(request_.repetition_penalty, given_.repetitionPenalty);
  take(request_.frequency_penalty, given_.frequencyPenalty);
  take(request_.presence_penalty, given_.presencePenalty);
  if (!given_.logitBias.empty()) {
    request_.logit_bias = given_.logitBias.data();
    request_.num_logit_bias = given_.logitBias.size();
  }
}

std::string GenerationRequest::describe() const {
  if (!samples())
    return "greedy";
  char text[160];
  std::snprintf(text, sizeof(text),
                "temperature %g, top_k %d, top_p %g, min_p %g, typical_p %g, "
                "seed %llu",
                request_.temperature, request_.top_k, request_.top_p,
                request_.min_p, request_.typical_p,
                static_cast<unsigned long long>(request_.seed));
  return text;
}
