//===- ThreadTeam.h - the threads that execute a step -----------*- C++ -*-===//
//
// A step is one function that the threads of the team execute from beginning to
// end (SPMD); they meet at barriers. There are no queues and no
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

/// Lets threads meet again and again. A thread that waits spins a short while,
/// since kernels of a step last microseconds, and then sleeps on a futex, since
/// a descheduled thread may take milliseconds.
class Barrier {
public:
  /// `spinNs`: how long a waiting thread looks before it sleeps; a moment if 0.
  explicit Barrier(int64_t spinNs) : spinNs_(spinNs) {}

  /// Returns when as many threads as `threads`, which all of them name alike,
  /// have called it. What a thread wrote before is visible to all of them
  /// after. `cleared` is 0 by then; only threads that have not arrived yet may
  /// write it. Gives the nanoseconds that it waited; 0 for the first moment.
  int64_t wait(int threads, std::atomic<int64_t> &cleared);

private:
  // Each on a cache line of its own: arriving threads write the first while
  // waiting ones read the second.
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> generation_{0};
  alignas(64) std::atomic<int> sleepers_{0};
  const int64_t spinNs_;
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
  static constexpr int kNobody = -1;

  /// Calls function(context, thread) once on every thread of the team but
  /// `leftOut`, and returns when all calls have. The threads that take part are
  /// numbered without gaps: behind the one left out, numbers are one less. If
  /// that is the calling thread, it waits for the others. Does not allocate.
  /// `function` must not throw. `leftOut` is kNobody or in [0, size()); a team
  /// of one leaves nobody out.
  void run(Function function, void *context, int leftOut = kNobody);

  /// The same with a callable taking the thread's number.
  template <typename Callable>
  void run(Callable &&callable, int leftOut = kNobody) {
    run(
        [](void *context, int64_t thread) {
          (*static_cast<std::remove_reference_t<Callable> *>(context))(thread);
        },
        const_cast<void *>(static_cast<const void *>(&callable)), leftOut);
  }

  /// For functions inside a run, with the number of the calling thread: returns
  /// when every thread that takes part has called it.
  void barrier(int64_t thread) {
    waited_[static_cast<size_t>(thread)].ns +=
        inside_.wait(participants_, claimed_);
  }

  /// For functions inside a run: 0, 1, 2 and so on, each to one thread, from 0
  /// again at the run's beginning and behind every barrier().
  int64_t claim() { return claimed_.fetch_add(1, std::memory_order_relaxed); }

  /// Nanoseconds that a thread of the last run, by its number there, waited for
  /// others at barriers.
  int64_t waited(int64_t thread) const {
    return waited_[static_cast<size_t>(thread)].ns;
  }

private:
  ThreadTeam(int threads, int64_t spinNs)
      : size_(threads), spinNs_(spinNs), inside_(spinNs),
        waited_(static_cast<size_t>(threads)) {}
  void work(int64_t thread);
  /// Begins a run, which all threads but `leftOut` take part in.
  void begin(int leftOut);
  /// Waits for a run after `seen` that `thread` takes part in.
  uint64_t awaitRun(uint32_t seen, int64_t thread);
  /// Waits until the function has returned on `workers` threads.
  void awaitWorkers(uint32_t workers);

  struct alignas(64) Waited {
    int64_t ns = 0;
  };

  const int size_;
  const int64_t spinNs_;
  Barrier inside_; // barrier() of the running function
  // The number of the run in the low half, and in the high half the thread that
  // is left out, plus one. Threads learn both at once: one that comes late must
  // not take the next run for the one that it was left out of. Those left out
  // sleep on the high half, and are not woken by every run.
  alignas(64) std::atomic<uint64_t> run_{0};
  alignas(64) std::atomic<int> sleepers_{0};      // workers between runs
  alignas(64) std::atomic<uint32_t> finished_{0}; // workers, of this run
  std::atomic<bool> callerSleeps_{false};
  alignas(64) std::atomic<int64_t> claimed_{0}; // calls of claim()
  // Published by run_; claims must not take the line from those who read it.
  alignas(64) Function function_ = nullptr; // null: the threads leave
  void *context_ = nullptr;
  int participants_ = 0;
  std::vector<Waited> waited_;
  std::vector<std::thread> threads_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_DEVICE_THREADTEAM_H
