//===- TokenizerCompiler.cpp - tokenizer files to a table -----------------===//

#include "frontends/huggingface/TokenizerCompiler.h"

#include "frontends/huggingface/OptionalFile.h"
#include "frontends/huggingface/tokenizer/JsonNode.h"
#include "frontends/huggingface/tokenizer/SentencePieceModel.h"
#include "frontends/huggingface/tokenizer/TableWriter.h"
#include "frontends/huggingface/tokenizer/TokenizerJson.h"
#include "runtime/support/MappedFile.h"
#include "runtime/text/TokenTable.h"
#include "runtime/text/Utf8.h"

#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

using namespace swallow;

namespace {

/// {"content": "<s>", "lstrip": false, ...}
Result<AddedTokenSpec> readAddedToken(const JsonNode &node) {
  AddedTokenSpec token;
  SWALLOW_ASSIGN(token.content, node["content"].string());
  SWALLOW_ASSIGN(token.special, node["special"].boolean(false));
  SWALLOW_ASSIGN(token.singleWord, node["single_word"].boolean(false));
  SWALLOW_ASSIGN(token.lstrip, node["lstrip"].boolean(false));
  SWALLOW_ASSIGN(token.rstrip, node["rstrip"].boolean(false));
  SWALLOW_ASSIGN(token.normalized, node["normalized"].boolean(!token.special));
  return token;
}

/// What tokenizer_config.json and the files beside it add to a tokenizer, as
/// transformers' PreTrainedTokenizerBase._from_pretrained collects it.
struct ConfigTokens {
  /// added_tokens_decoder, or what stood for it once; by id.
  std::map<uint32_t, AddedTokenSpec> decoder;
  /// The special tokens in order, first those with a name.
  std::vector<AddedTokenSpec> special;
  std::map<std::string, std::string> named; // "bos_token" to its text
};

constexpr std::array<const char *, 7> namedTokens = {
    "bos_token", "eos_token", "unk_token", "sep_token",
    "pad_token", "cls_token", "mask_token"};

class ConfigReader {
public:
  explicit ConfigReader(const std::string &modelDir)
      : configPath_(modelDir + "/tokenizer_config.json"),
        mapPath_(modelDir + "/special_tokens_map.json"),
        addedPath_(modelDir + "/added_tokens.json") {}

  Status load() {
    SWALLOW_ASSIGN(config_, readObjectIfThere(configPath_));
    SWALLOW_ASSIGN(map_, readObjectIfThere(mapPath_));
    SWALLOW_ASSIGN(added_, readObjectIfThere(addedPath_));
    return {};
  }

  JsonNode config() const { return JsonNode(config_, configPath_); }

  /// `known` has the tokens of the tokenizer file, which is a tokenizer.json or
  /// a tokenizer.model; a name refers to one of them with its properties.
  Result<ConfigTokens> read(const AddedVocabulary &known,
                            bool fromTokenizerJson) const {
    ConfigTokens result;
    JsonNode config = this->config();
    JsonNode decoder = config["added_tokens_decoder"];
    // special_tokens_map.json and added_tokens.json count only without it.
    bool hasDecoder = !decoder.isMissingOrNull();
    if (hasDecoder) {
      SWALLOW_ASSIGN(const Json::object_t *object, decoder.object());
      for (const auto &[key, value] : *object) {
        SWALLOW_ASSIGN(uint32_t id, readId(decoder, key));
        SWALLOW_ASSIGN(AddedTokenSpec token, readAddedToken(decoder[key]));
        result.decoder.emplace(id, std::move(token));
      }
    }
    JsonNode map(map_, mapPath_);
    auto lookUp = [&](const char *key) {
      JsonNode fromMap = map[key];
      return hasDecoder || fromMap.isMissingOrNull() ? config[key] : fromMap;
    };
    std::vector<AddedTokenSpec> names, others;
    for (const char *key : namedTokens) {
      JsonNode node = lookUp(key);
      if (node.isMissingOrNull())
        continue;
      SWALLOW_ASSIGN(AddedTokenSpec token, readSpecial(node));
      result.named[key] = token.content;
      names.push_back(std::move(token));
    }
    for (const std::string &key : ownNames(hasDecoder)) {
      // Here the config goes before the map, unlike for the tokens above.
      JsonNode node =
          config[key].isString() ? config[key] : lookUp(key.c_str());
      SWALLOW_ASSIGN(AddedTokenSpec token, readSpecial(node));
      names.push_back(std::move(token));
    }
    for (const char *key :
         {"additional_special_tokens", "extra_special_tokens"})
      SWALLOW_TRY(readList(lookUp(key), others));

    if (!hasDecoder && added_.is_object()) {
      JsonNode added(added_, addedPath_);
      for (const auto &[content, value] :
           *added_.get_ptr<const Json::object_t *>()) {
        SWALLOW_ASSIGN(uint32_t id, added[content].number(maxVocabSize - 1));
        AddedTokenSpec token{content};
        for (const auto *specials : {&names, &others})
          for (const AddedTokenSpec &special : *specials)
            token.special |= special.content == content;
        token.normalized = !token.special;
        result.decoder[id] = token;
      }
    }
    if (!hasDecoder && fromTokenizerJson)
      for (const auto &[id, token] : known.tokens())
        result.decoder[id] = token;

    // A listed token becomes special if it has a name, and not for being in a
    // list of special ones. One that only tokenizer.json has stays as it is.
    auto listed = [&](const std::string &content) {
      for (auto &[id, token] : result.decoder)
        if (token.content == content)
          return &token;
      return static_cast<AddedTokenSpec *>(nullptr);
    };
    for (AddedTokenSpec &token : names) {
      const AddedTokenSpec *other = known.find(token.content);
      if (AddedTokenSpec *entry = listed(token.content))
        entry->special = true;
      else if (!other)
        result.special.push_back(std::move(token));
      else if (!fromTokenizerJson) {
        result.special.push_back(*other);
        result.special.back().special = true;
      }
    }
    for (AddedTokenSpec &token : others)
      if (!listed(token.content) &&
          !(fromTokenizerJson && known.find(token.content)))
        result.special.push_back(std::move(token));
    return result;
  }

private:
  /// The keys of tokens that only some models have, such as "image_token",
  /// sorted: names that end so and have a token.
  std::set<std::string> ownNames(bool hasDecoder) const {
    std::set<std::string> names;
    for (const Json *json : {&config_, hasDecoder ? nullptr : &map_}) {
      if (!json || !json->is_object())
        continue;
      for (const auto &[key, value] : *json->get_ptr<const Json::object_t *>())
        if (key.ends_with("_token") &&
            (value.is_string() ||
             (value.is_object() && value.contains("content"))))
          names.insert(key);
    }
    for (const char *key : namedTokens)
      names.erase(key);
    return names;
  }

  static Result<uint32_t> readId(const JsonNode &node, const std::string &key) {
    uint64_t id = 0;
    for (char c : key) {
      if (c < '0' || c > '9' || id >= maxVocabSize)
        return node[key].malformed("a key that is a token id");
      id = id * 10 + static_cast<uint64_t>(c - '0');
    }
    if (key.empty() || id >= maxVocabSize)
      return node[key].malformed("a key that is a token id");
    return static_cast<uint32_t>(id);
  }

  /// A special token as its text or with its properties.
  static Result<AddedTokenSpec> readSpecial(const JsonNode &node) {
    AddedTokenSpec token;
    if (node.isObject()) {
      SWALLOW_ASSIGN(token, readAddedToken(node));
    } else {
      SWALLOW_ASSIGN(token.content, node.string());
    }
    token.special = true;
    return token;
  }

  static Status readList(const JsonNode &node,
                         std::vector<AddedTokenSpec> &tokens) {
    if (node.isMissingOrNull())
      return {};
    if (node.isObject()) { // names of the model's own
      for (const auto &[key, value] :
           *node.value()->get_ptr<const Json::object_t *>()) {
        SWALLOW_ASSIGN(AddedTokenSpec token, readSpecial(node[key]));
        tokens.push_back(std::move(token));
      }
      return {};
    }
    SWALLOW_ASSIGN(std::vector<JsonNode> items, node.array());
    for (const JsonNode &item : items) {
      SWALLOW_ASSIGN(AddedTokenSpec token, readSpecial(item));
      tokens.push_back(std::move(token));
    }
    return {};
  }

  std::string configPath_, mapPath_, addedPath_;
  Json config_, map_, added_;
};

/// transformers' TokenizersBackend: adds what is missing, then makes the
/// special tokens special.
void applyConfigTokens(const ConfigTokens &tokens, TokenizerSpec &spec) {
  std::vector<AddedTokenSpec> missing;
  for (const auto &[id, token] : tokens.decoder)
    missing.push_back(token);
  spec.added.add(missing, spec.vocab);
  spec.added.add(tokens.special, spec.vocab);
  auto named = [&](const char *key) {
    auto it = tokens.named.find(key);
    return it == tokens.named.end() ? std::string() : it->second;
  };
  spec.bosToken = named("bos_token");
  spec.eosToken = named("eos_token");
  spec.namedUnkToken = named("unk_token");
  spec.padToken = named("pad_token");
}

Result<TokenizerSpec> readSentencePiece(const std::string &bytes,
                                        const std::string &path,
                                        const ConfigReader &reader) {
  JsonNode config = reader.config();
  SentencePieceOptions options;
  SWALLOW_ASSIGN(options.legacy, config["legacy"].boolean(true));
  if (!config["add_prefix_space"].isMissingOrNull()) {
    SWALLOW_ASSIGN(options.addPrefixSpace,
                   config["add_prefix_space"].boolean());
  }
  SWALLOW_ASSIGN(bool addBos, config["add_bos_token"].boolean(true));
  SWALLOW_ASSIGN(bool addEos, config["add_eos_token"].boolean(false));
  SWALLOW_ASSIGN(TokenizerSpec spec,
                 readSentencePieceModel(bytes, path, options));
  SWALLOW_ASSIGN(ConfigTokens tokens,
                 reader.read(spec.added, /*fromTokenizerJson=*/false));
  // The names that LlamaTokenizer has without being told.
  for (auto [key, text] :
       {std::pair("bos_token", "<s>"), std::pair("eos_token", "</s>"),
        std::pair("unk_token", "<unk>")})
    if (!tokens.named.count(key) && spec.vocab.count(text)) {
      tokens.named[key] = text;
      tokens.special.push_back({text, false, false, false, false, true});
    }
  applyConfigTokens(tokens, spec);

  auto around = [&](bool wanted, const char *key, const std::string &token,
                    std::vector<uint32_t> &ids) -> Status {
    if (!wanted)
      return {};
    for (const auto &[id, added] : spec.added.tokens())
      if (!token.empty() && added.content == token) {
        ids.push_back(id);
        return {};
      }
    return config[key].malformed("a token, as it is added to every text");
  };
  SWALLOW_TRY(around(addBos, "bos_token", spec.bosToken, spec.prefixIds));
  SWALLOW_TRY(around(addEos, "eos_token", spec.eosToken, spec.suffixIds));
  return spec;
}

} // namespace

Result<std::string> swallow::compileTokenizer(const std::string &modelDir) {
  const std::string jsonPath = modelDir + "/tokenizer.json";
  const std::string modelPath = modelDir + "/tokenizer.model";
  ConfigReader reader(modelDir);
  SWALLOW_TRY(reader.load());
  SWALLOW_ASSIGN(std::optional<std::string> text, readIfThere(jsonPath));
  if (text) {
    SWALLOW_ASSIGN(TokenizerSpec spec, readTokenizerJson(*text, jsonPath));
    SWALLOW_ASSIGN(ConfigTokens tokens,
                   reader.read(spec.added, /*fromTokenizerJson=*/true));
    applyConfigTokens(tokens, spec);
    return writeTokenizerTable(spec);
  }
  SWALLOW_ASSIGN(text, readIfThere(modelPath));
  if (!text)
    return {ErrorCode::FileNotFound,
            modelDir + ": expected tokenizer.json or tokenizer.model"};
  SWALLOW_ASSIGN(TokenizerSpec spec,
                 readSentencePiece(*text, modelPath, reader));
  return writeTokenizerTable(spec);
}
