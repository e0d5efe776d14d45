//===- ProgressTest.cpp - how far a long operation is ---------------------===//

#include "compiler/Progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

using namespace swallow;

namespace {

std::string printed(Progress::Style style,
                    const std::function<void(Progress &)> &use) {
  char *text = nullptr;
  size_t size = 0;
  std::FILE *out = ::open_memstream(&text, &size);
  Progress progress(out, style);
  use(progress);
  std::fclose(out);
  std::string result(text, size);
  std::free(text);
  return result;
}

TEST(Progress, LinesInALog) {
  // Not a terminal: lines, and of a quick operation only the last.
  std::string text = printed(Progress::Style::Auto, [](Progress &progress) {
    progress.begin("Packing weights", 2500000000);
    for (int i = 0; i < 100; ++i)
      progress.advance(25000000);
    progress.end();
    progress.end(); // once is enough
  });
  EXPECT_TRUE(text.starts_with("Packing weights: 100%  2.50 of 2.50 GB  "))
      << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(Progress, LinesOfASlowOperation) {
  std::string text = printed(Progress::Style::Lines, [](Progress &progress) {
    progress.begin("Packing weights", 4000000000);
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    progress.advance(2000000000);
    progress.advance(1); // too soon for another
    progress.end();      // stopped half-way
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_TRUE(text.starts_with("Packing weights:  50%  2.00 of 4.00 GB  "))
      << text;
  EXPECT_EQ(text.find("100%"), std::string::npos);
}

TEST(Progress, BarOnATerminal) {
  std::string text = printed(Progress::Style::Bar, [](Progress &progress) {
    progress.begin("Packing", 1000);
    progress.advance(1000);
    progress.end();
  });
  EXPECT_TRUE(text.starts_with("\rPacking [>                       ]   0%"))
      << text;
  EXPECT_NE(text.find("\rPacking [========================] 100%"),
            std::string::npos)
      << text;
  EXPECT_TRUE(text.ends_with("\n"));
}

TEST(Progress, SilentAndEmpty) {
  EXPECT_EQ(printed(Progress::Style::Silent,
                    [](Progress &progress) {
                      progress.begin("Packing", 10);
                      progress.advance(10);
                      progress.end();
                    }),
            "");
  std::string empty = printed(Progress::Style::Lines, [](Progress &progress) {
    progress.begin("Packing", 0);
    progress.end();
  });
  EXPECT_TRUE(empty.starts_with("Packing: 100%")) << empty;
}

TEST(Progress, AdvancesFromSeveralThreads) {
  std::string text = printed(Progress::Style::Lines, [](Progress &progress) {
    progress.begin("Packing", 4000000000);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i)
          progress.advance(1000000);
      });
    for (std::thread &thread : threads)
      thread.join();
    progress.end();
  });
  EXPECT_NE(text.find("100%  4.00 of 4.00 GB"), std::string::npos) << text;
}

} // namespace
