//===- Steps.h - batches for kernel tests, and how results compare *- C++
//-*-===//

#ifndef SWALLOW_TEST_TARGETS_X86_STEPS_H
#define SWALLOW_TEST_TARGETS_X86_STEPS_H

#include "compiler/Evaluator.h"

#include <vector>

namespace swallow::test {

/// Independent steps of one row, few, and many; the logits' rows backwards.
std::vector<EvalBatch> separateSteps(int64_t tokens);
/// A conversation of several sequences whose rows mix in each step.
std::vector<EvalBatch> conversation(const std::vector<int64_t> &rowCounts,
                                    int32_t sequences);
/// One sequence that is read in one piece up to a long context, then grows by
/// few rows at a time: several chunks and splits of keys, and tiles of rows.
std::vector<EvalBatch> longConversation();

/// What a run must have room for.
struct StepSizes {
  int64_t maxStepTokens = 1;
  int64_t sequences = 1; // batches name them 0 .. sequences - 1
  int64_t context = 1;   // positions per sequence
};
StepSizes sizesOf(const std::vector<EvalBatch> &steps);

/// Errors relative to the root mean square of what is expected.
struct Bounds {
  double largest, mean;
};
/// Fails the test where an error is not finite or beyond its bound.
void expectClose(const std::vector<float> &found,
                 const std::vector<float> &expected, Bounds bounds);

} // namespace swallow::test

#endif // SWALLOW_TEST_TARGETS_X86_STEPS_H
