//===- LaunchTimer.h - where the time of a GPU's steps goes -----*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_LAUNCHTIMER_H
#define SWALLOW_RUNTIME_ENGINE_LAUNCHTIMER_H

#include "runtime/cuda/Stream.h"
#include "runtime/engine/StageTimer.h"

#include <span>
#include <string_view>
#include <vector>

namespace swallow {

/// The launches of one recorded step, in order: indices of kernels.
using RecordedLaunches = std::vector<size_t>;

/// Adds up the device's time of each kernel. While a step is recorded as a
/// graph, a mark goes before its first launch and behind each; a replay of the
/// graph sets the marks on the device, so that what the host takes plays no
/// part. All graphs share the marks.
class LaunchTimer {
public:
  /// `kernel` will be timed; once for each name.
  void addKernel(std::string_view kernel);

  /// While recording: the marks before the first launch and behind a launch of
  /// `kernel`, which addKernel has got and `launches` is appended.
  Status begin(const cuda::Stream &stream);
  Status endLaunch(const cuda::Stream &stream, std::string_view kernel,
                   RecordedLaunches &launches);

  /// After a replay of the graph that `launches` were recorded in is done.
  Status add(const RecordedLaunches &launches);

  std::span<const StageTime> times() const { return times_; }

private:
  Status mark(const cuda::Stream &stream, size_t index);

  std::vector<cuda::Event> marks_; // as many as the longest step needs
  std::vector<StageTime> times_;   // of each kernel
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_LAUNCHTIMER_H
