//===- GenerationConfig.cpp - generation_config.json ----------------------===//

#include "frontends/huggingface/GenerationConfig.h"

#include "frontends/huggingface/CheckpointFolder.h"
#include "frontends/huggingface/Json.h"

using namespace swallow;

Result<GenerationConfig>
swallow::parseGenerationConfig(std::string_view json, const std::string &path,
                               const ModelConfig &config) {
  SWALLOW_ASSIGN(Json root, parseJson(json, path));
  if (!root.is_object())
    return {ErrorCode::MalformedFile,
            path + ": expected a JSON object, found " + describeJson(root)};
  JsonObjectReader reader(root, path);

  GenerationConfig result;
  result.eosTokenIds = config.eosTokenIds;
  result.bosTokenId = config.bosTokenId;
  result.padTokenId = config.padTokenId;
  if (reader.find("eos_token_id")) {
    SWALLOW_ASSIGN(result.eosTokenIds, reader.tokenIds("eos_token_id"));
  }
  if (reader.find("bos_token_id")) {
    SWALLOW_ASSIGN(result.bosTokenId, reader.tokenId("bos_token_id"));
  }
  if (reader.find("pad_token_id")) {
    SWALLOW_ASSIGN(result.padTokenId, reader.tokenId("pad_token_id"));
  }
  SWALLOW_ASSIGN(result.doSample, reader.optionalBoolean("do_sample"));
  SWALLOW_ASSIGN(result.temperature,
                 reader.optionalNumber("temperature", 0.0, 1e6));
  SWALLOW_ASSIGN(result.topP, reader.optionalNumber("top_p", 0.0, 1.0));
  SWALLOW_ASSIGN(result.topK, reader.optionalInteger("top_k", 0, INT32_MAX));
  SWALLOW_ASSIGN(result.minP, reader.optionalNumber("min_p", 0.0, 1.0));
  SWALLOW_ASSIGN(result.typicalP, reader.optionalNumber("typical_p", 0.0, 1.0));
  SWALLOW_ASSIGN(result.repetitionPenalty,
                 reader.optionalNumber("repetition_penalty", 1e-6, 1e6));
  SWALLOW_ASSIGN(result.maxNewTokens,
                 reader.optionalInteger("max_new_tokens", 1, INT32_MAX));
  SWALLOW_ASSIGN(result.maxLength,
                 reader.optionalInteger("max_length", 1, INT32_MAX));
  return result;
}

Result<GenerationConfig>
swallow::readGenerationConfig(const std::string &modelDir,
                              const ModelConfig &config) {
  // Without the file, transformers reads the same keys from config.json, where
  // old checkpoints keep them.
  std::string path = joinPath(modelDir, "generation_config.json");
  if (!pathExists(path))
    path = joinPath(modelDir, "config.json");
  SWALLOW_ASSIGN(std::string text, readConfigFile(path));
  return parseGenerationConfig(text, path, config);
}
