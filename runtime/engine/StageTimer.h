//===- StageTimer.h - where a step's time goes ------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_STAGETIMER_H
#define SWALLOW_RUNTIME_ENGINE_STAGETIMER_H

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace swallow {

struct StageTime {
  std::string name;
  double seconds = 0;
  uint64_t calls = 0;
};

/// Adds up the time between the trace hook's calls on thread 0. A stage ends in
/// a barrier or soon meets one, so one thread's clock tells the team's time.
class StageTimer {
public:
  explicit StageTimer(std::vector<std::string> stages) {
    times_.reserve(stages.size());
    for (std::string &stage : stages)
      times_.push_back({std::move(stage), 0, 0});
  }

  void beginStep() { last_ = std::chrono::steady_clock::now(); }

  void endStage(int64_t thread, int64_t stage) {
    if (thread != 0 || stage < 0 || stage >= int64_t(times_.size()))
      return;
    auto now = std::chrono::steady_clock::now();
    StageTime &time = times_[static_cast<size_t>(stage)];
    time.seconds += std::chrono::duration<double>(now - last_).count();
    ++time.calls;
    last_ = now;
  }

  std::span<const StageTime> times() const { return times_; }

private:
  std::vector<StageTime> times_;
  std::chrono::steady_clock::time_point last_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_STAGETIMER_H
