//===- ThreadTeam.h - the threads that execute a step -----------*- C++ -*-===//
//
// A step is one function that every thread of the team executes from beginning
// to end (SPMD); the threads meet at barriers. There are no queues and no
// tasks: which part of a kernel a thread computes follows from its number, or
// from the numbers it claims.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_DEVICE_THREADTEAM_H
#define SWALLOW_RUNTIME_DEVICE_THREADTEAM_H

#include "runtime/support/Result.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace swallow {

/// Lets a fixed number of threads meet again and again. A thread that waits
/// spins a short while, since kernels of a step last microseconds, and then
/// sleeps on a futex, since a descheduled thread may take milliseconds.
class Barrier {
public:
  /// `spins`: how often a waiting thread looks before it sleeps.
  Barrier(int threads, int spins) : threads_(threads), spins_(spins) {}

  /// Returns when all threads have called it. What a thread wrote before is
  /// visible to all of them after. `cleared` is 0 by then; nobody else may
  /// write it while threads wait.
  void wait(std::atomic<int64_t> &cleared);

private:
  // Each on a cache line of its own: arriving threads write the first while
  // waiting ones read the second.
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> generation_{0};
  alignas(64) std::atomic<int> sleepers_{0};
  const int threads_;
  const int spins_;
};

/// Persistent threads. The thread that calls run() is number 0; the others
/// sleep between runs and take no signals sent to the process. One run at a
/// time; run() may be called from different threads one after another.
class ThreadTeam {
public:
  /// Starts `threads` - 1 threads. Errors: InvalidArgument outside
  /// [1, kMaxThreads]; DeviceError when the system refuses a thread.
  static Result<std::unique_ptr<ThreadTeam>> create(int threads);
  static constexpr int kMaxThreads = 1024;

  ~ThreadTeam();
  ThreadTeam(const ThreadTeam &) = delete;
  ThreadTeam &operator=(const ThreadTeam &) = delete;

  int size() const { return size_; }

  using Function = void (*)(void *context, int64_t thread);

  /// Calls function(context, thread) once on every thread of the team and
  /// returns when all calls have. Does not allocate. `function` must not
  /// throw.
  void run(Function function, void *context);

  /// The same with a callable taking the thread's number.
  template <typename Callable> void run(Callable &&callable) {
    run(
        [](void *context, int64_t thread) {
          (*static_cast<std::remove_reference_t<Callable> *>(context))(thread);
        },
        const_cast<void *>(static_cast<const void *>(&callable)));
  }

  /// For functions inside a run: returns when every thread has called it.
  void barrier() { inside_.wait(claimed_); }

  /// For functions inside a run: 0, 1, 2 and so on, each to one thread, from 0
  /// again at the run's beginning and behind every barrier().
  int64_t claim() { return claimed_.fetch_add(1, std::memory_order_relaxed); }

private:
  ThreadTeam(int threads, int spins)
      : size_(threads), inside_(threads, spins), edge_(threads, spins) {}
  void work(int64_t thread);

  const int size_;
  Barrier inside_; // barrier() of the running function
  Barrier edge_;   // where a run begins and ends
  alignas(64) std::atomic<int64_t> claimed_{0}; // calls of claim()
  Function function_ = nullptr; // published by edge_; null: the threads leave
  void *context_ = nullptr;
  std::vector<std::thread> threads_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_DEVICE_THREADTEAM_H
