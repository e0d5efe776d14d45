//===- ModelConfigTest.cpp - config.json ----------------------------------===//

#include "frontends/huggingface/ModelConfig.h"
#include "test/frontends/CheckpointFixture.h"

using namespace swallow;
using namespace swallow::test;

static Result<ModelConfig> parse(const std::string &json) {
  return parseModelConfig(json, "dir/config.json");
}
/// A Llama or Mistral config with further members.
static Result<ModelConfig> llama(const std::string &members = "") {
  return parse(R"({"model_type": "llama")" +
               (members.empty() ? "" : ", " + members) + "}");
}
static Result<ModelConfig> mistral(const std::string &members = "") {
  return parse(R"({"model_type": "mistral")" +
               (members.empty() ? "" : ", " + members) + "}");
}

// An otherwise empty config.json is LlamaConfig() / MistralConfig().
TEST(ModelConfig, LlamaDefaults) {
  auto config = llama();
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->architecture, Architecture::Llama);
  EXPECT_EQ(config->hiddenSize, 4096);
  EXPECT_EQ(config->intermediateSize, 11008);
  EXPECT_EQ(config->numLayers, 32);
  EXPECT_EQ(config->numHeads, 32);
  EXPECT_EQ(config->numKvHeads, 32);
  EXPECT_EQ(config->headDim, 128);
  EXPECT_EQ(config->vocabSize, 32000);
  EXPECT_EQ(config->maxPositionEmbeddings, 2048);
  EXPECT_EQ(config->rmsNormEps, 1e-6);
  EXPECT_EQ(config->rope.type, RopeConfig::Type::Default);
  EXPECT_EQ(config->rope.theta, 10000.0);
  EXPECT_FALSE(config->slidingWindow);
  EXPECT_FALSE(config->attentionBias || config->mlpBias);
  EXPECT_FALSE(config->tieWordEmbeddings);
  EXPECT_EQ(config->dtype, DType::F32);
  EXPECT_EQ(config->eosTokenIds, std::vector<int64_t>{2});
  EXPECT_EQ(config->bosTokenId, 1);
  EXPECT_FALSE(config->padTokenId);
}

TEST(ModelConfig, MistralDefaults) {
  auto config = mistral();
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->architecture, Architecture::Mistral);
  EXPECT_EQ(config->intermediateSize, 14336);
  EXPECT_EQ(config->numKvHeads, 8);
  EXPECT_EQ(config->headDim, 128);
  EXPECT_EQ(config->maxPositionEmbeddings, 131072);
  EXPECT_EQ(config->slidingWindow, 4096);
}

TEST(ModelConfig, NullTakesTheDerivedDefault) {
  auto config = mistral(R"("num_key_value_heads": null, "head_dim": null,
                           "sliding_window": null, "rope_scaling": null,
                           "eos_token_id": null, "bos_token_id": null)");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->numKvHeads, 32);
  EXPECT_EQ(config->headDim, 128);
  EXPECT_FALSE(config->slidingWindow);
  EXPECT_TRUE(config->eosTokenIds.empty());
  EXPECT_FALSE(config->bosTokenId);
}

TEST(ModelConfig, HeadDimOfItsOwn) {
  auto config = llama(R"("hidden_size": 96, "num_attention_heads": 5,
                         "num_key_value_heads": 1, "head_dim": 32)");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->headDim, 32);
}

// The biases are LlamaConfig's; sliding_window is MistralConfig's.
TEST(ModelConfig, KeysOfTheOtherArchitectureAreIgnored) {
  auto config = llama(R"("attention_bias": true, "mlp_bias": true,
                         "sliding_window": 16, "tie_word_embeddings": true)");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_TRUE(config->attentionBias && config->mlpBias);
  EXPECT_TRUE(config->tieWordEmbeddings);
  EXPECT_FALSE(config->slidingWindow);
  config = mistral(R"("attention_bias": true, "mlp_bias": true,
                      "sliding_window": 16)");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_FALSE(config->attentionBias || config->mlpBias);
  EXPECT_EQ(config->slidingWindow, 16);
}

TEST(ModelConfig, OlderRopeKeys) {
  auto config =
      llama(R"("rope_theta": 500000, "max_position_embeddings": 131072,
    "rope_scaling": {"type": "llama3", "factor": 8.0, "low_freq_factor": 1,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 8192})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->rope.type, RopeConfig::Type::Llama3);
  EXPECT_EQ(config->rope.theta, 500000.0);
  EXPECT_EQ(config->rope.factor, 8.0);
  EXPECT_EQ(config->rope.lowFreqFactor, 1.0);
  EXPECT_EQ(config->rope.highFreqFactor, 4.0);
  EXPECT_EQ(config->rope.originalMaxPosition, 8192);
}

TEST(ModelConfig, NewerRopeKeys) {
  auto config = llama(R"("rope_theta": 1.0, "max_position_embeddings": 4096,
    "rope_parameters": {"rope_type": "llama3", "rope_theta": 250000.0,
    "factor": 32, "low_freq_factor": 1.0, "high_freq_factor": 4.0})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->rope.theta, 250000.0);
  EXPECT_EQ(config->rope.factor, 32.0);
  // Absent: max_position_embeddings, as standardize_rope_params does.
  EXPECT_EQ(config->rope.originalMaxPosition, 4096);

  config = llama(R"("rope_parameters": {"rope_type": "default",
                                        "rope_theta": 1e6})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->rope.type, RopeConfig::Type::Default);
  EXPECT_EQ(config->rope.theta, 1e6);
}

TEST(ModelConfig, RopeScalingGoesBeforeRopeParameters) {
  auto config = llama(R"(
    "rope_parameters": {"rope_type": "default", "rope_theta": 7.0},
    "rope_scaling": {"rope_type": "linear", "type": "dynamic", "factor": 2})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->rope.type, RopeConfig::Type::Linear);
  EXPECT_EQ(config->rope.factor, 2.0);
  EXPECT_EQ(config->rope.theta, 10000.0);
  // An empty one counts as none.
  config = llama(R"("rope_parameters": {"rope_theta": 7.0},
                    "rope_scaling": {})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->rope.theta, 7.0);
}

TEST(ModelConfig, RopeTypesThatAreNotSupported) {
  for (const char *type : {"dynamic", "yarn", "longrope", "su", "mrope"}) {
    auto config = llama(R"("rope_scaling": {"type": ")" + std::string(type) +
                        R"(", "factor": 2.0})");
    expectError(config, ErrorCode::UnsupportedModel,
                {"dir/config.json", "rope_scaling.type", type, "\"llama3\""});
  }
  expectError(llama(R"("rope_parameters": {"full_attention": {}})"),
              ErrorCode::UnsupportedModel, {"rope_parameters.full_attention"});
  expectError(llama(R"("partial_rotary_factor": 0.5)"),
              ErrorCode::UnsupportedModel, {"partial_rotary_factor"});
}

TEST(ModelConfig, RopeParametersMustBeComplete) {
  expectError(llama(R"("rope_scaling": {"rope_type": "llama3", "factor": 8})"),
              ErrorCode::InvalidConfig,
              {"rope_scaling.low_freq_factor", "llama3", "no such key"});
  expectError(llama(R"("rope_scaling": {"rope_type": "linear"})"),
              ErrorCode::InvalidConfig, {"rope_scaling.factor"});
  expectError(llama(R"("rope_scaling": {"rope_type": "llama3", "factor": 8,
                       "low_freq_factor": 4, "high_freq_factor": 4})"),
              ErrorCode::InvalidConfig,
              {"high_freq_factor", "greater than low_freq_factor"});
  expectError(llama(R"("rope_scaling": "linear")"), ErrorCode::InvalidConfig,
              {"rope_scaling", "an object or null", "\"linear\""});
  expectError(llama(R"("rope_theta": 0)"), ErrorCode::InvalidConfig,
              {"rope_theta", "the number 0"});
}

TEST(ModelConfig, DTypeKeys) {
  EXPECT_EQ(llama(R"("torch_dtype": "bfloat16")")->dtype, DType::BF16);
  EXPECT_EQ(llama(R"("dtype": "float16")")->dtype, DType::F16);
  EXPECT_EQ(llama(R"("dtype": "float32", "torch_dtype": "bfloat16")")->dtype,
            DType::F32);
  EXPECT_EQ(llama(R"("dtype": null, "torch_dtype": "bfloat16")")->dtype,
            DType::BF16);
  expectError(llama(R"("torch_dtype": "float8_e4m3fn")"),
              ErrorCode::UnsupportedModel,
              {"torch_dtype", "float8_e4m3fn", "bfloat16"});
}

TEST(ModelConfig, TokenIds) {
  auto config = llama(R"("eos_token_id": [128001, 128008, 128009],
                         "bos_token_id": 128000, "pad_token_id": -1)");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->eosTokenIds,
            (std::vector<int64_t>{128001, 128008, 128009}));
  EXPECT_EQ(config->bosTokenId, 128000);
  EXPECT_FALSE(config->padTokenId); // -1 says "none" in old checkpoints
  expectError(llama(R"("eos_token_id": [1, "</s>"])"), ErrorCode::InvalidConfig,
              {"eos_token_id", "\"</s>\""});
  expectError(llama(R"("bos_token_id": 2.0)"), ErrorCode::InvalidConfig,
              {"bos_token_id", "2.0"});
}

TEST(ModelConfig, ArchitecturesThatAreNotSupported) {
  expectError(parse(R"({"model_type": "qwen2",
                        "architectures": ["Qwen2ForCausalLM"]})"),
              ErrorCode::UnsupportedModel,
              {"dir/config.json", "Qwen2ForCausalLM", "LlamaForCausalLM"});
  expectError(parse(R"({"model_type": "gpt2"})"), ErrorCode::UnsupportedModel,
              {"model_type", "gpt2"});
  // The right family, but not a language model.
  expectError(parse(R"({"model_type": "llama",
                        "architectures": ["LlamaForSequenceClassification"]})"),
              ErrorCode::UnsupportedModel, {"LlamaForSequenceClassification"});
  // Contradiction.
  expectError(parse(R"({"model_type": "llama",
                        "architectures": ["MistralForCausalLM"]})"),
              ErrorCode::UnsupportedModel, {"MistralForCausalLM", "llama"});
  expectError(parse("{}"), ErrorCode::InvalidConfig,
              {"model_type", "no such key"});
  expectError(parse(R"({"architectures": "LlamaForCausalLM"})"),
              ErrorCode::InvalidConfig, {"architectures", "a list"});
  auto named = parse(R"({"architectures": ["MistralForCausalLM"]})");
  ASSERT_TRUE(named.ok()) << named.error().message;
  EXPECT_EQ(named->architecture, Architecture::Mistral);
}

TEST(ModelConfig, QuantisedWeightsAreRefusedByMethod) {
  expectError(llama(R"("quantization_config": {"quant_method": "gptq",
                                               "bits": 4})"),
              ErrorCode::UnsupportedModel, {"quantization_config", "gptq"});
  EXPECT_TRUE(llama(R"("quantization_config": null)").ok());
}

TEST(ModelConfig, ActivationMustBeSilu) {
  expectError(llama(R"("hidden_act": "gelu")"), ErrorCode::UnsupportedModel,
              {"hidden_act", "gelu", "silu"});
  EXPECT_TRUE(llama(R"("hidden_act": "swish")").ok());
}

TEST(ModelConfig, LayerTypesMustBeUniform) {
  EXPECT_TRUE(
      mistral(R"("layer_types": ["full_attention", "full_attention"])").ok());
  expectError(
      mistral(R"("layer_types": ["full_attention", "sliding_attention"])"),
      ErrorCode::UnsupportedModel,
      {"layer_types", "full_attention", "sliding_attention"});
  expectError(mistral(R"("layer_types": ["linear_attention"])"),
              ErrorCode::UnsupportedModel, {"layer_types", "linear_attention"});
  expectError(mistral(R"("layer_types": [3])"), ErrorCode::InvalidConfig,
              {"layer_types", "the number 3"});
}

// Every size: wrong type, zero, negative, fraction, and numbers that would
// overflow later products.
TEST(ModelConfig, SizesAreValidated) {
  for (const char *key :
       {"hidden_size", "intermediate_size", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size",
        "max_position_embeddings"})
    for (const char *value :
         {"\"64\"", "0", "-4", "64.0", "true", "[64]", "4294967296",
          "9223372036854775808", "1e300", "18446744073709551615"}) {
      auto config = llama(std::string("\"") + key + "\": " + value);
      expectError(config, ErrorCode::InvalidConfig,
                  {"dir/config.json: key \"" + std::string(key) + "\"",
                   "expected an integer from 1 to", "found"});
    }
  expectError(llama(R"("hidden_size": null)"), ErrorCode::InvalidConfig,
              {"hidden_size", "found null"});
}

TEST(ModelConfig, SizesMustFitEachOther) {
  expectError(llama(R"("num_attention_heads": 6, "num_key_value_heads": 4,
                       "hidden_size": 96)"),
              ErrorCode::InvalidConfig,
              {"num_key_value_heads", "divisor of num_attention_heads (6)"});
  expectError(mistral(R"("num_attention_heads": 4, "hidden_size": 128)"),
              ErrorCode::InvalidConfig,
              {"num_key_value_heads", "Mistral's default"});
  expectError(llama(R"("num_attention_heads": 5, "hidden_size": 96)"),
              ErrorCode::InvalidConfig,
              {"num_attention_heads", "divisor of hidden_size (96)"});
  expectError(llama(R"("head_dim": 33)"), ErrorCode::InvalidConfig,
              {"head_dim", "even", "33"});
  expectError(llama(R"("num_attention_heads": 2, "hidden_size": 6)"),
              ErrorCode::InvalidConfig, {"head_dim", "even", "3"});
  expectError(llama(R"("head_dim": 1048576)"), ErrorCode::InvalidConfig,
              {"num_attention_heads * head_dim", "33554432"});
}

TEST(ModelConfig, OtherValuesAreValidated) {
  expectError(llama(R"("rms_norm_eps": "small")"), ErrorCode::InvalidConfig,
              {"rms_norm_eps", "a number", "\"small\""});
  expectError(llama(R"("rms_norm_eps": -1e-5)"), ErrorCode::InvalidConfig,
              {"rms_norm_eps", "-1e-05"});
  expectError(llama(R"("tie_word_embeddings": 1)"), ErrorCode::InvalidConfig,
              {"tie_word_embeddings", "true or false", "the number 1"});
  expectError(mistral(R"("sliding_window": 0)"), ErrorCode::InvalidConfig,
              {"sliding_window", "from 1", "or null"});
}

TEST(ModelConfig, MalformedJson) {
  for (const char *text : {"", "{", "{\"model_type\": }", "{} {}", "nul",
                           "{\"a\": 1e999}", "{\"a\": \"\xff\"}", "\x01"})
    expectError(parse(text), ErrorCode::MalformedFile,
                {"dir/config.json: malformed JSON: "});
  expectError(parse("{\n\"model_type\": ]"), ErrorCode::MalformedFile,
              {"line 2"});
  expectError(parse("[1]"), ErrorCode::MalformedFile,
              {"expected a JSON object, found a list"});
  expectError(parse(std::string(1 << 20, '[')), ErrorCode::MalformedFile,
              {"nested deeper than 64"});
  std::string nested;
  for (int i = 0; i < 100000; ++i)
    nested += "{\"a\":";
  expectError(parse(nested), ErrorCode::MalformedFile, {"nested deeper"});
}

// The last of two equal keys counts, as in Python's json; unknown keys do not.
TEST(ModelConfig, DuplicateAndUnknownKeys) {
  auto config = llama(R"("vocab_size": 10, "vocab_size": 20, "foo": {"a": 1})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->vocabSize, 20);
}

TEST(ModelConfig, LongStringsAreCutInMessages) {
  auto config = llama("\"hidden_act\": \"" + std::string(100000, 'x') + "\"");
  ASSERT_FALSE(config.ok());
  EXPECT_LT(config.error().message.size(), 1000u);
}

TEST(ModelConfig, FolderErrors) {
  TemporaryFolder dir;
  expectError(readModelConfig(dir.file("absent")), ErrorCode::FileNotFound,
              {dir.file("absent"), "Hugging Face checkpoint"});
  expectError(readModelConfig(dir.path()), ErrorCode::FileNotFound,
              {dir.file("config.json"), "Hugging Face checkpoint"});
  dir.write("model.gguf", "GGUF");
  expectError(readModelConfig(dir.path()), ErrorCode::FileNotFound,
              {"found model.gguf", "safetensors"});
  expectError(readModelConfig(dir.file("model.gguf")),
              ErrorCode::FileUnreadable, {dir.file("model.gguf")});
  std::filesystem::create_directory(dir.file("config.json"));
  expectError(readModelConfig(dir.path()), ErrorCode::FileUnreadable,
              {dir.file("config.json"), "directory"});
}

// Root reads everything, so as root this becomes somebody else for a moment.
TEST(ModelConfig, UnreadableFolder) {
  TemporaryFolder dir;
  dir.write("config.json", R"({"model_type": "llama"})");
  const uid_t self = ::geteuid();
  if (self == 0)
    ASSERT_EQ(::seteuid(65534), 0);
  else
    std::filesystem::permissions(dir.path(), std::filesystem::perms::none);
  auto config = readModelConfig(dir.path());
  if (self == 0)
    ASSERT_EQ(::seteuid(0), 0);
  else
    std::filesystem::permissions(dir.path(), std::filesystem::perms::owner_all);
  expectError(config, ErrorCode::FileUnreadable,
              {dir.path(), "Permission denied"});
}
