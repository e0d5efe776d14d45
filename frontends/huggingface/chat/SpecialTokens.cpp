//===- SpecialTokens.cpp - the special tokens that have a name ------------===//

#include "frontends/huggingface/chat/SpecialTokens.h"

#include "frontends/huggingface/CheckpointFolder.h"
#include "frontends/huggingface/OptionalFile.h"
#include "frontends/huggingface/tokenizer/JsonNode.h"
#include "frontends/huggingface/tokenizer/TokenizerClass.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>

using namespace swallow;

namespace {

using TokenMap = std::map<std::string, std::string>;

constexpr const char *standardNames[] = {"bos_token", "eos_token", "unk_token",
                                         "sep_token", "pad_token", "cls_token",
                                         "mask_token"};

bool isStandard(std::string_view name) {
  return std::find(std::begin(standardNames), std::end(standardNames), name) !=
         std::end(standardNames);
}

/// What a class of transformers calls its tokens unless told otherwise; the
/// classes that checkpoints of the Llama architecture name.
struct ClassDefaults {
  const char *name;
  const char *bos, *eos, *unk, *pad; // null: none
};
constexpr ClassDefaults classDefaults[] = {
    {"LlamaTokenizer", "<s>", "</s>", "<unk>", nullptr},
    {"CodeLlamaTokenizer", "<s>", "</s>", "<unk>", nullptr},
    {"GPT2Tokenizer", "<|endoftext|>", "<|endoftext|>", "<|endoftext|>",
     nullptr},
    {"GPTNeoXTokenizer", "<|endoftext|>", "<|endoftext|>", "<|endoftext|>",
     "<|padding|>"},
    {"Qwen2Tokenizer", nullptr, "<|endoftext|>", "<|endoftext|>",
     "<|endoftext|>"},
};

/// The text of a token that stands as its text or with its properties. None
/// for null, and for what is no token.
Result<std::optional<std::string>> readToken(const JsonNode &node) {
  if (node.isMissingOrNull())
    return std::optional<std::string>();
  if (!node.isObject()) {
    SWALLOW_ASSIGN(std::string text, node.string());
    return std::optional<std::string>(std::move(text));
  }
  SWALLOW_ASSIGN(std::string text, node["content"].string());
  return std::optional<std::string>(std::move(text));
}

class Reader {
public:
  explicit Reader(const std::string &modelDir)
      : dir_(modelDir), path_(joinPath(modelDir, "tokenizer_config.json")),
        mapPath_(joinPath(modelDir, "special_tokens_map.json")) {}

  Result<TokenMap> read() {
    SWALLOW_ASSIGN(config_, readObjectIfThere(path_));
    if (JsonNode(config_, path_)["added_tokens_decoder"].isMissingOrNull()) {
      SWALLOW_ASSIGN(map_, readObjectIfThere(mapPath_));
    }
    SWALLOW_TRY(readStandard());
    SWALLOW_TRY(readOthers());
    SWALLOW_TRY(addDefaults());
    return std::move(tokens_);
  }

private:
  /// The member of the map if it is there, even as null, else of the config.
  JsonNode lookUp(const std::string &key) const {
    JsonNode inMap = JsonNode(map_, mapPath_)[key];
    return inMap.value() ? inMap : JsonNode(config_, path_)[key];
  }

  Status readStandard() {
    for (const char *key : standardNames) {
      JsonNode node = lookUp(key);
      mentioned_[key] = node.value() != nullptr;
      SWALLOW_ASSIGN(std::optional<std::string> text, readToken(node));
      if (text)
        tokens_[key] = *text;
    }
    return {};
  }

  /// Names of the model's own: keys that end with "_token", and
  /// `extra_special_tokens` (once `additional_special_tokens`) as an object.
  Status readOthers() {
    struct File {
      const Json *json;
      const std::string *path;
    };
    // The config's own values go last: what transformers meets there first
    // stays.
    for (File file : {File{&map_, &mapPath_}, File{&config_, &path_}}) {
      if (!file.json->is_object())
        continue;
      JsonNode node(*file.json, *file.path);
      for (const auto &[key, value] :
           *file.json->get_ptr<const Json::object_t *>()) {
        bool isToken = value.is_string() ||
                       (value.is_object() && value.contains("content"));
        if (!isStandard(key) && key.ends_with("_token") && isToken) {
          SWALLOW_ASSIGN(std::optional<std::string> text, readToken(node[key]));
          tokens_[key] = *text;
        }
      }
    }
    for (const char *key :
         {"additional_special_tokens", "extra_special_tokens"}) {
      JsonNode node = lookUp(key);
      if (!node.isObject())
        continue;
      for (const auto &[name, value] :
           *node.value()->get_ptr<const Json::object_t *>()) {
        SWALLOW_ASSIGN(std::optional<std::string> text, readToken(node[name]));
        if (text)
          tokens_[name] = *text;
      }
    }
    return {};
  }

  void setDefault(const std::string &key, std::string text) {
    if (!mentioned_[key])
      tokens_[key] = std::move(text);
  }

  Status addDefaults() {
    SWALLOW_ASSIGN(std::optional<std::string> tokenizer,
                   readIfThere(joinPath(dir_, "tokenizer.json")));
    SWALLOW_ASSIGN(
        std::string className,
        readTokenizerClass(dir_, JsonNode(config_, path_), tokenizer));
    for (const ClassDefaults &known : classDefaults) {
      if (className != known.name)
        continue;
      for (auto [key, text] : {std::pair("bos_token", known.bos),
                               std::pair("eos_token", known.eos),
                               std::pair("unk_token", known.unk),
                               std::pair("pad_token", known.pad)})
        if (text)
          setDefault(key, text);
      return {};
    }
    return tokenizer ? addPadding(*tokenizer) : addFromModel();
  }

  /// tokenizer.json knows the padding token where padding was on when it was
  /// saved. Mostly it was not, which is seen without parsing megabytes.
  Status addPadding(const std::string &tokenizer) {
    constexpr std::string_view off = ":null";
    size_t at = tokenizer.find("\"padding\"");
    if (at == std::string::npos)
      return {};
    std::string value;
    for (at += 9; at < tokenizer.size() && value.size() < off.size(); ++at)
      if (!std::strchr(" \t\r\n", tokenizer[at]))
        value.push_back(tokenizer[at]);
    if (value == off)
      return {};
    const std::string path = joinPath(dir_, "tokenizer.json");
    SWALLOW_ASSIGN(Json json, parseJson(tokenizer, path));
    JsonNode padding = JsonNode(json, path)["padding"];
    if (padding.isMissingOrNull())
      return {};
    SWALLOW_ASSIGN(std::string text, padding["pad_token"].string());
    setDefault("pad_token", std::move(text));
    return {};
  }

  /// The general class asks a tokenizer.model for its tokens.
  Status addFromModel() {
    SWALLOW_ASSIGN(std::optional<std::string> bytes,
                   readIfThere(joinPath(dir_, "tokenizer.model")));
    sentencepiece::SentencePieceProcessor model;
    // What is no model is the tokenizer compiler's to refuse, with reasons.
    if (!bytes || !model.LoadFromSerializedProto(*bytes).ok())
      return {};
    for (auto [key, id] : {std::pair("bos_token", model.bos_id()),
                           std::pair("eos_token", model.eos_id()),
                           std::pair("unk_token", model.unk_id())})
      if (id >= 0)
        setDefault(key, model.IdToPiece(id));
    return {};
  }

  std::string dir_, path_, mapPath_;
  Json config_, map_;
  TokenMap tokens_;
  std::map<std::string, bool> mentioned_; // standard names, even as null
};

} // namespace

Result<TokenMap> swallow::readSpecialTokensMap(const std::string &modelDir) {
  return Reader(modelDir).read();
}
