//===- KernelTest.cpp - every fused op against the evaluator --------------===//
//
// Each module is compiled once for the variant under test and run for all
// numbers of rows and threads.
//
//===----------------------------------------------------------------------===//

#include "dialects/swallow/ProductRows.h"
#include "runtime/engine/Session.h"
#include "targets/x86/Variant.h"
#include "test/targets/x86/KernelHarness.h"
#include "test/targets/x86/Modules.h"
#include "test/targets/x86/Steps.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <random>

using namespace swallow;
using namespace swallow::test;

namespace {

using Logits = std::vector<std::vector<float>>; // [step][row * column]

GuardedRun::Sizes sizesFor(const std::vector<EvalBatch> &steps) {
  const StepSizes sizes = sizesOf(steps);
  return {sizes.maxStepTokens, sizes.sequences, sizes.context, /*threads=*/1};
}

/// f32 differs by the order of sums alone; bf16 by roundings that this order
/// flips. With quantised weights the evaluator knows their exact values but not
/// that inputs are quantised as well.
Bounds boundsOf(Weights weights, std::optional<KvElement> kvElement = {}) {
  if (isQuantized(weights))
    return {2e-1, 1.5e-2};
  if (weights == Weights::F32 &&
      kvElement.value_or(KvElement::F32) == KvElement::F32)
    return {1e-5, 1e-6};
  // The roundings of f16 are an eighth of those of bf16.
  if (weights == Weights::F16 &&
      kvElement.value_or(KvElement::F16) != KvElement::BF16 &&
      kvElement != KvElement::I8)
    return {1.25e-3, 2.5e-4};
  // A key that is rounded the other way differs by half a step of its type.
  if (weights == Weights::F32 && *kvElement == KvElement::F16)
    return {1e-3, 1e-4};
  // An int8 times a scale in bf16 is often half way between two bf16, and so is
  // an f16; it is rounded to either when it is the input of a product.
  if (weights == Weights::BF16 &&
      (kvElement == KvElement::I8 || kvElement == KvElement::F16))
    return {3e-2, 6e-3};
  // Over several chunks, exponentials are rounded relative to other maxima.
  return {1e-2, kvElement ? 2e-3 : 1e-3};
}

class KernelTest : public testing::TestWithParam<Weights> {
protected:
  void SetUp() override {
    std::string missing = missingForVariant();
    if (!missing.empty())
      GTEST_SKIP() << variantUnderTest() << ": this machine lacks " << missing;
  }

  Weights weights() const { return GetParam(); }

  void check(const TestModule &module, const std::vector<EvalBatch> &steps) {
    check(module, steps,
          [&](const EvalBatch &) { return boundsOf(weights()); });
  }

  using BoundsFn = std::function<Bounds(const EvalBatch &)>;
  void check(const TestModule &module, const std::vector<EvalBatch> &steps,
             const BoundsFn &bounds) {
    SCOPED_TRACE(module.name);
    auto compiled = CompiledModule::compile(module.ir, module.columns);
    ASSERT_TRUE(compiled.ok()) << compiled.error().message << "\n" << module.ir;
    check(**compiled, steps, bounds);
  }

  void check(CompiledModule &compiled, const std::vector<EvalBatch> &steps,
             const BoundsFn &bounds, std::optional<KvElement> kvElement = {}) {
    SCOPED_TRACE(kvElement ? kvElementName(*kvElement) : "");
    auto expected = compiled.evaluate(steps, kvElement);
    ASSERT_TRUE(expected.ok()) << expected.error().message;
    Logits onOneThread;
    for (int threads : {1, 2, 3}) {
      GuardedRun::Sizes sizes = sizesFor(steps);
      sizes.threads = threads;
      sizes.readStreams = threads == 1 ? 8 : threads == 2 ? 3 : 1;
      sizes.kvElement = kvElement;
      // Results are those of one thread, whoever claims what.
      if (threads == 3)
        sizes.onlyClaimant = 1;
      auto run = GuardedRun::open(compiled.program(), sizes);
      ASSERT_TRUE(run.ok()) << run.error().message;
      for (size_t i = 0; i < steps.size(); ++i) {
        SCOPED_TRACE("step " + std::to_string(i) + " of " +
                     std::to_string(steps[i].ids.size()) + " rows, " +
                     std::to_string(threads) + " threads");
        std::vector<float> found = (*run)->step(steps[i]);
        if (threads == 1) {
          expectClose(found, (*expected)[i], bounds(steps[i]));
          onOneThread.push_back(found);
        } else {
          EXPECT_TRUE(sameBits(found, onOneThread[i]));
        }
        if (HasFailure())
          return;
      }
      EXPECT_EQ((*run)->damage(), "");
    }
  }

  /// The logits of all steps of a conversation, one behind the other.
  static std::vector<float> logitsOf(CompiledModule &compiled,
                                     const std::vector<EvalBatch> &steps,
                                     std::optional<KvElement> kvElement = {}) {
    GuardedRun::Sizes sizes = sizesFor(steps);
    sizes.kvElement = kvElement;
    auto run = GuardedRun::open(compiled.program(), sizes);
    if (!run.ok()) {
      ADD_FAILURE() << run.error().message;
      return {};
    }
    std::vector<float> all;
    for (const EvalBatch &batch : steps) {
      std::vector<float> found = (*run)->step(batch);
      all.insert(all.end(), found.begin(), found.end());
    }
    return all;
  }

  static bool sameBits(const std::vector<float> &a,
                       const std::vector<float> &b) {
    return a.size() == b.size() &&
           (a.empty() ||
            std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
  }
};

class QuantizedKernelTest : public KernelTest {};
class GroupedKernelTest : public KernelTest {};

/// Whether many rows are multiplied group by group, as few are.
bool multipliesGroups(const x86::Variant &variant, Weights weights) {
  using enum x86::IntegerSums;
  if (inputsAreGroups(weights))
    return variant.integerSums != FewWords && !variant.amx;
  return variant.integerSums == Words && inputsAreBytes(weights);
}

class HalfKernelTest : public KernelTest {
protected:
  /// Results are NaN where the evaluator's are, and are compared with them,
  /// both times `scale`, where they are numbers. Returns how many are NaN.
  int64_t checkNumbers(const LinearShape &shape, float scale) {
    int64_t nans = 0;
    compareNumbers(linearModule(weights(), shape), scale, nans);
    return nans;
  }

private:
  void compareNumbers(const TestModule &module, float scale, int64_t &nans) {
    SCOPED_TRACE(module.name);
    auto compiled = CompiledModule::compile(module.ir, module.columns);
    ASSERT_TRUE(compiled.ok()) << compiled.error().message;
    const std::vector<EvalBatch> steps = separateSteps(kTokens);
    auto expected = (*compiled)->evaluate(steps);
    ASSERT_TRUE(expected.ok()) << expected.error().message;
    auto run = GuardedRun::open((*compiled)->program(), sizesFor(steps));
    ASSERT_TRUE(run.ok()) << run.error().message;
    for (size_t i = 0; i < steps.size(); ++i) {
      const std::vector<float> found = (*run)->step(steps[i]);
      ASSERT_EQ(found.size(), (*expected)[i].size());
      std::vector<float> numbers, expectedNumbers;
      for (size_t j = 0; j < found.size(); ++j) {
        const float value = (*expected)[i][j];
        ASSERT_EQ(std::isnan(found[j]), std::isnan(value)) << j;
        if (std::isnan(value)) {
          ++nans;
          continue;
        }
        numbers.push_back(found[j] * scale);
        expectedNumbers.push_back(value * scale);
      }
      expectClose(numbers, expectedNumbers, {1e-5, 1e-6});
    }
  }
};

std::string testName(const testing::TestParamInfo<Weights> &info) {
  return nameOf(info.param);
}

INSTANTIATE_TEST_SUITE_P(Dtype, KernelTest,
                         testing::Values(Weights::F32, Weights::BF16,
                                         Weights::F16, Weights::I4, Weights::I6,
                                         Weights::I8Groups, Weights::I8Bf16),
                         testName);
INSTANTIATE_TEST_SUITE_P(Dtype, QuantizedKernelTest,
                         testing::Values(Weights::I4, Weights::I6, Weights::I8,
                                         Weights::I4Groups, Weights::I6Groups,
                                         Weights::I8Groups, Weights::I4Bf16,
                                         Weights::I6Bf16, Weights::I8Bf16),
                         testName);

INSTANTIATE_TEST_SUITE_P(Dtype, GroupedKernelTest,
                         testing::Values(Weights::I4, Weights::I6, Weights::I8,
                                         Weights::I4Groups, Weights::I6Groups,
                                         Weights::I8Groups),
                         testName);

INSTANTIATE_TEST_SUITE_P(Dtype, HalfKernelTest, testing::Values(Weights::F16),
                         testName);

// The harness itself: an access behind a buffer is found and named.
TEST(GuardedMemoryDeathTest, NamesTheBuffer) {
  GuardedMemory memory("short", 100, 0);
  EXPECT_EXIT(*const_cast<volatile uint8_t *>(memory.data() + 103) = 1,
              testing::ExitedWithCode(1),
              "byte 3 behind the end of 'short' \\(100 bytes\\)");
  EXPECT_TRUE(memory.frontIsUntouched());
  memory.data()[-1] = 0;
  EXPECT_FALSE(memory.frontIsUntouched());
}

TEST_P(KernelTest, Embedding) {
  for (int64_t columns : {35, 40, 130})
    check(embeddingModule(weights(), columns), separateSteps(kTokens));
}

// Inputs of an odd number, beyond one chunk of a micro-kernel, and within one;
// outputs with tails of a block, a vector and neither.
TEST_P(KernelTest, FusedLinear) {
  std::vector<LinearShape> shapes = {
      {.in = 40, .out = 130},
      {.in = 333, .out = 96, .norm = true},
      {.in = 130, .out = 130, .residual = true},
      {.in = 96, .out = 96, .norm = true, .bias = true, .residual = true},
      {.in = 1100, .out = 40, .norm = true, .bias = true},
      {.in = 64, .out = 777, .bias = true}};
  for (const LinearShape &shape : shapes)
    check(linearModule(weights(), shape), separateSteps(kTokens));
}

// Inputs that quantisation keeps as they are leave nothing but the order of
// sums where codes are multiplied group by group, or are widened to f32. In
// panels of bytes the codes of small scales are rounded once more, and in bf16
// both operands are.
TEST_P(QuantizedKernelTest, WeightsAreExact) {
  const x86::Variant &variant = *x86::findVariant(variantUnderTest());
  auto bounds = [&](const EvalBatch &batch) {
    const int64_t mostFew = variant.amx ? QuantizedRecords::kMostRowsBesideTiles
                                        : QuantizedRecords::kMostRows;
    const bool fewRows = static_cast<int64_t>(batch.ids.size()) <= mostFew;
    if (fewRows || multipliesGroups(variant, weights()))
      return Bounds{1e-4, 1e-5};
    if (variant.vnni() && inputsAreBytes(weights()))
      return Bounds{4e-2, 7e-3};
    if (variant.bf16Dot)
      return Bounds{1.5e-2, 3e-3};
    return Bounds{1e-4, 1e-5};
  };
  std::vector<LinearShape> shapes = {
      {.in = 40, .out = 130, .exactInput = true},
      {.in = 333, .out = 96, .bias = true, .exactInput = true},
      {.in = 1100, .out = 40, .exactInput = true},
      {.in = 512, .out = 256, .exactInput = true}};
  for (const LinearShape &shape : shapes)
    check(linearModule(weights(), shape), separateSteps(kTokens), bounds);
}

// Where many rows are multiplied group by group, each has the bits that it has
// among few; where they are multiplied by tiles, those that it has among others
// of more than a few.
TEST_P(GroupedKernelTest, ManyRowsAreThoseOfFew) {
  const x86::Variant &variant = *x86::findVariant(variantUnderTest());
  const bool tiles = variant.amx;
  if (!tiles && !multipliesGroups(variant, weights()))
    GTEST_SKIP() << variant.name << " multiplies many rows in another way";
  std::vector<int64_t> lengths(5, 9);
  if (tiles)
    lengths = {9, 16, 20};
  std::vector<EvalBatch> whole(1), few;
  int64_t row = 0;
  for (int64_t length : lengths) {
    few.emplace_back();
    for (int64_t end = row + length; row < end; ++row)
      for (EvalBatch *batch : {&whole[0], &few.back()})
        batch->logitRows.push_back(
            batch->push(int32_t((row * 29 + 3) % kTokens), int32_t(row), 0));
  }
  // Odd numbers of groups, vectors and chunks.
  for (const LinearShape &shape :
       {LinearShape{.in = 48, .out = 130, .norm = true},
        LinearShape{.in = 333, .out = 96, .bias = true},
        LinearShape{.in = 1100, .out = 777}}) {
    const TestModule module = linearModule(weights(), shape);
    auto compiled = CompiledModule::compile(module.ir, module.columns);
    ASSERT_TRUE(compiled.ok()) << compiled.error().message;
    EXPECT_TRUE(
        sameBits(logitsOf(**compiled, whole), logitsOf(**compiled, few)))
        << module.name;
  }
}

// Inputs that f16 cannot hold are its largest number, be they infinite; NaN
// stays NaN, in its own row.
TEST_P(HalfKernelTest, LargeInputsSaturate) {
  for (const LinearShape &shape :
       {LinearShape{.in = 333, .out = 96, .wideInput = true},
        LinearShape{.in = 40, .out = 130, .bias = true, .wideInput = true}})
    EXPECT_GT(checkNumbers(shape, 1), 0)
        << "no step has the token whose row has a NaN";
}

// What is subnormal in f16 is a number like any other.
TEST_P(HalfKernelTest, SubnormalWeights) {
  for (const LinearShape &shape :
       {LinearShape{.in = 333, .out = 96, .tinyWeights = true},
        LinearShape{.in = 1100, .out = 40, .tinyWeights = true}})
    EXPECT_EQ(checkNumbers(shape, 0x1p15f), 0);
}

// The result as f32 rows, and as the next product's input.
TEST_P(KernelTest, GatedMlp) {
  std::vector<MlpShape> shapes = {
      {.hidden = 40, .ffn = 333, .norm = true},
      {.hidden = 96, .ffn = 48, .bias = true},
      {.hidden = 130, .ffn = 333, .norm = true, .bias = true, .down = true}};
  for (const MlpShape &shape : shapes)
    check(mlpModule(weights(), shape), separateSteps(kTokens));
}

TEST_P(KernelTest, FusedLmHead) {
  std::vector<HeadShape> shapes = {
      {.hidden = 96, .vocab = 777, .norm = true},
      {.hidden = 40, .vocab = 130},
      {.hidden = 35, .vocab = 61, .norm = true, .tied = true},
      {.hidden = 130, .vocab = 777, .tied = true}};
  for (const HeadShape &shape : shapes)
    check(headModule(weights(), shape), separateSteps(kTokens));
}

// Queries, keys and values through the KV memory, three sequences at once.
TEST_P(KernelTest, FusedQkvAndAttention) {
  std::vector<AttentionShape> shapes = {
      {.hidden = 35, .heads = 5, .kvHeads = 5, .headDim = 10, .norm = true},
      {.hidden = 96,
       .heads = 6,
       .kvHeads = 2,
       .headDim = 16,
       .window = 17,
       .norm = true,
       .bias = true},
      {.hidden = 130,
       .heads = 4,
       .kvHeads = 1,
       .headDim = 48,
       .norm = true,
       .ropeParameters = ", scaling = <factor = 8.0 : f64, low_freq_factor = "
                         "1.0 : f64, high_freq_factor = 4.0 : f64, "
                         "original_max_position = 64>"},
      {.hidden = 64, .heads = 2, .kvHeads = 2, .headDim = 128, .window = 17},
      {.hidden = 48, .heads = 2, .kvHeads = 1, .headDim = 160, .bias = true},
      // Halves of a head that end in a vector of a single element.
      {.hidden = 40, .heads = 3, .kvHeads = 3, .headDim = 34},
      {.hidden = 40, .heads = 5, .kvHeads = 5, .headDim = 2}};
  for (const AttentionShape &shape : shapes)
    check(attentionModule(weights(), shape),
          conversation({1, 2, 7, 8, 9, 33, 130, 1, 3}, 3));
}

/// Calls body(compiled, element) for each shape and each way to store keys and
/// values.
void forEachElement(
    Weights weights, const std::vector<AttentionShape> &shapes,
    const std::function<void(CompiledModule &, KvElement)> &body) {
  for (const AttentionShape &shape : shapes) {
    TestModule module = attentionModule(weights, shape);
    SCOPED_TRACE(module.name);
    auto compiled = CompiledModule::compile(module.ir, module.columns);
    ASSERT_TRUE(compiled.ok()) << compiled.error().message;
    for (KvElement element : kKvElements) {
      SCOPED_TRACE(kvElementName(element));
      body(**compiled, element);
    }
  }
}

// Every way to store keys and values, whatever the weights are; groups that
// fill the kernels' rows and that do not; a window within and beyond a chunk.
TEST_P(KernelTest, KvElements) {
  std::vector<AttentionShape> shapes = {
      {.hidden = 32, .heads = 8, .kvHeads = 2, .headDim = 48},
      {.hidden = 32, .heads = 7, .kvHeads = 1, .headDim = 6, .window = 200},
      {.hidden = 32, .heads = 2, .kvHeads = 2, .headDim = 128, .window = 40},
      {.hidden = 32, .heads = 8, .kvHeads = 1, .headDim = 80},
      {.hidden = 32, .heads = 1, .kvHeads = 1, .headDim = 96, .window = 130}};
  forEachElement(weights(), shapes,
                 [&](CompiledModule &compiled, KvElement element) {
                   auto bounds = [&](const EvalBatch &) {
                     return boundsOf(weights(), element);
                   };
                   check(compiled, longConversation(), bounds, element);
                   check(compiled, conversation({1, 8, 9, 33, 130, 3}, 3),
                         bounds, element);
                 });
}

// A row of a large step has the bits that it has however its sequence is cut
// into large steps, and whatever other sequences are read beside it.
TEST_P(KernelTest, RowsAreComputedAlone) {
  constexpr int64_t rows = 230;
  auto push = [](EvalBatch &batch, int32_t sequence, int64_t begin,
                 int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int32_t row = batch.push(int32_t((i * 29 + 3 + sequence) % kTokens),
                               int32_t(i), sequence);
      if (sequence == 0)
        batch.logitRows.push_back(row);
    }
  };
  std::vector<EvalBatch> whole(1), apart(3);
  push(whole[0], 0, 0, rows);
  push(apart[0], 0, 0, 47);
  push(apart[1], 1, 0, 33);
  push(apart[1], 0, 47, 130);
  push(apart[1], 2, 0, 1);
  push(apart[2], 0, 130, rows);
  push(apart[2], 1, 33, 40);

  std::vector<AttentionShape> shapes = {
      {.hidden = 32, .heads = 6, .kvHeads = 2, .headDim = 64},
      {.hidden = 32, .heads = 8, .kvHeads = 1, .headDim = 48, .window = 100}};
  forEachElement(weights(), shapes,
                 [&](CompiledModule &compiled, KvElement element) {
                   EXPECT_TRUE(sameBits(logitsOf(compiled, whole, element),
                                        logitsOf(compiled, apart, element)));
                 });
}

// The ring of a window holds fewer positions than the sequences have: blocks
// are used again while older keys of theirs are still in sight.
TEST_P(KernelTest, RingsAreReused) {
  std::vector<AttentionShape> shapes = {
      {.hidden = 40, .heads = 4, .kvHeads = 2, .headDim = 16, .window = 17},
      {.hidden = 40, .heads = 1, .kvHeads = 1, .headDim = 10, .window = 1},
      {.hidden = 40, .heads = 2, .kvHeads = 1, .headDim = 6, .window = 33}};
  std::vector<int64_t> counts(26, 9);
  counts.insert(counts.end(), 9, 1);
  for (const AttentionShape &shape : shapes)
    check(attentionModule(weights(), shape), conversation(counts, 2));
}

// The same conversation in a session: slots share their bytes there, and the
// trace hook sees every stage.
TEST_P(KernelTest, SessionsGiveTheSameBits) {
  TestModule module = attentionModule(
      weights(),
      {.hidden = 96, .heads = 6, .kvHeads = 2, .headDim = 16, .norm = true});
  auto compiled = CompiledModule::compile(module.ir, module.columns);
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  std::vector<EvalBatch> steps = conversation({1, 7, 33, 9, 130, 2}, 2);
  GuardedRun::Sizes sizes = sizesFor(steps);
  auto run = GuardedRun::open((*compiled)->program(), sizes);
  ASSERT_TRUE(run.ok()) << run.error().message;

  SessionOptions options;
  options.contextLength = sizes.context;
  options.maxSequences = sizes.sequences;
  options.maxStepTokens = sizes.maxStepTokens;
  options.maxLogitRows = sizes.maxStepTokens;
  options.threads = 2;
  options.profile = true;
  auto session = Session::open((*compiled)->program(), options);
  ASSERT_TRUE(session.ok()) << session.error().message;
  std::vector<SequenceId> ids;
  for (int64_t i = 0; i < sizes.sequences; ++i) {
    auto id = (*session)->createSequence();
    ASSERT_TRUE(id.ok());
    ids.push_back(*id);
  }
  for (EvalBatch &batch : steps) {
    // A session's logits come in the order of the rows.
    std::sort(batch.logitRows.begin(), batch.logitRows.end());
    std::vector<StepRow> rows;
    for (size_t i = 0; i < batch.ids.size(); ++i)
      rows.push_back({ids[size_t(batch.sequences[i])], batch.ids[i], true});
    Status status = (*session)->step(rows);
    ASSERT_TRUE(status.ok()) << status.error().message;
    std::vector<float> found;
    for (int64_t row = 0; row < (*session)->numLogits(); ++row) {
      auto values = (*session)->logits(row);
      found.insert(found.end(), values.begin(), values.end());
    }
    EXPECT_TRUE(sameBits(found, (*run)->step(batch)));
  }

  std::map<std::string, uint64_t> calls;
  for (const StageTime &stage : (*session)->stageTimes())
    calls[stage.name] = stage.calls;
  uint64_t count = steps.size();
  EXPECT_EQ(calls, (std::map<std::string, uint64_t>{{"embedding", count},
                                                    {"fused_qkv", 2 * count},
                                                    {"attention", 2 * count},
                                                    {"o", 2 * count},
                                                    {"select_rows", count}}));
}

} // namespace
