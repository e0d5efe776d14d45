//===- ChatFormat.h - the format of the messages of `run`, `chat` -*- C++ -*-=//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_CHAT_CHATFORMAT_H
#define SWALLOW_TOOLS_SWALLOW_RT_CHAT_CHATFORMAT_H

#include "tools/swallow-rt/options/ConversationOptions.h"

/// Whatever decides what a conversation becomes, but its messages.
struct ChatFormat {
  ConversationOptions conversation;
  std::optional<std::string> system;

  void declare(Options &options);
  /// Whether the command line names a format or a system message, which only
  /// makes sense for a conversation.
  bool chosen() const { return conversation.choosesFormat() || system; }

  /// Throws CommandError when the model has no template and no other format
  /// was named.
  void require(const swallow_artifact *artifact) const;
  /// The ids of a conversation (a JSON list of messages).
  std::vector<int32_t> ids(const swallow_artifact *artifact,
                           const std::string &messages) const;
};

#endif // SWALLOW_TOOLS_SWALLOW_RT_CHAT_CHATFORMAT_H
