#include "runtime/generation/StopStrings.h"

#include <gtest/gtest.h>

#include <random>

namespace swallow {
namespace {

using Strings = std::vector<std::string>;

struct Found {
  std::string text;
  int32_t stop = -1;
  bool operator==(const Found &) const = default;
};

std::ostream &operator<<(std::ostream &out, const Found &found) {
  return out << '"' << found.text << "\" " << found.stop;
}

/// Feeds `pieces` until a stop; the pieces that come out must be certain.
Found feed(const Strings &stops, const Strings &pieces) {
  StopMatcher matcher(std::make_shared<const StopAutomaton>(stops));
  Found found;
  for (const std::string &piece : pieces) {
    found.stop = matcher.append(piece, true, found.text);
    if (found.stop >= 0)
      return found;
  }
  matcher.finish(found.text);
  return found;
}

/// The same by looking at every end of the text.
Found search(const Strings &stops, const std::string &text) {
  for (size_t end = 1; end <= text.size(); ++end) {
    Found best;
    size_t longest = 0;
    for (size_t i = 0; i < stops.size(); ++i)
      if (stops[i].size() > longest &&
          std::string_view(text).substr(0, end).ends_with(stops[i])) {
        longest = stops[i].size();
        best = {text.substr(0, end - longest), int32_t(i)};
      }
    if (longest > 0)
      return best;
  }
  return {text, -1};
}

TEST(StopStringsTest, StraddleAnyPieces) {
  Strings stops = {"\n\n", "Human:", "終わり"};
  EXPECT_EQ(feed(stops, {"Hello", "\n", "\nmore"}), (Found{"Hello", 0}));
  EXPECT_EQ(feed(stops, {"a\nHu", "m", "an", ": b"}), (Found{"a\n", 1}));
  EXPECT_EQ(feed(stops, {"これで終", "わ", "り。"}), (Found{"これで", 2}));
  EXPECT_EQ(feed(stops, {"Hum", "ble\n"}), (Found{"Humble\n", -1}));
  EXPECT_EQ(feed(stops, {}), (Found{"", -1}));
  EXPECT_EQ(feed({"a"}, {"a"}), (Found{"", 0}));
}

TEST(StopStringsTest, TheFirstToBeCompleteEndsTheText) {
  EXPECT_EQ(feed({"bcd", "abcdef"}, {"xabcdef"}), (Found{"xa", 0}));
  EXPECT_EQ(feed({"cd", "abcd"}, {"xabcd"}), (Found{"x", 1}));
  EXPECT_EQ(feed({"aab", "ab"}, {"aaab"}), (Found{"a", 0}));
  EXPECT_EQ(feed({"x", "x"}, {"ax"}), (Found{"a", 0}));
}

TEST(StopStringsTest, HoldsNoMoreThanItMust) {
  StopMatcher matcher(
      std::make_shared<const StopAutomaton>(Strings{"abab", "bb"}));
  auto append = [&](const char *piece) {
    std::string out;
    EXPECT_EQ(matcher.append(piece, true, out), -1);
    return out;
  };
  EXPECT_EQ(append("xa"), "x");
  EXPECT_EQ(append("ba"), "");
  EXPECT_EQ(append("a"), "aba"); // only the last can begin one
  EXPECT_EQ(append("b"), "");
  EXPECT_EQ(append("c"), "abc");
  std::string rest;
  matcher.finish(rest);
  EXPECT_EQ(rest, "");
}

// Before min_tokens, strings pass, and what follows may still hold one.
TEST(StopStringsTest, IgnoresWhatComesTooEarly) {
  StopMatcher matcher(
      std::make_shared<const StopAutomaton>(Strings{"ab", "abc", "ba"}));
  std::string out;
  EXPECT_EQ(matcher.append("xab", false, out), -1);
  EXPECT_EQ(out, "x");
  EXPECT_EQ(matcher.append("c", true, out), 1);
  EXPECT_EQ(out, "x");

  out.clear();
  EXPECT_EQ(matcher.append("abc", false, out), -1);
  EXPECT_EQ(out, "abc"); // nothing that begins with it is left
  EXPECT_EQ(matcher.append("ab", true, out), 0);
  EXPECT_EQ(out, "abc");
}

TEST(StopStringsTest, AgreesWithASearch) {
  std::mt19937 random(5);
  auto letters = [&](size_t most) {
    std::string text(1 + random() % most, ' ');
    for (char &c : text)
      c = char('a' + random() % 2 + (random() % 9 == 0));
    return text;
  };
  int stopped = 0;
  for (int round = 0; round < 5000; ++round) {
    Strings stops, pieces;
    for (size_t i = 0, n = 1 + random() % 4; i < n; ++i)
      stops.push_back(letters(6));
    std::string text;
    for (size_t i = 0, n = random() % 8; i < n; ++i)
      text += pieces.emplace_back(letters(5));
    Found expected = search(stops, text);
    stopped += expected.stop >= 0;
    ASSERT_EQ(feed(stops, pieces), expected) << "in " << text;
  }
  EXPECT_GT(stopped, 1000);
}

// A text that is nearly a long stop string, over and over: each byte passes
// through a bounded number of states.
TEST(StopStringsTest, LongStringsAreNotSlow) {
  std::string stop = std::string(60000, 'a') + "b";
  StopMatcher matcher(std::make_shared<const StopAutomaton>(Strings{stop}));
  std::string out;
  for (int i = 0; i < 200000; ++i)
    ASSERT_EQ(matcher.append("aaaaa", true, out), -1);
  EXPECT_EQ(out.size(), 1000000u - 60000);
  EXPECT_EQ(matcher.append("ab", true, out), 0);
  EXPECT_EQ(out.size(), 1000001u - 60000);
}

TEST(StopStringsTest, PassesTextWithoutAny) {
  StopMatcher matcher;
  std::string out;
  EXPECT_EQ(matcher.append("text", true, out), -1);
  matcher.finish(out);
  EXPECT_EQ(out, "text");
}

} // namespace
} // namespace swallow
