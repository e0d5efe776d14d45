#include "runtime/generation/Generator.h"
#include "test/runtime/AllocationCounter.h"
#include "test/runtime/engine/FakeStep.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace swallow {
namespace {

using test::FakeModel;

/// What the samples of a request came to.
struct Outcome {
  std::vector<std::vector<int32_t>> tokens;
  std::vector<FinishReason> reasons;
  std::vector<GenerationEvent> events; // their views are stale
  int64_t reused = 0;

  bool operator==(const Outcome &other) const {
    return tokens == other.tokens && reasons == other.reasons;
  }
};

class GeneratorTest : public testing::Test {
protected:
  void SetUp() override { test::violations = 0; }
  void TearDown() override { EXPECT_EQ(test::violations.load(), 0); }

  std::unique_ptr<Session> open(SessionOptions options = {},
                                FakeModel model = {}) {
    if (options.threads == 0)
      options.threads = 2;
    if (options.contextLength == 0)
      options.contextLength = 200;
    Result<std::unique_ptr<Session>> session =
        Session::open(test::makeFakeProgram(model), options);
    EXPECT_TRUE(session.ok()) << session.error().message;
    return session.ok() ? std::move(*session) : nullptr;
  }

  static GenerationOptions greedy(int64_t maxTokens) {
    GenerationOptions options;
    options.detokenize = false;
    options.maxTokens = maxTokens;
    return options;
  }
  static GenerationOptions sampled(int64_t maxTokens, int64_t n = 1) {
    GenerationOptions options = greedy(maxTokens);
    options.doSample = true;
    options.temperature = 2;
    options.seed = 11;
    options.n = n;
    options.presencePenalty = 0.5;
    return options;
  }

  std::vector<int32_t> randomTokens(size_t count) {
    std::vector<int32_t> tokens(count);
    for (int32_t &token : tokens)
      token = int32_t(random() % 37);
    return tokens;
  }

  static void take(const GenerationEvent &event, Outcome &outcome) {
    auto index = static_cast<size_t>(event.index);
    outcome.tokens.resize(std::max(outcome.tokens.size(), index + 1));
    outcome.reasons.resize(outcome.tokens.size());
    outcome.reused = event.promptReused;
    outcome.events.push_back(event);
    if (event.kind == EventKind::Token)
      outcome.tokens[index].push_back(event.token);
    if (event.finish != FinishReason::None) {
      EXPECT_EQ(outcome.reasons[index], FinishReason::None);
      outcome.reasons[index] = event.finish;
    }
  }

  static Outcome finish(Generator &generator) {
    Outcome outcome;
    for (int i = 0; i < 10000; ++i) {
      Result<GenerationEvent> event = generator.next();
      EXPECT_TRUE(event.ok()) << event.error().message;
      if (!event.ok() || event->kind == EventKind::Done)
        break;
      take(*event, outcome);
    }
    return outcome;
  }

  static Outcome run(Generator &generator, const GenerationOptions &options,
                     std::span<const int32_t> prompt) {
    Status status = generator.start(options, prompt);
    EXPECT_TRUE(status.ok()) << status.error().message;
    return status.ok() ? finish(generator) : Outcome{};
  }

  /// Sample `index` of a request, by itself: steps made by hand.
  static std::vector<int32_t> alone(Session &session,
                                    const GenerationOptions &options,
                                    std::span<const int32_t> prompt,
                                    int64_t index) {
    Result<Request> request = Request::create(
        options, nullptr, session.vocabSize(), int64_t(prompt.size()), 1000);
    EXPECT_TRUE(request.ok());
    Completion completion(*request, prompt, index);
    Result<SequenceId> sequence = session.createSequence();
    EXPECT_TRUE(session.prefill(*sequence, prompt).ok());
    std::vector<int32_t> tokens;
    while (true) {
      Result<GenerationEvent> event = completion.accept(session.logits(0));
      EXPECT_TRUE(event.ok());
      tokens.push_back(event->token);
      if (completion.finished())
        break;
      StepRow row{*sequence, event->token, true};
      EXPECT_TRUE(session.step({&row, 1}).ok());
    }
    EXPECT_TRUE(session.removeSequence(*sequence).ok());
    return tokens;
  }

  std::mt19937_64 random{7};
};

TEST_F(GeneratorTest, ReadsAPromptInPieces) {
  SessionOptions options;
  options.maxStepTokens = 20;
  auto session = open(options);
  std::vector<int32_t> prompt = randomTokens(50);
  Generator generator(*session, nullptr);
  ASSERT_TRUE(generator.start(greedy(3), prompt).ok());
  EXPECT_EQ(generator.contextUsed(), 0); // nothing is computed yet
  for (int64_t done : {20, 40, 50}) {
    Result<GenerationEvent> event = generator.next();
    ASSERT_TRUE(event.ok());
    EXPECT_EQ(event->kind, EventKind::Prompt);
    EXPECT_EQ(event->promptDone, done);
    EXPECT_EQ(event->promptTokens, 50);
    EXPECT_EQ(generator.contextUsed(), done);
  }
  Outcome outcome = finish(generator);
  ASSERT_EQ(outcome.tokens.size(), 1u);
  ASSERT_EQ(outcome.tokens[0].size(), 3u);
  EXPECT_EQ(outcome.reasons[0], FinishReason::Length);
  EXPECT_FALSE(outcome.events.back().contextFull);
  EXPECT_EQ(outcome.events.front().position, 50);
  EXPECT_EQ(outcome.events.back().position, 52);
  EXPECT_EQ(outcome.tokens[0], alone(*open(), greedy(3), prompt, 0));
  // Done stays, and the last token needed no step.
  EXPECT_EQ(generator.next()->kind, EventKind::Done);
  EXPECT_EQ(generator.contextUsed(), 52);
}

// Each of n samples is what it is alone, whatever threads and window.
TEST_F(GeneratorTest, SamplesAreWhatTheyAreAlone) {
  for (int64_t window : {0, 23})
    for (int threads : {1, 3}) {
      FakeModel model{37, 2, window, 4096};
      std::vector<int32_t> prompt = randomTokens(40);
      GenerationOptions request = sampled(60, 5);
      request.eosTokenIds = {4}; // some end early
      SessionOptions options;
      options.maxSequences = 5;
      options.threads = threads;
      Outcome together;
      {
        auto session = open(options, model);
        Generator generator(*session, nullptr);
        together = run(generator, request, prompt);
      }
      ASSERT_EQ(together.tokens.size(), 5u);
      SessionOptions single;
      single.threads = 2;
      auto session = open(single, model);
      for (int64_t i = 0; i < 5; ++i) {
        auto index = static_cast<size_t>(i);
        EXPECT_EQ(together.tokens[index], alone(*session, request, prompt, i));
        EXPECT_EQ(together.reasons[index], together.tokens[index].back() == 4
                                               ? FinishReason::Stop
                                               : FinishReason::Length);
        for (size_t j = 0; j < index; ++j)
          EXPECT_NE(together.tokens[index], together.tokens[j]);
      }
    }
}

// Events of requests that share a session, mixed at random.
TEST_F(GeneratorTest, OtherRequestsMakeNoDifference) {
  SessionOptions options;
  options.maxSequences = 6;
  options.maxStepTokens = 16;
  auto session = open(options);
  std::vector<std::vector<int32_t>> prompts;
  std::vector<GenerationOptions> requests;
  std::vector<Outcome> expected;
  for (int64_t n : {1, 3, 2}) {
    prompts.push_back(randomTokens(10 + random() % 60));
    requests.push_back(sampled(30, n));
    requests.back().seed = uint64_t(n);
    Generator generator(*session, nullptr);
    expected.push_back(run(generator, requests.back(), prompts.back()));
  }
  Generator generators[3] = {
      {*session, nullptr}, {*session, nullptr}, {*session, nullptr}};
  std::vector<Outcome> found(3);
  std::vector<size_t> running = {0, 1, 2};
  for (size_t i : running)
    ASSERT_TRUE(generators[i].start(requests[i], prompts[i]).ok());
  while (!running.empty()) {
    size_t pick = random() % running.size(), i = running[pick];
    Result<GenerationEvent> event = generators[i].next();
    ASSERT_TRUE(event.ok());
    if (event->kind == EventKind::Done)
      running.erase(running.begin() + int64_t(pick));
    else
      take(*event, found[i]);
  }
  for (size_t i = 0; i < 3; ++i)
    EXPECT_EQ(found[i], expected[i]);
}

// A conversation: what the next prompt shares with the text is not read again.
TEST_F(GeneratorTest, KeepsWhatTheNextPromptBeginsWith) {
  for (int64_t window : {0, 23}) {
    FakeModel model{37, 2, window, 4096};
    auto session = open({}, model);
    Generator generator(*session, nullptr);
    std::vector<int32_t> text = randomTokens(30);
    Outcome first = run(generator, sampled(10), text);
    EXPECT_EQ(first.reused, 0);
    text.insert(text.end(), first.tokens[0].begin(), first.tokens[0].end());
    for (int32_t token : randomTokens(8))
      text.push_back(token);

    Outcome second = run(generator, sampled(10), text);
    EXPECT_EQ(second.reused, 39); // the last token was never read
    EXPECT_EQ(second.tokens[0], alone(*open({}, model), sampled(10), text, 0));

    // The same question again: all but its last token is there, but a ring
    // does not go back.
    Outcome again = run(generator, sampled(10), text);
    EXPECT_EQ(again.reused, window ? 0 : 47);
    EXPECT_EQ(again, second);

    std::vector<int32_t> other = text;
    other[20] = (other[20] + 1) % 37;
    Outcome edited = run(generator, sampled(10), other);
    EXPECT_EQ(edited.reused, window ? 0 : 20);
    EXPECT_EQ(edited.tokens[0], alone(*open({}, model), sampled(10), other, 0));
    EXPECT_EQ(run(generator, sampled(10), std::vector<int32_t>{5}).reused, 0);
  }
}

// A request may be dropped at any point, and what it has read still counts.
TEST_F(GeneratorTest, StartsAnewAtAnyTime) {
  SessionOptions options;
  options.maxSequences = 3;
  options.maxStepTokens = 7;
  auto session = open(options);
  Generator generator(*session, nullptr);
  std::vector<int32_t> prompt = randomTokens(60);
  Outcome expected = run(generator, sampled(12, 3), prompt);
  for (int calls = 0; calls < 60; calls += 3) {
    ASSERT_TRUE(generator.start(sampled(12, 1 + calls % 2), prompt).ok());
    for (int i = 0; i < calls; ++i)
      ASSERT_TRUE(generator.next().ok());
    std::vector<int32_t> other(prompt.begin(), prompt.begin() + 41);
    (void)run(generator, sampled(2, 2), other);
    EXPECT_EQ(run(generator, sampled(12, 3), prompt), expected);
  }
}

TEST_F(GeneratorTest, EndsForEachReason) {
  SessionOptions options;
  options.contextLength = 64;
  auto session = open(options);
  Generator generator(*session, nullptr);
  std::vector<int32_t> prompt = randomTokens(50);

  Outcome full = run(generator, greedy(-1), prompt);
  EXPECT_EQ(full.tokens[0].size(), 15u); // the last is never read
  EXPECT_EQ(full.reasons[0], FinishReason::Length);
  EXPECT_TRUE(full.events.back().contextFull);

  GenerationOptions bounded = greedy(-1);
  bounded.maxLength = 55;
  EXPECT_EQ(run(generator, bounded, prompt).tokens[0].size(), 5u);
  bounded.maxTokens = 3; // which wins
  EXPECT_EQ(run(generator, bounded, prompt).tokens[0].size(), 3u);

  Outcome none = run(generator, greedy(0), prompt);
  EXPECT_TRUE(none.tokens[0].empty());
  EXPECT_EQ(none.reasons[0], FinishReason::Length);
  EXPECT_EQ(none.events.back().kind, EventKind::End);

  int32_t third = full.tokens[0][2];
  auto firstOfIt =
      std::find(full.tokens[0].begin(), full.tokens[0].end(), third) -
      full.tokens[0].begin();
  GenerationOptions stopping = greedy(-1);
  stopping.eosTokenIds = {999, third}; // one beyond the vocabulary
  Outcome eos = run(generator, stopping, prompt);
  EXPECT_EQ(int64_t(eos.tokens[0].size()), firstOfIt + 1);
  EXPECT_EQ(eos.reasons[0], FinishReason::Stop);
  EXPECT_TRUE(eos.events.back().stoppedByEos);
  EXPECT_EQ(eos.events.back().stopToken, third);
  stopping.ignoreEos = true;
  EXPECT_EQ(run(generator, stopping, prompt), full);
  stopping.stopTokenIds = {third};
  Outcome stop = run(generator, stopping, prompt);
  EXPECT_EQ(stop.tokens, eos.tokens);
  EXPECT_FALSE(stop.events.back().stoppedByEos);
  EXPECT_EQ(stop.events.back().stopToken, third);

  // Neither comes before min_tokens.
  stopping.minTokens = 8;
  Outcome later = run(generator, stopping, prompt);
  EXPECT_GE(later.tokens[0].size(), 8u);
  for (size_t i = 0; i < 8; ++i)
    EXPECT_NE(later.tokens[0][i], third);
}

TEST_F(GeneratorTest, AbortsSamples) {
  SessionOptions options;
  options.maxSequences = 3;
  options.maxStepTokens = 10;
  auto session = open(options);
  Generator generator(*session, nullptr);
  std::vector<int32_t> prompt = randomTokens(35);
  Outcome whole = run(generator, sampled(20, 3), prompt);

  // In the middle of a prompt nothing more is read.
  std::vector<int32_t> other = randomTokens(35);
  other[0] = (prompt[0] + 1) % 37;
  ASSERT_TRUE(generator.start(sampled(20, 3), other).ok());
  ASSERT_TRUE(generator.next().ok());
  ASSERT_TRUE(generator.abort(-1).ok());
  Outcome early = finish(generator);
  EXPECT_EQ(early.reasons, std::vector<FinishReason>(3, FinishReason::Abort));
  EXPECT_EQ(generator.contextUsed(), 10);

  // One sample of several; the others do not notice.
  ASSERT_TRUE(generator.start(sampled(20, 3), prompt).ok());
  Outcome partly;
  while (partly.tokens.size() < 3 || partly.tokens[2].size() < 5)
    take(*generator.next(), partly);
  ASSERT_TRUE(generator.abort(1).ok());
  ASSERT_TRUE(generator.abort(1).ok()); // again: nothing
  while (true) {
    GenerationEvent event = *generator.next();
    if (event.kind == EventKind::Done)
      break;
    take(event, partly);
  }
  EXPECT_EQ(partly.tokens[0], whole.tokens[0]);
  EXPECT_EQ(partly.tokens[2], whole.tokens[2]);
  EXPECT_EQ(partly.tokens[1],
            std::vector<int32_t>(whole.tokens[1].begin(),
                                 whole.tokens[1].begin() + 5));
  EXPECT_EQ(partly.reasons[1], FinishReason::Abort);

  EXPECT_EQ(generator.abort(3).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(generator.abort(-2).error().code, ErrorCode::InvalidArgument);
  EXPECT_TRUE(generator.abort(-1).ok()); // all have ended
  EXPECT_EQ(generator.next()->kind, EventKind::Done);
}

// The prompt's own log probabilities, in steps as small as logit rows.
TEST_F(GeneratorTest, GivesLogProbabilities) {
  SessionOptions options;
  options.maxLogitRows = 4;
  auto session = open(options);
  Generator generator(*session, nullptr);
  std::vector<int32_t> prompt = randomTokens(11);
  GenerationOptions request = greedy(3);
  request.promptLogprobs = 2;
  request.logprobs = 0;
  (void)run(generator, greedy(3), prompt); // nothing of it may be reused
  ASSERT_TRUE(generator.start(request, prompt).ok());
  std::vector<int32_t> text = prompt;
  std::vector<EventKind> kinds;
  while (true) {
    GenerationEvent event = *generator.next();
    kinds.push_back(event.kind);
    if (event.kind == EventKind::Done)
      break;
    if (event.kind == EventKind::Prompt) {
      EXPECT_EQ(event.rank, 0);
      continue;
    }
    if (event.kind == EventKind::Token)
      text.push_back(event.token);
    EXPECT_EQ(event.token, text[size_t(event.position)]);
    std::vector<float> logits(37);
    for (int64_t v = 0; v < 37; ++v)
      logits[size_t(v)] = test::fakeLogit({}, text, event.position - 1, v);
    LogProbs expected;
    bool ofPrompt = event.kind == EventKind::PromptToken;
    expected.compute(logits, event.token, ofPrompt ? 2 : 0);
    EXPECT_EQ(event.logprob, expected.logprob());
    EXPECT_EQ(event.rank, expected.rank());
    ASSERT_EQ(event.topLogprobs.size(), expected.top().size());
    for (size_t i = 0; i < expected.top().size(); ++i) {
      EXPECT_EQ(event.topLogprobs[i].token, expected.top()[i].token);
      EXPECT_EQ(event.topLogprobs[i].logprob, expected.top()[i].logprob);
    }
  }
  using enum EventKind;
  EXPECT_EQ(kinds,
            (std::vector<EventKind>{
                PromptToken, PromptToken, PromptToken, PromptToken, Prompt,
                PromptToken, PromptToken, PromptToken, PromptToken, Prompt,
                PromptToken, PromptToken, Prompt, Token, Token, Token, Done}));
}

// What a request cannot do without decides what its steps leave, and the text
// is the same either way.
TEST_F(GeneratorTest, AsksForLogitsOnlyWhereNeeded) {
  SessionOptions options;
  options.maxLogitRows = 4;
  options.maxStepTokens = 10;
  auto session = open(options);
  Generator generator(*session, nullptr);
  const std::vector<int32_t> prompt = randomTokens(25);
  auto outputs = [&](const GenerationOptions &request) {
    std::vector<StepOutput> found;
    EXPECT_TRUE(generator.start(request, prompt).ok());
    while (generator.next()->kind != EventKind::Done)
      found.push_back(session->output());
    return found;
  };
  auto all = [](StepOutput output, size_t events) {
    return std::vector<StepOutput>(events, output);
  };
  using enum StepOutput;
  GenerationOptions request = greedy(5);
  EXPECT_EQ(outputs(request), all(Likeliest, 3 + 5));
  request.eosTokenIds = {1};
  request.stopTokenIds = {2};
  request.ignoreEos = true;
  EXPECT_EQ(outputs(request).front(), Likeliest);
  request = greedy(5);
  request.logprobs = 0;
  EXPECT_EQ(outputs(request).back(), Logits);
  request = greedy(5);
  request.presencePenalty = 0.5;
  EXPECT_EQ(outputs(request).back(), Logits);
  EXPECT_EQ(outputs(sampled(5)).back(), Logits);
  // Those of the prompt need its logits and nothing of what is generated.
  request = greedy(5);
  request.promptLogprobs = 1;
  const std::vector<StepOutput> mixed = outputs(request);
  EXPECT_EQ(mixed.front(), Logits);
  EXPECT_EQ(mixed.back(), Likeliest);

  EXPECT_EQ(run(generator, greedy(20), prompt).tokens[0],
            alone(*open(), greedy(20), prompt, 0));
}

TEST_F(GeneratorTest, RefusesAndStaysAsItWas) {
  SessionOptions options;
  options.contextLength = 64;
  options.maxSequences = 3;
  options.maxLogitRows = 2;
  auto session = open(options);
  Generator generator(*session, nullptr);
  EXPECT_EQ(generator.next().error().code, ErrorCode::InvalidArgument);
  std::vector<int32_t> prompt = randomTokens(20);
  Outcome expected = run(generator, sampled(10), prompt);
  ASSERT_TRUE(generator.start(sampled(10), prompt).ok());
  ASSERT_EQ(generator.next()->kind, EventKind::Prompt);

  auto refused = [&](const GenerationOptions &request, std::vector<int32_t> ids,
                     ErrorCode code, const std::string &words) {
    Status status = generator.start(request, ids);
    ASSERT_FALSE(status.ok()) << words;
    EXPECT_EQ(status.error().code, code);
    EXPECT_NE(status.error().message.find(words), std::string::npos)
        << status.error().message;
  };
  refused(greedy(1), {}, ErrorCode::InvalidArgument, "at least one");
  refused(greedy(1), {1, 37}, ErrorCode::InvalidToken, "token id 37");
  refused(greedy(1), randomTokens(65), ErrorCode::ContextExceeded, "65");
  refused(greedy(-5), {1}, ErrorCode::InvalidArgument, "max_tokens is -5");
  refused(sampled(1, 3), {1}, ErrorCode::OutOfRange, "max_logit_rows 2");
  refused(sampled(1, 4), {1}, ErrorCode::OutOfRange, "max_sequences 3");
  GenerationOptions request = greedy(1);
  request.detokenize = true;
  refused(request, {1}, ErrorCode::InvalidArgument, "tokenizer");
  request = greedy(-1);
  request.maxLength = 2;
  refused(request, {1, 2}, ErrorCode::InvalidArgument, "max_length is 2");
  // Sequences that others have.
  SequenceId a = *session->createSequence(), b = *session->createSequence();
  refused(sampled(1, 2), {1}, ErrorCode::OutOfRange, "all are in use");
  ASSERT_TRUE(session->removeSequence(a).ok());
  ASSERT_TRUE(session->removeSequence(b).ok());

  EXPECT_EQ(finish(generator), expected); // what ran goes on

  // When the options leave nothing to choose, only start() helps.
  request = greedy(5);
  request.suppressTokens.resize(37);
  std::iota(request.suppressTokens.begin(), request.suppressTokens.end(), 0);
  ASSERT_TRUE(generator.start(request, prompt).ok());
  EXPECT_NE(generator.next().error().message.find("suppress"),
            std::string::npos);
  EXPECT_NE(generator.next().error().message.find("again"), std::string::npos);
  EXPECT_EQ(run(generator, sampled(10), prompt), expected);
}

TEST_F(GeneratorTest, GivesItsSequencesBack) {
  SessionOptions options;
  options.maxSequences = 3;
  auto session = open(options);
  int64_t blocks = session->freeBlocks();
  {
    Generator generator(*session, nullptr);
    (void)run(generator, sampled(5, 3), randomTokens(40));
    EXPECT_FALSE(session->createSequence().ok());
    // Fewer samples: the others' sequences are free again.
    (void)run(generator, sampled(5, 1), randomTokens(40));
    EXPECT_TRUE(session->removeSequence(*session->createSequence()).ok());
  }
  EXPECT_EQ(session->freeBlocks(), blocks);
}

#ifdef SWALLOW_COUNTS_ALLOCATIONS
TEST_F(GeneratorTest, TokensCostNoAllocation) {
  SessionOptions options;
  options.maxSequences = 3;
  auto session = open(options);
  Generator generator(*session, nullptr);
  GenerationOptions request = sampled(50, 3);
  request.logprobs = 5;
  request.topP = 0.9;
  request.repetitionPenalty = 1.2;
  ASSERT_TRUE(generator.start(request, randomTokens(40)).ok());
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(generator.next().ok());
  int64_t before = test::numAllocations.load();
  bool ok = true;
  for (int i = 0; i < 120; ++i)
    ok = ok && generator.next()->kind == EventKind::Token;
  EXPECT_EQ(test::numAllocations.load(), before);
  EXPECT_TRUE(ok);
}
#endif

} // namespace
} // namespace swallow
