//===- ErrorFeedbackTest.cpp - codes that make up for each other ----------===//

#include "runtime/packing/ErrorFeedback.h"
#include "runtime/packing/FeedbackSearch.h"
#include "test/runtime/packing/PackedBlocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

using namespace swallow;
using namespace swallow::test;

namespace {

/// A symmetric matrix and its factor, computed in f64.
struct Inputs {
  int64_t cols;
  std::vector<double> h; // [cols][cols]
  InputFactor factor;
};

int64_t paddedTo16(int64_t cols) { return (cols + 15) / 16 * 16; }

/// L D L^T by the textbook.
InputFactor factorOf(std::vector<double> h, int64_t cols) {
  InputFactor factor;
  factor.size = paddedTo16(cols);
  factor.lower.assign(factor.size * factor.size, 0.0f);
  factor.variance.assign(factor.size, 0.0f);
  for (int64_t j = 0; j < cols; ++j) {
    const double d = h[j * cols + j];
    factor.variance[j] = static_cast<float>(d);
    for (int64_t i = j + 1; i < cols; ++i) {
      const double l = h[i * cols + j] / d;
      factor.lower[i * factor.size + j] = static_cast<float>(l);
      for (int64_t k = j + 1; k <= i; ++k)
        h[i * cols + k] -= l * h[k * cols + j];
    }
  }
  return factor;
}

/// Inputs that go together with their neighbours.
Inputs correlated(int64_t cols, double share = 0.9) {
  Inputs inputs{cols, std::vector<double>(cols * cols), {}};
  for (int64_t i = 0; i < cols; ++i)
    for (int64_t j = 0; j < cols; ++j)
      inputs.h[i * cols + j] = (1 + 0.5 * std::sin(i)) *
                               (1 + 0.5 * std::sin(j)) *
                               std::pow(share, std::abs(i - j));
  inputs.factor = factorOf(inputs.h, cols);
  return inputs;
}

struct PackedWithFeedback : Packed {
  using Packed::Packed;
  OutputStats outputs = {};

  /// What a level of an input's group stands for.
  double scale(int64_t row, int64_t col) const {
    float blockScale;
    std::memcpy(&blockScale, block(row), sizeof(blockScale));
    const auto c = static_cast<int8_t>(
        block(row)[kQuantHeaderBytes +
                   col / kQuantGroup *
                       quantGroupBytes(layout.element, layout.nBlock) +
                   layout.place(0, row).column]);
    return double(blockScale) * quantScale(c);
  }
};

PackedWithFeedback packWith(const InputFactor &factor,
                            const PackedLayout &layout,
                            const std::vector<float> &values,
                            int64_t step = 1000) {
  PackedWithFeedback packed(layout);
  PackSource source = sourceOf(values);
  for (int64_t block = 0; block < layout.totalBlocks(); block += step)
    packBlocksWithFeedback(layout, {&source, 1}, factor, block,
                           std::min(block + step, layout.totalBlocks()),
                           packed.bytes.data() + block * layout.blockBytes(),
                           {&packed.stats, 1}, {&packed.outputs, 1});
  return packed;
}

/// e H e^T.
double energy(const Inputs &inputs, const std::vector<double> &e) {
  double sum = 0;
  for (int64_t i = 0; i < inputs.cols; ++i)
    for (int64_t j = 0; j < inputs.cols; ++j)
      sum += e[i] * inputs.h[i * inputs.cols + j] * e[j];
  return sum;
}

std::vector<double> errorsOf(const Packed &packed,
                             const std::vector<float> &values, int64_t row) {
  std::vector<float> found = packed.row(row);
  std::vector<double> errors(found.size());
  for (size_t i = 0; i < found.size(); ++i)
    errors[i] = double(values[row * found.size() + i]) - found[i];
  return errors;
}

double outputError(const Inputs &inputs, const Packed &packed,
                   const std::vector<float> &values, int64_t rows) {
  double error = 0, output = 0;
  for (int64_t row = 0; row < rows; ++row) {
    error += energy(inputs, errorsOf(packed, values, row));
    output += energy(inputs, {values.begin() + row * inputs.cols,
                              values.begin() + (row + 1) * inputs.cols});
  }
  return std::sqrt(error / output);
}

/// The distance of `y` to the nearest level, in levels.
double nearestDistance(PackedElement element, double y) {
  double best = std::numeric_limits<double>::infinity();
  const QuantRange range = quantRange(element);
  for (int32_t level = range.lowest; level <= range.highest; ++level)
    if (element != PackedElement::I4 ||
        std::find(kInt4Levels.begin(), kInt4Levels.end(), level) !=
            kInt4Levels.end())
      best = std::min(best, std::fabs(y - level));
  return best;
}

class ErrorFeedbackTest : public testing::TestWithParam<PackedElement> {};

INSTANTIATE_TEST_SUITE_P(Elements, ErrorFeedbackTest,
                         testing::Values(PackedElement::I4, PackedElement::I6,
                                         PackedElement::I8));

TEST_P(ErrorFeedbackTest, OutputsAreCloserThanWithNearestCodes) {
  const int64_t rows = 64, cols = 300; // two panels, a group that is not full
  const Inputs inputs = correlated(cols);
  PackedLayout layout = layoutOf(GetParam(), rows, cols);
  std::vector<float> values = normal(rows * cols);
  const auto packed = packWith(inputs.factor, layout, values);
  const double error = outputError(inputs, packed, values, rows);
  EXPECT_LT(error,
            0.6 * outputError(inputs, pack(layout, values), values, rows));
  // The statistics are those of what has been stored.
  EXPECT_NEAR(packed.outputs.relativeError(), error, 2e-3 * error);
  double weights = 0, squares = 0;
  for (int64_t row = 0; row < rows; ++row)
    for (double e : errorsOf(packed, values, row))
      weights += e * e;
  for (float value : values)
    squares += double(value) * value;
  EXPECT_NEAR(packed.stats.relativeError(), std::sqrt(weights / squares), 1e-5);
  EXPECT_EQ(packed.stats.values, rows * cols);
}

// By the definition: a weight and what the errors behind it add is nowhere
// nearer to another level than to its own.
TEST_P(ErrorFeedbackTest, CodesAreTheNearestToWhatIsWanted) {
  const int64_t rows = 70, cols = 600;
  const Inputs inputs = correlated(cols, 0.7);
  PackedLayout layout = layoutOf(GetParam(), rows, cols);
  std::vector<float> values = normal(rows * cols);
  const auto packed = packWith(inputs.factor, layout, values);
  for (int64_t row : {0, 1, 17, 63, 64, 69}) {
    const std::vector<float> found = packed.row(row);
    const std::vector<double> errors = errorsOf(packed, values, row);
    for (int64_t j = 0; j < cols; ++j) {
      double left = errors[j];
      for (int64_t i = j + 1; i < cols; ++i)
        left += errors[i] * inputs.factor.lower[i * inputs.factor.size + j];
      const double scale = packed.scale(row, j);
      if (scale == 0)
        continue;
      ASSERT_LE(std::fabs(left / scale),
                nearestDistance(GetParam(), (found[j] + left) / scale) + 2e-2)
          << row << " " << j;
    }
  }
}

// Inputs that have nothing to do with each other: nothing is fed back.
TEST_P(ErrorFeedbackTest, IndependentInputs) {
  const int64_t rows = 64, cols = 256;
  InputFactor factor;
  factor.size = cols;
  factor.lower.assign(cols * cols, 0.0f);
  factor.variance.assign(cols, 1.0f);
  PackedLayout layout = layoutOf(GetParam(), rows, cols);
  std::vector<float> values = normal(rows * cols);
  const auto packed = packWith(factor, layout, values);
  const double plain = pack(layout, values).stats.relativeError();
  EXPECT_NEAR(packed.stats.relativeError(), plain, 0.03 * plain);
  EXPECT_NEAR(packed.outputs.relativeError(), packed.stats.relativeError(),
              1e-6);
}

TEST_P(ErrorFeedbackTest, BlocksDoNotDependOnTheirNeighbours) {
  const int64_t rows = 150, cols = 100;
  const Inputs inputs = correlated(cols);
  for (int64_t nBlock : {16, 48, 64}) {
    PackedLayout layout = layoutOf(GetParam(), rows, cols, nBlock);
    std::vector<float> values = normal(rows * cols);
    const auto once = packWith(inputs.factor, layout, values);
    const auto each = packWith(inputs.factor, layout, values, 1);
    EXPECT_EQ(once.bytes, each.bytes);
    EXPECT_EQ(once.outputs.squaredError, each.outputs.squaredError);
    // Blocks are the same behind others as alone.
    std::vector<float> last(values.end() - (rows % nBlock) * cols,
                            values.end());
    const auto alone = packWith(
        inputs.factor, layoutOf(GetParam(), rows % nBlock, cols, nBlock), last);
    EXPECT_EQ(std::memcmp(alone.bytes.data(), once.block(rows - 1),
                          layout.blockBytes()),
              0);
  }
}

TEST_P(ErrorFeedbackTest, ZerosAndNonFiniteValues) {
  const int64_t rows = 70, cols = 40;
  const Inputs inputs = correlated(cols);
  std::vector<float> values = normal(rows * cols);
  for (int64_t c = 0; c < cols; ++c)
    values[3 * cols + c] = 0;
  values[5] = std::numeric_limits<float>::quiet_NaN();
  values[45] = std::numeric_limits<float>::infinity();
  const auto packed =
      packWith(inputs.factor, layoutOf(GetParam(), rows, cols), values);
  EXPECT_EQ(packed.row(3), std::vector<float>(cols, 0.0f));
  EXPECT_EQ(packed.stats.nonFinite, 2);
  for (int64_t r = 0; r < rows; ++r)
    for (float value : packed.row(r))
      ASSERT_LE(std::fabs(value), 0.2f);
  const auto zeros = packWith(inputs.factor, layoutOf(GetParam(), rows, cols),
                              std::vector<float>(rows * cols, 0.0f));
  EXPECT_EQ(zeros.row(69), std::vector<float>(cols, 0.0f));
  EXPECT_EQ(zeros.outputs.relativeError(), 0);
}

TEST_P(ErrorFeedbackTest, AnyMagnitude) {
  const Inputs inputs = correlated(64);
  for (float sigma : {1e-30f, 1e-20f, 1e-3f, 1e3f, 1e20f, 1e36f}) {
    std::vector<float> values = normal(32 * 64, sigma);
    const auto packed =
        packWith(inputs.factor, layoutOf(GetParam(), 32, 64), values);
    for (int64_t r = 0; r < 32; ++r)
      for (float value : packed.row(r)) {
        ASSERT_TRUE(std::isfinite(value)) << sigma;
        ASSERT_LE(std::fabs(value), 10 * sigma);
      }
  }
}

// Artifacts must not depend on the machine that made them.
TEST_P(ErrorFeedbackTest, AllInstructionSetsFindTheSame) {
  using namespace quantsearch;
  std::vector<const SearchFns *> others;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2"))
    others.push_back(&searchAvx2);
  if (__builtin_cpu_supports("avx512f"))
    others.push_back(&searchAvx512);
#endif
  for (unsigned round = 0; round < 50; ++round) {
    const int64_t inputs = 16 * (1 + round % 5), outputs = 4 * (1 + round % 7);
    const int64_t stride = outputs + round % 3;
    const std::vector<float> errors =
        normal(inputs * kFeedbackRows, 1, 3 * round);
    const std::vector<float> lower = normal(inputs * stride, 1, 3 * round + 1);
    const std::vector<float> before =
        normal(outputs * kFeedbackRows, 1e4f, 3 * round + 2);
    const FeedbackInput input{errors.data(), inputs, lower.data(), stride,
                              outputs};
    std::vector<float> expected = before;
    searchBaseline.addFeedback(input, expected.data());

    std::vector<float> variance = normal(kQuantGroup, 1, round);
    for (float &d : variance)
      d = std::fabs(d);
    const std::vector<float> within = normal(kQuantGroup * 20, 0.5f, round);
    const std::vector<float> weights =
        normal(kQuantGroup * kFeedbackRows, 1e5f, round);
    std::vector<float> left(weights.size());
    auto roundWith = [&](const SearchFns &fns, Batch &batch) {
      const FeedbackGroup group{
          weights.data(), weights.data() + 16, left.data(), within.data(), 20,
          variance.data()};
      fns.round(GetParam(), group, batch);
      return left;
    };
    Batch expectedBatch{};
    const std::vector<float> expectedLeft =
        roundWith(searchBaseline, expectedBatch);
    for (const SearchFns *other : others) {
      std::vector<float> found = before;
      other->addFeedback(input, found.data());
      ASSERT_EQ(found, expected);
      Batch batch{};
      ASSERT_EQ(roundWith(*other, batch), expectedLeft);
      ASSERT_EQ(std::memcmp(&batch, &expectedBatch, sizeof(batch)), 0);
    }
  }
}

} // namespace
