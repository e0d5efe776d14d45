//===- GenerationConfigTest.cpp - generation_config.json ------------------===//

#include "frontends/huggingface/GenerationConfig.h"
#include "test/frontends/CheckpointFixture.h"

using namespace swallow;
using namespace swallow::test;

static ModelConfig modelConfig() {
  ModelConfig config;
  config.eosTokenIds = {2, 3};
  config.bosTokenId = 1;
  config.vocabSize = 1000;
  return config;
}
static Result<GenerationConfig> parse(const std::string &json) {
  return parseGenerationConfig(json, "dir/generation_config.json",
                               modelConfig());
}

TEST(GenerationConfig, ReadsEveryKey) {
  auto config = parse(R"({"eos_token_id": [128001, 128009, 128],
    "bos_token_id": 128000, "pad_token_id": 0, "do_sample": true,
    "temperature": 0.6, "top_p": 0.9, "top_k": 40, "min_p": 0.05,
    "typical_p": 1, "repetition_penalty": 1.1, "max_new_tokens": 128,
    "max_length": 4096, "min_new_tokens": 3, "min_length": 7,
    "top_h": 0.4, "epsilon_cutoff": 3e-4, "eta_cutoff": 0.002,
    "no_repeat_ngram_size": 4, "stop_strings": ["\n\n", "終"],
    "suppress_tokens": [5, 2000], "begin_suppress_tokens": [6],
    "sequence_bias": [[[7, 8], -2.5], [[9], 1]],
    "bad_words_ids": [[10, 11], [128], [128, 1]],
    "forced_bos_token_id": 12, "forced_eos_token_id": [13, 14],
    "remove_invalid_values": true,
    "exponential_decay_length_penalty": [15, 1.5],
    "transformers_version": "4.43.0"})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->eosTokenIds, (std::vector<int64_t>{128001, 128009, 128}));
  EXPECT_EQ(config->bosTokenId, 128000);
  EXPECT_EQ(config->padTokenId, 0);
  EXPECT_EQ(config->doSample, true);
  EXPECT_EQ(config->temperature, 0.6);
  EXPECT_EQ(config->topP, 0.9);
  EXPECT_EQ(config->topK, 40);
  EXPECT_EQ(config->minP, 0.05);
  EXPECT_EQ(config->typicalP, 1.0);
  EXPECT_EQ(config->repetitionPenalty, 1.1);
  EXPECT_EQ(config->maxNewTokens, 128);
  EXPECT_EQ(config->maxLength, 4096);
  EXPECT_EQ(config->minNewTokens, 3);
  EXPECT_EQ(config->minLength, 7);
  EXPECT_EQ(config->topH, 0.4);
  EXPECT_EQ(config->epsilonCutoff, 3e-4);
  EXPECT_EQ(config->etaCutoff, 0.002);
  EXPECT_EQ(config->noRepeatNgramSize, 4);
  EXPECT_EQ(config->stopStrings, (std::vector<std::string>{"\n\n", "終"}));
  EXPECT_EQ(config->suppressTokens, (std::vector<int64_t>{5, 2000}));
  EXPECT_EQ(config->beginSuppressTokens, std::vector<int64_t>{6});
  EXPECT_EQ(config->forcedBosTokenId, 12);
  EXPECT_EQ(config->forcedEosTokenIds, (std::vector<int64_t>{13, 14}));
  EXPECT_EQ(config->removeInvalidValues, true);
  EXPECT_EQ(config->decayPenaltyStart, 15);
  EXPECT_EQ(config->decayPenaltyFactor, 1.5);
  EXPECT_TRUE(config->warnings.empty());
  // An EOS alone is no bad word.
  const double never = -std::numeric_limits<double>::infinity();
  std::vector<std::pair<std::vector<int64_t>, double>> biases;
  for (const TokenSequenceBias &entry : config->sequenceBias)
    biases.emplace_back(entry.ids, entry.bias);
  EXPECT_EQ(
      biases,
      (std::vector<std::pair<std::vector<int64_t>, double>>{
          {{7, 8}, -2.5}, {{9}, 1}, {{10, 11}, never}, {{128, 1}, never}}));
}

// They change what transformers generates; the values that do not are silent.
TEST(GenerationConfig, WarnsOfWhatIsNotSupported) {
  auto config = parse(R"({"num_beams": 4, "penalty_alpha": 0.6,
    "guidance_scale": 1.5, "max_time": 3.5, "constraints": null,
    "watermarking_config": {"greenlist_ratio": 0.25}})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  std::vector<std::string> keys;
  for (const std::string &warning : config->warnings)
    keys.push_back(warning.substr(0, warning.find("\":")));
  std::string prefix = "dir/generation_config.json: key \"";
  EXPECT_EQ(keys, (std::vector<std::string>{
                      prefix + "num_beams", prefix + "penalty_alpha",
                      prefix + "guidance_scale", prefix + "watermarking_config",
                      prefix + "max_time"}));
  EXPECT_NE(config->warnings[0].find("the number 4"), std::string::npos);

  config = parse(R"({"num_beams": 1, "guidance_scale": 1.0,
    "penalty_alpha": null, "diversity_penalty": 0.0, "token_healing": false,
    "num_return_sequences": 1, "encoder_repetition_penalty": 1.0,
    "length_penalty": 2.0, "use_cache": true, "early_stopping": true})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_TRUE(config->warnings.empty());
}

TEST(GenerationConfig, AbsentKeysLeaveTheModelsTokenIds) {
  auto config = parse(R"({"temperature": null})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->eosTokenIds, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(config->bosTokenId, 1);
  EXPECT_FALSE(config->padTokenId);
  EXPECT_FALSE(config->doSample);
  EXPECT_FALSE(config->temperature);
  EXPECT_FALSE(config->topK);
  EXPECT_FALSE(config->maxLength);
  config = parse(R"({"eos_token_id": 7, "bos_token_id": null})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->eosTokenIds, std::vector<int64_t>{7});
  EXPECT_FALSE(config->bosTokenId);
}

TEST(GenerationConfig, ValuesAreValidated) {
  struct Case {
    const char *key, *value, *expected;
  };
  for (const Case &c :
       {Case{"do_sample", "1", "true, false or null"},
        Case{"temperature", "-0.5", "a number from 0"},
        Case{"temperature", "\"hot\"", "\"hot\""},
        Case{"top_p", "1.5", "a number from 0 to 1"},
        Case{"top_k", "-1", "an integer from 0"},
        Case{"top_k", "40.0", "an integer from 0"},
        Case{"min_p", "2", "a number from 0 to 1"},
        Case{"typical_p", "-1", "a number from 1e-06 to 1"},
        Case{"top_h", "1.1", "a number from 0 to 1"},
        Case{"epsilon_cutoff", "1", "a number from 0"},
        Case{"min_new_tokens", "-1", "an integer from 0"},
        Case{"stop_strings", "[\"\"]", "not empty"},
        Case{"stop_strings", "3", "a string"},
        Case{"suppress_tokens", "[-1]", "token ids from 0"},
        Case{"sequence_bias", "[[[1]]]", "[token ids, bias]"},
        Case{"sequence_bias", "[[[1000], 2]]", "below 1000"},
        Case{"bad_words_ids", "[[]]", "a list of token ids"},
        Case{"bad_words_ids", "[[-1]]", "below 1000"},
        Case{"bad_words_ids", "{}", "a list"},
        Case{"forced_bos_token_id", "1000", "vocabulary"},
        Case{"forced_eos_token_id", "[1, 1000]", "vocabulary"},
        Case{"exponential_decay_length_penalty", "[1, 0]", "[tokens, a factor"},
        Case{"exponential_decay_length_penalty", "[1.5, 2]",
             "[tokens, a factor"},
        Case{"repetition_penalty", "0", "found the number 0"},
        Case{"max_new_tokens", "0", "an integer from 1"},
        Case{"max_length", "1e30", "an integer from 1"},
        Case{"eos_token_id", "[[1]]", "found a list"},
        Case{"pad_token_id", "true", "found true"}})
    expectError(parse("{\"" + std::string(c.key) + "\": " + c.value + "}"),
                ErrorCode::InvalidConfig,
                {"dir/generation_config.json: key \"" + std::string(c.key),
                 c.expected});
  expectError(parse("["), ErrorCode::MalformedFile, {"malformed JSON"});
  expectError(parse("3"), ErrorCode::MalformedFile, {"a JSON object"});
}

// transformers then looks for the same keys in config.json.
TEST(GenerationConfig, WithoutTheFile) {
  TemporaryFolder dir;
  dir.write("config.json", R"({"model_type": "llama", "temperature": 0.7})");
  auto config = readGenerationConfig(dir.path(), modelConfig());
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->temperature, 0.7);
  EXPECT_EQ(config->eosTokenIds, (std::vector<int64_t>{2, 3}));
  dir.write("generation_config.json", R"({"top_p": 0.5})");
  config = readGenerationConfig(dir.path(), modelConfig());
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->topP, 0.5);
  EXPECT_FALSE(config->temperature);
}
