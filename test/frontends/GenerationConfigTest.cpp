//===- GenerationConfigTest.cpp - generation_config.json ------------------===//

#include "frontends/huggingface/GenerationConfig.h"
#include "test/frontends/CheckpointFixture.h"

using namespace swallow;
using namespace swallow::test;

static ModelConfig modelConfig() {
  ModelConfig config;
  config.eosTokenIds = {2, 3};
  config.bosTokenId = 1;
  return config;
}
static Result<GenerationConfig> parse(const std::string &json) {
  return parseGenerationConfig(json, "dir/generation_config.json",
                               modelConfig());
}

TEST(GenerationConfig, ReadsEveryKey) {
  auto config = parse(R"({"eos_token_id": [128001, 128009],
    "bos_token_id": 128000, "pad_token_id": 0, "do_sample": true,
    "temperature": 0.6, "top_p": 0.9, "top_k": 40, "min_p": 0.05,
    "typical_p": 1, "repetition_penalty": 1.1, "max_new_tokens": 128,
    "max_length": 4096, "transformers_version": "4.43.0"})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->eosTokenIds, (std::vector<int64_t>{128001, 128009}));
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
  for (const Case &c : {Case{"do_sample", "1", "true, false or null"},
                        Case{"temperature", "-0.5", "a number from 0"},
                        Case{"temperature", "\"hot\"", "\"hot\""},
                        Case{"top_p", "1.5", "a number from 0 to 1"},
                        Case{"top_k", "-1", "an integer from 0"},
                        Case{"top_k", "40.0", "an integer from 0"},
                        Case{"min_p", "2", "a number from 0 to 1"},
                        Case{"typical_p", "-1", "a number from 0 to 1"},
                        Case{"repetition_penalty", "0", "found the number 0"},
                        Case{"max_new_tokens", "0", "an integer from 1"},
                        Case{"max_length", "1e30", "an integer from 1"},
                        Case{"eos_token_id", "[[1]]", "found a list"},
                        Case{"pad_token_id", "true", "found true"}})
    expectError(
        parse("{\"" + std::string(c.key) + "\": " + c.value + "}"),
        ErrorCode::InvalidConfig,
        {"dir/generation_config.json: key \"" + std::string(c.key) + "\"",
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
