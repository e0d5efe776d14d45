//===- OptionalFile.h - files that need not be there ------------*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_OPTIONALFILE_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_OPTIONALFILE_H

#include "frontends/huggingface/tokenizer/JsonNode.h"
#include "runtime/support/MappedFile.h"

#include <optional>
#include <string>

namespace swallow {

/// The text of a file of the folder, or none if there is no such file.
inline Result<std::optional<std::string>> readIfThere(const std::string &path) {
  Result<std::string> text = readFile(path);
  if (text)
    return std::optional<std::string>(std::move(*text));
  if (text.error().code == ErrorCode::FileNotFound)
    return std::optional<std::string>();
  return text.error();
}

/// A JSON object from a file that need not be there; null then.
inline Result<Json> readObjectIfThere(const std::string &path) {
  SWALLOW_ASSIGN(std::optional<std::string> text, readIfThere(path));
  if (!text)
    return Json();
  SWALLOW_ASSIGN(Json json, parseJson(*text, path));
  if (!json.is_object())
    return JsonNode(json, path).malformed("an object");
  return json;
}

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_OPTIONALFILE_H
