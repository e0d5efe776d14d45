//===- KernelChecks.h - kernels beside the evaluator ------------*- C++ -*-===//

#ifndef SWALLOW_TEST_TARGETS_NVIDIA_KERNELCHECKS_H
#define SWALLOW_TEST_TARGETS_NVIDIA_KERNELCHECKS_H

#include "test/targets/nvidia/GpuRun.h"
#include "test/targets/x86/KernelHarness.h"
#include "test/targets/x86/Modules.h"
#include "test/targets/x86/Steps.h"

#include <initializer_list>

namespace swallow::test {

GpuRun::Sizes sizesFor(const std::vector<EvalBatch> &steps, KvElement element);

/// A step for each count, of so many rows of one sequence, all of which want
/// logits.
std::vector<EvalBatch> stepsOfRows(std::initializer_list<int64_t> counts);

/// The packed weights of a module, which are the same for all architectures,
/// and its evaluator.
Result<std::unique_ptr<CompiledModule>> packedFor(const TestModule &module);

/// bf16 is rounded the other way where the order of sums differs, and f16 by
/// steps of an eighth. With quantised weights the evaluator knows their exact
/// values but not that inputs are quantised as well.
Bounds boundsOf(Weights weights, KvElement element);

/// Runs the steps of a conversation on the emulator, which may find nothing,
/// and compares their logits with the evaluator's and the likeliest tokens that
/// kernels choose with their logits.
void checkKernels(const TestModule &module, const std::vector<EvalBatch> &steps,
                  const Bounds &bounds, KvElement element = KvElement::BF16);

} // namespace swallow::test

#endif // SWALLOW_TEST_TARGETS_NVIDIA_KERNELCHECKS_H
