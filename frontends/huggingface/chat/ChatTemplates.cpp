//===- ChatTemplates.cpp - the chat templates of a checkpoint -------------===//

#include "frontends/huggingface/chat/ChatTemplates.h"

#include "frontends/huggingface/CheckpointFolder.h"
#include "frontends/huggingface/OptionalFile.h"
#include "frontends/huggingface/tokenizer/JsonNode.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <map>
#include <optional>

using namespace swallow;

namespace {

constexpr std::string_view suffix = ".jinja";

using Templates = std::map<std::string, ChatTemplateSource>; // by name

/// Names are printed, and are part of the artifact's tables.
bool isName(std::string_view name) {
  return !name.empty() && name.size() <= 256 && isValidUtf8(name) &&
         std::none_of(name.begin(), name.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

/// What Python's text mode makes of line ends.
std::string withUnixLineEnds(const std::string &text) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r') {
      result.push_back('\n');
      if (i + 1 < text.size() && text[i + 1] == '\n')
        ++i;
    } else {
      result.push_back(text[i]);
    }
  }
  return result;
}

Status readFileInto(Templates &templates, const std::string &name,
                    const std::string &path) {
  SWALLOW_ASSIGN(std::optional<std::string> text, readIfThere(path));
  if (!text)
    return {};
  if (!isName(name))
    return {ErrorCode::MalformedFile,
            path.substr(0, path.rfind('/')) +
                ": expected names without control characters before " +
                std::string(suffix) + ", found " + quoteForMessage(name)};
  if (!isValidUtf8(*text))
    return {ErrorCode::MalformedFile, path + ": expected UTF-8"};
  templates[name] = {name, withUnixLineEnds(*text), path};
  return {};
}

Status readFiles(Templates &templates, const std::string &modelDir) {
  SWALLOW_TRY(readFileInto(templates, "default",
                           joinPath(modelDir, "chat_template.jinja")));
  const std::string folder = joinPath(modelDir, "additional_chat_templates");
  if (!pathExists(folder))
    return {};
  Result<std::vector<std::string>> names = listFolder(folder);
  if (!names)
    return {names.error().code, folder + ": expected a folder of templates"};
  for (const std::string &name : *names)
    if (name.ends_with(suffix))
      SWALLOW_TRY(readFileInto(templates,
                               name.substr(0, name.size() - suffix.size()),
                               joinPath(folder, name)));
  return {};
}

/// Adds the text of `node`, which is at `key` of tokenizer_config.json.
Status addFromConfig(Templates &templates, const std::string &name,
                     const JsonNode &node, const std::string &path,
                     const std::string &key) {
  SWALLOW_ASSIGN(std::string text, node.string());
  if (!isName(name))
    return {ErrorCode::MalformedFile,
            path + ": " + key +
                ": expected a name without control characters, found " +
                quoteForMessage(name)};
  templates[name] = {name, std::move(text), path + ": " + key};
  return {};
}

Status readConfig(Templates &templates, const std::string &modelDir) {
  const std::string path = joinPath(modelDir, "tokenizer_config.json");
  const std::string key = "chat_template";
  SWALLOW_ASSIGN(Json config, readObjectIfThere(path));
  JsonNode node = JsonNode(config, path)[key];
  if (node.isMissingOrNull())
    return {};
  if (node.isString())
    return addFromConfig(templates, "default", node, path, key);
  if (node.isObject()) {
    for (const auto &[name, text] :
         *node.value()->get_ptr<const Json::object_t *>())
      SWALLOW_TRY(addFromConfig(templates, name, node[name], path,
                                key + "[" + quoteForMessage(name) + "]"));
    return {};
  }
  if (!node.isArray())
    return node.malformed("a string or a list of templates");
  SWALLOW_ASSIGN(std::vector<JsonNode> items, node.array());
  for (size_t i = 0; i < items.size(); ++i) {
    SWALLOW_ASSIGN(std::string name, items[i]["name"].string());
    SWALLOW_TRY(addFromConfig(templates, name, items[i]["template"], path,
                              key + "[" + std::to_string(i) + "]"));
  }
  return {};
}

} // namespace

Result<std::vector<ChatTemplateSource>>
swallow::readChatTemplates(const std::string &modelDir) {
  Templates templates;
  SWALLOW_TRY(readFiles(templates, modelDir));
  if (templates.empty())
    SWALLOW_TRY(readConfig(templates, modelDir));
  std::vector<ChatTemplateSource> result;
  for (auto &[name, source] : templates)
    result.push_back(std::move(source));
  return result;
}
