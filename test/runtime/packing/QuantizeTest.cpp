//===- QuantizeTest.cpp - quantised blocks --------------------------------===//

#include "runtime/packing/Quantize.h"
#include "runtime/packing/QuantSearch.h"
#include "test/runtime/packing/PackedBlocks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

using namespace swallow;
using namespace swallow::test;

namespace {

class QuantizeTest : public testing::TestWithParam<PackedElement> {};

INSTANTIATE_TEST_SUITE_P(Elements, QuantizeTest,
                         testing::Values(PackedElement::I4, PackedElement::I6,
                                         PackedElement::I8));

// What a format of these bits is chosen for, docs/quantization.md.
TEST_P(QuantizeTest, ErrorOfNormalWeights) {
  const int64_t rows = 96, cols = 512;
  PackedLayout layout = layoutOf(GetParam(), rows, cols);
  std::vector<float> values = normal(rows * cols);
  Packed packed = pack(layout, values);
  double error = 0, square = 0;
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<float> row = packed.row(r);
    for (int64_t c = 0; c < cols; ++c) {
      double value = values[r * cols + c], difference = row[c] - value;
      error += difference * difference;
      square += value * value;
    }
  }
  const double relative = std::sqrt(error / square);
  const double bound = GetParam() == PackedElement::I4   ? 0.0645
                       : GetParam() == PackedElement::I6 ? 0.0180
                                                         : 0.0046;
  EXPECT_LE(relative, bound);
  EXPECT_GE(relative, bound / 1.2);
  // The statistics are the errors of what has been stored.
  EXPECT_NEAR(packed.stats.relativeError(), relative, 1e-5);
  EXPECT_EQ(packed.stats.values, rows * cols);
  // 16 codes and a scale, in two blocks of 64 rows with a header each.
  EXPECT_EQ(
      layout.totalBytes(),
      2 * (64 +
           64 * (cols + cols * 16 * packedElementBits(GetParam()) / 8) / 16));
}

TEST_P(QuantizeTest, BlocksDoNotDependOnTheirNeighbours) {
  const int64_t rows = 200, cols = 100;
  for (int64_t nBlock : {16, 48, 64}) {
    PackedLayout layout = layoutOf(GetParam(), rows, cols, nBlock);
    std::vector<float> values = normal(rows * cols);
    EXPECT_EQ(pack(layout, values).bytes, pack(layout, values, {}, 1).bytes);
  }
}

TEST_P(QuantizeTest, ZerosStayZero) {
  const int64_t rows = 70, cols = 40;
  std::vector<float> values = normal(rows * cols);
  for (int64_t c = 0; c < cols; ++c)
    values[3 * cols + c] = values[66 * cols + c] = 0;
  Packed packed = pack(layoutOf(GetParam(), rows, cols), values);
  EXPECT_EQ(packed.row(3), std::vector<float>(cols, 0.0f));
  EXPECT_EQ(packed.row(66), std::vector<float>(cols, 0.0f));
  // Columns of the last block that have no row.
  std::vector<float> padding(cols, 1.0f);
  dequantizeColumn(packed.layout,
                   packed.bytes.data() + packed.layout.blockBytes(), 40,
                   padding.data());
  EXPECT_EQ(padding, std::vector<float>(cols, 0.0f));
  EXPECT_EQ(pack(layoutOf(GetParam(), 2, 20), std::vector<float>(40)).row(1),
            std::vector<float>(20, 0.0f));
}

TEST_P(QuantizeTest, AnyMagnitude) {
  for (float sigma : {1e-38f, 1e-30f, 1e-20f, 1e-3f, 1e3f, 1e20f, 1e36f}) {
    std::vector<float> values = normal(32 * 64, sigma);
    Packed packed = pack(layoutOf(GetParam(), 32, 64), values);
    for (int64_t r = 0; r < 32; ++r)
      for (float value : packed.row(r)) {
        ASSERT_TRUE(std::isfinite(value)) << sigma;
        ASSERT_LE(std::fabs(value), 10 * sigma);
      }
    if (sigma >= 1e-20f) {
      EXPECT_LE(packed.stats.relativeError(), 0.07) << sigma;
    }
  }
}

TEST_P(QuantizeTest, FeaturesOfDifferentSizeShareABlock) {
  const int64_t cols = 256;
  std::vector<float> values = normal(64 * cols);
  for (int64_t r = 0; r < 64; ++r)
    for (int64_t c = 0; c < cols; ++c)
      values[r * cols + c] *= std::pow(0.5f, static_cast<float>(r % 8));
  Packed packed = pack(layoutOf(GetParam(), 64, cols), values);
  // The smallest rows, 1 : 128.
  double error = 0, square = 0;
  for (int64_t r = 7; r < 64; r += 8) {
    std::vector<float> row = packed.row(r);
    for (int64_t c = 0; c < cols; ++c) {
      double value = values[r * cols + c];
      error += (row[c] - value) * (row[c] - value);
      square += value * value;
    }
  }
  EXPECT_LE(std::sqrt(error / square),
            GetParam() == PackedElement::I4 ? 0.085 : 0.06);
}

TEST_P(QuantizeTest, NonFiniteValuesAreCountedAndBecomeZero) {
  std::vector<float> values = normal(16 * 32);
  values[5] = std::numeric_limits<float>::quiet_NaN();
  values[40] = std::numeric_limits<float>::infinity();
  values[41] = -std::numeric_limits<float>::infinity();
  Packed packed = pack(layoutOf(GetParam(), 16, 32), values);
  EXPECT_EQ(packed.stats.nonFinite, 3);
  for (int64_t r = 0; r < 16; ++r)
    for (float value : packed.row(r))
      ASSERT_TRUE(std::isfinite(value));
  EXPECT_LT(std::fabs(packed.row(0)[5]), 0.01f);
}

// Errors move from inputs that count to those that do not.
TEST_P(QuantizeTest, ImportanceMovesErrors) {
  const int64_t rows = 64, cols = 256;
  std::vector<float> values = normal(rows * cols), importance(cols, 0.01f);
  for (int64_t c = 0; c < cols; c += 4)
    importance[c] = 1;
  auto errorOfImportant = [&](const Packed &packed) {
    double error = 0;
    for (int64_t r = 0; r < rows; ++r) {
      std::vector<float> row = packed.row(r);
      for (int64_t c = 0; c < cols; c += 4)
        error += std::pow(row[c] - values[r * cols + c], 2);
    }
    return error;
  };
  PackedLayout layout = layoutOf(GetParam(), rows, cols);
  double plain = errorOfImportant(pack(layout, values));
  EXPECT_LT(errorOfImportant(pack(layout, values, importance)), 0.9 * plain);
}

// Of the same candidates the search by importance takes those with the smallest
// weighted error.
TEST_P(QuantizeTest, WeightedErrorIsNotAboveThatOfEqualImportance) {
  const int64_t rows = 64, cols = 208;
  PackedLayout layout = layoutOf(GetParam(), rows, cols);
  std::mt19937 random(7);
  std::normal_distribution<float> distribution(0, 2);
  for (unsigned seed = 1; seed <= 8; ++seed) {
    std::vector<float> values = normal(rows * cols, 0.02f, seed);
    std::vector<float> importance(cols);
    for (float &weight : importance)
      weight = std::exp(distribution(random));
    auto weightedError = [&](const Packed &packed) {
      double error = 0;
      for (int64_t r = 0; r < rows; ++r) {
        std::vector<float> row = packed.row(r);
        for (int64_t c = 0; c < cols; ++c)
          error += importance[c] *
                   std::pow(double(row[c]) - values[r * cols + c], 2);
      }
      return error;
    };
    Packed weighted = pack(layout, values, importance);
    EXPECT_LE(weightedError(weighted), weightedError(pack(layout, values)));
    EXPECT_NEAR(weighted.stats.weightedError / weightedError(weighted), 1,
                1e-4);
    EXPECT_LT(weighted.stats.relativeWeightedError(),
              weighted.stats.relativeError());
  }
}

TEST_P(QuantizeTest, EqualImportanceChangesNothing) {
  const int64_t rows = 70, cols = 96;
  PackedLayout layout = layoutOf(GetParam(), rows, cols);
  std::vector<float> values = normal(rows * cols);
  Packed plain = pack(layout, values);
  // Powers of two, which round nothing.
  for (float importance : {1.0f, 0.25f, 64.0f}) {
    std::vector<float> all(cols, importance);
    Packed weighted = pack(layout, values, all);
    EXPECT_EQ(weighted.bytes, plain.bytes);
    EXPECT_EQ(weighted.stats.squaredError, plain.stats.squaredError);
    EXPECT_EQ(weighted.stats.relativeWeightedError(),
              plain.stats.relativeError());
  }
}

// Artifacts must not depend on the machine that made them.
TEST_P(QuantizeTest, AllInstructionSetsFindTheSame) {
  using namespace quantsearch;
  std::vector<const SearchFns *> others;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2"))
    others.push_back(&searchAvx2);
  if (__builtin_cpu_supports("avx512f"))
    others.push_back(&searchAvx512);
#endif
  std::mt19937 random(3);
  std::normal_distribution<float> distribution(0, 1);
  for (int round = 0; round < 200; ++round) {
    const int64_t groups = round % 4 == 0 ? round % kLanes + 1 : kLanes;
    std::vector<float> values(groups * kQuantGroup), importance(values.size());
    for (int64_t group = 0; group < groups; ++group)
      for (int64_t i = 0; i < kQuantGroup; ++i) {
        float x = distribution(random) * (group == 5 ? 1e3f : 1e5f);
        if (group == 7)
          x = 0;
        if (group == 3) // half way between levels, for some scales
          x = 1250 * std::round(x / 5000);
        values[group * kQuantGroup + i] = x;
        importance[group * kQuantGroup + i] = std::fabs(distribution(random));
      }
    BatchInput input{values.data(), round % 2 ? importance.data() : nullptr,
                     groups, 0.5f};
    Batch expected;
    searchBaseline.search(GetParam(), input, expected);
    for (int64_t i = 0; i < kQuantGroup; ++i)
      for (int64_t lane = 0; lane < kLanes; ++lane)
        ASSERT_EQ(expected.x[i][lane],
                  lane < groups ? values[lane * kQuantGroup + i] * 0.5f : 0);
    const auto count = static_cast<int64_t>(values.size());
    for (const SearchFns *other : others) {
      Batch found;
      other->search(GetParam(), input, found);
      ASSERT_EQ(std::memcmp(&found, &expected, sizeof(found)), 0);
      ASSERT_EQ(other->largest(values.data(), count),
                searchBaseline.largest(values.data(), count));
    }
  }
}

// What is found for a group does not depend on those beside it, which may have
// many more scales to try.
TEST_P(QuantizeTest, GroupsAreSearchedOnTheirOwn) {
  using namespace quantsearch;
  std::mt19937 random(4);
  std::normal_distribution<float> distribution(0, 1);
  for (int round = 0; round < 50; ++round) {
    std::vector<float> values(kLanes * kQuantGroup);
    for (int64_t i = 0; i < kLanes * kQuantGroup; ++i)
      values[i] = distribution(random) *
                  std::pow(10.0f, static_cast<float>(i / kQuantGroup % 6));
    Batch together;
    searchBaseline.search(GetParam(), {values.data(), nullptr, kLanes, 1.0f},
                          together);
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      Batch alone;
      searchBaseline.search(
          GetParam(), {values.data() + lane * kQuantGroup, nullptr, 1, 1.0f},
          alone);
      ASSERT_EQ(alone.scale[0], together.scale[lane]) << lane;
      ASSERT_EQ(alone.error[0], together.error[lane]) << lane;
    }
  }
}

TEST(PackedLayout, QuantizedLayoutsThatKernelsCannotRead) {
  EXPECT_TRUE(layoutOf(PackedElement::I4, 10, 10).valid());
  EXPECT_FALSE(layoutOf(PackedElement::I4, 10, 10, 0).valid());
  EXPECT_FALSE(layoutOf(PackedElement::I6, 10, 10, 24).valid());
  EXPECT_FALSE(layoutOf(PackedElement::I8, 10, 10, 128).valid());
  PackedLayout layout = layoutOf(PackedElement::I8, 10, 10);
  layout.kGroup = 4;
  EXPECT_FALSE(layout.valid());
}

} // namespace
