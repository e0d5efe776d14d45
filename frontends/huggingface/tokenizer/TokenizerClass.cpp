//===- TokenizerClass.cpp - which class transformers takes ----------------===//

#include "frontends/huggingface/tokenizer/TokenizerClass.h"

#include "frontends/huggingface/CheckpointFolder.h"
#include "frontends/huggingface/OptionalFile.h"

using namespace swallow;

Result<std::string>
swallow::readTokenizerClass(const std::string &modelDir,
                            const JsonNode &tokenizerConfig,
                            const std::optional<std::string> &tokenizerJson) {
  const std::string path = joinPath(modelDir, "config.json");
  SWALLOW_ASSIGN(Json json, readObjectIfThere(path));
  JsonNode modelConfig(json, path);
  JsonNode node = tokenizerConfig["tokenizer_class"];
  if (node.isMissingOrNull())
    node = modelConfig["tokenizer_class"];
  SWALLOW_ASSIGN(std::string name, node.string(""));
  SWALLOW_ASSIGN(std::string type, modelConfig["model_type"].string(""));
  if (name.ends_with("Fast"))
    name.resize(name.size() - 4);
  // Mistral's are always loaded with the general class, and Llama 3's files
  // say LlamaTokenizer where they mean it.
  if (type == "mistral" ||
      (name == "LlamaTokenizer" && tokenizerJson &&
       tokenizerJson->find("\"ByteLevel\"") != std::string::npos))
    name.clear();
  return name;
}
