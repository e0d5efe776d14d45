//===- KernelTest.cpp - every fused op's GPU kernels, emulated ------------===//
//
// The modules, steps and bounds of test/targets/x86/KernelTest.cpp: kernels run
// on the emulator, which may find nothing, and the reference evaluator says
// what the logits should be.
//
//===----------------------------------------------------------------------===//

#include "test/targets/nvidia/GpuRun.h"
#include "test/targets/x86/KernelHarness.h"
#include "test/targets/x86/Modules.h"
#include "test/targets/x86/Steps.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

using namespace swallow;
using namespace swallow::test;
using emulator::Counters;

namespace {

GpuRun::Sizes sizesFor(const std::vector<EvalBatch> &steps, KvElement element) {
  const StepSizes sizes = sizesOf(steps);
  return {sizes.maxStepTokens, sizes.sequences, sizes.context, element};
}

/// bf16 is rounded the other way where the order of sums differs.
Bounds boundsOf(KvElement element) {
  if (element == KvElement::I8)
    return {3e-2, 6e-3};
  return {1e-2, 2e-3};
}

void check(const TestModule &module, const std::vector<EvalBatch> &steps,
           KvElement element = KvElement::BF16) {
  SCOPED_TRACE(module.name);
  SCOPED_TRACE(kvElementName(element));
  auto gpu = compileForGpu(module.ir, "sm_80");
  ASSERT_TRUE(gpu.ok()) << gpu.error().message << "\n" << module.ir;
  // The packed weights and the evaluator are the same for all targets.
  auto compiled = CompiledModule::compile(module.ir, module.columns);
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  auto expected = (*compiled)->evaluate(steps, element);
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  auto run =
      GpuRun::open(*gpu, (*compiled)->program(), sizesFor(steps, element));
  ASSERT_TRUE(run.ok()) << run.error().message;
  for (size_t i = 0; i < steps.size(); ++i) {
    SCOPED_TRACE("step " + std::to_string(i) + " of " +
                 std::to_string(steps[i].ids.size()) + " rows");
    auto found = (*run)->step(steps[i]);
    for (const std::string &finding : (*run)->findings())
      ADD_FAILURE() << finding;
    ASSERT_TRUE(found.ok()) << found.error().message;
    expectClose(*found, (*expected)[i], boundsOf(element));
    if (testing::Test::HasFailure())
      return;
  }
}

constexpr Weights kWeights = Weights::BF16;

TEST(GpuKernelTest, Embedding) {
  for (int64_t columns : {35, 40, 130})
    check(embeddingModule(kWeights, columns), separateSteps(kTokens));
}

// Inputs of an odd number, and beyond one piece of them; outputs with tails of
// a block.
TEST(GpuKernelTest, FusedLinear) {
  std::vector<LinearShape> shapes = {
      {.in = 40, .out = 130},
      {.in = 333, .out = 96, .norm = true},
      {.in = 130, .out = 130, .residual = true},
      {.in = 96, .out = 96, .norm = true, .bias = true, .residual = true},
      {.in = 4200, .out = 40, .norm = true, .bias = true},
      {.in = 64, .out = 777, .bias = true}};
  for (const LinearShape &shape : shapes)
    check(linearModule(kWeights, shape), separateSteps(kTokens));
}

TEST(GpuKernelTest, GatedMlp) {
  std::vector<MlpShape> shapes = {
      {.hidden = 40, .ffn = 333, .norm = true},
      {.hidden = 96, .ffn = 48, .bias = true},
      {.hidden = 130, .ffn = 333, .norm = true, .bias = true, .down = true}};
  for (const MlpShape &shape : shapes)
    check(mlpModule(kWeights, shape), separateSteps(kTokens));
}

TEST(GpuKernelTest, FusedLmHead) {
  std::vector<HeadShape> shapes = {
      {.hidden = 96, .vocab = 777, .norm = true},
      {.hidden = 40, .vocab = 130},
      {.hidden = 35, .vocab = 61, .norm = true, .tied = true},
      {.hidden = 130, .vocab = 777, .tied = true}};
  for (const HeadShape &shape : shapes)
    check(headModule(kWeights, shape), separateSteps(kTokens));
}

// Queries, keys and values through the KV memory, three sequences at once.
TEST(GpuKernelTest, FusedQkvAndAttention) {
  std::vector<AttentionShape> shapes = {
      {.hidden = 35, .heads = 5, .kvHeads = 5, .headDim = 10, .norm = true},
      {.hidden = 96,
       .heads = 6,
       .kvHeads = 2,
       .headDim = 16,
       .window = 17,
       .norm = true,
       .bias = true},
      {.hidden = 64, .heads = 2, .kvHeads = 2, .headDim = 128, .window = 17},
      {.hidden = 48, .heads = 2, .kvHeads = 1, .headDim = 160, .bias = true},
      {.hidden = 40, .heads = 12, .kvHeads = 1, .headDim = 34}};
  for (const AttentionShape &shape : shapes)
    check(attentionModule(kWeights, shape),
          conversation({1, 2, 7, 8, 9, 33, 1, 3}, 3));
}

TEST(GpuKernelTest, KvElements) {
  std::vector<AttentionShape> shapes = {
      {.hidden = 32, .heads = 8, .kvHeads = 2, .headDim = 48},
      {.hidden = 32, .heads = 7, .kvHeads = 1, .headDim = 6, .window = 40}};
  for (const AttentionShape &shape : shapes)
    for (KvElement element : kKvElements)
      check(attentionModule(kWeights, shape),
            conversation({1, 8, 9, 33, 70, 3}, 2), element);
}

// The ring of a window holds fewer positions than the sequences have.
TEST(GpuKernelTest, RingsAreReused) {
  std::vector<int64_t> counts(14, 9);
  counts.insert(counts.end(), 5, 1);
  for (const AttentionShape &shape : {AttentionShape{.hidden = 40,
                                                     .heads = 4,
                                                     .kvHeads = 2,
                                                     .headDim = 16,
                                                     .window = 17},
                                      AttentionShape{.hidden = 40,
                                                     .heads = 1,
                                                     .kvHeads = 1,
                                                     .headDim = 10,
                                                     .window = 1}})
    check(attentionModule(kWeights, shape), conversation(counts, 2));
}

/// Where the barriers of a block are in the kernels that a run launches.
std::vector<size_t> barriersOf(const GpuModule &gpu,
                               const std::map<std::string, Counters> &ran) {
  std::vector<size_t> places;
  const std::string &ptx = gpu.ptx, entry = ".entry ";
  for (size_t at = ptx.find("bar.sync"); at != std::string::npos;
       at = ptx.find("bar.sync", at + 1)) {
    const size_t name = ptx.rfind(entry, at) + entry.size();
    if (ran.contains(ptx.substr(name, ptx.find('(', name) - name)))
      places.push_back(at);
  }
  return places;
}

// Both sides of the most rows that are done row by row; tiles with a part of a
// sequence or with several, in turns; heads that do not fill a tile, and
// features that do not fill a group of 32.
TEST(GpuKernelTest, AttentionOfFewAndManyRows) {
  std::vector<AttentionShape> shapes = {
      {.hidden = 32, .heads = 6, .kvHeads = 2, .headDim = 24},
      {.hidden = 32, .heads = 12, .kvHeads = 1, .headDim = 80, .window = 50},
      {.hidden = 32, .heads = 2, .kvHeads = 2, .headDim = 64, .window = 33}};
  for (const AttentionShape &shape : shapes)
    for (KvElement element : {KvElement::BF16, KvElement::I8})
      check(attentionModule(kWeights, shape),
            conversation({2, 16, 17, 33, 70, 16, 1}, 3), element);
  // Tiles of fewer rows for large heads, whose few rows are done without.
  for (KvElement element : {KvElement::BF16, KvElement::I8})
    check(
        attentionModule(
            kWeights, {.hidden = 32, .heads = 2, .kvHeads = 1, .headDim = 256}),
        conversation({2, 70, 3}, 2), element);
  // One sequence for each row.
  check(attentionModule(kWeights, shapes[0]), conversation({60, 40, 50}, 64));
}

// More splits of the keys than blocks that share them, and windows that begin
// inside a split.
TEST(GpuKernelTest, LongContexts) {
  AttentionShape shape{.hidden = 32, .heads = 64, .kvHeads = 64, .headDim = 6};
  for (KvElement element : {KvElement::F32, KvElement::BF16})
    check(attentionModule(kWeights, shape), longConversation(), element);
  shape.window = 200;
  check(attentionModule(kWeights, shape), longConversation(), KvElement::I8);
  check(attentionModule(kWeights, {.hidden = 32,
                                   .heads = 4,
                                   .kvHeads = 1,
                                   .headDim = 128,
                                   .window = 300}),
        longConversation());
}

/// A prompt of sequence 0, then its next row as one of `rows`, which begin
/// other sequences; the logits of that row.
std::vector<float> rowAmong(const GpuModule &gpu, const StepProgram &program,
                            KvElement element, int64_t rows) {
  EvalBatch prompt, step;
  for (int32_t i = 0; i < 300; ++i)
    prompt.push((i * 29 + 3) % int32_t(kTokens), i, 0);
  for (int32_t i = 0; i < rows; ++i)
    step.push(5 + i, i == rows / 2 ? 300 : 0, i == rows / 2 ? 0 : i + 1);
  step.logitRows = {int32_t(rows / 2)};
  step.ids[size_t(rows / 2)] = 7;
  auto run = GpuRun::open(gpu, program, {300, 8, 301, element});
  EXPECT_TRUE(run.ok() && (*run)->step(prompt).ok());
  auto logits = (*run)->step(step);
  EXPECT_TRUE(logits.ok());
  EXPECT_TRUE((*run)->findings().empty());
  return logits ? *logits : std::vector<float>();
}

// What else is in a step changes no bit of a row that is generated.
TEST(GpuKernelTest, RowsDoNotDependOnOthers) {
  const TestModule module = attentionModule(
      kWeights, {.hidden = 32, .heads = 8, .kvHeads = 2, .headDim = 48});
  auto gpu = compileForGpu(module.ir, "sm_80");
  ASSERT_TRUE(gpu.ok()) << gpu.error().message;
  auto compiled = CompiledModule::compile(module.ir, module.columns);
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  for (KvElement element : kKvElements) {
    SCOPED_TRACE(kvElementName(element));
    const auto &program = (*compiled)->program();
    const std::vector<float> alone = rowAmong(*gpu, program, element, 1);
    EXPECT_EQ(rowAmong(*gpu, program, element, 7), alone);
  }
}

// Each barrier orders something, and the checker would say so if it did not:
// several pieces of inputs with a norm, and keys of several blocks and splits.
TEST(GpuKernelTest, EveryBarrierIsNeeded) {
  const TestModule modules[] = {
      linearModule(kWeights, {.in = 4200, .out = 40, .norm = true}),
      linearModule(kWeights, {.in = 40, .out = 40, .norm = true}),
      attentionModule(kWeights,
                      {.hidden = 40, .heads = 4, .kvHeads = 2, .headDim = 64})};
  for (const TestModule &module : modules) {
    SCOPED_TRACE(module.name);
    auto gpu = compileForGpu(module.ir, "sm_80");
    ASSERT_TRUE(gpu.ok()) << gpu.error().message;
    auto compiled = CompiledModule::compile(module.ir, module.columns);
    ASSERT_TRUE(compiled.ok()) << compiled.error().message;
    const std::vector<EvalBatch> steps = conversation({130, 8}, 1);
    auto run = [&](const GpuModule &code) {
      auto opened = GpuRun::open(code, (*compiled)->program(),
                                 sizesFor(steps, KvElement::BF16));
      EXPECT_TRUE(opened.ok());
      for (const EvalBatch &batch : steps)
        (void)(*opened)->step(batch).ok();
      return std::move(*opened);
    };
    auto whole = run(*gpu);
    EXPECT_TRUE(whole->findings().empty());
    std::vector<size_t> barriers = barriersOf(*gpu, whole->counters());
    EXPECT_GE(barriers.size(), 3u);
    for (size_t at : barriers) {
      GpuModule without = *gpu;
      without.ptx.replace(at, 2, "//");
      EXPECT_FALSE(run(without)->findings().empty())
          << "line "
          << std::count(gpu->ptx.begin(), gpu->ptx.begin() + long(at), '\n') +
                 1;
    }
  }
}

} // namespace
