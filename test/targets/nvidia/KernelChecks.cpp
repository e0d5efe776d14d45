//===- KernelChecks.cpp - kernels beside the evaluator --------------------===//

#include "test/targets/nvidia/KernelChecks.h"

#include "targets/nvidia/Architecture.h"

#include <gtest/gtest.h>

namespace swallow::test {

GpuRun::Sizes sizesFor(const std::vector<EvalBatch> &steps, KvElement element) {
  const StepSizes sizes = sizesOf(steps);
  return {sizes.maxStepTokens, sizes.sequences, sizes.context, element};
}

std::vector<EvalBatch> stepsOfRows(std::initializer_list<int64_t> counts) {
  std::vector<EvalBatch> steps;
  for (int64_t count : counts) {
    EvalBatch &batch = steps.emplace_back();
    for (int64_t i = 0; i < count; ++i)
      batch.logitRows.push_back(
          batch.push(int32_t((i * 23 + count) % kTokens), int32_t(i), 0));
  }
  return steps;
}

Result<std::unique_ptr<CompiledModule>> packedFor(const TestModule &module) {
  return CompiledModule::pack(module.ir, module.columns,
                              *nvidia::findArchitecture("sm_80"));
}

Bounds boundsOf(Weights weights, KvElement element) {
  if (isQuantized(weights))
    return {2e-1, 1.5e-2};
  if (element == KvElement::I8)
    return {3e-2, 6e-3};
  if (weights == Weights::F16 && element != KvElement::BF16)
    return {1.25e-3, 2.5e-4};
  return {1e-2, 2e-3};
}

void checkKernels(const TestModule &module, const std::vector<EvalBatch> &steps,
                  const Bounds &bounds, KvElement element) {
  SCOPED_TRACE(module.name);
  SCOPED_TRACE(kvElementName(element));
  auto gpu = compileForGpu(module.ir, "sm_80");
  ASSERT_TRUE(gpu.ok()) << gpu.error().message << "\n" << module.ir;
  auto packed = packedFor(module);
  ASSERT_TRUE(packed.ok()) << packed.error().message;
  auto expected = (*packed)->evaluate(steps, element);
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  auto run = GpuRun::open(*gpu, (*packed)->program(), sizesFor(steps, element));
  ASSERT_TRUE(run.ok()) << run.error().message;
  for (size_t i = 0; i < steps.size(); ++i) {
    SCOPED_TRACE("step " + std::to_string(i) + " of " +
                 std::to_string(steps[i].ids.size()) + " rows");
    auto found = (*run)->step(steps[i]);
    for (const std::string &finding : (*run)->findings())
      ADD_FAILURE() << finding;
    ASSERT_TRUE(found.ok()) << found.error().message;
    expectClose(*found, (*expected)[i], bounds);
    const auto columns = static_cast<size_t>(module.columns);
    for (size_t row = 0; row < steps[i].logitRows.size(); ++row)
      EXPECT_EQ((*run)->likeliest()[row],
                likeliestOf(std::span(*found).subspan(row * columns, columns)))
          << "row " << row;
    if (testing::Test::HasFailure())
      return;
  }
}

} // namespace swallow::test
