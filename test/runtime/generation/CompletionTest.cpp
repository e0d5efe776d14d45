// Text, stop strings and ends, with the tokenizers of golden models. The logits
// say which token comes next.

#include "runtime/generation/Completion.h"
#include "test/frontends/tokenizer/CompiledTokenizer.h"

#include <gtest/gtest.h>

#include <random>

namespace swallow {
namespace {

struct Outcome {
  std::string text;
  size_t tokens = 0; // taken
  GenerationEvent last;
};

class CompletionTest : public testing::TestWithParam<const char *> {
protected:
  CompletionTest()
      : tokenizer(std::string(SWALLOW_TEST_DIR "/golden/") + GetParam()) {
    EXPECT_TRUE(tokenizer.tokenizer) << tokenizer.error.message;
  }

  Request request(GenerationOptions options, int64_t promptLength = 1) {
    Result<Request> made =
        Request::create(std::move(options), &*tokenizer.tokenizer,
                        tokenizer->vocabSize(), promptLength, 1000);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return std::move(*made);
  }

  std::vector<float> logitsFor(int32_t token) const {
    std::vector<float> logits(
        static_cast<size_t>(tokenizer.tokenizer->vocabSize()));
    logits[static_cast<size_t>(token)] = 10;
    return logits;
  }

  Outcome feed(const GenerationOptions &options,
               const std::vector<int32_t> &ids,
               FinishReason end = FinishReason::Abort) {
    Request made = request(options);
    std::vector<int32_t> prompt = {0};
    Completion completion(made, prompt, 0);
    Outcome outcome;
    for (int32_t id : ids) {
      Result<GenerationEvent> event = completion.accept(logitsFor(id));
      EXPECT_TRUE(event.ok());
      EXPECT_EQ(event->token, id);
      outcome.text += event->text;
      outcome.last = *event;
      ++outcome.tokens;
      if (completion.finished())
        return outcome;
    }
    outcome.last = completion.end(end);
    outcome.text += outcome.last.text;
    return outcome;
  }

  std::vector<int32_t> encode(const std::string &text) {
    return tokenizer->encode(text, false);
  }
  std::string decode(const std::vector<int32_t> &ids, bool skip = true) {
    return tokenizer->decode(ids, skip);
  }

  CompiledTokenizer tokenizer;
};

// For any tokens: what is emitted is the text of all of them, up to the first
// stop string in it.
TEST_P(CompletionTest, TextIsTheDecodedText) {
  std::mt19937 random(3);
  int stopped = 0;
  for (int round = 0; round < 400; ++round) {
    std::vector<int32_t> ids(random() % 30);
    for (int32_t &id : ids)
      id = int32_t(random() % uint32_t(tokenizer->vocabSize()));
    GenerationOptions options;
    options.skipSpecialTokens = round % 2 == 0;
    std::string whole = decode(ids, options.skipSpecialTokens);
    EXPECT_EQ(feed(options, ids).text, whole);

    // Parts of the text as stop strings, and one that is not in it.
    options.stop = {"never to be found"};
    size_t first = whole.size();
    for (int i = 0; i < 3 && !whole.empty(); ++i) {
      size_t begin = random() % whole.size(), size = 1 + random() % 6;
      while (begin > 0 && (whole[begin] & 0xc0) == 0x80)
        --begin;
      while (begin + size < whole.size() &&
             (whole[begin + size] & 0xc0) == 0x80)
        ++size;
      options.stop.push_back(whole.substr(begin, size));
    }
    size_t firstEnd = whole.size() + 1;
    for (const std::string &stop : options.stop)
      if (size_t at = whole.find(stop);
          at != std::string::npos &&
          (at + stop.size() < firstEnd ||
           (at + stop.size() == firstEnd && at < first))) {
        firstEnd = at + stop.size();
        first = at;
      }
    Outcome cut = feed(options, ids);
    EXPECT_EQ(cut.text, whole.substr(0, first));
    if (firstEnd <= whole.size()) {
      ++stopped;
      ASSERT_GE(cut.last.stopString, 0);
      EXPECT_EQ(cut.last.finish, FinishReason::Stop);
      EXPECT_EQ(whole.substr(first, firstEnd - first),
                options.stop[size_t(cut.last.stopString)]);
      EXPECT_EQ(cut.last.stopToken, -1);
    } else {
      EXPECT_EQ(cut.last.finish, FinishReason::Abort);
    }
  }
  EXPECT_GT(stopped, 200);
}

TEST_P(CompletionTest, EndsWithoutLosingText) {
  std::vector<int32_t> ids = encode("Tokyo 東京");
  int32_t eos = ids.back(); // any token can be one
  std::vector<int32_t> before(ids.begin(), ids.end() - 1);

  GenerationOptions options;
  options.eosTokenIds = {eos};
  Outcome ended = feed(options, ids);
  EXPECT_EQ(ended.text, decode(before)); // EOS is no text
  EXPECT_EQ(ended.last.finish, FinishReason::Stop);
  EXPECT_TRUE(ended.last.stoppedByEos);
  EXPECT_EQ(ended.last.stopToken, eos);

  options.ignoreEos = true;
  EXPECT_EQ(feed(options, ids).text, decode(ids));
  EXPECT_EQ(feed(options, ids).tokens, ids.size());

  options.stopTokenIds = {eos};
  ended = feed(options, ids);
  EXPECT_EQ(ended.text, decode(before));
  EXPECT_FALSE(ended.last.stoppedByEos);
  EXPECT_EQ(ended.last.stopToken, eos);

  // What waits for the rest of a stop string is text after all.
  options = {};
  options.maxTokens = int64_t(ids.size());
  options.stop = {decode(ids) + "!"};
  ended = feed(options, ids);
  EXPECT_EQ(ended.text, decode(ids));
  EXPECT_EQ(ended.last.finish, FinishReason::Length);
  EXPECT_EQ(ended.last.stopString, -1);
  EXPECT_FALSE(ended.last.contextFull);

  // The limit and a stop string in one token: the text was over first.
  options.stop = {decode(ids)};
  ended = feed(options, ids);
  EXPECT_EQ(ended.text, "");
  EXPECT_EQ(ended.last.finish, FinishReason::Stop);
  EXPECT_EQ(ended.last.stopString, 0);
}

TEST_P(CompletionTest, StopStringsWaitForMinTokens) {
  std::vector<int32_t> ids = encode("a b a b a b");
  GenerationOptions options;
  options.stop = {"b"};
  size_t first = feed(options, ids).tokens;
  EXPECT_LT(first, ids.size());
  EXPECT_EQ(feed(options, ids).text, "a ");
  options.minTokens = int64_t(first);
  Outcome later = feed(options, ids);
  EXPECT_GT(later.tokens, first);
  EXPECT_EQ(later.text, "a b a ");
  options.minTokens = 0;
  options.minLength = int64_t(first) + 1; // the prompt has one
  EXPECT_EQ(feed(options, ids).text, "a b a ");
}

// A special token leaves no text, but transformers finds it as a stop string.
TEST_P(CompletionTest, SpecialTokensCanBeStopStrings) {
  std::optional<int32_t> eos = tokenizer->special(SpecialToken::Eos);
  ASSERT_TRUE(eos);
  std::vector<int32_t> ids = encode("Hello");
  std::string before = decode(ids);
  ids.push_back(*eos);
  ids.push_back(ids[0]);
  GenerationOptions options;
  options.stop = {"zzz", std::string(tokenizer->tokenBytes(*eos))};
  for (bool skip : {true, false}) {
    options.skipSpecialTokens = skip;
    Outcome stopped = feed(options, ids);
    EXPECT_EQ(stopped.tokens, ids.size() - 1);
    EXPECT_EQ(stopped.text, before);
    EXPECT_EQ(stopped.last.stopString, 1);
    EXPECT_EQ(stopped.last.stopToken, -1);
  }
  options.skipSpecialTokens = true;
  options.minTokens = int64_t(ids.size());
  EXPECT_EQ(feed(options, ids).tokens, ids.size());
}

INSTANTIATE_TEST_SUITE_P(Golden, CompletionTest,
                         testing::Values("llama31", "llama2-mha",
                                         "mistral-window"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
} // namespace swallow
