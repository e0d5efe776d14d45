//===- TokenizerJson.cpp - tokenizer.json: model and added tokens ---------===//

#include "frontends/huggingface/tokenizer/TokenizerJson.h"
#include "runtime/text/TokenTable.h"

#include <utility>

using namespace swallow;

namespace {

Status readVocab(const JsonNode &node, TokenizerSpec &spec) {
  SWALLOW_ASSIGN(const Json::object_t *object, node.object());
  if (object->empty())
    return node.malformed("at least one token");
  spec.vocab.reserve(object->size());
  std::unordered_map<uint32_t, const std::string *> tokens;
  tokens.reserve(object->size());
  for (const auto &[token, id] : *object) {
    const auto *number = id.get_ptr<const Json::number_unsigned_t *>();
    if (!number || *number >= maxVocabSize)
      return node[token].malformed("a token id");
    auto value = static_cast<uint32_t>(*number);
    auto [other, isNew] = tokens.emplace(value, &token);
    if (!isNew)
      return node[token].malformed("an id that no other token has (" +
                                   quoteForMessage(*other->second) +
                                   " has it too)");
    spec.vocab.emplace(token, value);
  }
  return {};
}

Status readMerges(const JsonNode &node, TokenizerSpec &spec) {
  if (!node.isArray())
    return node.malformed("a list");
  const Json &merges = *node.value();
  spec.merges.reserve(merges.size());
  size_t prefixLength = spec.continuingSubwordPrefix.size();
  std::string merged;
  for (size_t i = 0; i < merges.size(); ++i) {
    const Json &merge = merges[i];
    std::string left, right;
    if (const auto *line = merge.get_ptr<const Json::string_t *>()) {
      if (line->starts_with("#version"))
        continue;
      size_t space = line->find(' ');
      if (space == line->npos || line->find(' ', space + 1) != line->npos)
        return node[i].malformed("two tokens with a space between them");
      left = line->substr(0, space);
      right = line->substr(space + 1);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      left = *merge[0].get_ptr<const Json::string_t *>();
      right = *merge[1].get_ptr<const Json::string_t *>();
    } else {
      return node[i].malformed("a pair of tokens");
    }
    if (right.size() < prefixLength)
      return node[i].malformed("a token with the continuing_subword_prefix");
    merged = left;
    merged.append(right, prefixLength);
    for (const std::string *token : {&left, &right, &merged})
      if (!spec.vocab.count(*token))
        return node[i].malformed("tokens of the vocabulary (" +
                                 quoteForMessage(*token) + " is not in it)");
    spec.merges.emplace_back(std::move(left), std::move(right));
  }
  return {};
}

Status readModel(const JsonNode &node, TokenizerSpec &spec) {
  if (!node.isObject())
    return node.malformed("an object");
  // Old files do not name the type of a BPE model.
  if (!node["type"].isMissingOrNull() || node["merges"].isMissingOrNull()) {
    SWALLOW_ASSIGN(std::string type, node["type"].string());
    if (type != "BPE")
      return node["type"].unsupported("tokenizer model " +
                                      quoteForMessage(type));
  }
  if (const Json *dropout = node["dropout"].value();
      dropout && !dropout->is_null()) {
    if (!dropout->is_number())
      return node["dropout"].malformed("a number");
    if (dropout->get<double>() != 0)
      return node["dropout"].unsupported("BPE dropout");
  }
  SWALLOW_ASSIGN(spec.unkToken, node["unk_token"].string(""));
  SWALLOW_ASSIGN(spec.continuingSubwordPrefix,
                 node["continuing_subword_prefix"].string(""));
  SWALLOW_ASSIGN(spec.endOfWordSuffix, node["end_of_word_suffix"].string(""));
  SWALLOW_ASSIGN(spec.fuseUnk, node["fuse_unk"].boolean(false));
  SWALLOW_ASSIGN(spec.byteFallback, node["byte_fallback"].boolean(false));
  SWALLOW_ASSIGN(spec.ignoreMerges, node["ignore_merges"].boolean(false));
  SWALLOW_TRY(readVocab(node["vocab"], spec));
  return readMerges(node["merges"], spec);
}

Status readAddedTokens(const JsonNode &node, TokenizerSpec &spec) {
  if (node.isMissingOrNull())
    return {};
  SWALLOW_ASSIGN(std::vector<JsonNode> nodes, node.array());
  std::vector<AddedTokenSpec> tokens;
  for (const JsonNode &item : nodes) {
    AddedTokenSpec token;
    SWALLOW_TRY(item["id"].number(maxVocabSize - 1));
    SWALLOW_ASSIGN(token.content, item["content"].string());
    SWALLOW_ASSIGN(token.singleWord, item["single_word"].boolean());
    SWALLOW_ASSIGN(token.lstrip, item["lstrip"].boolean());
    SWALLOW_ASSIGN(token.rstrip, item["rstrip"].boolean());
    SWALLOW_ASSIGN(token.normalized, item["normalized"].boolean());
    SWALLOW_ASSIGN(token.special, item["special"].boolean());
    tokens.push_back(std::move(token));
  }
  spec.added.add(tokens, spec.vocab);
  return {};
}

} // namespace

Result<TokenizerSpec> swallow::readTokenizerJson(std::string_view text,
                                                 const std::string &path) {
  SWALLOW_ASSIGN(Json root, parseJson(text, path));
  JsonNode node(root, path);
  if (!node.isObject())
    return node.malformed("an object");
  if (!node["version"].isMissingOrNull()) {
    SWALLOW_ASSIGN(std::string version, node["version"].string());
    if (version != "1.0")
      return node["version"].unsupported("version " + quoteForMessage(version));
  }
  TokenizerSpec spec;
  spec.path = path;
  SWALLOW_TRY(readModel(node["model"], spec));
  SWALLOW_TRY(readAddedTokens(node["added_tokens"], spec));
  SWALLOW_TRY(readNormalizer(node["normalizer"], spec));
  SWALLOW_TRY(readPreTokenizer(node["pre_tokenizer"], spec));
  SWALLOW_TRY(readDecoder(node["decoder"], spec));
  SWALLOW_TRY(readPostProcessor(node["post_processor"], spec));
  return spec;
}
