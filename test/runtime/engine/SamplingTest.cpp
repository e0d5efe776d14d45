#include "runtime/engine/Sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

namespace swallow {
namespace {

Sampler makeSampler(float temperature, int32_t topK = 0, float topP = 1,
                    uint64_t seed = 1) {
  Result<Sampler> sampler = Sampler::create({temperature, topK, topP, seed});
  EXPECT_TRUE(sampler.ok());
  return std::move(*sampler);
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

TEST(SamplingTest, RefusesWhatHasNoMeaning) {
  for (SamplingOptions options :
       {SamplingOptions{-1, 0, 1, 0}, SamplingOptions{std::nanf(""), 0, 1, 0},
        SamplingOptions{1, -1, 1, 0}, SamplingOptions{1, 0, 0, 0},
        SamplingOptions{1, 0, 1.5f, 0},
        SamplingOptions{1, 0, std::nanf(""), 0}}) {
    Result<Sampler> sampler = Sampler::create(options);
    ASSERT_FALSE(sampler.ok());
    EXPECT_EQ(sampler.error().code, ErrorCode::InvalidArgument);
  }
  std::vector<float> bad(4, std::nanf(""));
  EXPECT_EQ(makeSampler(1).sample(bad).error().code, ErrorCode::Internal);
}

} // namespace
} // namespace swallow
