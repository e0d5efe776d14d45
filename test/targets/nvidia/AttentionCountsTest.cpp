//===- AttentionCountsTest.cpp - what attention's kernels do --------------===//
//
// By the emulator's counts: keys and values of 16 bits cost the same whichever
// of the two elements they are of, although they do not lie alike.
//
//===----------------------------------------------------------------------===//

#include "test/targets/nvidia/KernelChecks.h"

#include <gtest/gtest.h>

using namespace swallow;
using namespace swallow::test;
using emulator::Counters;

namespace {

uint64_t productsOf(const Counters &counters) {
  return counters.instructionsWithPrefix("mma.sync");
}

class AttentionCountsTest : public testing::TestWithParam<int64_t> {
protected:
  void SetUp() override {
    const TestModule module = attentionModule(
        Weights::BF16,
        {.hidden = 32, .heads = 4, .kvHeads = 1, .headDim = GetParam()});
    auto gpu = compileForGpu(module.ir, "sm_80");
    ASSERT_TRUE(gpu.ok()) << gpu.error().message;
    gpu_ = std::move(*gpu);
    auto packed = packedFor(module);
    ASSERT_TRUE(packed.ok()) << packed.error().message;
    packed_ = std::move(*packed);
  }

  /// Counts of a kernel in a prompt of many rows, behind which a row comes.
  Counters countsOf(const std::string &kernel, KvElement element) {
    const std::vector<EvalBatch> steps = conversation({70, 1}, 1);
    const StepSizes sizes = sizesOf(steps);
    auto run = GpuRun::open(
        gpu_, packed_->program(),
        {sizes.maxStepTokens, sizes.sequences, sizes.context, element});
    EXPECT_TRUE(run.ok()) << run.error().message;
    for (const EvalBatch &batch : steps)
      EXPECT_TRUE((*run)->step(batch).ok());
    EXPECT_TRUE((*run)->findings().empty());
    const Counters counted =
        (*run)->counters().at(kernel + std::string(kvElementName(element)));
    EXPECT_EQ(counted.sharedBankConflicts, 0u);
    return counted;
  }

  /// The kernel's instructions for keys and values in f16 per one for bf16.
  double compare(const std::string &kernel) {
    const Counters bf16 = countsOf(kernel, KvElement::BF16),
                   f16 = countsOf(kernel, KvElement::F16);
    EXPECT_GT(productsOf(bf16), 0u);
    EXPECT_EQ(productsOf(f16), productsOf(bf16));
    EXPECT_EQ(f16.globalLoadSectors, bf16.globalLoadSectors);
    EXPECT_EQ(f16.globalLoadBytes, bf16.globalLoadBytes);
    return static_cast<double>(f16.warpInstructions) /
           static_cast<double>(bf16.warpInstructions);
  }

private:
  GpuModule gpu_;
  std::unique_ptr<CompiledModule> packed_;
};

INSTANTIATE_TEST_SUITE_P(HeadDim, AttentionCountsTest,
                         testing::Values(64, 128));

// Queries are bounded and outputs stored two at a time, once for all blocks.
TEST_P(AttentionCountsTest, ManyRows) {
  EXPECT_LE(compare("attention_tiles_"), 1.1);
}

// Pairs are made of two rows, one instruction for each register.
TEST_P(AttentionCountsTest, FewRows) { EXPECT_LE(compare("attention_"), 1.15); }

} // namespace
