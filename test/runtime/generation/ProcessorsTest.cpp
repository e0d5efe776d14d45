// What transformers' processors make of rows of logits, as
// tools/differential/generation/processors.py wrote it down.

#include "runtime/generation/Sampler.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <map>

namespace swallow {
namespace {

using Json = nlohmann::json;

double number(const Json &value) {
  return value.is_null() ? -std::numeric_limits<double>::infinity()
                         : value.get<double>();
}

/// Turns on one setting of a case.
void apply(const std::string &name, const Json &value,
           GenerationOptions &options, SampleStart &start) {
  static const std::map<std::string, double GenerationOptions::*> numbers = {
      {"repetition_penalty", &GenerationOptions::repetitionPenalty},
      {"frequency_penalty", &GenerationOptions::frequencyPenalty},
      {"presence_penalty", &GenerationOptions::presencePenalty},
      {"temperature", &GenerationOptions::temperature},
      {"top_h", &GenerationOptions::topH},
      {"top_p", &GenerationOptions::topP},
      {"min_p", &GenerationOptions::minP},
      {"typical_p", &GenerationOptions::typicalP},
      {"epsilon_cutoff", &GenerationOptions::epsilonCutoff},
      {"eta_cutoff", &GenerationOptions::etaCutoff},
  };
  if (auto found = numbers.find(name); found != numbers.end()) {
    options.*found->second = value;
  } else if (name == "logit_bias") {
    for (const Json &entry : value)
      options.logitBias.push_back({entry[0], number(entry[1])});
  } else if (name == "sequence_bias") {
    for (const Json &entry : value)
      options.sequenceBias.push_back({entry[0], number(entry[1])});
  } else if (name == "bad_words") {
    // EOS alone is not a bad word; frontends leave it out.
    for (const Json &ids : value)
      if (ids != Json{3} && ids != Json{1})
        options.sequenceBias.push_back({ids, number(nullptr)});
  } else if (name == "no_repeat_ngram_size") {
    options.noRepeatNgramSize = value;
  } else if (name == "min_tokens") {
    options.minTokens = value;
  } else if (name == "forced_bos_token_id") {
    options.forcedBosTokenId = value;
  } else if (name == "forced_eos_token_ids") {
    options.forcedEosTokenIds = value[0].get<std::vector<int32_t>>();
    start.limit = value[1];
  } else if (name == "remove_invalid_values") {
    options.removeInvalidValues = value;
  } else if (name == "decay_penalty") {
    options.decayPenaltyStart = value[0];
    options.decayPenaltyFactor = value[1];
  } else if (name == "suppress_tokens") {
    options.suppressTokens = value.get<std::vector<int32_t>>();
  } else if (name == "begin_suppress_tokens") {
    options.beginSuppressTokens = value.get<std::vector<int32_t>>();
  } else if (name == "top_k") {
    options.topK = value;
  } else {
    FAIL() << name;
  }
}

/// A sampler for `prompt` that has already chosen `generated`.
Sampler makeSampler(const GenerationOptions &options, SampleStart start,
                    const std::vector<int32_t> &generated) {
  Sampler sampler(std::make_shared<const GenerationOptions>(options), start);
  for (int32_t token : generated)
    sampler.accept(token);
  return sampler;
}

TEST(ProcessorsTest, DistributionsAreTransformers) {
  std::ifstream file(SWALLOW_TEST_DIR
                     "/runtime/generation/data/processors.jsonl");
  std::string line;
  std::map<std::string, int> stages;
  while (std::getline(file, line)) {
    Json json = Json::parse(line, nullptr, false);
    ASSERT_FALSE(json.is_discarded());
    std::vector<float> logits;
    for (const Json &logit : json["logits"])
      logits.push_back(static_cast<float>(number(logit)));
    std::vector<int32_t> prompt = json["prompt"];
    std::vector<int32_t> generated = json["generated"];

    GenerationOptions options;
    options.doSample = true;
    options.eosTokenIds = {3, 1};
    SampleStart start{prompt, 100, static_cast<int64_t>(logits.size()), 0};
    for (size_t stage = 0; stage < json["settings"].size(); ++stage) {
      const Json &setting = json["settings"][stage];
      apply(setting[0], setting[1], options, start);
      ++stages[setting[0]];
      ASSERT_TRUE(validateOptions(options, start.vocabSize).ok());
      Sampler sampler = makeSampler(options, start, generated);
      std::vector<double> found;
      Status status = sampler.distribution(logits, found);
      ASSERT_TRUE(status.ok()) << status.error().message << "\n" << line;
      const Json &expected = json["after"][stage];
      ASSERT_EQ(found.size(), expected.size());
      for (size_t token = 0; token < found.size(); ++token)
        ASSERT_NEAR(found[token], expected[token].get<double>(), 1e-5)
            << "token " << token << " after " << setting << " in\n"
            << line;
    }
  }
  // Each of them many times, alone and after others.
  EXPECT_EQ(stages.size(), 22u);
  for (auto [name, count] : stages)
    EXPECT_GE(count, 30) << name;
}

} // namespace
} // namespace swallow
