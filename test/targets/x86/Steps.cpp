//===- Steps.cpp - batches for kernel tests, and how results compare ------===//

#include "test/targets/x86/Steps.h"

#include "test/targets/x86/Modules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace swallow::test {

/// One row, few rows (matrix-vector code up to 8), half a tile of 32 rows and
/// more, two tiles, several in two groups of 128.
static constexpr int64_t kRowCounts[] = {1, 2, 7, 8, 9, 20, 33, 130};

std::vector<EvalBatch> separateSteps(int64_t tokens) {
  std::vector<EvalBatch> steps;
  for (int64_t count : kRowCounts) {
    EvalBatch batch;
    for (int64_t i = 0; i < count; ++i) {
      int32_t row = batch.push(int32_t((i * 37 + 11 + count) % tokens),
                               int32_t(i), /*sequence=*/0);
      batch.logitRows.insert(batch.logitRows.begin(), row);
    }
    steps.push_back(batch);
  }
  // Few of many rows, and none.
  EvalBatch few = steps[6];
  few.logitRows = {32, 0, 17};
  EvalBatch none = steps[3];
  none.logitRows.clear();
  steps.push_back(few);
  steps.push_back(none);
  return steps;
}

std::vector<EvalBatch> conversation(const std::vector<int64_t> &rowCounts,
                                    int32_t sequences) {
  std::mt19937 random(7);
  std::vector<int32_t> lengths(sequences, 0);
  std::vector<EvalBatch> steps;
  for (int64_t count : rowCounts) {
    EvalBatch batch;
    for (int64_t i = 0; i < count; ++i) {
      int32_t sequence = int32_t(random() % uint32_t(sequences));
      int32_t row = batch.push(int32_t(random() % kTokens), lengths[sequence]++,
                               sequence);
      batch.logitRows.push_back(row);
    }
    std::shuffle(batch.logitRows.begin(), batch.logitRows.end(), random);
    steps.push_back(batch);
  }
  return steps;
}

std::vector<EvalBatch> longConversation() {
  std::vector<EvalBatch> steps;
  int32_t length = 0;
  for (int64_t count : {1, 126, 1, 1, 3, 170, 8, 1, 291, 1, 7, 1}) {
    EvalBatch batch;
    for (int64_t i = 0; i < count; ++i, ++length) {
      int32_t row = batch.push((length * 29 + 3) % kTokens, length, 0);
      if (i + 3 >= count)
        batch.logitRows.push_back(row);
    }
    steps.push_back(batch);
  }
  return steps;
}

StepSizes sizesOf(const std::vector<EvalBatch> &steps) {
  StepSizes sizes;
  for (const EvalBatch &batch : steps) {
    sizes.maxStepTokens =
        std::max(sizes.maxStepTokens, int64_t(batch.ids.size()));
    for (size_t i = 0; i < batch.ids.size(); ++i) {
      sizes.sequences =
          std::max(sizes.sequences, int64_t(batch.sequences[i]) + 1);
      sizes.context = std::max(sizes.context, int64_t(batch.positions[i]) + 1);
    }
  }
  return sizes;
}

void expectClose(const std::vector<float> &found,
                 const std::vector<float> &expected, Bounds bounds) {
  ASSERT_EQ(found.size(), expected.size());
  double squares = 0, sum = 0, largest = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    double error = std::abs(double(found[i]) - expected[i]);
    ASSERT_TRUE(std::isfinite(error)) << "at " << i << ": " << found[i];
    squares += double(expected[i]) * expected[i];
    sum += error;
    largest = std::max(largest, error);
  }
  if (found.empty())
    return;
  double rms = std::sqrt(squares / double(found.size()));
  ASSERT_GT(rms, 0.01) << "the expected values say nothing";
  EXPECT_LE(largest / rms, bounds.largest);
  EXPECT_LE(sum / double(found.size()) / rms, bounds.mean);
}

} // namespace swallow::test
