//===- Progress.h - how far a long operation is -----------------*- C++ -*-===//
//
// On a terminal, one line that is redrawn:
//
//   Packing weights [=========>          ]  48%  6.9 of 14.5 GB  1.31 GB/s  5 s
//
// Elsewhere (a log, a pipe), a plain line every tenth of the way, but not more
// often than once a second, and one at the end. GB are 10^9 bytes.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_COMPILER_PROGRESS_H
#define SWALLOW_COMPILER_PROGRESS_H

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>

namespace swallow {

class Progress {
public:
  enum class Style { Auto, Bar, Lines, Silent };

  /// Auto is Bar if `out` is a terminal, else Lines. `out` is not owned.
  explicit Progress(std::FILE *out = stderr, Style style = Style::Auto);

  /// Starts an operation over `totalBytes` bytes. `what` starts its lines.
  void begin(std::string what, uint64_t totalBytes);
  /// Thread-safe.
  void advance(uint64_t bytes);
  /// Completes the line; after an operation that failed, says how far it got.
  void end();

private:
  using Clock = std::chrono::steady_clock;
  void print(Clock::time_point now, bool last);

  std::FILE *out_;
  Style style_;
  std::mutex mutex_;
  std::string what_;
  uint64_t total_ = 0, done_ = 0;
  Clock::time_point start_, lastPrint_;
  int lastTenth_ = 0;
  size_t lastWidth_ = 0;
  bool active_ = false;
};

} // namespace swallow

#endif // SWALLOW_COMPILER_PROGRESS_H
