#include "runtime/device/ThreadTeam.h"

#include "runtime/device/CpuTopology.h"

#include <algorithm>
#include <climits>
#include <csignal>
#include <exception>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace swallow {

static void futexWait(std::atomic<uint32_t> &word, uint32_t expected) {
  static_assert(sizeof(word) == sizeof(uint32_t));
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

static void futexWakeAll(std::atomic<uint32_t> &word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

static void spinPause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

void Barrier::wait(std::atomic<int64_t> &cleared) {
  if (threads_ == 1)
    return cleared.store(0, std::memory_order_relaxed);
  // Read before arriving: afterwards the last thread may advance it.
  uint32_t generation = generation_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
    arrived_.store(0, std::memory_order_relaxed);
    cleared.store(0, std::memory_order_relaxed);
    // Sequentially consistent, as are the sleeper's two accesses: either it
    // is seen here, or it sees the new generation before it sleeps.
    generation_.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) > 0)
      futexWakeAll(generation_);
    return;
  }
  for (int spin = 0; spin < spins_; ++spin) {
    if (generation_.load(std::memory_order_acquire) != generation)
      return;
    spinPause();
  }
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  while (generation_.load(std::memory_order_seq_cst) == generation)
    futexWait(generation_, generation);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
}

namespace {

/// While it lives, threads that are started take no signals but those of their
/// own faults: they inherit the mask. A signal to the process then reaches a
/// thread of the program, whose waiting calls it is meant to end.
class SignalsHeldBack {
public:
  SignalsHeldBack() {
    sigset_t all;
    sigfillset(&all);
    for (int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT})
      sigdelset(&all, fault);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsHeldBack() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeldBack(const SignalsHeldBack &) = delete;
  SignalsHeldBack &operator=(const SignalsHeldBack &) = delete;

private:
  sigset_t before_{};
};

} // namespace

Result<std::unique_ptr<ThreadTeam>> ThreadTeam::create(int threads) {
  if (threads < 1 || threads > kMaxThreads)
    return Error{ErrorCode::InvalidArgument,
                 "the number of threads must be in 1 .. " +
                     std::to_string(kMaxThreads) + ", not " +
                     std::to_string(threads)};
  // A pause is 40 to 140 cycles, so 400 of them are some 10 microseconds: as
  // long as a small kernel, less than a futex's round trip costs twice. With
  // more threads than CPUs the one waited for is probably not running, and
  // spinning keeps it from it.
  int cpus = static_cast<int>(affinityCpus().size());
  if (int limit = cgroupCpuLimit())
    cpus = std::min(cpus, limit);
  int spins = threads > cpus ? 8 : 400;

  std::unique_ptr<ThreadTeam> team(new ThreadTeam(threads, spins));
  team->threads_.reserve(static_cast<size_t>(threads) - 1);
  // std::thread reports a refusal by throwing (std::system_error, or
  // std::bad_alloc for its own state); the threads that did start
  // cannot be sent home through a barrier that waits for all, so the gate
  // lets none into it before all are there.
  std::atomic<uint32_t> gate{0}; // 0 wait, 1 work, 2 leave
  bool refused = false;
  try {
    SignalsHeldBack heldBack;
    for (int64_t thread = 1; thread < threads; ++thread)
      team->threads_.emplace_back([team = team.get(), thread, &gate] {
        while (gate.load(std::memory_order_acquire) == 0)
          futexWait(gate, 0);
        bool work = gate.load(std::memory_order_acquire) == 1;
        if (work)
          team->work(thread);
      });
  } catch (const std::exception &) {
    refused = true;
  }
  gate.store(refused ? 2 : 1, std::memory_order_release);
  futexWakeAll(gate);
  if (refused) {
    for (std::thread &thread : team->threads_)
      thread.join();
    size_t started = team->threads_.size();
    team->threads_.clear();
    return Error{ErrorCode::DeviceError,
                 "the system refused to start " + std::to_string(threads) +
                     " threads (" + std::to_string(started + 1) + " run)"};
  }
  // The gate lives on this stack frame: the first run's barrier is passed
  // only by threads that have left it.
  team->run([](int64_t) {});
  return team;
}

ThreadTeam::~ThreadTeam() {
  if (threads_.empty())
    return;
  function_ = nullptr;
  edge_.wait(claimed_);
  for (std::thread &thread : threads_)
    thread.join();
}

void ThreadTeam::work(int64_t thread) {
  for (;;) {
    edge_.wait(claimed_);
    if (!function_)
      return;
    function_(context_, thread);
    edge_.wait(claimed_);
  }
}

void ThreadTeam::run(Function function, void *context) {
  function_ = function;
  context_ = context;
  edge_.wait(claimed_);
  function(context, 0);
  edge_.wait(claimed_);
}

} // namespace swallow
