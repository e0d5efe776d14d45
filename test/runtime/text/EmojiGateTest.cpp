//===- EmojiGateTest.cpp - whole emoji while text streams -----------------===//

#include "runtime/text/EmojiGate.h"
#include "runtime/text/Utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace swallow;

namespace {

using Strings = std::vector<std::string>;

/// What comes out after each character of `text`, where anything comes out,
/// and at the end.
Strings pieces(std::string_view text) {
  EmojiGate gate;
  Strings result;
  while (!text.empty()) {
    std::string out;
    size_t length = utf8Length(text[0]);
    gate.add(text.substr(0, length), out);
    text.remove_prefix(length);
    if (!out.empty())
      result.push_back(out);
  }
  std::string out;
  gate.finish(out);
  if (!out.empty())
    result.push_back(out);
  return result;
}

TEST(EmojiGate, LetsTextThroughAtOnce) {
  EXPECT_EQ(pieces("ab\r\n"), (Strings{"a", "b", "\r", "\n"}));
  EXPECT_EQ(pieces("東京、ア한"), (Strings{"東", "京", "、", "ア", "한"}));
  // Marks on letters follow on their own.
  EXPECT_EQ(pieces("e\u0301か\u3099"),
            (Strings{"e", "\u0301", "か", "\u3099"}));
  EXPECT_EQ(pieces("a\u200Db"), (Strings{"a", "\u200D", "b"}));
}

TEST(EmojiGate, KeepsEmojiWhole) {
  for (const char *emoji :
       {"😀", "👍🏽", "❤️", "❤️‍🔥", "👩‍👩‍👧‍👦",
        "👩🏾‍🤝‍👨🏻", "🏳️‍🌈", "🇯🇵", "1️⃣", "#️⃣",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "☎︎", "😀\u0301"}) {
    EXPECT_EQ(pieces(emoji), Strings{emoji});
    EXPECT_EQ(pieces(std::string("a") + emoji + "東"),
              (Strings{"a", std::string(emoji) + "東"}));
    std::string twice = std::string(emoji) + emoji;
    EXPECT_EQ(pieces(twice), (Strings{emoji, emoji}));
  }
}

TEST(EmojiGate, PairsFlagsTwoByTwo) {
  EXPECT_EQ(pieces("🇯🇵🇫🇷🇩"), (Strings{"🇯🇵", "🇫🇷", "🇩"}));
}

TEST(EmojiGate, LetsDigitsWaitForOneCharacter) {
  EXPECT_EQ(pieces("12 a"), (Strings{"1", "2 ", "a"}));
  EXPECT_EQ(pieces("*x*"), (Strings{"*x", "*"}));
}

TEST(EmojiGate, DoesNotWaitForever) {
  std::string text = "😀";
  while (text.size() < 10000)
    text += "\u0301";
  EmojiGate gate;
  std::string out;
  gate.add(text, out);
  EXPECT_EQ(out, text); // let go in the middle, and not held again
  gate.add("👩", out);
  EXPECT_EQ(out, text);
  gate.finish(out);
  EXPECT_EQ(out, text + "👩");
}

TEST(EmojiGate, StartsAnewAfterFinish) {
  EmojiGate gate;
  std::string out;
  gate.add("🇯", out);
  gate.finish(out);
  gate.add("🇵🇫", out);
  EXPECT_EQ(out, "🇯");
  gate.finish(out);
  EXPECT_EQ(out, "🇯🇵🇫");
}

} // namespace
