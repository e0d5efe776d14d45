#include "runtime/engine/LaunchTimer.h"

#include <algorithm>
#include <cassert>

namespace swallow {

void LaunchTimer::addKernel(std::string_view kernel) {
  for (const StageTime &time : times_)
    if (time.name == kernel)
      return;
  times_.push_back({std::string(kernel), 0, 0});
}

Status LaunchTimer::mark(const cuda::Stream &stream, size_t index) {
  while (marks_.size() <= index) {
    SWALLOW_ASSIGN(
        cuda::Event event,
        cuda::Event::create(stream.contextPtr(), cuda::Event::Timing::On));
    marks_.push_back(std::move(event));
  }
  return stream.recordInGraph(marks_[index]);
}

Status LaunchTimer::begin(const cuda::Stream &stream) {
  return mark(stream, 0);
}

Status LaunchTimer::endLaunch(const cuda::Stream &stream,
                              std::string_view kernel,
                              RecordedLaunches &launches) {
  auto found =
      std::find_if(times_.begin(), times_.end(),
                   [&](const StageTime &time) { return time.name == kernel; });
  assert(found != times_.end());
  launches.push_back(static_cast<size_t>(found - times_.begin()));
  return mark(stream, launches.size());
}

Status LaunchTimer::add(const RecordedLaunches &launches) {
  for (size_t i = 0; i < launches.size(); ++i) {
    SWALLOW_ASSIGN(float milliseconds,
                   marks_[i + 1].millisecondsSince(marks_[i]));
    StageTime &time = times_[launches[i]];
    time.seconds += static_cast<double>(milliseconds) * 1e-3;
    ++time.calls;
  }
  return {};
}

} // namespace swallow
