//===- MergeQueueTest.cpp - which merge is next ---------------------------===//

#include "runtime/text/MergeQueue.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <utility>

using namespace swallow;

namespace {

/// Pushes and pops at random and compares with an ordered set.
template <typename Queue> void checkOrder(uint32_t ranks, uint32_t indices) {
  std::mt19937 random(3);
  Queue queue;
  for (int round = 0; round < 50; ++round) {
    queue.clear(10);
    std::multiset<std::pair<uint32_t, uint32_t>> expected;
    for (uint32_t i = 0; i < 40; ++i) { // from left to right, as words begin
      uint32_t rank = random() % ranks;
      queue.append({rank, i});
      expected.emplace(rank, i);
    }
    queue.order();
    for (int step = 0; step < 1000; ++step) {
      ASSERT_EQ(queue.empty(), expected.empty());
      if (random() % 2 == 0 || expected.empty()) {
        uint32_t rank = random() % ranks, index = random() % indices;
        queue.push({rank, index});
        expected.emplace(rank, index);
        continue;
      }
      QueuedMerge top = queue.top();
      ASSERT_EQ(std::pair(top.rank, top.index), *expected.begin());
      queue.pop();
      expected.erase(expected.begin());
    }
  }
}

TEST(MergeQueue, IsInOrder) {
  for (auto [ranks, indices] : {std::pair(1u, 5u), {3u, 50u}, {5000u, 5000u}}) {
    checkOrder<HeapQueue>(ranks, indices);
    checkOrder<RankQueue>(ranks, indices);
  }
}

} // namespace
