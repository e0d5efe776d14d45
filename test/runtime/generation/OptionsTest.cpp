#include "runtime/generation/Options.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace swallow {
namespace {

struct Case {
  std::string name;
  std::function<void(GenerationOptions &)> change;
  std::string value; // as the message has it
  std::string range; // a part of it
};

template <typename T> auto set(T GenerationOptions::*field, auto value) {
  return [=](GenerationOptions &options) { options.*field = T(value); };
}

using O = GenerationOptions;

TEST(OptionsTest, RefusesWhatIsOutsideItsRange) {
  const float nan = std::nanf("");
  const std::string big(kMaxStopBytes + 1, 'x');
  std::vector<Case> cases = {
      {"n", set(&O::n, 0), "0", "1 or more"},
      {"n", set(&O::n, 3), "3", "1 when nothing is sampled"},
      {"temperature", set(&O::temperature, -0.5), "-0.5", "0 or more"},
      {"temperature", set(&O::temperature, nan), "nan", "0 or more"},
      {"temperature", set(&O::temperature, INFINITY), "inf", "0 or more"},
      {"top_k", set(&O::topK, -1), "-1", "0 (off) or more"},
      {"top_p", set(&O::topP, 1.5), "1.5", "from 0 to 1"},
      {"top_p", set(&O::topP, nan), "nan", "from 0 to 1"},
      {"top_h", set(&O::topH, -0.1), "-0.1", "from 0 to 1"},
      {"min_p", set(&O::minP, 1.01), "1.01", "from 0 to 1"},
      {"typical_p", set(&O::typicalP, 0), "0", "above 0 and at most 1"},
      {"epsilon_cutoff", set(&O::epsilonCutoff, 1), "1", "below 1"},
      {"eta_cutoff", set(&O::etaCutoff, -1), "-1", "below 1"},
      {"repetition_penalty", set(&O::repetitionPenalty, 0), "0",
       "greater than 0"},
      {"frequency_penalty", set(&O::frequencyPenalty, 2.1), "2.1",
       "from -2 to 2"},
      {"presence_penalty", set(&O::presencePenalty, -3), "-3", "from -2 to 2"},
      {"no_repeat_ngram_size", set(&O::noRepeatNgramSize, -2), "-2",
       "0 or more"},
      {"min_tokens", set(&O::minTokens, -1), "-1", "0 or more"},
      {"min_length", set(&O::minLength, -1), "-1", "0 or more"},
      {"max_tokens", set(&O::maxTokens, -2), "-2", "-1 for no bound"},
      {"max_length", set(&O::maxLength, 0), "0", "1 or more"},
      {"decay_penalty_start", set(&O::decayPenaltyStart, -1), "-1",
       "0 or more"},
      {"decay_penalty_factor", set(&O::decayPenaltyFactor, 0), "0",
       "greater than 0"},
      {"logprobs", set(&O::logprobs, 1025), "1025", "0 to 1024"},
      {"prompt_logprobs", set(&O::promptLogprobs, -2), "-2", "0 to 1024"},
      {"forced_bos_token_id", set(&O::forcedBosTokenId, 100), "100", "0 to 99"},
      {"forced_eos_token_ids", [](O &o) { o.forcedEosTokenIds = {5, -1}; },
       "-1", "0 to 99"},
      {"stop_token_ids", [](O &o) { o.stopTokenIds = {100}; }, "100",
       "0 to 99"},
      {"eos_token_ids", [](O &o) { o.eosTokenIds = {-4}; }, "-4", "0 or more"},
      {"suppress_tokens", [](O &o) { o.suppressTokens = {-1}; }, "-1",
       "0 or more"},
      {"logit_bias", [](O &o) { o.logitBias = {{100, 1}}; }, "100", "0 to 99"},
      {"logit_bias", [](O &o) { o.logitBias = {{1, INFINITY}}; }, "inf",
       "finite"},
      {"logit_bias", [](O &o) { o.logitBias = {{7, 1}, {2, 1}, {7, 2}}; },
       "given twice for token 7", "one"},
      {"sequence_bias", [](O &o) { o.sequenceBias = {{{}, 1}}; }, "0",
       "at least 1"},
      {"sequence_bias", [](O &o) { o.sequenceBias = {{{1, 200}, 1}}; }, "200",
       "0 to 99"},
      {"sequence_bias", [=](O &o) { o.sequenceBias = {{{1}, nan}}; }, "nan",
       "finite"},
      {"stop", [](O &o) { o.stop = {"a", ""}; }, "an empty string",
       "character"},
      {"stop", [](O &o) { o.stop = {"\xff"}; }, "not UTF-8", "text"},
      {"stop", [&](O &o) { o.stop = {big}; }, "65537", "65536"},
      {"stop",
       [](O &o) {
         o.stop = {"a"};
         o.detokenize = false;
       },
       "without detokenize", "text"},
  };
  for (const Case &test : cases) {
    GenerationOptions options;
    test.change(options);
    Status status = validateOptions(options, 100);
    ASSERT_FALSE(status.ok()) << test.name;
    EXPECT_EQ(status.error().code, ErrorCode::InvalidArgument);
    const std::string &message = status.error().message;
    EXPECT_EQ(message.rfind(test.name + " is ", 0), 0u) << message;
    EXPECT_NE(message.find(test.value), std::string::npos) << message;
    EXPECT_NE(message.find(test.range), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST(OptionsTest, AcceptsTheEndsOfRanges) {
  GenerationOptions options;
  EXPECT_TRUE(validateOptions(options, 100).ok());
  EXPECT_TRUE(options.greedy());
  options.doSample = true;
  options.n = 5;
  options.topP = options.minP = options.epsilonCutoff = 0;
  options.topH = options.typicalP = 1;
  options.frequencyPenalty = -2;
  options.presencePenalty = 2;
  options.maxTokens = 0;
  options.maxLength = 1;
  options.logprobs = 1024;
  options.logitBias = {{99, -INFINITY}, {0, -100}};
  options.eosTokenIds = {1000}; // as in some published checkpoints
  options.suppressTokens = {1000};
  options.stop = {std::string(kMaxStopBytes, 'x')};
  Status status = validateOptions(options, 100);
  EXPECT_TRUE(status.ok()) << status.error().message;
  EXPECT_FALSE(options.greedy());
  options.n = 1;
  options.temperature = 0;
  EXPECT_TRUE(validateOptions(options, 100).ok());
  EXPECT_TRUE(options.greedy());
}

} // namespace
} // namespace swallow
