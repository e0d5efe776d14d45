//===- Progress.cpp - how far a long operation is -------------------------===//

#include "compiler/Progress.h"

#include <algorithm>
#include <unistd.h>

using namespace swallow;

Progress::Progress(std::FILE *out, Style style) : out_(out), style_(style) {
  if (style_ == Style::Auto)
    style_ = ::isatty(::fileno(out)) ? Style::Bar : Style::Lines;
}

void Progress::begin(std::string what, uint64_t totalBytes) {
  std::lock_guard lock(mutex_);
  what_ = std::move(what);
  total_ = totalBytes;
  done_ = 0;
  lastTenth_ = 0;
  lastWidth_ = 0;
  active_ = true;
  start_ = lastPrint_ = Clock::now();
  if (style_ == Style::Bar)
    print(start_, false);
}

void Progress::advance(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  done_ += bytes;
  if (!active_ || style_ == Style::Silent)
    return;
  Clock::time_point now = Clock::now();
  const auto interval = style_ == Style::Bar ? std::chrono::milliseconds(100)
                                             : std::chrono::seconds(1);
  if (now - lastPrint_ < interval)
    return;
  int tenth = total_ ? static_cast<int>(10.0 * done_ / total_) : 10;
  if (style_ == Style::Lines && tenth == lastTenth_)
    return;
  lastTenth_ = tenth;
  lastPrint_ = now;
  print(now, false);
}

void Progress::end() {
  std::lock_guard lock(mutex_);
  if (!active_)
    return;
  active_ = false;
  if (style_ != Style::Silent)
    print(Clock::now(), true);
}

void Progress::print(Clock::time_point now, bool last) {
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double share =
      total_ ? std::min(1.0, static_cast<double>(done_) / total_) : 1.0;
  // Too short a time says nothing about the rate.
  const double rate = seconds > 1e-3 ? done_ / 1e9 / seconds : 0;
  char figures[96];
  int length = std::snprintf(
      figures, sizeof(figures), "%3.0f%%  %.2f of %.2f GB  %.2f GB/s  %.0f s",
      100 * share, done_ / 1e9, total_ / 1e9, rate, seconds);
  if (style_ == Style::Lines) {
    std::fprintf(out_, "%s: %s\n", what_.c_str(), figures);
  } else {
    const int width = 24;
    int filled = static_cast<int>(share * width);
    std::string bar(static_cast<size_t>(filled), '=');
    if (filled < width)
      bar += '>';
    bar.resize(width, ' ');
    // Blanks cover what a longer line has left.
    size_t now = what_.size() + width + 4 + static_cast<size_t>(length);
    std::string blanks(lastWidth_ > now ? lastWidth_ - now : 0, ' ');
    lastWidth_ = now;
    std::fprintf(out_, "\r%s [%s] %s%s%s", what_.c_str(), bar.c_str(), figures,
                 blanks.c_str(), last ? "\n" : "");
  }
  std::fflush(out_);
}
