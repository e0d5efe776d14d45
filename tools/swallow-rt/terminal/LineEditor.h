//===- LineEditor.h - lines from a person or a pipe -------------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_TERMINAL_LINEEDITOR_H
#define SWALLOW_TOOLS_SWALLOW_RT_TERMINAL_LINEEDITOR_H

#include <memory>
#include <string>

/// Reads lines of UTF-8 from standard input.
class LineEditor {
public:
  enum class Event {
    Line,      // there is one
    Interrupt, // Ctrl-C while it was typed; what was typed is gone
    End,       // the end of the input, or Ctrl-D on an empty line
  };

  virtual ~LineEditor() = default;
  /// Sets `line`, without its newline, for Event::Line.
  virtual Event read(const std::string &prompt, std::string &line) = 0;

  /// With editing and history where both standard input and output are a
  /// terminal and the system has a UTF-8 locale to handle characters with;
  /// otherwise lines as they come, after a prompt on standard error if they
  /// come from a terminal. Throws CommandError.
  static std::unique_ptr<LineEditor> create();
};

#endif // SWALLOW_TOOLS_SWALLOW_RT_TERMINAL_LINEEDITOR_H
