//===- RegexTest.cpp - patterns that are bounded in time ------------------===//

#include "runtime/text/Regex.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

using namespace swallow;

namespace {

using Ranges = std::vector<std::pair<size_t, size_t>>;

Ranges matches(const char *pattern, std::string_view text) {
  Result<Regex> regex = Regex::compile(pattern);
  EXPECT_TRUE(regex) << pattern;
  Regex::Matcher matcher(*regex);
  Ranges result;
  forEachMatch(matcher, text, [&](size_t start, size_t end) {
    result.emplace_back(start, end);
  });
  return result;
}

TEST(Regex, SkipsEmptyMatchesAfterMatches) {
  EXPECT_EQ(matches("a*", "baac"), (Ranges{{0, 0}, {1, 3}, {4, 4}}));
  EXPECT_EQ(matches("x*", "あ"), (Ranges{{0, 0}, {3, 3}}));
  EXPECT_EQ(matches("$", ""), (Ranges{{0, 0}}));
}

// A long text may take many steps in one match: here one for each character
// that is given back again, and one for each round of a group.
TEST(Regex, FindsLongMatches) {
  const size_t count = 300'000;
  std::string spaces(count, ' ');
  EXPECT_EQ(matches(R"(\s*[\r\n]+|\s+(?!\S))", spaces + "x"),
            (Ranges{{0, count - 1}}));
  std::string letters(count, 'x');
  EXPECT_EQ(matches("(?:x|y)+z|x+", letters), (Ranges{{0, count}}));
  EXPECT_EQ(matches("(?:x|y)+z", letters + "z"), (Ranges{{0, count + 1}}));
}

TEST(Regex, GivesUpOnHopelessPatterns) {
  std::string text(5000, 'a');
  // Two to the power of 5000 ways to fail.
  EXPECT_EQ(matches("(?:a|a)+c", text), Ranges());
  EXPECT_EQ(matches("(a*)*c", text), Ranges());
  // Having given up it stays so, however many texts follow.
  Result<Regex> regex = Regex::compile("(?:a|a)+c|b");
  ASSERT_TRUE(regex);
  Regex::Matcher matcher(*regex);
  for (int i = 0; i < 100'000; ++i)
    forEachMatch(matcher, text, [](size_t, size_t) { FAIL(); });
}

TEST(Regex, MovesTheStartWithK) {
  EXPECT_EQ(matches(R"(a\Kb)", "abab"), (Ranges{{1, 2}, {3, 4}}));
}

} // namespace
