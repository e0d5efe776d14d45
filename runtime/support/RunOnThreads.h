//===- RunOnThreads.h - one function on several threads ---------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_SUPPORT_RUNONTHREADS_H
#define SWALLOW_RUNTIME_SUPPORT_RUNONTHREADS_H

#include <algorithm>
#include <functional>
#include <system_error>
#include <thread>
#include <vector>

namespace swallow {

/// `threads`, or as many as the process may use if that is 0 or less.
inline int threadCount(int threads) {
  if (threads > 0)
    return threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

/// Calls `work`, which takes its share from a common queue, on the calling
/// thread and on up to threads - 1 others; returns when all have returned. With
/// fewer threads than asked for, where the system grants no more, the others do
/// the work.
inline void runOnThreads(int threads, const std::function<void()> &work) {
  std::vector<std::thread> team;
  team.reserve(static_cast<size_t>(std::max(threads, 1)));
  for (int i = 1; i < threads; ++i) {
    try {
      team.emplace_back(work);
    } catch (const std::system_error &) {
      break;
    }
  }
  work();
  for (std::thread &thread : team)
    thread.join();
}

} // namespace swallow

#endif // SWALLOW_RUNTIME_SUPPORT_RUNONTHREADS_H
