//===- ConversationOptions.h - how conversations become prompts -*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_OPTIONS_CONVERSATIONOPTIONS_H
#define SWALLOW_TOOLS_SWALLOW_RT_OPTIONS_CONVERSATIONOPTIONS_H

#include "runtime/include/swallow_rt.h"
#include "tools/swallow-rt/options/Options.h"

#include <optional>
#include <string>
#include <vector>

/// A rendered conversation.
struct Prompt {
  std::string text;
  std::vector<int32_t> ids;
};

/// The format of a conversation and what goes into it beside the messages.
class ConversationOptions {
public:
  /// Declares --chat-template, --prompt-style, --tools, --documents,
  /// --template-vars and --date.
  void declare(Options &options);

  /// Whether the command line chose a format.
  bool choosesFormat() const { return chatTemplate_ || promptStyle_; }

  /// Renders `messages` (JSON). `base` has what these options do not say, from
  /// swallow_chat_options_init on: the generation prompt, say. Throws
  /// CommandError; a message about a file's JSON names the file, `source` for
  /// the messages ("" where they come from no file).
  Prompt render(const swallow_artifact *artifact, const std::string &messages,
                const std::string &source, swallow_chat_options base) const;

private:
  std::optional<std::string> chatTemplate_, promptStyle_;
  std::optional<std::string> toolsFile_, documentsFile_;
  std::optional<std::string> templateVars_, date_;
};

#endif // SWALLOW_TOOLS_SWALLOW_RT_OPTIONS_CONVERSATIONOPTIONS_H
