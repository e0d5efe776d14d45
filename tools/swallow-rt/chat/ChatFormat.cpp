#include "tools/swallow-rt/chat/ChatFormat.h"
#include "tools/swallow-rt/Support.h"

void ChatFormat::declare(Options &options) {
  options.text("--system", system, "TEXT", "The system message", "none");
  conversation.declare(options);
}

void ChatFormat::require(const swallow_artifact *artifact) const {
  if (!conversation.choosesFormat() &&
      swallow_chat_num_templates(artifact) == 0)
    throw CommandError("the model has no chat template: it was made to "
                       "complete texts, which `swallow-rt run` does. "
                       "--prompt-style or --chat-template names a format");
}

std::vector<int32_t> ChatFormat::ids(const swallow_artifact *artifact,
                                     const std::string &messages) const {
  swallow_chat_options options;
  swallow_chat_options_init(&options, sizeof(options));
  return conversation.render(artifact, messages, "", options).ids;
}
