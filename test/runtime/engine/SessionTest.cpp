#include "runtime/engine/Session.h"
#include "test/runtime/AllocationCounter.h"
#include "test/runtime/engine/FakeStep.h"

#include <gtest/gtest.h>

#include <random>

namespace swallow {
namespace {

using test::fakeLogit;
using test::FakeModel;

class SessionTest : public testing::Test {
protected:
  void SetUp() override { test::violations = 0; }
  void TearDown() override { EXPECT_EQ(test::violations.load(), 0); }

  std::unique_ptr<Session> open(const FakeModel &fake, SessionOptions options) {
    model = fake;
    if (options.threads == 0)
      options.threads = 2;
    Result<std::unique_ptr<Session>> session =
        Session::open(test::makeFakeProgram(fake), options);
    EXPECT_TRUE(session.ok()) << session.error().message;
    return session.ok() ? std::move(*session) : nullptr;
  }

  SequenceId create(Session &session) {
    Result<SequenceId> id = session.createSequence();
    EXPECT_TRUE(id.ok());
    return *id;
  }

  void expectLogits(const Session &session, int64_t row,
                    std::span<const int32_t> tokens, int64_t position) {
    std::span<const float> logits = session.logits(row);
    ASSERT_EQ(int64_t(logits.size()), model.vocab);
    for (int64_t v = 0; v < model.vocab; ++v)
      ASSERT_EQ(logits[size_t(v)], fakeLogit(model, tokens, position, v))
          << "position " << position << ", entry " << v;
  }

  std::vector<int32_t> randomTokens(size_t count) {
    std::vector<int32_t> tokens(count);
    for (int32_t &token : tokens)
      token = int32_t(random() % uint64_t(model.vocab));
    return tokens;
  }

  /// Feeds `tokens` to a fresh sequence in chunks and checks each position.
  void checkChunks(Session &session, std::span<const int32_t> tokens,
                   size_t chunk) {
    SequenceId id = create(session);
    std::vector<StepRow> rows;
    for (size_t done = 0; done < tokens.size(); done += chunk) {
      rows.clear();
      for (size_t i = done; i < std::min(done + chunk, tokens.size()); ++i)
        rows.push_back({id, tokens[i], true});
      ASSERT_TRUE(session.step(rows).ok());
      ASSERT_EQ(session.numLogits(), int64_t(rows.size()));
      for (size_t i = 0; i < rows.size(); ++i)
        expectLogits(session, int64_t(i), tokens, int64_t(done + i));
    }
    EXPECT_TRUE(session.removeSequence(id).ok());
  }

  FakeModel model;
  std::mt19937_64 random{7};
};

TEST_F(SessionTest, ChunksOfAnySizeSeeTheSame) {
  for (int threads : {1, 2, 3}) {
    SessionOptions options;
    options.contextLength = 200;
    options.maxStepTokens = 64;
    options.maxLogitRows = 64;
    options.threads = threads;
    auto session = open({}, options);
    ASSERT_TRUE(session);
    std::vector<int32_t> tokens = randomTokens(200);
    for (size_t chunk : {1, 7, 16, 33, 64})
      checkChunks(*session, tokens, chunk);
  }
}

TEST_F(SessionTest, PrefillSplitsAndGivesTheLastLogits) {
  SessionOptions options;
  options.contextLength = 150;
  options.maxStepTokens = 40;
  auto session = open({}, options);
  ASSERT_TRUE(session);
  std::vector<int32_t> tokens = randomTokens(150);
  SequenceId id = create(*session);
  ASSERT_TRUE(session->prefill(id, {tokens.data(), 100}).ok());
  ASSERT_EQ(session->numLogits(), 1);
  expectLogits(*session, 0, tokens, 99);
  ASSERT_TRUE(session->prefill(id, {tokens.data() + 100, 50}).ok());
  expectLogits(*session, 0, tokens, 149);
  EXPECT_EQ(*session->sequenceLength(id), 150);
}

// Steps for the likeliest tokens store the same keys, and say of each row what
// its logits would say.
TEST_F(SessionTest, LikeliestTokens) {
  SessionOptions options;
  options.contextLength = 100;
  options.maxStepTokens = 20;
  options.maxLogitRows = 3;
  auto session = open({}, options);
  ASSERT_TRUE(session);
  std::vector<int32_t> tokens = randomTokens(45);
  auto expected = [&](int64_t position) {
    std::vector<float> logits;
    for (int64_t v = 0; v < model.vocab; ++v)
      logits.push_back(fakeLogit(model, tokens, position, v));
    return likeliestOf(logits);
  };
  SequenceId id = create(*session);
  ASSERT_TRUE(
      session->prefill(id, {tokens.data(), 42}, StepOutput::Likeliest).ok());
  EXPECT_EQ(session->output(), StepOutput::Likeliest);
  ASSERT_EQ(session->numLogits(), 1);
  EXPECT_EQ(session->likeliest(0), expected(41));
  const StepRow rows[] = {
      {id, tokens[42], true}, {id, tokens[43], false}, {id, tokens[44], true}};
  ASSERT_TRUE(session->step(rows, StepOutput::Likeliest).ok());
  ASSERT_EQ(session->numLogits(), 2);
  EXPECT_EQ(session->likeliest(0), expected(42));
  EXPECT_EQ(session->likeliest(1), expected(44));
  // Also beside logits.
  ASSERT_TRUE(session->truncateSequence(id, 42).ok());
  ASSERT_TRUE(session->step(rows).ok());
  EXPECT_EQ(session->output(), StepOutput::Logits);
  expectLogits(*session, 1, tokens, 44);
  EXPECT_EQ(session->likeliest(1), expected(44));
}

// A ring holds window - 1 + maxStepTokens positions: no more memory than that,
// however long the text, and never a key lost that a query of a chunk needs.
TEST_F(SessionTest, WindowsKeepKvBounded) {
  struct Case {
    int64_t window, step, blocks;
  };
  for (Case c :
       {Case{17, 8, 1}, Case{17, 16, 1}, Case{17, 17, 2}, Case{40, 50, 3},
        Case{1, 1, 1}, Case{1, 32, 1}, Case{64, 1, 2}, Case{65, 33, 4}}) {
    SessionOptions options;
    options.contextLength = 1000;
    options.maxStepTokens = c.step;
    options.maxLogitRows = c.step;
    auto session = open({37, 2, c.window, 4096}, options);
    ASSERT_TRUE(session);
    EXPECT_EQ(session->memoryPlan().blocksPerSequence, c.blocks);
    EXPECT_EQ(session->memoryPlan().blocks, c.blocks);
    std::vector<int32_t> tokens = randomTokens(400);
    checkChunks(*session, tokens, size_t(c.step));
    checkChunks(*session, tokens, 1);
    checkChunks(*session, tokens, size_t(c.step + 1) / 2);
    EXPECT_EQ(session->freeBlocks(), c.blocks);
  }
}

// Several sequences at different lengths, rows in random order, sequences that
// come and go and reuse each other's blocks.
TEST_F(SessionTest, RaggedBatches) {
  for (int64_t window : {int64_t(0), int64_t(23)}) {
    SessionOptions options;
    options.contextLength = 120;
    options.maxSequences = 4;
    options.maxStepTokens = 30;
    options.maxLogitRows = 30;
    auto session = open({37, 3, window, 4096}, options);
    ASSERT_TRUE(session);
    struct Live {
      SequenceId id;
      std::vector<int32_t> tokens;
    };
    std::vector<Live> live;
    std::vector<StepRow> rows;
    std::vector<std::pair<size_t, int64_t>> expected; // sequence, position
    for (int round = 0; round < 300; ++round) {
      if (live.size() < 4 && random() % 3 == 0)
        live.push_back({create(*session), {}});
      if (!live.empty() && random() % 10 == 0) {
        size_t victim = random() % live.size();
        ASSERT_TRUE(session->removeSequence(live[victim].id).ok());
        live.erase(live.begin() + int64_t(victim));
      }
      rows.clear();
      expected.clear();
      size_t count = live.empty() ? 0 : 1 + random() % 30;
      for (size_t i = 0; i < count; ++i) {
        size_t which = random() % live.size();
        Live &sequence = live[which];
        if (sequence.tokens.size() == 120)
          continue;
        bool wants = random() % 2 == 0;
        int32_t token = int32_t(random() % 37);
        rows.push_back({sequence.id, token, wants});
        if (wants)
          expected.emplace_back(which, int64_t(sequence.tokens.size()));
        sequence.tokens.push_back(token);
      }
      if (rows.empty())
        continue;
      ASSERT_TRUE(session->step(rows).ok());
      ASSERT_EQ(session->numLogits(), int64_t(expected.size()));
      for (size_t i = 0; i < expected.size(); ++i)
        expectLogits(*session, int64_t(i), live[expected[i].first].tokens,
                     expected[i].second);
    }
  }
}

TEST_F(SessionTest, RefusesBadRowsAndChangesNothing) {
  SessionOptions options;
  options.contextLength = 40;
  options.maxSequences = 2;
  options.maxStepTokens = 10;
  options.maxLogitRows = 2;
  auto session = open({}, options);
  ASSERT_TRUE(session);
  SequenceId a = create(*session), b = create(*session);
  std::vector<int32_t> tokens = randomTokens(35);
  ASSERT_TRUE(session->prefill(a, tokens).ok());
  int64_t freeBlocks = session->freeBlocks();

  auto expectRefused = [&](std::vector<StepRow> rows, ErrorCode code,
                           std::vector<std::string> words) {
    Status status = session->step(rows);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, code);
    for (const std::string &word : words)
      EXPECT_NE(status.error().message.find(word), std::string::npos)
          << status.error().message;
    EXPECT_EQ(*session->sequenceLength(a), 35);
    EXPECT_EQ(*session->sequenceLength(b), 0);
    EXPECT_EQ(session->freeBlocks(), freeBlocks);
  };
  expectRefused({}, ErrorCode::InvalidArgument, {"at least one"});
  expectRefused({{b, 1, false}, {a, 37, false}}, ErrorCode::InvalidToken,
                {"token id 37", "vocabulary of 37"});
  expectRefused({{b, 1, false}, {a, -1, false}}, ErrorCode::InvalidToken,
                {"-1"});
  expectRefused(std::vector<StepRow>(6, {a, 1, false}),
                ErrorCode::ContextExceeded, {"35", "6", "40"});
  expectRefused(std::vector<StepRow>(11, {b, 1, false}), ErrorCode::OutOfRange,
                {"11", "10"});
  expectRefused(std::vector<StepRow>(3, {b, 1, true}), ErrorCode::OutOfRange,
                {"3 rows", "2"});
  expectRefused({{a + 2, 1, false}}, ErrorCode::InvalidArgument,
                {"no sequence"});
  expectRefused({{-1, 1, false}}, ErrorCode::InvalidArgument, {"no sequence"});

  // The refused rows have left no trace in what follows.
  ASSERT_TRUE(session->step({{{a, 5, true}}}).ok());
  tokens.push_back(5);
  expectLogits(*session, 0, tokens, 35);
}

TEST_F(SessionTest, PrefillChecksTheWholePromptFirst) {
  SessionOptions options;
  options.contextLength = 40;
  options.maxStepTokens = 10;
  auto session = open({}, options);
  ASSERT_TRUE(session);
  SequenceId id = create(*session);
  std::vector<int32_t> tokens(41, 1);
  EXPECT_EQ(session->prefill(id, tokens).error().code,
            ErrorCode::ContextExceeded);
  tokens.assign(40, 1);
  tokens.back() = 99;
  EXPECT_EQ(session->prefill(id, tokens).error().code, ErrorCode::InvalidToken);
  EXPECT_EQ(session->prefill(id, {}).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(*session->sequenceLength(id), 0);
}

TEST_F(SessionTest, SequencesComeAndGo) {
  SessionOptions options;
  options.contextLength = 100;
  options.maxSequences = 2;
  auto session = open({}, options);
  ASSERT_TRUE(session);
  SequenceId first = create(*session), second = create(*session);
  Result<SequenceId> third = session->createSequence();
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.error().code, ErrorCode::OutOfRange);
  EXPECT_EQ(session->freeBlocks(), 8);

  std::vector<int32_t> tokens = randomTokens(33);
  ASSERT_TRUE(session->prefill(first, tokens).ok());
  EXPECT_EQ(session->freeBlocks(), 6); // taken as they are needed
  ASSERT_TRUE(session->removeSequence(first).ok());
  EXPECT_EQ(session->freeBlocks(), 8);
  EXPECT_FALSE(session->removeSequence(first).ok());
  EXPECT_FALSE(session->sequenceLength(first).ok());

  SequenceId next = create(*session);
  EXPECT_NE(next, first);
  EXPECT_EQ(*session->sequenceLength(next), 0);
  EXPECT_EQ(*session->sequenceLength(second), 0);
}

TEST_F(SessionTest, TruncatedSequencesContinue) {
  SessionOptions options;
  options.contextLength = 100;
  auto session = open({}, options);
  ASSERT_TRUE(session);
  SequenceId id = create(*session);
  std::vector<int32_t> tokens = randomTokens(100);
  ASSERT_TRUE(session->prefill(id, tokens).ok());
  EXPECT_EQ(session->freeBlocks(), 0);
  ASSERT_TRUE(session->truncateSequence(id, 40).ok());
  EXPECT_EQ(session->freeBlocks(), 2);
  EXPECT_EQ(*session->sequenceLength(id), 40);
  for (int64_t wrong : {int64_t(-1), int64_t(41)})
    EXPECT_EQ(session->truncateSequence(id, wrong).error().code,
              ErrorCode::InvalidArgument);
  std::vector<int32_t> other = randomTokens(60);
  ASSERT_TRUE(session->prefill(id, other).ok());
  std::copy(other.begin(), other.end(), tokens.begin() + 40);
  expectLogits(*session, 0, tokens, 99);
}

TEST_F(SessionTest, RingsOnlyTruncateToNothing) {
  SessionOptions options;
  options.contextLength = 100;
  auto session = open({37, 2, 10, 4096}, options);
  ASSERT_TRUE(session);
  SequenceId id = create(*session);
  std::vector<int32_t> tokens = randomTokens(50);
  ASSERT_TRUE(session->prefill(id, tokens).ok());
  EXPECT_EQ(session->truncateSequence(id, 20).error().code,
            ErrorCode::InvalidArgument);
  ASSERT_TRUE(session->truncateSequence(id, 0).ok());
  ASSERT_TRUE(session->prefill(id, tokens).ok());
  expectLogits(*session, 0, tokens, 49);
}

// With and without a window, before and after a ring has come around.
TEST_F(SessionTest, ForksGoOnAlone) {
  for (int64_t window : {int64_t(0), int64_t(23)})
    for (size_t shared : {size_t(1), size_t(31), size_t(32), size_t(90)}) {
      SessionOptions options;
      options.contextLength = 120;
      options.maxSequences = 3;
      options.maxStepTokens = 20;
      auto session = open({37, 3, window, 4096}, options);
      ASSERT_TRUE(session);
      std::vector<int32_t> a = randomTokens(shared);
      SequenceId source = create(*session);
      ASSERT_TRUE(session->prefill(source, a).ok());
      int64_t owned = session->memoryPlan().blocks - session->freeBlocks();
      Result<SequenceId> fork = session->forkSequence(source);
      ASSERT_TRUE(fork.ok());
      EXPECT_EQ(session->memoryPlan().blocks - session->freeBlocks(),
                2 * owned);
      EXPECT_EQ(*session->sequenceLength(*fork), int64_t(shared));
      expectLogits(*session, 0, a, int64_t(shared) - 1);

      std::vector<int32_t> b = a;
      for (int i = 0; i < 30; ++i) {
        a.push_back(int32_t(random() % 37));
        b.push_back(int32_t(random() % 37));
        StepRow rows[] = {{*fork, b.back(), true}, {source, a.back(), true}};
        ASSERT_TRUE(session->step(rows).ok());
        expectLogits(*session, 0, b, int64_t(b.size()) - 1);
        expectLogits(*session, 1, a, int64_t(a.size()) - 1);
      }
      ASSERT_TRUE(session->removeSequence(source).ok());
      ASSERT_TRUE(session->forkSequence(*fork).ok());
      EXPECT_TRUE(session->forkSequence(*fork).ok());
      EXPECT_EQ(session->forkSequence(*fork).error().code,
                ErrorCode::OutOfRange);
      EXPECT_EQ(session->forkSequence(source).error().code,
                ErrorCode::InvalidArgument);
    }
}

#ifdef SWALLOW_COUNTS_ALLOCATIONS
TEST_F(SessionTest, StepsDoNotAllocate) {
  SessionOptions options;
  options.contextLength = 100;
  auto session = open({}, options);
  ASSERT_TRUE(session);
  SequenceId id = create(*session);
  std::vector<int32_t> tokens = randomTokens(90);
  StepRow row{id, 1, true};
  int64_t before = test::numAllocations.load();
  bool ok = session->prefill(id, tokens).ok();
  for (int i = 0; i < 10; ++i)
    ok = ok && session->step({&row, 1}).ok();
  EXPECT_EQ(test::numAllocations.load(), before);
  EXPECT_TRUE(ok);
}
#endif

TEST_F(SessionTest, TimesStagesWhenAsked) {
  SessionOptions options;
  options.profile = true;
  auto session = open({}, options);
  ASSERT_TRUE(session);
  SequenceId id = create(*session);
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(session->step({{{id, 1, true}}}).ok());
  ASSERT_EQ(session->stageTimes().size(), 2u);
  EXPECT_EQ(session->stageTimes()[0].name, "append");
  EXPECT_EQ(session->stageTimes()[1].calls, 3u);
  EXPECT_GT(session->stageTimes()[1].seconds, 0);

  options.profile = false;
  auto plain = open({}, options);
  ASSERT_TRUE(plain);
  EXPECT_TRUE(plain->stageTimes().empty());
}

} // namespace
} // namespace swallow
