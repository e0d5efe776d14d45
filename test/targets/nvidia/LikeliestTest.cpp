//===- LikeliestTest.cpp - the likeliest tokens that kernels choose -------===//
//
// KernelChecks.h compares what kernels choose with their logits for every step
// that it makes. Here are logits that random weights do not give: equal ones,
// those that are no numbers, and rows without any.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/FloatFormats.h"
#include "test/targets/nvidia/GpuRun.h"
#include "test/targets/x86/KernelHarness.h"
#include "test/targets/x86/Modules.h"
#include "test/targets/x86/Steps.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

using namespace swallow;
using namespace swallow::test;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const float kNan = std::nanf("");

/// One step of each number of rows that has kernels of its own, row i of token
/// i; all rows want logits.
std::vector<EvalBatch> stepsOf(const std::vector<int64_t> &counts) {
  std::vector<EvalBatch> steps;
  for (int64_t count : counts) {
    EvalBatch &batch = steps.emplace_back();
    for (int64_t i = 0; i < count; ++i)
      batch.logitRows.push_back(
          batch.push(int32_t(i % kTokens), int32_t(i), 0));
  }
  return steps;
}
const std::vector<int64_t> kRowCounts = {1, 3, 5, 16, 17, 40, 100};

/// A module with weights that are changed after they have been packed.
class EditedModule {
public:
  explicit EditedModule(const TestModule &module) {
    gpu_ = compileForGpu(module.ir, "sm_80");
    compiled_ = CompiledModule::compile(module.ir, module.columns);
    EXPECT_TRUE(gpu_.ok() && compiled_.ok()) << module.ir;
    std::span<const uint8_t> packed = (*compiled_)->program().weights;
    bytes_.assign(packed.begin(), packed.end());
  }

  /// Sets an element of a weight that is not quantised.
  void set(const std::string &name, int64_t row, int64_t column, float value) {
    for (const fbs::Weight *weight : *tables().weights())
      if (weight->name()->str() == name) {
        const uint16_t half = f32ToBf16(value);
        std::memcpy(bytes_.data() + weight->offset() +
                        weightLayout(*weight).elementOffset(0, row, column),
                    &half, sizeof(half));
        return;
      }
    ADD_FAILURE() << "no weight " << name;
  }
  void clear() { std::fill(bytes_.begin(), bytes_.end(), uint8_t{0}); }

  /// Calls body(row, its logits, what the kernels have chosen) for the rows of
  /// `steps`.
  template <typename Body>
  void run(const std::vector<EvalBatch> &steps, Body &&body) {
    StepProgram program = (*compiled_)->program();
    program.weights = bytes_;
    const StepSizes sizes = sizesOf(steps);
    auto run = GpuRun::open(
        *gpu_, program,
        {sizes.maxStepTokens, sizes.sequences, sizes.context, KvElement::BF16});
    ASSERT_TRUE(run.ok()) << run.error().message;
    const auto vocab = static_cast<size_t>((*compiled_)->vocab());
    for (const EvalBatch &step : steps) {
      SCOPED_TRACE(std::to_string(step.ids.size()) + " rows");
      auto logits = (*run)->step(step);
      for (const std::string &finding : (*run)->findings())
        ADD_FAILURE() << finding;
      ASSERT_TRUE(logits.ok()) << logits.error().message;
      ASSERT_EQ((*run)->likeliest().size(), step.logitRows.size());
      for (size_t row = 0; row < step.logitRows.size(); ++row)
        body(row, std::span(*logits).subspan(row * vocab, vocab),
             (*run)->likeliest()[row]);
    }
  }

private:
  const fbs::Program &tables() const { return *(*compiled_)->program().tables; }

  Result<GpuModule> gpu_ = Error{};
  Result<std::unique_ptr<CompiledModule>> compiled_ = Error{};
  std::vector<uint8_t> bytes_;
};

/// Rows of logits of which each is as hard to choose from as the others, and
/// what they choose.
struct HardRow {
  std::vector<std::pair<int64_t, float>> logits; // all others are `rest`
  float rest;
  Likeliest expected;
};

// A table whose rows are the logits: every number there is.
TEST(GpuLikeliestTest, OfAnyNumbers) {
  constexpr int64_t columns = 130;
  const HardRow rows[] = {
      {{{5, 2.0f}, {37, 2.0f}, {129, 2.0f}}, 1.0f, {5, 2.0f}},
      {{{129, -0.5f}}, -1.0f, {129, -0.5f}},
      {{{7, 0.0f}}, -0.0f, {0, 0.0f}},
      {{{40, -0.0f}, {41, 0.0f}}, -1.0f, {40, 0.0f}},
      {{{0, kNan}, {3, 1.0f}, {64, kNan}}, -kInfinity, {3, 1.0f}},
      {{{0, kNan}, {128, -3.0f}}, kNan, {128, -3.0f}},
      {{{9, kNan}}, -kInfinity, {}},
      {{}, kNan, {}},
      {{}, -kInfinity, {}},
      {{{77, kInfinity}, {76, kNan}, {78, kInfinity}}, 3.0f, {77, kInfinity}},
      {{{100, -1e-39f}}, -1.0f, {100, bf16ToF32(f32ToBf16(-1e-39f))}},
  };
  EditedModule module(embeddingModule(Weights::BF16, columns));
  for (size_t row = 0; row < std::size(rows); ++row) {
    for (int64_t column = 0; column < columns; ++column)
      module.set("embed", int64_t(row), column, rows[row].rest);
    for (auto [column, value] : rows[row].logits)
      module.set("embed", int64_t(row), column, value);
  }
  module.run(stepsOf({std::size(rows)}),
             [&](size_t row, std::span<const float> logits, Likeliest chosen) {
               EXPECT_EQ(likeliestOf(logits), rows[row].expected) << row;
               EXPECT_EQ(chosen, rows[row].expected) << row;
             });
}

// The head's first column alone counts, times 1 or -1: what is equal or no
// number in one row is so in the others, and lies in several blocks, one of
// which is not full.
TEST(GpuLikeliestTest, OfTheHead) {
  constexpr int64_t hidden = 16;
  for (int64_t vocab : {61, 333, 1000}) {
    SCOPED_TRACE(vocab);
    EditedModule module(
        headModule(Weights::BF16, {.hidden = hidden, .vocab = vocab}));
    module.clear();
    for (int64_t row = 0; row < kTokens; ++row)
      module.set("embed", row, 0, row % 2 ? -1.0f : 1.0f);
    auto logit = [&](int64_t token) {
      return token == 0           ? kNan
             : token == vocab - 5 ? 4.0f
             : token == vocab - 1 ? 4.0f
             : token == vocab / 2 ? -4.0f
             : token % 7 == 3     ? kNan
             : token % 5 == 0     ? -4.0f
                                  : float(token % 3);
    };
    for (int64_t token = 0; token < vocab; ++token)
      module.set("head", token, 0, logit(token));
    module.run(
        stepsOf(kRowCounts),
        [&](size_t row, std::span<const float> logits, Likeliest chosen) {
          // The second row has the opposite sign, and token 5 the first -4.
          const Likeliest expected = row % kTokens % 2
                                         ? Likeliest{5, 4.0f}
                                         : Likeliest{int32_t(vocab - 5), 4.0f};
          ASSERT_EQ(likeliestOf(logits), expected) << row;
          ASSERT_EQ(chosen, expected) << row;
        });
  }
}

// Nothing but minus infinity and what is no number.
TEST(GpuLikeliestTest, OfNoNumber) {
  constexpr int64_t vocab = 200;
  EditedModule module(
      headModule(Weights::BF16, {.hidden = 16, .vocab = vocab}));
  module.clear();
  for (int64_t row = 0; row < kTokens; ++row)
    module.set("embed", row, 0, 1.0f);
  for (int64_t token = 0; token < vocab; ++token)
    module.set("head", token, 0, token % 3 ? -kInfinity : kNan);
  module.run(stepsOf(kRowCounts),
             [&](size_t row, std::span<const float>, Likeliest chosen) {
               ASSERT_EQ(chosen, Likeliest()) << row;
             });
}

// All logits are 0 where all scales are.
TEST(GpuLikeliestTest, OfEqualLogitsOfQuantizedHeads) {
  for (Weights weights : {Weights::I4, Weights::I6, Weights::I8}) {
    SCOPED_TRACE(nameOf(weights));
    EditedModule module(headModule(weights, {.hidden = 40, .vocab = 333}));
    module.clear();
    module.run(
        stepsOf({1, 3, 5, 17}),
        [&](size_t row, std::span<const float> logits, Likeliest chosen) {
          ASSERT_EQ(likeliestOf(logits), (Likeliest{0, 0.0f})) << row;
          ASSERT_EQ(chosen, (Likeliest{0, 0.0f})) << row;
        });
  }
}

// What was chosen before does not stay: steps reuse the same memory, and one
// whose logits are lower comes behind one whose logits are higher.
TEST(GpuLikeliestTest, BeginsAnewWithEachStep) {
  EditedModule module(headModule(Weights::BF16, {.hidden = 16, .vocab = 130}));
  module.clear();
  module.set("embed", 0, 0, 8.0f);
  module.set("embed", 1, 0, 1.0f);
  module.set("head", 17, 0, 1.0f);
  EvalBatch high, low;
  high.logitRows.push_back(high.push(0, 0, 0));
  low.logitRows.push_back(low.push(1, 0, 0));
  std::vector<Likeliest> chosen;
  module.run({high, low}, [&](size_t, std::span<const float>, Likeliest one) {
    chosen.push_back(one);
  });
  EXPECT_EQ(chosen, (std::vector<Likeliest>{{17, 8.0f}, {17, 1.0f}}));
}

} // namespace
