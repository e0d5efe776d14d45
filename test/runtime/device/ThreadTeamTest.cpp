// The thread team. Run under ThreadSanitizer as well: that is what shows a
// barrier which does not order memory.

#include "runtime/device/ThreadTeam.h"
#include "test/runtime/AllocationCounter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <set>
#include <thread>

namespace swallow {
namespace {

std::unique_ptr<ThreadTeam> makeTeam(int threads) {
  Result<std::unique_ptr<ThreadTeam>> team = ThreadTeam::create(threads);
  EXPECT_TRUE(team.ok());
  return team.ok() ? std::move(*team) : nullptr;
}

TEST(ThreadTeamTest, EveryThreadRunsOnce) {
  for (int threads : {1, 2, 3, 7}) {
    auto team = makeTeam(threads);
    ASSERT_TRUE(team);
    EXPECT_EQ(team->size(), threads);
    std::vector<int> calls(static_cast<size_t>(threads), 0);
    for (int round = 0; round < 100; ++round)
      team->run([&](int64_t thread) { ++calls[static_cast<size_t>(thread)]; });
    for (int count : calls)
      EXPECT_EQ(count, 100);
  }
}

TEST(ThreadTeamTest, CallerIsThreadZero) {
  auto team = makeTeam(3);
  ASSERT_TRUE(team);
  std::vector<std::thread::id> ids(3);
  team->run([&](int64_t thread) {
    ids[static_cast<size_t>(thread)] = std::this_thread::get_id();
  });
  EXPECT_EQ(ids[0], std::this_thread::get_id());
  EXPECT_EQ(std::set<std::thread::id>(ids.begin(), ids.end()).size(), 3u);
}

// Each thread reads what its neighbour wrote before the barrier, again and
// again, with plain variables.
TEST(ThreadTeamTest, BarrierOrdersMemory) {
  constexpr int kThreads = 4, kRounds = 300;
  auto team = makeTeam(kThreads);
  ASSERT_TRUE(team);
  std::vector<int64_t> values(kThreads, 0);
  std::vector<int> wrong(kThreads, 0);
  team->run([&](int64_t thread) {
    size_t own = static_cast<size_t>(thread);
    for (int64_t round = 1; round <= kRounds; ++round) {
      values[own] = round;
      team->barrier(thread);
      if (values[(own + 1) % kThreads] != round)
        ++wrong[own];
      team->barrier(thread);
    }
  });
  for (int count : wrong)
    EXPECT_EQ(count, 0);
}

// Each number goes to one thread, and they begin anew at every barrier and in
// every run.
TEST(ThreadTeamTest, ClaimsBeginAnewAtEveryBarrier) {
  for (int threads : {1, 2, 3}) {
    auto team = makeTeam(threads);
    ASSERT_TRUE(team);
    constexpr int64_t kClaims = 100, kRounds = 50;
    std::vector<std::atomic<int>> claims(kClaims);
    for (int run = 0; run < 3; ++run)
      team->run([&](int64_t thread) {
        for (int64_t round = 0; round < kRounds; ++round) {
          if (round > 0)
            team->barrier(thread);
          for (int64_t i = team->claim(); i < kClaims; i = team->claim())
            claims[static_cast<size_t>(i)].fetch_add(1);
        }
      });
    for (const std::atomic<int> &count : claims)
      EXPECT_EQ(count.load(), 3 * kRounds);
  }
}

// Who takes part changes from run to run; a thread that was left out must not
// take a later run for that one.
TEST(ThreadTeamTest, LeavesOneOut) {
  for (int threads : {1, 2, 3, 5}) {
    auto team = makeTeam(threads);
    ASSERT_TRUE(team);
    std::vector<std::thread::id> ids(static_cast<size_t>(threads));
    team->run([&](int64_t thread) {
      ids[static_cast<size_t>(thread)] = std::this_thread::get_id();
    });
    for (int round = 0; round < 600; ++round) {
      // The same a few times, then another; nobody once per turn.
      const int out = (round / 3) % (threads + 1) - 1;
      const bool leavesOut = threads > 1 && out != ThreadTeam::kNobody;
      std::vector<std::thread::id> expected = ids;
      if (leavesOut)
        expected.erase(expected.begin() + out);
      std::vector<std::thread::id> found(expected.size());
      std::atomic<int64_t> claimed{0};
      team->run(
          [&](int64_t thread) {
            ASSERT_LT(thread, int64_t(found.size()));
            found[static_cast<size_t>(thread)] = std::this_thread::get_id();
            team->barrier(thread);
            while (team->claim() < 20)
              claimed.fetch_add(1);
            team->barrier(thread);
            if (round % 100 == 0)
              std::this_thread::sleep_for(std::chrono::milliseconds(1));
          },
          out);
      ASSERT_EQ(found, expected) << "round " << round << ", without " << out;
      ASSERT_EQ(claimed.load(), 20);
    }
  }
}

// Who waits is charged with it, and who is waited for is not.
TEST(ThreadTeamTest, CountsTheTimeWaited) {
  auto team = makeTeam(3);
  ASSERT_TRUE(team);
  constexpr int64_t kMillisecond = 1'000'000;
  for (int round = 0; round < 2; ++round) {
    team->run([&](int64_t thread) {
      if (thread == 1)
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
      team->barrier(thread);
    });
    // Each run counts anew.
    EXPECT_GT(team->waited(0), 20 * kMillisecond);
    EXPECT_EQ(team->waited(1), 0);
    EXPECT_GT(team->waited(2), 20 * kMillisecond);
  }
  team->run([&](int64_t) {});
  EXPECT_EQ(team->waited(0), 0);
}

// A thread that comes late finds the others asleep on the futex.
TEST(ThreadTeamTest, WakesSleepingThreads) {
  auto team = makeTeam(3);
  ASSERT_TRUE(team);
  std::atomic<int> after{0};
  for (int round = 0; round < 5; ++round)
    team->run([&](int64_t thread) {
      if (thread == round % 3)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      team->barrier(thread);
      after.fetch_add(1);
    });
  EXPECT_EQ(after.load(), 15);
  // Between runs the workers sleep too.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  team->run([&](int64_t) { after.fetch_add(1); });
  EXPECT_EQ(after.load(), 18);
}

TEST(ThreadTeamTest, RunsFromDifferentThreadsInTurn) {
  auto team = makeTeam(2);
  ASSERT_TRUE(team);
  int sum = 0;
  for (int round = 0; round < 10; ++round)
    std::thread([&] {
      team->run([&](int64_t thread) {
        if (thread == 0)
          ++sum;
      });
    }).join();
  EXPECT_EQ(sum, 10);
}

#ifdef SWALLOW_COUNTS_ALLOCATIONS
// What a program does on Ctrl-C is done by its own threads: a handler that runs
// on a thread of the team interrupts no read of theirs.
TEST(ThreadTeamTest, TakesNoSignalsOfTheProgram) {
  auto team = makeTeam(3);
  ASSERT_TRUE(team);
  std::vector<sigset_t> blocked(3);
  team->run([&](int64_t thread) {
    pthread_sigmask(SIG_BLOCK, nullptr, &blocked[static_cast<size_t>(thread)]);
  });
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGUSR1}) {
    EXPECT_FALSE(sigismember(&blocked[0], signal)) << signal;
    EXPECT_TRUE(sigismember(&blocked[1], signal)) << signal;
    EXPECT_TRUE(sigismember(&blocked[2], signal)) << signal;
  }
  // Faults are the thread's own.
  EXPECT_FALSE(sigismember(&blocked[1], SIGSEGV));
}

TEST(ThreadTeamTest, RunDoesNotAllocate) {
  auto team = makeTeam(3);
  ASSERT_TRUE(team);
  int64_t before = test::numAllocations.load();
  for (int round = 0; round < 50; ++round)
    team->run([&](int64_t thread) { team->barrier(thread); });
  EXPECT_EQ(test::numAllocations.load(), before);
}
#endif

TEST(ThreadTeamTest, RefusesSenselessSizes) {
  for (int threads : {-1, 0, ThreadTeam::kMaxThreads + 1}) {
    Result<std::unique_ptr<ThreadTeam>> team = ThreadTeam::create(threads);
    ASSERT_FALSE(team.ok());
    EXPECT_EQ(team.error().code, ErrorCode::InvalidArgument);
    EXPECT_NE(team.error().message.find(std::to_string(threads)),
              std::string::npos);
  }
}

} // namespace
} // namespace swallow
