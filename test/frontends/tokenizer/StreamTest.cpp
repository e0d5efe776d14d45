//===- StreamTest.cpp - text while it is being generated ------------------===//

#include "runtime/text/EmojiGate.h"
#include "runtime/text/StreamDecoder.h"
#include "runtime/text/Utf8.h"
#include "test/frontends/tokenizer/CompiledTokenizer.h"

#include <gtest/gtest.h>

#include <random>
#include <span>

using namespace swallow;

namespace {

using Ids = std::vector<int32_t>;

/// What streams of `ids`, and in `cuts` how much of it after each of them.
std::string stream(const Tokenizer &tokenizer, const Ids &ids, bool skip,
                   std::vector<size_t> &cuts) {
  StreamDecoder decoder(tokenizer, skip);
  std::string text;
  for (int32_t id : ids) {
    std::string piece = decoder.append(id);
    EXPECT_TRUE(isValidUtf8(piece));
    text += piece;
    cuts.push_back(text.size());
  }
  return text + decoder.finish();
}

/// For every prefix of `ids`, streaming it and then finishing is decoding it.
void checkPrefixes(const Tokenizer &tokenizer, const Ids &ids, bool skip) {
  std::vector<size_t> cuts;
  std::string text = stream(tokenizer, ids, skip, cuts);
  ASSERT_EQ(text, tokenizer.decode(ids, skip));
  for (size_t length = 0; length < ids.size(); ++length) {
    Ids prefix(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(length));
    std::vector<size_t> prefixCuts;
    std::string prefixText = stream(tokenizer, prefix, skip, prefixCuts);
    ASSERT_EQ(prefixText, tokenizer.decode(prefix, skip)) << length;
    // What has come is never taken back.
    ASSERT_TRUE(std::equal(prefixCuts.begin(), prefixCuts.end(), cuts.begin()));
    size_t certain = length > 0 ? cuts[length - 1] : 0;
    ASSERT_EQ(prefixText.substr(0, certain), text.substr(0, certain));
  }
}

class StreamedTokenizer : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    compiled_.emplace(std::string(SWALLOW_TEST_DIR "/") + GetParam());
    ASSERT_TRUE(compiled_->tokenizer) << compiled_->error.message;
  }
  const Tokenizer &tokenizer() { return *compiled_->tokenizer; }

private:
  std::optional<CompiledTokenizer> compiled_;
};

TEST_P(StreamedTokenizer, EveryPrefixOfAnyIds) {
  std::mt19937 random(5);
  // Bytes in any order make more broken and unfinished characters than ids do.
  Ids bytes =
      tokenizer().encode("\u00A9\u3042\U0001F469\u200D\U0001F33E", false);
  for (int round = 0; round < 60; ++round) {
    Ids ids;
    for (int i = 0; i < 30; ++i) {
      uint32_t kind = random() % 8;
      ids.push_back(kind < 5   ? static_cast<int32_t>(
                                     random() % static_cast<uint32_t>(
                                                    tokenizer().vocabSize()))
                    : kind < 7 ? bytes[random() % bytes.size()]
                               : static_cast<int32_t>(random() % 300) - 3);
    }
    checkPrefixes(tokenizer(), ids, round % 2 == 0);
  }
}

TEST_P(StreamedTokenizer, KeepsEmojiWhole) {
  const std::vector<std::string> emoji = {"😀",
                                          "👍🏽",
                                          "❤️‍🔥",
                                          "👩‍👩‍👧‍👦",
                                          "👩🏾‍🤝‍👨🏻",
                                          "🏳️‍🌈",
                                          "🇯🇵",
                                          "🇫🇷",
                                          "1️⃣",
                                          "🏴󠁧󠁢󠁥󠁮󠁧󠁿"};
  std::mt19937 random(6);
  int checked = 0;
  for (int round = 0; round < 40; ++round) {
    std::string text = "x ";
    std::vector<bool> inside; // an emoji, by position
    inside.assign(text.size(), false);
    for (int i = 0; i < 8; ++i) {
      std::string next = random() % 2 ? emoji[random() % emoji.size()]
                                      : std::string(random() % 2 ? "あ" : " w");
      bool isEmoji = next.size() > 3;
      inside.push_back(false);
      inside.resize(inside.size() + next.size() - 1, isEmoji);
      text += next;
    }
    Ids ids = tokenizer().encode(text, false);
    // Other than a tokenizer without byte tokens or with a normalizer.
    if (tokenizer().decode(ids) != text)
      continue;
    ++checked;
    std::vector<size_t> cuts;
    ASSERT_EQ(stream(tokenizer(), ids, true, cuts), text);
    for (size_t cut : cuts)
      ASSERT_FALSE(cut < inside.size() && inside[cut])
          << text << " cut at " << cut;
    checkPrefixes(tokenizer(), ids, true);
  }
  if (std::string_view(GetParam()).starts_with("golden")) {
    EXPECT_EQ(checked, 40);
  }
}

TEST_P(StreamedTokenizer, DoesNotDelayWords) {
  for (const char *text : {"Hello, world and more", "東京は日本の首都です。"}) {
    Ids ids = tokenizer().encode(text, false);
    std::string whole = tokenizer().decode(ids);
    if (whole != text)
      continue;
    StreamDecoder decoder(tokenizer());
    std::string soFar;
    for (size_t i = 0; i < ids.size(); ++i) {
      soFar += decoder.append(ids[i]);
      // A token that ends a character brings all text so far, unless it is a
      // byte token: its run may go on.
      std::string prefix = tokenizer().decode(std::span(ids).first(i + 1));
      std::string_view bytes = tokenizer().tokenBytes(ids[i]);
      if (!bytes.starts_with("<0x") && isValidUtf8(bytes) &&
          prefix.find("\uFFFD") == prefix.npos) {
        EXPECT_EQ(soFar, prefix);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, StreamedTokenizer,
    testing::Values("golden/llama2-gqa", "golden/llama2-mha", "golden/llama31",
                    "golden/llama31-tied", "golden/mistral-window",
                    "golden/shisa-extra", "frontends/tokenizer/Inputs/bert",
                    "frontends/tokenizer/Inputs/gpt",
                    "frontends/tokenizer/Inputs/metaspace-first",
                    "frontends/tokenizer/Inputs/no-unknown",
                    "frontends/tokenizer/Inputs/normalized",
                    "frontends/tokenizer/Inputs/o200k",
                    "frontends/tokenizer/Inputs/suffix"));

} // namespace
