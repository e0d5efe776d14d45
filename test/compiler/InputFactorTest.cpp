//===- InputFactorTest.cpp - the inputs of a product, factored ------------===//

#include "compiler/InputFactor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

using namespace swallow;

namespace {

EvalTensor normal(int64_t rows, int64_t cols, float scale = 1) {
  EvalTensor tensor{rows, cols, {}};
  std::mt19937 random(5);
  std::normal_distribution<float> distribution(0, scale);
  for (int64_t i = 0; i < rows * cols; ++i)
    tensor.data.push_back(distribution(random));
  // Columns that go together.
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 1; c < cols; ++c)
      tensor.row(r)[c] += 0.7f * tensor.row(r)[c - 1];
  return tensor;
}

/// The largest difference of L D L^T and the mean of x x^T with its damping,
/// both relative to the mean of the latter's diagonal.
double difference(const EvalTensor &x, const InputFactor &factor,
                  double damping) {
  const int64_t count = x.cols;
  std::vector<double> h(count * count);
  double mean = 0;
  for (int64_t r = 0; r < x.rows; ++r)
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j < count; ++j)
        h[i * count + j] += double(x.row(r)[i]) * x.row(r)[j];
  for (int64_t i = 0; i < count; ++i)
    mean += h[i * count + i] / static_cast<double>(count);
  double largest = 0;
  auto lower = [&](int64_t i, int64_t j) {
    return i == j ? 1.0 : double(factor.lower[i * factor.size + j]);
  };
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      double found = 0;
      for (int64_t k = 0; k <= j; ++k)
        found += lower(i, k) * factor.variance[k] * lower(j, k);
      const double expected = h[i * count + j] / mean + (i == j ? damping : 0);
      largest = std::max(largest, std::fabs(found - expected));
    }
  return largest;
}

TEST(InputFactor, FactorsTheProducts) {
  // One block and several, whole and not.
  for (int64_t cols : {1, 16, 50, 128, 300}) {
    const EvalTensor x = normal(500, cols, 3e3f);
    Result<InputFactor> factor = factorInputs(x, 0.01f, 2);
    ASSERT_TRUE(factor.ok());
    EXPECT_EQ(factor->size, (cols + 15) / 16 * 16);
    EXPECT_LT(difference(x, *factor, 0.01), 1e-5) << cols;
    for (int64_t i = cols; i < factor->size; ++i) {
      EXPECT_EQ(factor->variance[i], 0);
      for (int64_t j = 0; j < factor->size; ++j)
        EXPECT_EQ(factor->lower[i * factor->size + j], 0);
    }
  }
}

TEST(InputFactor, FewerRowsThanInputs) {
  const EvalTensor x = normal(40, 200);
  Result<InputFactor> factor = factorInputs(x, 0.01f, 2);
  ASSERT_TRUE(factor.ok());
  EXPECT_LT(difference(x, *factor, 0.01), 1e-4);
}

TEST(InputFactor, TheSameBitsWithAnyNumberOfThreads) {
  const EvalTensor x = normal(300, 700);
  Result<InputFactor> one = factorInputs(x, 0.01f, 1);
  ASSERT_TRUE(one.ok());
  for (int threads : {2, 5}) {
    Result<InputFactor> more = factorInputs(x, 0.01f, threads);
    ASSERT_TRUE(more.ok());
    EXPECT_EQ(more->lower, one->lower);
    EXPECT_EQ(more->variance, one->variance);
  }
}

TEST(InputFactor, InputsThatNeverMove) {
  EvalTensor x = normal(64, 48);
  for (int64_t r = 0; r < x.rows; ++r)
    x.row(r)[7] = 0;
  Result<InputFactor> factor = factorInputs(x, 0.01f, 1);
  ASSERT_TRUE(factor.ok());
  EXPECT_LT(difference(x, *factor, 0.01), 1e-5);
  EXPECT_NEAR(factor->variance[7], 0.01f, 1e-6);
  Result<InputFactor> zeros =
      factorInputs({4, 16, std::vector<float>(64)}, 0.01f, 1);
  ASSERT_TRUE(zeros.ok());
  EXPECT_GT(zeros->variance[0], 0);
}

// Rank one: only what is added to the diagonal makes it definite, and in f32
// too little of that is lost.
TEST(InputFactor, DampingGrowsWhereItIsTooSmall) {
  EvalTensor x{8, 300, std::vector<float>(8 * 300, 1.0f)};
  Result<InputFactor> factor = factorInputs(x, 1e-9f, 1);
  ASSERT_TRUE(factor.ok());
  for (float d : factor->variance)
    EXPECT_TRUE(std::isfinite(d));
}

TEST(InputFactor, NonFiniteInputs) {
  for (float bad : {std::numeric_limits<float>::infinity(),
                    std::numeric_limits<float>::quiet_NaN()}) {
    EvalTensor x = normal(16, 32);
    x.row(3)[5] = bad;
    Result<InputFactor> factor = factorInputs(x, 0.01f, 1);
    ASSERT_FALSE(factor.ok());
    EXPECT_EQ(factor.error().code, ErrorCode::InvalidArgument);
  }
}

} // namespace
