//===- TokenizerCompiler.cpp - tokenizer files to a table -----------------===//

#include "frontends/huggingface/TokenizerCompiler.h"

#include "frontends/huggingface/OptionalFile.h"
#include "frontends/huggingface/tokenizer/JsonNode.h"
#include "frontends/huggingface/tokenizer/SentencePieceModel.h"
#include "frontends/huggingface/tokenizer/TableWriter.h"
#include "frontends/huggingface/tokenizer/TokenizerClass.h"
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
using text::table::PreTokenizerKind;

namespace {

using Notes = std::vector<std::string>;

constexpr std::string_view spaceMark = "\xE2\x96\x81"; // U+2581

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
  const std::string &configPath() const { return configPath_; }

  /// Whether there is a list of special tokens besides those with a name.
  bool hasSpecialList() const {
    for (const Json *json : {&config_, &map_})
      for (const char *key :
           {"additional_special_tokens", "extra_special_tokens"})
        if (json->is_object() && json->contains(key) && (*json)[key].is_array())
          return true;
    return false;
  }

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

/// The texts of the tokens that other files list, by id.
std::map<uint32_t, std::string> textsOf(const ConfigTokens &tokens) {
  std::map<uint32_t, std::string> texts;
  for (const auto &[id, token] : tokens.decoder)
    texts.emplace(id, token.content);
  return texts;
}

class SentencePieceReader {
public:
  SentencePieceReader(const std::string &path, const ConfigReader &reader,
                      Notes &notes)
      : path_(path), reader_(reader), config_(reader.config()), notes_(notes) {}

  Result<TokenizerSpec> read(const std::string &modelDir,
                             const std::string &bytes) {
    SWALLOW_ASSIGN(std::string className,
                   readTokenizerClass(modelDir, config_, std::nullopt));
    SentencePieceOptions options;
    options.isLlamaTokenizer =
        className == "LlamaTokenizer" || className == "CodeLlamaTokenizer";
    SWALLOW_ASSIGN(options.legacy, config_["legacy"].boolean(true));
    if (!config_["add_prefix_space"].isMissingOrNull()) {
      SWALLOW_ASSIGN(options.addPrefixSpace,
                     config_["add_prefix_space"].boolean());
    }
    SWALLOW_ASSIGN(
        ConfigTokens listed,
        reader_.read(AddedVocabulary(), /*fromTokenizerJson=*/false));
    options.names = textsOf(listed);
    SWALLOW_ASSIGN(SentencePieceTokenizer model,
                   readSentencePieceModel(bytes, path_, options));
    TokenizerSpec spec = std::move(model.spec);
    SWALLOW_TRY(addTokens(options, model, spec));
    SWALLOW_TRY(addAround(spec));
    tellDifferences(options, model);
    return spec;
  }

private:
  Status addTokens(const SentencePieceOptions &options,
                   const SentencePieceTokenizer &model, TokenizerSpec &spec) {
    SWALLOW_ASSIGN(ConfigTokens tokens,
                   reader_.read(spec.added, /*fromTokenizerJson=*/false));
    const AddedVocabulary ofModel = spec.added;
    // The general class looks for all of them in the text as it is.
    if (!options.isLlamaTokenizer && model.addsDummyPrefix)
      for (auto &[id, token] : tokens.decoder)
        token.normalized = false;
    // The names that a tokenizer has without being told: the general class asks
    // the model.
    auto name = [&](const char *key, const std::string &text) {
      if (tokens.named.count(key) || !spec.vocab.count(text))
        return;
      tokens.named[key] = text;
      tokens.special.push_back({text, false, false, false, false, true});
    };
    bool isLlama = options.isLlamaTokenizer;
    name("bos_token", isLlama ? "<s>" : spec.bosToken);
    name("eos_token", isLlama ? "</s>" : spec.eosToken);
    name("unk_token", isLlama ? "<unk>" : spec.namedUnkToken);
    applyConfigTokens(tokens, spec);
    if (reader_.hasSpecialList())
      tellForgotten(ofModel, tokens);
    return {};
  }

  /// Tokens of the model that transformers 5 does not look for in a text once
  /// there is a list of other special tokens.
  void tellForgotten(const AddedVocabulary &ofModel,
                     const ConfigTokens &tokens) {
    std::set<std::string> known;
    for (const auto &[key, text] : tokens.named)
      known.insert(text);
    for (const auto &[id, text] : textsOf(tokens))
      known.insert(text);
    for (const AddedTokenSpec &token : tokens.special)
      known.insert(token.content);
    for (const auto &[id, token] : ofModel.tokens())
      if (!known.count(token.content)) {
        notes_.push_back(path_ + ": " + token.content +
                         " is found in a text, as with transformers 4; "
                         "transformers 5 forgets it for the list of special "
                         "tokens in " +
                         reader_.configPath());
        return;
      }
  }

  /// What is put around each text.
  Status addAround(TokenizerSpec &spec) {
    // Null is not the same as nothing. Nor is there a need for one that the
    // model does not have.
    bool isGiven = config_["add_bos_token"].value() != nullptr;
    SWALLOW_ASSIGN(bool addBos, config_["add_bos_token"].boolean(
                                    !isGiven && !spec.bosToken.empty()));
    SWALLOW_ASSIGN(bool addEos, config_["add_eos_token"].boolean(false));
    auto around = [&](bool wanted, const char *key, const std::string &token,
                      std::vector<uint32_t> &ids) -> Status {
      if (!wanted)
        return {};
      for (const auto &[id, added] : spec.added.tokens())
        if (!token.empty() && added.content == token) {
          ids.push_back(id);
          return {};
        }
      return config_[key].malformed("a token, as it is added to every text");
    };
    SWALLOW_TRY(around(addBos, "bos_token", spec.bosToken, spec.prefixIds));
    SWALLOW_TRY(around(addEos, "eos_token", spec.eosToken, spec.suffixIds));
    if (addBos && !isGiven)
      notes_.push_back(reader_.configPath() +
                       ": add_bos_token is not given: " + spec.bosToken +
                       " goes before each text, as with transformers 4; "
                       "transformers 5 adds nothing");
    return {};
  }

  /// Where transformers 5 gives other ids; docs/tokenizers.md has the reasons.
  void tellDifferences(const SentencePieceOptions &options,
                       const SentencePieceTokenizer &model) {
    auto note = [&](const std::string &path, const char *text) {
      notes_.push_back(path + ": " + text);
    };
    const std::string &configPath = reader_.configPath();
    bool given = options.addPrefixSpace.has_value();
    bool isNull = config_["legacy"].isMissingOrNull();
    if (!options.isLlamaTokenizer) {
      if (isNull && config_["legacy"].value())
        note(configPath, "legacy is null and taken for true, as with "
                         "transformers 4; transformers 5 takes false");
      if (given && *options.addPrefixSpace != model.addsDummyPrefix)
        note(configPath, "add_prefix_space is followed, as with transformers "
                         "4; transformers 5 ignores it for this model");
      return;
    }
    if (!model.scoresFollowIds)
      note(path_, "pieces are merged by their scores, as with sentencepiece "
                  "and transformers 4; transformers 5 goes by their ids");
    if (given && !*options.addPrefixSpace)
      return;
    if (isNull)
      note(configPath, "legacy is not given and taken for true, as with "
                       "transformers 4; transformers 5 takes false");
    else if (options.legacy)
      note(path_, "a text that begins with a space keeps it, as with "
                  "sentencepiece and transformers 4; transformers 5 drops one");
  }

  const std::string &path_;
  const ConfigReader &reader_;
  JsonNode config_;
  Notes &notes_;
};

/// Whether tokenizer.json describes what LlamaTokenizer of transformers 5 does,
/// which takes only the vocabulary and the merges from it.
bool describesLlamaTokenizer(const TokenizerSpec &spec, bool legacy,
                             bool prefixSpace) {
  if (!spec.byteFallback || !spec.fuseUnk || spec.ignoreMerges ||
      !spec.normalizers.empty() ||
      spec.preTokenizers.size() != (prefixSpace ? 2u : 1u))
    return false;
  const auto &space = spec.preTokenizers.front();
  const auto &prefix = spec.preTokenizers.back();
  return space.kind == PreTokenizerKind::ReplaceLiteral &&
         space.pattern == " " && space.content == spaceMark &&
         (!prefixSpace ||
          (prefix.kind == (legacy ? PreTokenizerKind::Prepend
                                  : PreTokenizerKind::PrependFirst) &&
           prefix.content == spaceMark));
}

Status tellDifferences(const std::string &modelDir, const ConfigReader &reader,
                       const std::string &path, const std::string &text,
                       const TokenizerSpec &spec, Notes &notes) {
  JsonNode config = reader.config();
  SWALLOW_ASSIGN(std::string className,
                 readTokenizerClass(modelDir, config, text));
  if (className != "LlamaTokenizer")
    return {};
  SWALLOW_ASSIGN(bool legacy, config["legacy"].boolean(false));
  SWALLOW_ASSIGN(bool prefixSpace, config["add_prefix_space"].boolean(true));
  if (!describesLlamaTokenizer(spec, legacy, prefixSpace))
    notes.push_back(path + ": is run as it stands, as with transformers 4; "
                           "transformers 5 takes only the vocabulary and the "
                           "merges from it for LlamaTokenizer");
  return {};
}

} // namespace

Result<std::string> swallow::compileTokenizer(const std::string &modelDir,
                                              std::vector<std::string> *notes) {
  const std::string jsonPath = modelDir + "/tokenizer.json";
  const std::string modelPath = modelDir + "/tokenizer.model";
  Notes unread;
  if (!notes)
    notes = &unread;
  ConfigReader reader(modelDir);
  SWALLOW_TRY(reader.load());
  SWALLOW_ASSIGN(std::optional<std::string> text, readIfThere(jsonPath));
  if (text) {
    SWALLOW_ASSIGN(TokenizerSpec spec, readTokenizerJson(*text, jsonPath));
    SWALLOW_ASSIGN(ConfigTokens tokens,
                   reader.read(spec.added, /*fromTokenizerJson=*/true));
    applyConfigTokens(tokens, spec);
    SWALLOW_TRY(
        tellDifferences(modelDir, reader, jsonPath, *text, spec, *notes));
    return writeTokenizerTable(spec);
  }
  SWALLOW_ASSIGN(text, readIfThere(modelPath));
  if (!text)
    return {ErrorCode::FileNotFound,
            modelDir + ": expected tokenizer.json or tokenizer.model"};
  SWALLOW_ASSIGN(
      TokenizerSpec spec,
      SentencePieceReader(modelPath, reader, *notes).read(modelDir, *text));
  return writeTokenizerTable(spec);
}
