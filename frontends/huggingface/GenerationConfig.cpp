//===- GenerationConfig.cpp - generation_config.json ----------------------===//

#include "frontends/huggingface/GenerationConfig.h"

#include "frontends/huggingface/CheckpointFolder.h"
#include "frontends/huggingface/Json.h"

#include <algorithm>
#include <limits>
#include <utility>

using namespace swallow;

/// `value` as token ids below `limit`.
static Result<std::vector<int64_t>> readSequence(const JsonObjectReader &reader,
                                                 const std::string &key,
                                                 const Json &value,
                                                 int64_t limit) {
  std::string expected = "a list of token ids below " + std::to_string(limit);
  if (!value.is_array() || value.empty())
    return reader.mismatch(key, expected, &value);
  std::vector<int64_t> ids;
  for (const Json &id : value) {
    if (!id.is_number_integer() || id.get<double>() < 0 ||
        id.get<double>() >= double(limit))
      return reader.mismatch(key, expected, &id);
    ids.push_back(id.get<int64_t>());
  }
  return ids;
}

static std::string element(const char *key, size_t index) {
  return std::string(key) + "[" + std::to_string(index) + "]";
}

/// sequence_bias, [[ids, bias], ...], and bad_words_ids, [ids, ...].
static Status readSequences(const JsonObjectReader &reader, int64_t vocabSize,
                            GenerationConfig &config) {
  for (const char *key : {"sequence_bias", "bad_words_ids"}) {
    if (reader.isAbsentOrNull(key))
      continue;
    bool biased = std::string_view(key) == "sequence_bias";
    const Json &list = *reader.find(key);
    if (!list.is_array())
      return reader.mismatch(key, "a list", &list);
    for (size_t i = 0; i < list.size(); ++i) {
      const Json &entry = list[i];
      if (biased &&
          (!entry.is_array() || entry.size() != 2 || !entry[1].is_number()))
        return reader.mismatch(element(key, i), "[token ids, bias]", &entry);
      SWALLOW_ASSIGN(std::vector<int64_t> ids,
                     readSequence(reader, element(key, i),
                                  biased ? entry[0] : entry, vocabSize));
      // transformers leaves an end alone, whatever the bad words.
      bool isEnd =
          ids.size() == 1 &&
          std::find(config.eosTokenIds.begin(), config.eosTokenIds.end(),
                    ids[0]) != config.eosTokenIds.end();
      if (biased)
        config.sequenceBias.push_back({std::move(ids), entry[1].get<double>()});
      else if (!isEnd)
        config.sequenceBias.push_back(
            {std::move(ids), -std::numeric_limits<double>::infinity()});
    }
  }
  return {};
}

static Status readForced(const JsonObjectReader &reader, int64_t vocabSize,
                         GenerationConfig &config) {
  SWALLOW_ASSIGN(config.forcedBosTokenId,
                 reader.tokenId("forced_bos_token_id"));
  SWALLOW_ASSIGN(config.forcedEosTokenIds,
                 reader.tokenIds("forced_eos_token_id"));
  auto check = [&](const char *key, int64_t id) -> Status {
    if (id < vocabSize)
      return {};
    return reader.error(ErrorCode::InvalidConfig, key,
                        "token id " + std::to_string(id) +
                            " is outside the vocabulary of " +
                            std::to_string(vocabSize));
  };
  if (config.forcedBosTokenId)
    SWALLOW_TRY(check("forced_bos_token_id", *config.forcedBosTokenId));
  for (int64_t id : config.forcedEosTokenIds)
    SWALLOW_TRY(check("forced_eos_token_id", id));
  return {};
}

static Status readStopStrings(const JsonObjectReader &reader,
                              GenerationConfig &config) {
  const char *key = "stop_strings";
  if (reader.isAbsentOrNull(key))
    return {};
  const Json &value = *reader.find(key);
  auto add = [&](const std::string &name, const Json &string) -> Status {
    if (!string.is_string() || string.get_ref<const std::string &>().empty() ||
        string.get_ref<const std::string &>().find('\0') != std::string::npos)
      return reader.mismatch(name, "a string that is not empty and has no NUL",
                             &string);
    config.stopStrings.push_back(string.get<std::string>());
    return {};
  };
  if (!value.is_array())
    return add(key, value);
  for (size_t i = 0; i < value.size(); ++i)
    SWALLOW_TRY(add(element(key, i), value[i]));
  return {};
}

static Status readDecayPenalty(const JsonObjectReader &reader,
                               GenerationConfig &config) {
  const char *key = "exponential_decay_length_penalty";
  if (reader.isAbsentOrNull(key))
    return {};
  const Json &value = *reader.find(key);
  if (!value.is_array() || value.size() != 2 || !value[0].is_number_integer() ||
      !value[1].is_number() || value[0].get<double>() < 0 ||
      value[0].get<double>() > INT32_MAX || value[1].get<double>() < 1e-6 ||
      value[1].get<double>() > 1e6)
    return reader.mismatch(key, "[tokens, a factor from 1e-06 to 1e+06]",
                           &value);
  config.decayPenaltyStart = value[0].get<int64_t>();
  config.decayPenaltyFactor = value[1].get<double>();
  return {};
}

/// Keys that make transformers generate something else, with the values that
/// do not.
static void warnOfUnsupported(const Json &root, const std::string &path,
                              GenerationConfig &config) {
  static const std::pair<const char *, Json> keys[] = {
      {"num_beams", 1},
      {"num_beam_groups", 1},
      {"diversity_penalty", 0},
      {"constraints", nullptr},
      {"force_words_ids", nullptr},
      {"penalty_alpha", 0},
      {"dola_layers", nullptr},
      {"guidance_scale", 1},
      {"watermarking_config", nullptr},
      {"token_healing", false},
      {"encoder_repetition_penalty", 1},
      {"encoder_no_repeat_ngram_size", 0},
      {"num_return_sequences", 1},
      {"max_time", nullptr},
  };
  for (const auto &[key, off] : keys) {
    auto found = root.find(key);
    if (found == root.end() || found->is_null() || *found == off)
      continue;
    config.warnings.push_back(path + ": key \"" + key +
                              "\": generation does without " +
                              describeJson(*found));
  }
}

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
  SWALLOW_ASSIGN(result.topH, reader.optionalNumber("top_h", 0.0, 1.0));
  SWALLOW_ASSIGN(result.typicalP,
                 reader.optionalNumber("typical_p", 1e-6, 1.0));
  SWALLOW_ASSIGN(result.epsilonCutoff,
                 reader.optionalNumber("epsilon_cutoff", 0.0, 0.999999));
  SWALLOW_ASSIGN(result.etaCutoff,
                 reader.optionalNumber("eta_cutoff", 0.0, 0.999999));
  SWALLOW_ASSIGN(result.repetitionPenalty,
                 reader.optionalNumber("repetition_penalty", 1e-6, 1e6));
  SWALLOW_ASSIGN(result.maxNewTokens,
                 reader.optionalInteger("max_new_tokens", 1, INT32_MAX));
  SWALLOW_ASSIGN(result.maxLength,
                 reader.optionalInteger("max_length", 1, INT32_MAX));
  SWALLOW_ASSIGN(result.minNewTokens,
                 reader.optionalInteger("min_new_tokens", 0, INT32_MAX));
  SWALLOW_ASSIGN(result.minLength,
                 reader.optionalInteger("min_length", 0, INT32_MAX));
  SWALLOW_ASSIGN(result.noRepeatNgramSize,
                 reader.optionalInteger("no_repeat_ngram_size", 0, INT32_MAX));
  SWALLOW_ASSIGN(result.suppressTokens, reader.tokenIds("suppress_tokens"));
  SWALLOW_ASSIGN(result.beginSuppressTokens,
                 reader.tokenIds("begin_suppress_tokens"));
  SWALLOW_ASSIGN(result.removeInvalidValues,
                 reader.optionalBoolean("remove_invalid_values"));
  SWALLOW_TRY(readForced(reader, config.vocabSize, result));
  SWALLOW_TRY(readSequences(reader, config.vocabSize, result));
  SWALLOW_TRY(readStopStrings(reader, result));
  SWALLOW_TRY(readDecayPenalty(reader, result));
  warnOfUnsupported(root, path, result);
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
