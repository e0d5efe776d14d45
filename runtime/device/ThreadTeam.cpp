#include "runtime/device/ThreadTeam.h"

#include "runtime/device/CpuTopology.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <climits>
#include <csignal>
#include <exception>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace swallow {

static uint32_t *wordOf(std::atomic<uint32_t> &word) {
  static_assert(sizeof(word) == sizeof(uint32_t));
  return reinterpret_cast<uint32_t *>(&word);
}

// Futexes are 32 bits wide; of an atomic of 64 bits either half is one.
static_assert(sizeof(std::atomic<uint64_t>) == sizeof(uint64_t) &&
              std::endian::native == std::endian::little);
static uint32_t *lowHalf(std::atomic<uint64_t> &word) {
  return reinterpret_cast<uint32_t *>(&word);
}
static uint32_t *highHalf(std::atomic<uint64_t> &word) {
  return lowHalf(word) + 1;
}

static void futexWait(uint32_t *word, uint32_t expected) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

static void futexWake(uint32_t *word, int threads) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, threads, nullptr, nullptr, 0);
}

static void spinPause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

/// How long a thread spins before it sleeps. One that sleeps wakes up tens of
/// microseconds late, of a virtual CPU, and is the one that the others wait for
/// in the next kernel: where they sleep then, some thread always does.
static constexpr int64_t kSpinNs = 50'000;

using Clock = std::chrono::steady_clock;

static int64_t nanosecondsSince(Clock::time_point begin) {
  return std::chrono::nanoseconds(Clock::now() - begin).count();
}

/// Looks whether `done` for a few pauses, each of 40 to 140 cycles, which are a
/// microsecond at most.
template <typename Done> static bool spinMoment(Done &&done) {
  for (int pause = 0; pause < 16; ++pause) {
    if (done())
      return true;
    spinPause();
  }
  return done();
}

/// The same until `ns` after `begin`.
template <typename Done>
static bool spin(Clock::time_point begin, int64_t ns, Done &&done) {
  while (nanosecondsSince(begin) < ns)
    if (spinMoment(done))
      return true;
  return false;
}

int64_t Barrier::wait(int threads, std::atomic<int64_t> &cleared) {
  if (threads == 1) {
    cleared.store(0, std::memory_order_relaxed);
    return 0;
  }
  // Read before arriving: afterwards the last thread may advance it.
  uint32_t generation = generation_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
    arrived_.store(0, std::memory_order_relaxed);
    cleared.store(0, std::memory_order_relaxed);
    // Sequentially consistent, as are the sleeper's two accesses: either it
    // is seen here, or it sees the new generation before it sleeps.
    generation_.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) > 0)
      futexWake(wordOf(generation_), INT_MAX);
    return 0;
  }
  auto opened = [&] {
    return generation_.load(std::memory_order_acquire) != generation;
  };
  if (spinMoment(opened))
    return 0;
  const Clock::time_point begin = Clock::now();
  if (spin(begin, spinNs_, opened))
    return nanosecondsSince(begin);
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  while (generation_.load(std::memory_order_seq_cst) == generation)
    futexWait(wordOf(generation_), generation);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
  return nanosecondsSince(begin);
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
  // With more threads than CPUs the one waited for is probably not running, and
  // spinning keeps it from it.
  int cpus = static_cast<int>(affinityCpus().size());
  if (int limit = cgroupCpuLimit())
    cpus = std::min(cpus, limit);
  const int64_t spinNs = threads > cpus ? 0 : kSpinNs;

  std::unique_ptr<ThreadTeam> team(new ThreadTeam(threads, spinNs));
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
          futexWait(wordOf(gate), 0);
        bool work = gate.load(std::memory_order_acquire) == 1;
        if (work)
          team->work(thread);
      });
  } catch (const std::exception &) {
    refused = true;
  }
  gate.store(refused ? 2 : 1, std::memory_order_release);
  futexWake(wordOf(gate), INT_MAX);
  if (refused) {
    for (std::thread &thread : team->threads_)
      thread.join();
    size_t started = team->threads_.size();
    team->threads_.clear();
    return Error{ErrorCode::DeviceError,
                 "the system refused to start " + std::to_string(threads) +
                     " threads (" + std::to_string(started + 1) + " run)"};
  }
  // The gate lives on this stack frame: only threads that have left it take
  // part in the first run.
  team->run([](int64_t) {});
  return team;
}

ThreadTeam::~ThreadTeam() {
  if (threads_.empty())
    return;
  function_ = nullptr;
  begin(kNobody);
  for (std::thread &thread : threads_)
    thread.join();
}

// Halves of run_.
static uint32_t numberOf(uint64_t run) { return static_cast<uint32_t>(run); }
static uint32_t leftOutHalf(uint64_t run) {
  return static_cast<uint32_t>(run >> 32);
}
static int leftOutOf(uint64_t run) {
  return static_cast<int>(leftOutHalf(run)) - 1;
}

void ThreadTeam::begin(int leftOut) {
  const uint64_t last = run_.load(std::memory_order_relaxed);
  participants_ = size_ - (leftOut == kNobody ? 0 : 1);
  claimed_.store(0, std::memory_order_relaxed);
  finished_.store(0, std::memory_order_relaxed);
  const uint64_t next = static_cast<uint64_t>(leftOut + 1) << 32 |
                        static_cast<uint32_t>(numberOf(last) + 1);
  // Sequentially consistent as in Barrier::wait.
  run_.store(next, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) == 0)
    return;
  futexWake(lowHalf(run_), INT_MAX);
  if (leftOutHalf(last) != leftOutHalf(next))
    futexWake(highHalf(run_), INT_MAX);
}

uint64_t ThreadTeam::awaitRun(uint32_t seen, int64_t thread) {
  auto isMine = [&](uint64_t run) {
    return numberOf(run) != seen && leftOutOf(run) != thread;
  };
  uint64_t run;
  auto begun = [&] {
    return isMine(run = run_.load(std::memory_order_acquire));
  };
  if (spin(Clock::now(), spinNs_, begun))
    return run;
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  while (!isMine(run = run_.load(std::memory_order_seq_cst)))
    if (numberOf(run) == seen)
      futexWait(lowHalf(run_), seen);
    else
      futexWait(highHalf(run_), leftOutHalf(run));
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
  return run;
}

void ThreadTeam::work(int64_t thread) {
  uint32_t seen = 0;
  for (;;) {
    const uint64_t run = awaitRun(seen, thread);
    seen = numberOf(run);
    if (!function_)
      return;
    const int leftOut = leftOutOf(run);
    const bool behind = leftOut != kNobody && thread > leftOut;
    const int64_t number = thread - (behind ? 1 : 0);
    waited_[static_cast<size_t>(number)].ns = 0;
    // Read while the run cannot end.
    const int workers = participants_ - (leftOut == 0 ? 0 : 1);
    function_(context_, number);
    if (finished_.fetch_add(1, std::memory_order_seq_cst) + 1 ==
            static_cast<uint32_t>(workers) &&
        callerSleeps_.load(std::memory_order_seq_cst))
      futexWake(wordOf(finished_), 1);
  }
}

void ThreadTeam::awaitWorkers(uint32_t workers) {
  auto done = [&] {
    return finished_.load(std::memory_order_acquire) == workers;
  };
  if (spinMoment(done) || spin(Clock::now(), spinNs_, done))
    return;
  callerSleeps_.store(true, std::memory_order_seq_cst);
  uint32_t finished;
  while ((finished = finished_.load(std::memory_order_seq_cst)) != workers)
    futexWait(wordOf(finished_), finished);
  callerSleeps_.store(false, std::memory_order_relaxed);
}

void ThreadTeam::run(Function function, void *context, int leftOut) {
  if (size_ == 1)
    leftOut = kNobody;
  function_ = function;
  context_ = context;
  begin(leftOut);
  const bool takesPart = leftOut != 0;
  if (takesPart) {
    waited_[0].ns = 0;
    function(context, 0);
  }
  awaitWorkers(static_cast<uint32_t>(participants_ - (takesPart ? 1 : 0)));
}

} // namespace swallow
