//===- PromptStyle.h - formats for models without a template ----*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_CHAT_PROMPTSTYLE_H
#define SWALLOW_RUNTIME_CHAT_PROMPTSTYLE_H

#include "runtime/chat/Conversation.h"
#include "runtime/support/Result.h"

#include <map>
#include <span>
#include <string>
#include <string_view>

namespace swallow {

/// The texts of special tokens by name: "bos_token" is "<s>".
using SpecialTokens = std::map<std::string, std::string, std::less<>>;

struct PromptStyle {
  const char *name;
  const char *description; // one line
  /// Whether the text is encoded with the tokens that the tokenizer puts around
  /// a text.
  bool addSpecialTokens;
  /// The prompt. `open` leaves the last message, then the assistant's, without
  /// an end. Fails with InvalidArgument and the place of what has no place in
  /// the format.
  Result<std::string> (*render)(const Conversation &messages,
                                const SpecialTokens &tokens, bool open);
};

/// swallow_chat.h says what they are.
std::span<const PromptStyle> promptStyles();

/// Fails with InvalidArgument naming those that there are.
Result<const PromptStyle *> findPromptStyle(std::string_view name);

/// "alpaca-ja, llama2, plain".
std::string promptStyleNames();

/// Of Swallow's llama2 style.
extern const char *const recommendedSystemPrompt;

} // namespace swallow

#endif // SWALLOW_RUNTIME_CHAT_PROMPTSTYLE_H
