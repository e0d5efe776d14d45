//===- MessageReader.h - messages of one or more lines ----------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_CHAT_MESSAGEREADER_H
#define SWALLOW_TOOLS_SWALLOW_RT_CHAT_MESSAGEREADER_H

#include "tools/swallow-rt/terminal/LineEditor.h"

/// A message is a line. A backslash at the end of a line goes on with the next
/// one, and so do lines between """ and """.
class MessageReader {
public:
  struct Message {
    LineEditor::Event event;
    std::string text;
    bool quoted = false; // between """: no command, whatever it begins with
  };

  Message next();

private:
  /// The rest of a message that began with """.
  Message block(std::string first);

  std::unique_ptr<LineEditor> editor_ = LineEditor::create();
};

#endif // SWALLOW_TOOLS_SWALLOW_RT_CHAT_MESSAGEREADER_H
