#include "runtime/engine/Likeliest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace swallow {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// As GpuAbi.h describes it.
uint64_t keyOf(float logit, uint32_t token) {
  auto bits = std::bit_cast<uint32_t>(logit == 0 ? 0.0f : logit);
  bits = bits >> 31 ? ~bits : bits | 0x80000000u;
  return uint64_t(bits) << 32 | (0xffffffffu - token);
}

TEST(LikeliestTest, KeysSayTokenAndLogit) {
  for (float logit : {-kInfinity, -3.5f, -1e-40f, 0.0f, 1e-40f, 7.25f,
                      std::numeric_limits<float>::max(), kInfinity})
    for (uint32_t token : {0u, 1u, 128255u, 0x7fffffffu}) {
      const Likeliest found = likeliestOf(keyOf(logit, token));
      EXPECT_EQ(found, (Likeliest{int32_t(token), logit}));
    }
  EXPECT_EQ(likeliestOf(uint64_t(0)), Likeliest());
  EXPECT_EQ(likeliestOf(uint64_t(0)).token, -1);
}

// The largest key of a row's numbers is what the row's logits say.
TEST(LikeliestTest, KeysAreInTheOrderOfTokens) {
  const float nan = std::nanf("");
  const std::vector<float> rows[] = {
      {1, 5, 5, 2},           {-3, -1, -2, -1},
      {-0.0f, 0.0f, -1},      {0.0f, -0.0f, nan},
      {nan, -kInfinity, -7},  {kInfinity, 3, kInfinity},
      {nan, nan, -kInfinity}, {-kInfinity, 1e-40f, -1e-40f}};
  for (const std::vector<float> &row : rows) {
    uint64_t key = 0;
    for (size_t i = 0; i < row.size(); ++i)
      if (row[i] > -kInfinity)
        key = std::max(key, keyOf(row[i], uint32_t(i)));
    EXPECT_EQ(likeliestOf(row), likeliestOf(key));
  }
  EXPECT_EQ(likeliestOf(rows[0]), (Likeliest{1, 5}));
  EXPECT_EQ(likeliestOf(rows[2]).token, 0);
  EXPECT_EQ(likeliestOf(rows[4]), (Likeliest{2, -7}));
  EXPECT_EQ(likeliestOf(rows[6]), Likeliest());
}

} // namespace
} // namespace swallow
