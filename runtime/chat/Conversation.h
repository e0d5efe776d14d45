//===- Conversation.h - messages as a template gets them --------*- C++ -*-===//
//
// What transformers' apply_chat_template does with messages before it renders
// them, and with the text afterwards.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_CHAT_CONVERSATION_H
#define SWALLOW_RUNTIME_CHAT_CONVERSATION_H

#include "runtime/jinja/value/Value.h"

#include <string>
#include <string_view>
#include <vector>

namespace swallow {

/// Messages, oldest first: at least one, each a dict.
using Conversation = std::vector<jinja::Value>;

/// Reads `json`. Members that are null are dropped: many templates print "None"
/// for them. The message's reasoning ("reasoning_content", once "thinking" or
/// "reasoning") is there under its new name and as "thinking". Fails with
/// InvalidArgument and the place, "messages[2]: ...".
Result<Conversation> readConversation(std::string_view json);

/// A list of objects, or none for "null". `what` names it in messages.
Result<jinja::Value> readObjects(std::string_view json,
                                 const std::string &what);

/// Marks the end of the last message, so that the text can be cut off there
/// once it is rendered.
class Continuation {
public:
  /// Puts the mark at the end of `field` of the last message. `source` is the
  /// template's. Fails with InvalidArgument where the message has no text
  /// there, or where the template never looks at it.
  static Result<Continuation>
  mark(Conversation &messages, std::string_view field, std::string_view source);

  /// `text` up to the mark. Where the template has trimmed the message, its
  /// white space stays off. Fails with InvalidArgument if the message is not in
  /// the text.
  Result<std::string> cut(std::string text) const;

private:
  std::string message_; // as it was, without white space around it
};

/// `text` without the white space (Python's) at its ends.
std::string_view stripSpace(std::string_view text);
std::string_view stripSpaceRight(std::string_view text);

} // namespace swallow

#endif // SWALLOW_RUNTIME_CHAT_CONVERSATION_H
