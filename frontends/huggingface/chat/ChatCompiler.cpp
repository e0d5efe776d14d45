//===- ChatCompiler.cpp - what an artifact has of conversations -----------===//

#include "frontends/huggingface/chat/ChatCompiler.h"

#include "frontends/huggingface/chat/ChatTemplates.h"
#include "frontends/huggingface/chat/SpecialTokens.h"
#include "runtime/jinja/Template.h"

using namespace swallow;

/// Where there are several, a message says which.
static std::string describe(const ChatTemplateSource &source, bool several) {
  return several ? source.place + " (template \"" + source.name + "\")"
                 : source.place;
}

Result<CompiledChat> swallow::compileChat(const std::string &modelDir) {
  CompiledChat chat;
  SWALLOW_ASSIGN(std::vector<ChatTemplateSource> sources,
                 readChatTemplates(modelDir));
  for (ChatTemplateSource &source : sources) {
    Result<std::vector<uint8_t>> bytes = jinja::compileTemplate(source.text);
    if (!bytes)
      return {bytes.error().code, describe(source, sources.size() > 1) + ": " +
                                      bytes.error().message};
    chat.templates.push_back({std::move(source.name), std::move(*bytes)});
  }
  SWALLOW_ASSIGN(chat.specialTokens, readSpecialTokensMap(modelDir));
  return chat;
}
