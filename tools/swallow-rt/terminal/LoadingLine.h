//===- LoadingLine.h - how far the weights are on their way -----*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_TERMINAL_LOADINGLINE_H
#define SWALLOW_TOOLS_SWALLOW_RT_TERMINAL_LOADINGLINE_H

#include <chrono>
#include <cstdint>

/// One line on standard error while weights are copied to a GPU:
///
///   loading weights:  48 % of 14.96 GiB, 3.10 GiB/s
///
/// It is there only where standard error is a terminal and the copy takes more
/// than a second, and is gone when this object is.
class LoadingLine {
public:
  LoadingLine();
  LoadingLine(const LoadingLine &) = delete;
  LoadingLine &operator=(const LoadingLine &) = delete;
  ~LoadingLine();

  bool isOnTerminal() const { return onTerminal_; }

  /// For swallow_session_options::weights_progress; `line` is a LoadingLine.
  static void update(void *line, uint64_t done, uint64_t total);

private:
  using Clock = std::chrono::steady_clock;
  void update(uint64_t done, uint64_t total);

  bool onTerminal_;
  bool visible_ = false;
  Clock::time_point start_ = Clock::now(), shown_;
};

#endif // SWALLOW_TOOLS_SWALLOW_RT_TERMINAL_LOADINGLINE_H
