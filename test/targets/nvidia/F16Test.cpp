//===- F16Test.cpp - GPU kernels by weights in f16, emulated --------------===//
//
// What f16 has of its own: the kernels are those of bf16 but for conversions
// and the type of mma, and KernelTest.cpp has all their shapes.
//
//===----------------------------------------------------------------------===//

#include "test/targets/nvidia/KernelChecks.h"

#include <gtest/gtest.h>

using namespace swallow;
using namespace swallow::test;

namespace {

constexpr Weights kWeights = Weights::F16;

/// Few rows of one and of two blocks, and two sizes of a GEMM's tile.
std::vector<EvalBatch> fewAndMany() { return stepsOfRows({1, 9, 17, 70}); }

void check(const TestModule &module) {
  checkKernels(module, fewAndMany(), boundsOf(kWeights, KvElement::F16),
               KvElement::F16);
}

// Rows that are read as they are, rounded, normalised; odd numbers of inputs;
// inputs that blocks share.
TEST(GpuF16Test, Products) {
  check(linearModule(kWeights, {.in = 333, .out = 80, .norm = true}));
  check(linearModule(kWeights, {.in = 35, .out = 48, .bias = true}));
  check(linearModule(kWeights, {.in = 2048, .out = 48}));
  check(mlpModule(kWeights,
                  {.hidden = 64, .ffn = 99, .norm = true, .down = true}));
}

// Its rows are prepared for few rows as well, and the table is read by rows.
TEST(GpuF16Test, LmHeadPreparesRows) {
  check(headModule(kWeights, {.hidden = 35, .vocab = 61, .tied = true}));
  check(headModule(kWeights, {.hidden = 64, .vocab = 130, .norm = true}));
}

// What is beyond f16 is its largest number, where a result is stored and where
// an input is rounded.
TEST(GpuF16Test, LargeNumbersSaturate) {
  check(mlpModule(kWeights,
                  {.hidden = 64, .ffn = 48, .down = true, .large = true}));
}

// What attention stores in f16 is the next product's input as it is.
TEST(GpuF16Test, Attention) {
  const AttentionShape shape{
      .hidden = 40, .heads = 4, .kvHeads = 2, .headDim = 34, .norm = true};
  for (KvElement element : {KvElement::BF16, KvElement::F16})
    checkKernels(attentionModule(kWeights, shape),
                 conversation({2, 17, 40, 1}, 3), boundsOf(kWeights, element),
                 element);
}

} // namespace
