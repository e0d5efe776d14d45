//===- Chat.h - a conversation with a model ---------------------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_CHAT_CHAT_H
#define SWALLOW_TOOLS_SWALLOW_RT_CHAT_CHAT_H

#include "tools/swallow-rt/Generation.h"
#include "tools/swallow-rt/chat/ChatFormat.h"
#include "tools/swallow-rt/chat/MessageReader.h"
#include "tools/swallow-rt/chat/Messages.h"
#include "tools/swallow-rt/options/GenerationOptions.h"

/// Reads messages and commands and answers them. With a person at a terminal
/// an error is told and the conversation goes on; from a pipe it ends the
/// program, so that a script notices.
class Chat {
public:
  Chat(const swallow_artifact *artifact, swallow_session *session,
       const GenerationOptions &generation, const ChatFormat &format,
       bool verbose);

  /// Until the end; returns the exit code.
  int run();

private:
  enum class Next { GoOn, End };

  Next handle(const MessageReader::Message &message);
  Next command(std::string_view name, const std::string &argument);
  /// Answers the user's message at the end; takes it back when it cannot be
  /// answered.
  Next answer();
  void stats() const;

  const swallow_artifact *artifact_;
  GenerationRequest request_;
  ChatFormat format_;
  GenerationPtr generation_;
  Messages messages_;
  Outcome last_; // the answer before; no samples: none
  int64_t context_;
  int64_t answers_ = 0;
  int64_t answerTokens_ = 0;
  double answerSeconds_ = 0;
  bool interactive_;
  bool verbose_;
};

#endif // SWALLOW_TOOLS_SWALLOW_RT_CHAT_CHAT_H
