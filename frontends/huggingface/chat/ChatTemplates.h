//===- ChatTemplates.h - the chat templates of a checkpoint -----*- C++ -*-===//
//
// Which texts of a checkpoint's folder are its chat templates, as transformers'
// tokenizers read them.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_CHAT_CHATTEMPLATES_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_CHAT_CHATTEMPLATES_H

#include "runtime/support/Result.h"

#include <string>
#include <vector>

namespace swallow {

struct ChatTemplateSource {
  std::string name;  // "default", "tool_use", ...
  std::string text;  // Jinja, UTF-8
  std::string place; // for messages: the file, and the key where it has keys
};

/// The templates of the checkpoint in `modelDir`, sorted by name; none for a
/// base model.
///
/// chat_template.jinja is the one named "default", and each NAME.jinja in
/// additional_chat_templates/ one more. Where there is any of them, they are
/// all; otherwise `chat_template` of tokenizer_config.json counts: a string, a
/// list of {"name": ..., "template": ...}, or an object of texts by name.
/// chat_template.json, which old processors of images have, is none of a
/// tokenizer's files.
///
/// Fails with FileUnreadable or MalformedFile.
Result<std::vector<ChatTemplateSource>>
readChatTemplates(const std::string &modelDir);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_CHAT_CHATTEMPLATES_H
