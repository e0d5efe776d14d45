#include "runtime/cuda/DeviceLimits.h"

#include "runtime/cuda/Buffer.h"

#include <algorithm>

namespace swallow::cuda {

Result<double> measureCopySpeed(const Stream &stream) {
  // Several times the largest L2 cache there is, but no more of what is free
  // than the driver surely has left to give.
  constexpr uint64_t kMost = uint64_t(512) << 20, kLeast = uint64_t(1) << 20;
  constexpr int kAttempts = 5;
  SWALLOW_TRY(stream.synchronize());
  SWALLOW_ASSIGN(MemoryInfo memory, stream.context().memoryInfo());
  const uint64_t half = std::min(kMost, memory.freeBytes / 8) / 2 / 4096 * 4096;
  if (half < kLeast)
    return 0.0;
  SWALLOW_ASSIGN(DeviceBuffer buffer,
                 DeviceBuffer::allocate(stream.contextPtr(), 2 * half,
                                        "measuring of a copy"));
  SWALLOW_TRY(buffer.fill(stream, 0));
  SWALLOW_ASSIGN(Event start,
                 Event::create(stream.contextPtr(), Event::Timing::On));
  SWALLOW_ASSIGN(Event end,
                 Event::create(stream.contextPtr(), Event::Timing::On));
  double best = 0;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    SWALLOW_TRY(stream.record(start));
    SWALLOW_TRY(buffer.copyWithin(stream, 0, half, half));
    SWALLOW_TRY(stream.record(end));
    SWALLOW_TRY(stream.synchronize());
    SWALLOW_ASSIGN(float milliseconds, end.millisecondsSince(start));
    if (milliseconds > 0)
      best = std::max(best, 2.0 * static_cast<double>(half) /
                                (static_cast<double>(milliseconds) * 1e-3));
  }
  return best;
}

} // namespace swallow::cuda
