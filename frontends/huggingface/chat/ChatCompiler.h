//===- ChatCompiler.h - what an artifact has of conversations ---*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_CHAT_CHATCOMPILER_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_CHAT_CHATCOMPILER_H

#include "runtime/support/Result.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace swallow {

struct CompiledChatTemplate {
  std::string name;           // "default", "tool_use", ...
  std::vector<uint8_t> bytes; // what jinja::Template::open reads
};

struct CompiledChat {
  std::vector<CompiledChatTemplate> templates; // sorted by name
  std::map<std::string, std::string> specialTokens;
};

/// The chat templates of the checkpoint in `modelDir`, compiled, and the
/// special tokens that they see (ChatTemplates.h, SpecialTokens.h). The same
/// bytes for the same files. A template that is malformed or that uses what
/// chat templates do not have is a MalformedFile with its file and place:
/// "DIR/chat_template.jinja: template line 3, column 7: ...".
Result<CompiledChat> compileChat(const std::string &modelDir);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_CHAT_CHATCOMPILER_H
