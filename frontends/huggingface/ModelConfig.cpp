//===- ModelConfig.cpp - config.json of a checkpoint ----------------------===//

#include "frontends/huggingface/ModelConfig.h"

#include "frontends/huggingface/CheckpointFolder.h"
#include "frontends/huggingface/Json.h"

#include <algorithm>
#include <utility>

using namespace swallow;

namespace {

// Bounds far above any model, chosen so that no product of sizes overflows an
// int64_t: the f32 bytes of all weights (9 matrices a layer) are below
// 2^12 * 2^4 * 2^40 * 2^2 = 2^58, and one sequence's f32 KV cache is at most
// 2 * 2^12 * 2^20 * 2^26 * 2^2 = 2^61.
constexpr int64_t maxSize = int64_t(1) << 20;
constexpr int64_t maxLayers = int64_t(1) << 12;
constexpr int64_t maxVocab = int64_t(1) << 24;
constexpr int64_t maxPositions = int64_t(1) << 26;
constexpr int64_t maxWindow = (int64_t(1) << 31) - 1;
constexpr double maxTheta = 1e18;

struct ArchitectureInfo {
  Architecture architecture;
  const char *name;      // in "architectures"
  const char *modelType; // in "model_type"
};
constexpr ArchitectureInfo architectures[] = {
    {Architecture::Llama, "LlamaForCausalLM", "llama"},
    {Architecture::Mistral, "MistralForCausalLM", "mistral"},
};

const char *const supportedText =
    "supported are LlamaForCausalLM (model_type llama) and MistralForCausalLM "
    "(model_type mistral)";

/// As AutoConfig, by model_type; "architectures" must not contradict it, since
/// a checkpoint for LlamaForSequenceClassification is no language model.
Result<Architecture> readArchitecture(const JsonObjectReader &config) {
  SWALLOW_ASSIGN(auto modelType, config.optionalString("model_type"));
  std::vector<std::string> names;
  if (const Json *list = config.find("architectures");
      list && !list->is_null()) {
    const char *expected = "a list of class names";
    if (!list->is_array())
      return config.mismatch("architectures", expected, list);
    for (const Json &name : *list) {
      if (!name.is_string())
        return config.mismatch("architectures", expected, &name);
      names.push_back(name.get<std::string>());
    }
  }
  if (!modelType && names.empty())
    return config.mismatch("model_type", "\"llama\" or \"mistral\"",
                           config.find("model_type"));
  for (const ArchitectureInfo &info : architectures) {
    bool named =
        std::find(names.begin(), names.end(), info.name) != names.end();
    if (modelType ? *modelType == info.modelType : named) {
      if (!names.empty() && !named)
        return config.error(ErrorCode::UnsupportedModel, "architectures",
                            quoteForMessage(names.front()) +
                                " is not supported with model_type " +
                                quoteForMessage(info.modelType) + "; " +
                                supportedText);
      return info.architecture;
    }
  }
  if (names.empty())
    return config.error(ErrorCode::UnsupportedModel, "model_type",
                        quoteForMessage(*modelType) + " is not supported; " +
                            supportedText);
  return config.error(ErrorCode::UnsupportedModel, "architectures",
                      quoteForMessage(names.front()) + " is not supported; " +
                          supportedText);
}

/// Refuses, by name, settings that would change the computation and that
/// Swallow does not support.
Status checkSupported(const JsonObjectReader &config) {
  if (const Json *quantization = config.find("quantization_config");
      quantization && !quantization->is_null()) {
    std::string method = "unnamed";
    if (quantization->is_object())
      if (auto it = quantization->find("quant_method");
          it != quantization->end() && it->is_string())
        method = it->get<std::string>();
    return config.error(
        ErrorCode::UnsupportedModel, "quantization_config",
        "weights quantised with quant_method " + quoteForMessage(method) +
            " are not supported; expected a checkpoint in float32, float16 or "
            "bfloat16");
  }
  for (const char *key : {"compression_config", "per_layer_config"})
    if (!config.isAbsentOrNull(key))
      return config.error(ErrorCode::UnsupportedModel, key, "not supported");
  SWALLOW_ASSIGN(auto activation, config.optionalString("hidden_act"));
  // "swish" is the same function in transformers' table of activations.
  if (activation.value_or("silu") != "silu" && *activation != "swish")
    return config.error(ErrorCode::UnsupportedModel, "hidden_act",
                        quoteForMessage(*activation) +
                            " is not supported; supported is \"silu\"");
  SWALLOW_ASSIGN(double rotaryPart,
                 config.number("partial_rotary_factor", 1.0, 0.0, 1.0));
  if (rotaryPart != 1.0)
    return config.error(ErrorCode::UnsupportedModel, "partial_rotary_factor",
                        "only 1 is supported: RoPE over the whole head");
  return {};
}

/// transformers' Llama and Mistral ignore `layer_types`; a list that asks for
/// different layers is refused because its author expects them.
Status checkLayerTypes(const JsonObjectReader &config) {
  const Json *list = config.find("layer_types");
  if (!list || list->is_null())
    return {};
  if (!list->is_array())
    return config.mismatch("layer_types", "a list of strings", list);
  for (const Json &type : *list) {
    if (!type.is_string())
      return config.mismatch("layer_types", "a list of strings", &type);
    const auto &name = type.get_ref<const std::string &>();
    if (name != "full_attention" && name != "sliding_attention")
      return config.error(ErrorCode::UnsupportedModel, "layer_types",
                          quoteForMessage(name) + " is not supported");
    if (type != list->front())
      return config.error(
          ErrorCode::UnsupportedModel, "layer_types",
          "layers of different attention (" +
              quoteForMessage(list->front().get<std::string>()) + " and " +
              quoteForMessage(name) + ") are not supported");
  }
  return {};
}

Result<RopeConfig> readRope(const JsonObjectReader &config,
                            const std::string &path, int64_t maxPosition) {
  RopeConfig rope;
  SWALLOW_ASSIGN(rope.theta,
                 config.number("rope_theta", rope.theta, 1e-6, maxTheta));

  // RotaryEmbeddingConfigMixin.convert_rope_params_to_dict: a rope_scaling
  // that is neither null nor empty goes before rope_parameters.
  const Json *parameters = nullptr;
  std::string source;
  for (const char *key : {"rope_scaling", "rope_parameters"}) {
    const Json *value = config.find(key);
    if (!value || value->is_null())
      continue;
    if (!value->is_object())
      return config.mismatch(key, "an object or null", value);
    if (value->empty() || parameters)
      continue;
    parameters = value;
    source = key;
  }
  if (!parameters)
    return rope;

  JsonObjectReader reader(*parameters, path, source + ".");
  for (const char *key : {"full_attention", "sliding_attention"})
    if (reader.find(key))
      return reader.error(ErrorCode::UnsupportedModel, key,
                          "RoPE parameters that differ by layer are not "
                          "supported");
  SWALLOW_ASSIGN(rope.theta,
                 reader.number("rope_theta", rope.theta, 1e-6, maxTheta));
  SWALLOW_ASSIGN(double rotaryPart,
                 reader.number("partial_rotary_factor", 1.0, 0.0, 1.0));
  if (rotaryPart != 1.0)
    return reader.error(ErrorCode::UnsupportedModel, "partial_rotary_factor",
                        "only 1 is supported: RoPE over the whole head");

  const char *typeKey = reader.find("rope_type") ? "rope_type" : "type";
  SWALLOW_ASSIGN(auto type, reader.optionalString(typeKey));
  std::string name = type.value_or("default");
  auto required = [&](const char *key, double min) -> Result<double> {
    if (!reader.find(key))
      return reader.mismatch(
          key, "a number, which RoPE type " + quoteForMessage(name) + " needs",
          nullptr);
    return reader.number(key, 0.0, min, 1e9);
  };
  if (name == "default")
    return rope;
  if (name == "linear") {
    rope.type = RopeConfig::Type::Linear;
    SWALLOW_ASSIGN(rope.factor, required("factor", 1e-6));
    return rope;
  }
  if (name != "llama3")
    return reader.error(ErrorCode::UnsupportedModel, typeKey,
                        "RoPE type " + quoteForMessage(name) +
                            " is not supported; supported are \"default\", "
                            "\"linear\" and \"llama3\"");
  rope.type = RopeConfig::Type::Llama3;
  SWALLOW_ASSIGN(rope.factor, required("factor", 1e-6));
  SWALLOW_ASSIGN(rope.lowFreqFactor, required("low_freq_factor", 1e-6));
  SWALLOW_ASSIGN(rope.highFreqFactor, required("high_freq_factor", 1e-6));
  if (rope.highFreqFactor <= rope.lowFreqFactor)
    return reader.mismatch("high_freq_factor",
                           "a number greater than low_freq_factor",
                           reader.find("high_freq_factor"));
  // standardize_rope_params: the key outside the dictionary goes first.
  const char *originalKey = "original_max_position_embeddings";
  SWALLOW_ASSIGN(rope.originalMaxPosition,
                 reader.integer(originalKey, maxPosition, 1, maxPositions));
  SWALLOW_ASSIGN(
      rope.originalMaxPosition,
      config.integer(originalKey, rope.originalMaxPosition, 1, maxPositions));
  return rope;
}

Result<DType> readDType(const JsonObjectReader &config) {
  const char *key = config.isAbsentOrNull("dtype") ? "torch_dtype" : "dtype";
  SWALLOW_ASSIGN(auto name, config.optionalString(key));
  if (!name || *name == "float32")
    return DType::F32;
  if (*name == "float16")
    return DType::F16;
  if (*name == "bfloat16")
    return DType::BF16;
  return config.error(ErrorCode::UnsupportedModel, key,
                      quoteForMessage(*name) +
                          " is not supported; supported are "
                          "\"float32\", \"float16\" and "
                          "\"bfloat16\"");
}

Status readSizes(const JsonObjectReader &config, ModelConfig &model) {
  const bool llama = model.architecture == Architecture::Llama;
  auto size = [&](const char *key, int64_t fallback, int64_t max) {
    return config.integer(key, fallback, 1, max);
  };
  SWALLOW_ASSIGN(model.hiddenSize, size("hidden_size", 4096, maxSize));
  SWALLOW_ASSIGN(model.intermediateSize,
                 size("intermediate_size", llama ? 11008 : 14336, maxSize));
  SWALLOW_ASSIGN(model.numLayers, size("num_hidden_layers", 32, maxLayers));
  SWALLOW_ASSIGN(model.numHeads, size("num_attention_heads", 32, maxSize));
  SWALLOW_ASSIGN(model.vocabSize, size("vocab_size", 32000, maxVocab));
  SWALLOW_ASSIGN(
      model.maxPositionEmbeddings,
      size("max_position_embeddings", llama ? 2048 : 4096 * 32, maxPositions));

  // Absent: one per query head for Llama, 8 for Mistral; null: one per head.
  SWALLOW_ASSIGN(auto kvHeads,
                 config.optionalInteger("num_key_value_heads", 1, maxSize));
  bool mistralDefault = !llama && !config.find("num_key_value_heads");
  model.numKvHeads = kvHeads.value_or(mistralDefault ? 8 : model.numHeads);
  if (model.numHeads % model.numKvHeads != 0)
    return config.error(
        ErrorCode::InvalidConfig, "num_key_value_heads",
        "expected a divisor of num_attention_heads (" +
            std::to_string(model.numHeads) + "), found " +
            std::to_string(model.numKvHeads) +
            (mistralDefault ? ", which is Mistral's default" : ""));

  SWALLOW_ASSIGN(auto headDim, config.optionalInteger("head_dim", 1, maxSize));
  if (!headDim && llama && model.hiddenSize % model.numHeads != 0)
    return config.error(ErrorCode::InvalidConfig, "num_attention_heads",
                        "expected a divisor of hidden_size (" +
                            std::to_string(model.hiddenSize) + "), found " +
                            std::to_string(model.numHeads));
  model.headDim = headDim.value_or(model.hiddenSize / model.numHeads);
  if (model.headDim == 0 || model.headDim % 2 != 0)
    return config.error(
        ErrorCode::InvalidConfig, "head_dim",
        "expected an even number, which RoPE needs, found " +
            std::to_string(model.headDim) +
            (headDim ? "" : " (hidden_size / num_attention_heads)"));
  if (model.numHeads * model.headDim > maxSize)
    return config.error(ErrorCode::InvalidConfig, "head_dim",
                        "expected num_attention_heads * head_dim of at most " +
                            std::to_string(maxSize) + ", found " +
                            std::to_string(model.numHeads * model.headDim));
  return {};
}

} // namespace

const char *swallow::architectureName(Architecture architecture) {
  return architecture == Architecture::Llama ? "LlamaForCausalLM"
                                             : "MistralForCausalLM";
}

const char *swallow::dtypeName(DType dtype) {
  return dtype == DType::F32 ? "f32" : dtype == DType::F16 ? "f16" : "bf16";
}

size_t swallow::dtypeSize(DType dtype) { return dtype == DType::F32 ? 4 : 2; }

const char *swallow::ropeTypeName(RopeConfig::Type type) {
  switch (type) {
  case RopeConfig::Type::Default:
    return "default";
  case RopeConfig::Type::Linear:
    return "linear";
  case RopeConfig::Type::Llama3:
    return "llama3";
  }
  return "?";
}

Result<ModelConfig> swallow::parseModelConfig(std::string_view json,
                                              const std::string &path) {
  SWALLOW_ASSIGN(Json root, parseJson(json, path));
  if (!root.is_object())
    return {ErrorCode::MalformedFile,
            path + ": expected a JSON object, found " + describeJson(root)};
  JsonObjectReader config(root, path);

  ModelConfig model;
  SWALLOW_ASSIGN(model.architecture, readArchitecture(config));
  SWALLOW_TRY(checkSupported(config));
  SWALLOW_TRY(checkLayerTypes(config));
  SWALLOW_TRY(readSizes(config, model));
  SWALLOW_ASSIGN(model.rmsNormEps,
                 config.number("rms_norm_eps", 1e-6, 0.0, 1.0));
  SWALLOW_ASSIGN(model.rope,
                 readRope(config, path, model.maxPositionEmbeddings));
  if (model.architecture == Architecture::Mistral) {
    SWALLOW_ASSIGN(model.slidingWindow,
                   config.optionalInteger("sliding_window", 1, maxWindow));
    if (!config.find("sliding_window"))
      model.slidingWindow = 4096;
  } else {
    SWALLOW_ASSIGN(model.attentionBias,
                   config.boolean("attention_bias", false));
    SWALLOW_ASSIGN(model.mlpBias, config.boolean("mlp_bias", false));
  }
  SWALLOW_ASSIGN(model.tieWordEmbeddings,
                 config.boolean("tie_word_embeddings", false));
  SWALLOW_ASSIGN(model.dtype, readDType(config));

  SWALLOW_ASSIGN(model.eosTokenIds, config.tokenIds("eos_token_id"));
  if (!config.find("eos_token_id"))
    model.eosTokenIds = {2};
  SWALLOW_ASSIGN(model.bosTokenId, config.tokenId("bos_token_id"));
  if (!config.find("bos_token_id"))
    model.bosTokenId = 1;
  SWALLOW_ASSIGN(model.padTokenId, config.tokenId("pad_token_id"));
  return model;
}

Result<ModelConfig> swallow::readModelConfig(const std::string &modelDir) {
  SWALLOW_TRY(checkCheckpointFolder(modelDir));
  std::string path = joinPath(modelDir, "config.json");
  SWALLOW_ASSIGN(std::string text, readConfigFile(path));
  return parseModelConfig(text, path);
}
