//===- SavedLines.h - lines typed before ------------------------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_TERMINAL_SAVEDLINES_H
#define SWALLOW_TOOLS_SWALLOW_RT_TERMINAL_SAVEDLINES_H

#include <string>
#include <vector>

/// The file $XDG_STATE_HOME/swallow/history (~/.local/state/swallow/history),
/// which only its owner can read: one line for each line typed, oldest first.
/// Programs that run at the same time add to it side by side. A file that
/// cannot be read or written is no error: a conversation goes on without it.
class SavedLines {
public:
  /// What is kept; the file has up to twice as many lines.
  static constexpr size_t kLimit = 1000;

  SavedLines();
  const std::vector<std::string> &lines() const { return lines_; }
  void add(const std::string &line);

private:
  void shorten();

  std::string path_; // empty: none
  std::vector<std::string> lines_;
};

#endif // SWALLOW_TOOLS_SWALLOW_RT_TERMINAL_SAVEDLINES_H
