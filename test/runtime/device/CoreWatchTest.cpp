// Which thread is left out, on machines that are described rather than had.

#include "runtime/device/CoreWatch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace swallow {
namespace {

constexpr int kNobody = ThreadTeam::kNobody;
constexpr int64_t kMillisecond = 1'000'000, kSecond = 1'000'000'000;

/// A team whose threads share out each step evenly. One whose core is stolen
/// takes twice as long.
class Machine {
public:
  explicit Machine(int threads) : watch(threads), threads_(threads) {}

  /// A step takes so many nanoseconds of all threads together.
  int64_t work = 40 * kMillisecond;
  /// What one thread less costs: 1 if the work is shared among those left, 0 if
  /// they do it in the same time.
  double costOfOne = 1;
  std::set<int> stolen;
  CoreWatch watch;

  /// Returns the time it took.
  int64_t step(int64_t rows = 1) {
    const int out = watch.leftOut();
    const int participants = threads_ - (out == kNobody ? 0 : 1);
    const double share =
        double(work) / threads_ *
        (1 + costOfOne * (double(threads_) / participants - 1));
    std::vector<int64_t> busy;
    for (int thread = 0; thread < threads_; ++thread)
      if (thread != out)
        busy.push_back(int64_t(share * (stolen.contains(thread) ? 2 : 1)));
    const int64_t time = *std::max_element(busy.begin(), busy.end());
    std::vector<int64_t> waited;
    for (int64_t own : busy)
      waited.push_back(time - own);
    watch.record(rows, time, waited);
    if (out != kNobody)
      without += time;
    ++steps;
    return time;
  }
  /// Returns steps per second.
  double run(int64_t ns) {
    steps = without = 0;
    int64_t time = 0;
    while (time < ns)
      time += step();
    return double(steps) * double(kSecond) / double(time);
  }

  int64_t steps = 0, without = 0; // of the last run(); nanoseconds

private:
  const int threads_;
};

TEST(CoreWatchTest, NobodyIsLeftOutOfAQuietTeam) {
  for (int threads : {1, 2, 8}) {
    Machine machine(threads);
    machine.run(20 * kSecond);
    EXPECT_EQ(machine.without, 0) << threads;
  }
}

TEST(CoreWatchTest, LeavesOutTheThreadThatOthersWaitFor) {
  for (int thread : {0, 3, 7}) {
    Machine machine(8);
    const double quiet = machine.run(kSecond);
    machine.stolen = {thread};
    machine.run(kSecond / 4);
    EXPECT_EQ(machine.watch.leftOut(), thread);
    // All but one of eight threads, and now and then steps of half the speed.
    EXPECT_GT(machine.run(20 * kSecond), 0.95 * 7 / 8 * quiet);
  }
}

TEST(CoreWatchTest, TakesItInAgainWhenItsCoreIsFree) {
  Machine machine(8);
  const double quiet = machine.run(kSecond);
  machine.stolen = {3};
  machine.run(20 * kSecond);
  machine.stolen = {};
  machine.run(4 * kSecond);
  EXPECT_EQ(machine.watch.leftOut(), kNobody);
  EXPECT_DOUBLE_EQ(machine.run(20 * kSecond), quiet);
}

// Of two threads that share out the work the faster alone is no faster than
// both; where memory is the limit, it is.
TEST(CoreWatchTest, OnlyWhereTheOthersAreFaster) {
  Machine machine(2), bound(2);
  machine.work = bound.work = 16 * kMillisecond;
  machine.stolen = bound.stolen = {1};
  machine.run(20 * kSecond);
  // It is tried now and then.
  EXPECT_GT(machine.without, 0);
  EXPECT_LT(machine.without, kSecond);

  bound.costOfOne = 0.5;
  bound.run(20 * kSecond);
  EXPECT_GT(bound.without, 18 * kSecond);
}

TEST(CoreWatchTest, AnotherCoreIsTaken) {
  Machine machine(8);
  machine.stolen = {5};
  machine.run(10 * kSecond);
  EXPECT_EQ(machine.watch.leftOut(), 5);
  machine.stolen = {2};
  machine.run(4 * kSecond);
  EXPECT_EQ(machine.watch.leftOut(), 2);
}

// What cannot be left out together is no reason to leave out one for long.
TEST(CoreWatchTest, TwoCoresAreTaken) {
  Machine machine(8);
  machine.stolen = {5, 2};
  machine.run(20 * kSecond);
  EXPECT_LT(machine.without, kSecond);
}

// The system moves threads from core to core: it is now one that is late and
// now another, and leaving out either helps.
TEST(CoreWatchTest, ThreadsMoveBetweenCores) {
  CoreWatch watch(4);
  int64_t time = 0, without = 0;
  for (int i = 0; time < 20 * kSecond; ++i) {
    const bool leavesOut = watch.leftOut() != kNobody;
    const int64_t ns = (leavesOut ? 8 : 12) * kMillisecond;
    std::vector<int64_t> waited(leavesOut ? 3 : 4, 0);
    if (!leavesOut) {
      std::fill(waited.begin(), waited.end(), 6 * kMillisecond);
      waited[size_t(i % 4)] = 0;
    }
    watch.record(1, ns, waited);
    time += ns;
    without += leavesOut ? ns : 0;
  }
  EXPECT_GT(without, 18 * kSecond);
}

// Speeds of different numbers of rows say nothing about threads.
TEST(CoreWatchTest, ComparesStepsOfAsManyRows) {
  Machine machine(8);
  machine.stolen = {5};
  for (int i = 0; i < 2000; ++i)
    machine.step(/*rows=*/1 + i % 2);
  EXPECT_EQ(machine.without, 0);
  machine.run(kSecond / 4);
  EXPECT_EQ(machine.watch.leftOut(), 5);
  // Found by steps of one row, it holds for those of two.
  machine.step(/*rows=*/2);
  EXPECT_EQ(machine.watch.leftOut(), 5);
}

// Where no number of rows lasts, nothing can be compared: a thread is not left
// out longer than its decision holds.
TEST(CoreWatchTest, RowsThatKeepChangingEndIt) {
  for (int64_t length : {1, 4}) {
    Machine machine(8);
    machine.stolen = {5};
    machine.run(kSecond / 4);
    ASSERT_EQ(machine.watch.leftOut(), 5);
    machine.stolen = {};
    for (int64_t i = 0; i < 2000; ++i)
      machine.step(/*rows=*/2 + i / length % 2);
    EXPECT_EQ(machine.watch.leftOut(), kNobody) << length;
  }
}

// Decisions about long steps do not hold for minutes.
TEST(CoreWatchTest, LongSteps) {
  Machine machine(8);
  machine.work = 4 * kSecond;
  machine.stolen = {5};
  machine.run(200 * kSecond);
  EXPECT_GT(machine.without, 100 * kSecond);
  machine.stolen = {};
  machine.run(CoreWatch::kLongestHoldNs + 10 * kSecond);
  EXPECT_EQ(machine.watch.leftOut(), kNobody);
}

} // namespace
} // namespace swallow
