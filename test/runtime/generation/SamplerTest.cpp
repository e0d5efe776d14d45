#include "runtime/generation/Sampler.h"
#include "runtime/generation/logits/PortableMath.h"
#include "test/runtime/AllocationCounter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

namespace swallow {
namespace {

Sampler makeSampler(GenerationOptions options, SampleStart start = {}) {
  EXPECT_TRUE(validateOptions(options, 1000000).ok());
  return Sampler(std::make_shared<const GenerationOptions>(std::move(options)),
                 start);
}

Sampler makeSampler(double temperature, int32_t topK = 0, double topP = 1,
                    uint64_t seed = 1) {
  GenerationOptions options;
  options.doSample = true;
  options.temperature = temperature;
  options.topK = topK;
  options.topP = topP;
  options.seed = seed;
  return makeSampler(std::move(options));
}

std::map<int32_t, int> draw(Sampler sampler, const std::vector<float> &logits,
                            int count) {
  std::map<int32_t, int> counts;
  for (int i = 0; i < count; ++i)
    ++counts[*sampler.sample(logits)];
  return counts;
}

std::vector<float> randomLogits(size_t count) {
  CounterRandom random(99);
  std::vector<float> logits(count);
  for (float &logit : logits)
    logit = float(random.nextUniform() * 12 - 6);
  return logits;
}

/// What transformers' warpers keep, written down as they are: top_k masks
/// logits below the k-th; top_p sorts ascending and masks while the cumulative
/// probability is at most 1 - top_p.
std::set<int32_t> keptByTransformers(std::vector<float> logits,
                                     float temperature, int32_t topK,
                                     float topP) {
  for (float &logit : logits)
    logit /= temperature;
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return logits[size_t(a)] < logits[size_t(b)];
  });
  std::set<int32_t> kept(order.begin(), order.end());
  if (topK > 0) {
    float kth = logits[size_t(order[order.size() - size_t(topK)])];
    std::erase_if(kept, [&](int32_t id) { return logits[size_t(id)] < kth; });
  }
  if (topP < 1) {
    double total = 0, sum = 0;
    for (int32_t id : kept)
      total += std::exp(double(logits[size_t(id)]));
    for (int32_t id : order) {
      if (!kept.count(id) || id == order.back())
        continue;
      sum += std::exp(double(logits[size_t(id)])) / total;
      if (sum <= 1 - double(topP))
        kept.erase(id);
    }
  }
  return kept;
}

TEST(SamplingTest, RandomIsSplitMix64) {
  // The reference implementation's first outputs for seed 0.
  CounterRandom random(0);
  EXPECT_EQ(random.nextBits(), 0xe220a8397b1dcdafu);
  EXPECT_EQ(random.nextBits(), 0x6e789e6aa1b965f4u);
  EXPECT_EQ(random.nextBits(), 0x06c45d188009454fu);
}

TEST(SamplingTest, ZeroTemperatureIsGreedy) {
  std::vector<float> logits = {1, 5, std::nanf(""), 5, 2};
  EXPECT_EQ(*makeSampler(0).sample(logits), 1); // the first of equals
  EXPECT_EQ(argmax(logits), 1);
  EXPECT_EQ(argmax(std::vector<float>{std::nanf("")}), -1);
}

TEST(SamplingTest, DrawsByProbability) {
  std::vector<float> logits = {std::log(1.0f), std::log(2.0f), std::log(5.0f),
                               std::log(2.0f)};
  std::map<int32_t, int> counts = draw(makeSampler(1), logits, 20000);
  EXPECT_NEAR(counts[0], 2000, 200);
  EXPECT_NEAR(counts[1], 4000, 250);
  EXPECT_NEAR(counts[2], 10000, 300);
  EXPECT_NEAR(counts[3], 4000, 250);
  // Half the temperature squares the odds: 1 : 4 : 25 : 4.
  counts = draw(makeSampler(0.5f), logits, 20000);
  EXPECT_NEAR(counts[2], 20000 * 25 / 34, 300);
}

TEST(SamplingTest, KeepsWhatTransformersKeeps) {
  std::vector<float> logits = randomLogits(60);
  for (float temperature : {0.7f, 1.0f, 2.5f})
    for (int32_t topK : {0, 1, 5, 30})
      for (float topP : {0.05f, 0.5f, 0.9f, 1.0f}) {
        std::set<int32_t> expected =
            keptByTransformers(logits, temperature, topK, topP);
        std::set<int32_t> drawn;
        for (auto [id, count] :
             draw(makeSampler(temperature, topK, topP), logits, 4000)) {
          EXPECT_TRUE(expected.count(id))
              << id << " at " << temperature << " " << topK << " " << topP;
          drawn.insert(id);
        }
        // All that is likely enough to come up in so many draws does.
        double total = 0;
        for (int32_t id : expected)
          total += std::exp(double(logits[size_t(id)] / temperature));
        for (int32_t id : expected) {
          double weight = std::exp(double(logits[size_t(id)] / temperature));
          EXPECT_TRUE(drawn.count(id) || weight / total <= 0.01) << id;
        }
      }
}

TEST(SamplingTest, TopKKeepsTies) {
  std::vector<float> logits = {3, 2, 2, 2, 1};
  std::map<int32_t, int> counts = draw(makeSampler(1, 2), logits, 2000);
  EXPECT_EQ(counts.size(), 4u);
  EXPECT_EQ(counts.count(4), 0u);
}

TEST(SamplingTest, SeedsRepeat) {
  std::vector<float> logits = randomLogits(1000);
  auto sequence = [&](uint64_t seed) {
    Sampler sampler = makeSampler(1, 0, 0.95f, seed);
    std::vector<int32_t> ids;
    for (int i = 0; i < 32; ++i)
      ids.push_back(*sampler.sample(logits));
    return ids;
  };
  EXPECT_EQ(sequence(5), sequence(5));
  EXPECT_NE(sequence(5), sequence(6));
}

// The exponential is Swallow's own: its ends are where it could go wrong.
TEST(SamplingTest, LargeGapsAreNeverDrawn) {
  std::vector<float> logits = {0, -1000,
                               -std::numeric_limits<float>::infinity()};
  EXPECT_EQ(draw(makeSampler(1), logits, 1000).size(), 1u);
  logits = {3e38f, -3e38f};
  EXPECT_EQ(draw(makeSampler(1e-3f), logits, 100).size(), 1u);
}

TEST(SamplingTest, NeedsANumber) {
  std::vector<float> bad(4, std::nanf(""));
  EXPECT_EQ(makeSampler(1).sample(bad).error().code, ErrorCode::Internal);
  bad[1] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(makeSampler(0).sample(bad).error().code, ErrorCode::Internal);
  bad[2] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(makeSampler(1).sample(bad).error().code, ErrorCode::Internal);

  GenerationOptions options;
  options.suppressTokens = {0, 1};
  Result<int32_t> none = makeSampler(options).sample(std::vector<float>{1, 2});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ErrorCode::InvalidArgument);
  EXPECT_NE(none.error().message.find("suppress"), std::string::npos);
}

// Streams of one seed are unrelated, and stream 0 is what one sample draws.
TEST(SamplingTest, SamplesHaveStreams) {
  CounterRandom alone(17), first = CounterRandom::stream(17, 0);
  EXPECT_EQ(alone.nextBits(), first.nextBits());
  std::set<uint64_t> seen;
  for (uint64_t seed : {0, 1, 2, 17})
    for (uint64_t index = 0; index < 100; ++index) {
      CounterRandom stream = CounterRandom::stream(seed, index);
      for (int i = 0; i < 20; ++i)
        seen.insert(stream.nextBits());
    }
  EXPECT_EQ(seen.size(), 4u * 100 * 20);
}

TEST(SamplingTest, PortableMathIsAccurate) {
  CounterRandom random(3);
  for (int i = 0; i < 100000; ++i) {
    double x = -708 * random.nextUniform();
    if (x > -700) {
      double exact = std::exp(x);
      ASSERT_NEAR(portableExp(x) / exact, 1, 1e-15) << x;
    }
    double y = std::exp(20 * random.nextUniform() - 4);
    ASSERT_NEAR(portableLog(y), std::log(y),
                1e-15 * (1 + std::fabs(std::log(y))))
        << y;
  }
  EXPECT_EQ(portableExp(0), 1);
  EXPECT_EQ(portableExp(-1e308), 0);
  EXPECT_EQ(portableExp(-std::numeric_limits<double>::infinity()), 0);
  EXPECT_EQ(portableLog(1), 0);
}

// What sample() makes of logits, it makes of their likeliest token where it
// needs no more.
TEST(SamplingTest, TheLikeliestTokenIsEnough) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::nanf("");
  for (const std::vector<float> &logits : {std::vector<float>{1, 5, nan, 5, 2},
                                           {nan, -3, -infinity},
                                           {nan, nan},
                                           {-infinity, -infinity},
                                           {1, infinity, 2}}) {
    Sampler ofLogits = makeSampler(0), ofLikeliest = makeSampler(0);
    ASSERT_FALSE(ofLikeliest.needsLogits());
    const Result<int32_t> expected = ofLogits.sample(logits),
                          found = ofLikeliest.sample(likeliestOf(logits));
    ASSERT_EQ(found.ok(), expected.ok());
    if (expected) {
      EXPECT_EQ(*found, *expected);
    } else {
      EXPECT_EQ(found.error().code, ErrorCode::Internal);
      EXPECT_EQ(found.error().message, expected.error().message);
    }
    EXPECT_EQ(ofLikeliest.history().length(), ofLogits.history().length());
  }
}

TEST(SamplingTest, NeedsLogitsToProcessOrToDraw) {
  auto needs = [](auto &&change) {
    auto options = std::make_shared<GenerationOptions>();
    change(*options);
    return Sampler(options, {.limit = 5, .vocabSize = 10}).needsLogits();
  };
  using Options = GenerationOptions;
  EXPECT_FALSE(needs([](Options &) {}));
  EXPECT_FALSE(needs([](Options &o) {
    o.doSample = true;
    o.temperature = 0;
  }));
  EXPECT_FALSE(needs([](Options &o) { o.topK = 3; }));
  EXPECT_TRUE(needs([](Options &o) { o.doSample = true; }));
  EXPECT_TRUE(needs([](Options &o) { o.logitBias = {{1, 2.0}}; }));
  EXPECT_TRUE(needs([](Options &o) { o.repetitionPenalty = 1.1; }));
  EXPECT_TRUE(needs([](Options &o) { o.minTokens = 2; }));
  EXPECT_TRUE(needs([](Options &o) { o.suppressTokens = {1}; }));
  EXPECT_TRUE(needs([](Options &o) { o.removeInvalidValues = true; }));
}

TEST(SamplingTest, ArgmaxTakesTheFirstOfTheLargest) {
  for (size_t size : {1, 2, 15, 16, 17, 31, 33, 100})
    for (size_t place = 0; place < size; ++place) {
      std::vector<float> row(size, -1);
      row[place] = 3;
      row[size - 1] = 3;
      if (size > 2)
        row[(place + 1) % (size - 1)] = std::nanf("");
      auto first = std::find(row.begin(), row.end(), 3.0f) - row.begin();
      EXPECT_EQ(argmax(row), first) << size << " " << place;
    }
}

#ifdef SWALLOW_COUNTS_ALLOCATIONS
TEST(SamplingTest, TokensCostNoAllocation) {
  std::vector<float> logits = randomLogits(2000);
  std::vector<int32_t> prompt = {1, 2, 3};
  GenerationOptions all;
  all.doSample = true;
  all.temperature = 0.9;
  all.topH = 0.9;
  all.topK = 50;
  all.topP = 0.9;
  all.minP = 0.01;
  all.typicalP = 0.9;
  all.epsilonCutoff = all.etaCutoff = 1e-4;
  all.repetitionPenalty = 1.1;
  all.frequencyPenalty = all.presencePenalty = 0.1;
  all.noRepeatNgramSize = 3;
  all.minTokens = 30;
  all.eosTokenIds = {5};
  all.logitBias = {{7, 2.0}};
  all.sequenceBias = {{{1, 2}, 1.0}};
  GenerationOptions nucleus;
  nucleus.doSample = true;
  nucleus.topP = 0.95;
  for (const GenerationOptions &options : {GenerationOptions(), nucleus, all}) {
    Sampler sampler = makeSampler(options, {prompt, 40, 2000, 0});
    ASSERT_TRUE(sampler.sample(logits).ok());
    int64_t before = test::numAllocations.load();
    bool ok = true;
    for (int i = 0; i < 30; ++i)
      ok = ok && sampler.sample(logits).ok();
    EXPECT_EQ(test::numAllocations.load(), before);
    EXPECT_TRUE(ok);
  }
}
#endif

} // namespace
} // namespace swallow
