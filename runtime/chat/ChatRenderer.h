//===- ChatRenderer.h - conversations to prompts ----------------*- C++ -*-===//
//
// From messages to the text that a model answers, by a chat template as
// transformers' apply_chat_template renders it, or by a prompt style.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_CHAT_CHATRENDERER_H
#define SWALLOW_RUNTIME_CHAT_CHATRENDERER_H

#include "runtime/artifact/Artifact.h"
#include "runtime/chat/PromptStyle.h"
#include "runtime/jinja/Template.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

/// A conversation and how to render it. What is JSON, and what each part means,
/// is told in swallow_chat.h.
struct ChatRequest {
  std::string_view messages;                 // JSON
  std::optional<std::string_view> tools;     // JSON
  std::optional<std::string_view> documents; // JSON
  std::optional<std::string_view> variables; // JSON
  // At most one of these three.
  std::optional<std::string_view> templateName;
  std::optional<std::string_view> templateText;
  std::optional<std::string_view> promptStyle;
  /// What messages call templateText.
  std::string templateLabel = "chat template";
  bool addGenerationPrompt = true;
  /// The field of the last message that the answer goes on with.
  std::optional<std::string_view> continueField;
  /// "YYYY-MM-DD" or "YYYY-MM-DDTHH:MM:SS"; now if absent.
  std::optional<std::string_view> date;
};

struct RenderedChat {
  std::string text; // UTF-8
  /// How to encode it: templates write all special tokens themselves.
  bool addSpecialTokens = false;
};

/// Immutable; any number of threads may render at once.
class ChatRenderer {
public:
  struct Named {
    std::string name;
    jinja::Template compiled;
  };

  /// Reads the templates and special tokens of an artifact, which need not
  /// live on. Fails with Corrupt.
  static Result<ChatRenderer> open(const Artifact &artifact);

  /// Sorted by name.
  const std::vector<Named> &templates() const { return templates_; }
  const SpecialTokens &specialTokens() const { return tokens_; }

  /// Fails with InvalidArgument (malformed input, a format that is not there, a
  /// template that does not compile or that refuses the conversation),
  /// OutOfRange or OutOfMemory (a rendering beyond the template engine's
  /// bounds).
  Result<RenderedChat> render(const ChatRequest &request) const;

private:
  ChatRenderer() = default;
  /// As transformers' get_chat_template chooses.
  Result<const jinja::Template *> choose(const ChatRequest &request,
                                         bool tools) const;
  Result<RenderedChat> renderStyle(const PromptStyle &style,
                                   const ChatRequest &request) const;
  Result<jinja::Value> makeContext(const ChatRequest &request,
                                   const Conversation &messages,
                                   const jinja::Value &tools) const;
  std::string templateNames() const;

  std::vector<Named> templates_;
  SpecialTokens tokens_;
};

/// A date and time of day as a clock that stands still. Fails with
/// InvalidArgument.
Result<jinja::LocalTime> parseDate(std::string_view text);

} // namespace swallow

#endif // SWALLOW_RUNTIME_CHAT_CHATRENDERER_H
