#include "tools/swallow-rt/terminal/LoadingLine.h"

#include "tools/swallow-rt/Support.h"

#include <cstdio>
#include <unistd.h>

using namespace std::chrono_literals;

LoadingLine::LoadingLine() : onTerminal_(isatty(STDERR_FILENO)) {}

LoadingLine::~LoadingLine() {
  if (visible_)
    std::fputs("\r\x1b[K", stderr);
}

void LoadingLine::update(void *line, uint64_t done, uint64_t total) {
  static_cast<LoadingLine *>(line)->update(done, total);
}

void LoadingLine::update(uint64_t done, uint64_t total) {
  const Clock::time_point now = Clock::now();
  if (now - start_ < 1s || (visible_ && now - shown_ < 100ms) || total == 0)
    return;
  visible_ = true;
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::fprintf(stderr, "\rloading weights: %3.0f %% of %s, %s/s\x1b[K",
               100.0 * double(done) / double(total),
               formatBytes(double(total)).c_str(),
               formatBytes(double(done) / seconds).c_str());
}
