#include "runtime/generation/LogProbs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace swallow {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

TEST(LogProbsTest, IsTheLogSoftmax) {
  std::vector<float> logits = {1, 3, 2, 3, kNever, -1};
  double total = 0;
  for (float logit : logits)
    total += std::exp(double(logit));
  LogProbs logprobs;
  logprobs.compute(logits, 2, 4);
  EXPECT_NEAR(logprobs.logprob(), 2 - std::log(total), 1e-14);
  EXPECT_EQ(logprobs.rank(), 3);
  ASSERT_EQ(logprobs.top().size(), 4u);
  int32_t expected[] = {1, 3, 2, 0}; // equal ones by id
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(logprobs.top()[i].token, expected[i]);
    EXPECT_NEAR(logprobs.top()[i].logprob,
                double(logits[size_t(expected[i])]) - std::log(total), 1e-14);
  }
  logprobs.compute(logits, 3, 0);
  EXPECT_EQ(logprobs.rank(), 2);
  EXPECT_TRUE(logprobs.top().empty());
  logprobs.compute(logits, 4, 100); // more than there are
  EXPECT_EQ(logprobs.logprob(), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(logprobs.rank(), 6);
  EXPECT_EQ(logprobs.top().size(), 6u);
}

// Where single precision has no digits left, and with a NaN, which is least.
TEST(LogProbsTest, HasTheDigitsOfDoubles) {
  std::vector<float> logits = {0, -20, std::nanf(""), -400};
  LogProbs logprobs;
  logprobs.compute(logits, 0, 4);
  EXPECT_NEAR(logprobs.logprob(), -std::exp(-20.0), 1e-16);
  EXPECT_NE(logprobs.logprob(), 0);
  EXPECT_EQ(logprobs.top()[3].token, 2);
  logprobs.compute(logits, 3, 0);
  EXPECT_NEAR(logprobs.logprob(), -400, 1e-8);
}

TEST(LogProbsTest, FindsTheMostLikelyOfMany) {
  std::vector<float> logits(5000);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = float((i * 7919) % logits.size()); // a permutation
  LogProbs logprobs;
  logprobs.compute(logits, 17, 100);
  for (size_t i = 0; i < 100; ++i)
    EXPECT_EQ(logits[size_t(logprobs.top()[i].token)], float(4999 - i));
  EXPECT_EQ(logprobs.rank(), 5000 - int64_t(logits[17]));
}

} // namespace
} // namespace swallow
