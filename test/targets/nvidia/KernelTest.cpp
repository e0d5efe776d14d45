//===- KernelTest.cpp - every fused op's GPU kernels, emulated ------------===//
//
// The modules, steps and bounds of test/targets/x86/KernelTest.cpp: kernels run
// on the emulator, which may find nothing, and the reference evaluator says
// what the logits should be.
//
//===----------------------------------------------------------------------===//

#include "test/targets/nvidia/KernelChecks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>

using namespace swallow;
using namespace swallow::test;
using emulator::Counters;

namespace {

class GpuKernelTest : public testing::TestWithParam<Weights> {
protected:
  Weights weights() const { return GetParam(); }
  void check(const TestModule &module, const std::vector<EvalBatch> &steps,
             KvElement element = KvElement::BF16) {
    checkKernels(module, steps, boundsOf(weights(), element), element);
  }
};
class GpuQuantizedKernelTest : public GpuKernelTest {};

std::string testName(const testing::TestParamInfo<Weights> &info) {
  return nameOf(info.param);
}
INSTANTIATE_TEST_SUITE_P(Dtype, GpuKernelTest,
                         testing::Values(Weights::BF16, Weights::I4,
                                         Weights::I6, Weights::I8),
                         testName);
INSTANTIATE_TEST_SUITE_P(Dtype, GpuQuantizedKernelTest,
                         testing::Values(Weights::I4, Weights::I6, Weights::I8),
                         testName);

TEST_P(GpuKernelTest, Embedding) {
  for (int64_t columns : {35, 40, 130})
    check(embeddingModule(weights(), columns), separateSteps(kTokens));
}

// Inputs of an odd number, beyond what lies in shared memory at a time, and as
// many as blocks share; outputs with tails of a block.
TEST_P(GpuKernelTest, FusedLinear) {
  std::vector<LinearShape> shapes = {
      {.in = 40, .out = 130},
      {.in = 333, .out = 96, .norm = true},
      {.in = 130, .out = 130, .residual = true},
      {.in = 96, .out = 96, .norm = true, .bias = true, .residual = true},
      {.in = 4200, .out = 40, .norm = true, .bias = true},
      {.in = 2048, .out = 130, .bias = true},
      {.in = 64, .out = 777, .bias = true}};
  for (const LinearShape &shape : shapes)
    check(linearModule(weights(), shape), separateSteps(kTokens));
}

// Inputs that quantisation keeps as they are leave nothing but the order of
// sums in steps of few rows. The GEMM of many rounds weights to bf16.
TEST_P(GpuQuantizedKernelTest, WeightsAreExact) {
  std::vector<EvalBatch> steps = separateSteps(kTokens);
  std::erase_if(steps,
                [](const EvalBatch &step) { return step.ids.size() > 16; });
  std::vector<LinearShape> shapes = {
      {.in = 40, .out = 130, .exactInput = true},
      {.in = 333, .out = 96, .bias = true, .exactInput = true},
      {.in = 1100, .out = 40, .exactInput = true},
      {.in = 4096, .out = 16, .exactInput = true},
      {.in = 512, .out = 256, .exactInput = true}};
  for (const LinearShape &shape : shapes)
    checkKernels(linearModule(weights(), shape), steps, {1e-4, 1e-5});
}

// There are kernels for one row, for a few and for more.
TEST_P(GpuKernelTest, RowsAreTheSameAmongOthers) {
  constexpr int64_t rows = 16;
  EvalBatch whole;
  std::vector<EvalBatch> few[3];
  const int64_t sizes[] = {1, 4, 8};
  for (int64_t i = 0; i < rows; ++i) {
    std::vector<EvalBatch *> batches = {&whole};
    for (size_t s = 0; s < 3; ++s) {
      if (i % sizes[s] == 0)
        few[s].emplace_back();
      batches.push_back(&few[s].back());
    }
    for (EvalBatch *batch : batches)
      batch->logitRows.push_back(
          batch->push(int32_t((i * 29 + 3) % kTokens), int32_t(i), 0));
  }
  for (const LinearShape &shape :
       {LinearShape{.in = 48, .out = 130, .norm = true},
        LinearShape{.in = 4096, .out = 48},
        LinearShape{.in = 333, .out = 96, .bias = true}}) {
    const TestModule module = linearModule(weights(), shape);
    SCOPED_TRACE(module.name);
    auto gpu = compileForGpu(module.ir, "sm_80");
    ASSERT_TRUE(gpu.ok()) << gpu.error().message;
    auto compiled = packedFor(module);
    ASSERT_TRUE(compiled.ok()) << compiled.error().message;
    auto logitsOf = [&](const std::vector<EvalBatch> &steps) {
      std::vector<float> all;
      auto run = GpuRun::open(*gpu, (*compiled)->program(),
                              sizesFor(steps, KvElement::BF16));
      EXPECT_TRUE(run.ok());
      for (const EvalBatch &step : steps) {
        auto found = (*run)->step(step);
        EXPECT_TRUE(found.ok());
        all.insert(all.end(), found->begin(), found->end());
      }
      return all;
    };
    const std::vector<float> expected = logitsOf({whole});
    for (const std::vector<EvalBatch> &steps : few)
      EXPECT_EQ(logitsOf(steps), expected) << steps.size() << " steps";
  }
}

TEST_P(GpuKernelTest, GatedMlp) {
  std::vector<MlpShape> shapes = {
      {.hidden = 40, .ffn = 333, .norm = true},
      {.hidden = 96, .ffn = 48, .bias = true},
      {.hidden = 130, .ffn = 333, .norm = true, .bias = true, .down = true}};
  for (const MlpShape &shape : shapes)
    check(mlpModule(weights(), shape), separateSteps(kTokens));
}

TEST_P(GpuKernelTest, FusedLmHead) {
  std::vector<HeadShape> shapes = {
      {.hidden = 96, .vocab = 777, .norm = true},
      {.hidden = 40, .vocab = 130},
      {.hidden = 35, .vocab = 61, .norm = true, .tied = true},
      {.hidden = 130, .vocab = 777, .tied = true}};
  for (const HeadShape &shape : shapes)
    check(headModule(weights(), shape), separateSteps(kTokens));
}

// Queries, keys and values through the KV memory, three sequences at once.
TEST_P(GpuKernelTest, FusedQkvAndAttention) {
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
    check(attentionModule(weights(), shape),
          conversation({1, 2, 7, 8, 9, 33, 1, 3}, 3));
}

constexpr Weights kWeights = Weights::BF16;

/// Every size of a GEMM's tile, full and not, and several of them.
std::vector<EvalBatch> manyRows() { return stepsOfRows({17, 64, 70, 200}); }

// Blocks of 16, 48 and 64 features, tiles of several units and of one wide
// head, a last tile that lacks units; inputs that end within 16 bytes, within a
// step, and behind several stages.
TEST(GpuGemmTest, ManyRows) {
  const Bounds bounds = boundsOf(kWeights, KvElement::BF16);
  std::vector<LinearShape> shapes = {
      {.in = 6, .out = 200},
      {.in = 72, .out = 48, .norm = true},
      {.in = 333, .out = 80, .norm = true, .bias = true},
      {.in = 256, .out = 256, .residual = true}};
  for (const LinearShape &shape : shapes)
    checkKernels(linearModule(kWeights, shape), manyRows(), bounds);
  checkKernels(
      mlpModule(kWeights,
                {.hidden = 88, .ffn = 136, .norm = true, .down = true}),
      manyRows(), bounds);
  checkKernels(headModule(kWeights, {.hidden = 35, .vocab = 333, .norm = true}),
               manyRows(), bounds);
  checkKernels(headModule(kWeights, {.hidden = 64, .vocab = 61, .tied = true}),
               manyRows(), bounds);
  for (int64_t headDim : {34, 64, 160, 224, 256})
    checkKernels(attentionModule(kWeights, {.hidden = 40,
                                            .heads = 2,
                                            .kvHeads = 1,
                                            .headDim = headDim,
                                            .norm = true}),
                 conversation({17, 70, 1}, 3), bounds);
}

// The same by quantised weights, which a GEMM rounds to bf16 and the evaluator
// does not.
TEST(GpuGemmTest, QuantizedWeights) {
  for (Weights weights : {Weights::I4, Weights::I6, Weights::I8})
    for (const LinearShape &shape :
         {LinearShape{.in = 40, .out = 130, .exactInput = true},
          LinearShape{.in = 6, .out = 48, .exactInput = true},
          LinearShape{.in = 333, .out = 96, .bias = true, .exactInput = true},
          LinearShape{.in = 512, .out = 256, .exactInput = true}})
      checkKernels(linearModule(weights, shape), manyRows(),
                   Bounds{1.5e-2, 3e-3});
}

TEST(GpuAttentionTest, KvElements) {
  std::vector<AttentionShape> shapes = {
      {.hidden = 32, .heads = 8, .kvHeads = 2, .headDim = 48},
      {.hidden = 32, .heads = 7, .kvHeads = 1, .headDim = 6, .window = 40}};
  for (const AttentionShape &shape : shapes)
    for (KvElement element : kKvElements)
      checkKernels(attentionModule(kWeights, shape),
                   conversation({1, 8, 9, 33, 70, 3}, 2),
                   boundsOf(kWeights, element), element);
}

// The ring of a window holds fewer positions than the sequences have.
TEST(GpuAttentionTest, RingsAreReused) {
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
    checkKernels(attentionModule(kWeights, shape), conversation(counts, 2),
                 boundsOf(kWeights, KvElement::BF16));
}

/// Where an instruction is in the kernels that a run launches.
std::vector<size_t> placesOf(const std::string &instruction,
                             const GpuModule &gpu,
                             const std::map<std::string, Counters> &ran) {
  std::vector<size_t> places;
  const std::string &ptx = gpu.ptx, entry = ".entry ";
  for (size_t at = ptx.find(instruction); at != std::string::npos;
       at = ptx.find(instruction, at + 1)) {
    const size_t name = ptx.rfind(entry, at) + entry.size();
    if (ran.contains(ptx.substr(name, ptx.find('(', name) - name)))
      places.push_back(at);
  }
  return places;
}

// Both sides of the most rows that are done row by row; tiles with a part of a
// sequence or with several, in turns; heads that do not fill a tile, and
// features that do not fill a group of 32.
TEST(GpuAttentionTest, AttentionOfFewAndManyRows) {
  std::vector<AttentionShape> shapes = {
      {.hidden = 32, .heads = 6, .kvHeads = 2, .headDim = 24},
      {.hidden = 32, .heads = 12, .kvHeads = 1, .headDim = 80, .window = 50},
      {.hidden = 32, .heads = 2, .kvHeads = 2, .headDim = 64, .window = 33}};
  const std::vector<EvalBatch> steps =
      conversation({2, 16, 17, 33, 70, 16, 1}, 3);
  for (const AttentionShape &shape : shapes)
    for (KvElement element : {KvElement::BF16, KvElement::I8})
      checkKernels(attentionModule(kWeights, shape), steps,
                   boundsOf(kWeights, element), element);
  // f16 lies in another way; 80 features end within a group of tiles.
  checkKernels(attentionModule(kWeights, shapes[1]), steps,
               boundsOf(kWeights, KvElement::F16), KvElement::F16);
  // Tiles of fewer rows for large heads, whose few rows are done without.
  for (KvElement element : {KvElement::BF16, KvElement::F16, KvElement::I8})
    checkKernels(
        attentionModule(
            kWeights, {.hidden = 32, .heads = 2, .kvHeads = 1, .headDim = 256}),
        conversation({2, 70, 3}, 2), boundsOf(kWeights, element), element);
  // One sequence for each row.
  checkKernels(attentionModule(kWeights, shapes[0]),
               conversation({60, 40, 50}, 64),
               boundsOf(kWeights, KvElement::BF16));
}

// More splits of the keys than blocks that share them, and windows that begin
// inside a split.
TEST(GpuAttentionTest, LongContexts) {
  AttentionShape shape{.hidden = 32, .heads = 64, .kvHeads = 64, .headDim = 6};
  for (KvElement element : {KvElement::F32, KvElement::BF16})
    checkKernels(attentionModule(kWeights, shape), longConversation(),
                 boundsOf(kWeights, element), element);
  shape.window = 200;
  checkKernels(attentionModule(kWeights, shape), longConversation(),
               boundsOf(kWeights, KvElement::I8), KvElement::I8);
  checkKernels(attentionModule(kWeights, {.hidden = 32,
                                          .heads = 4,
                                          .kvHeads = 1,
                                          .headDim = 128,
                                          .window = 300}),
               longConversation(), boundsOf(kWeights, KvElement::BF16));
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
TEST(GpuAttentionTest, RowsDoNotDependOnOthers) {
  const TestModule module = attentionModule(
      kWeights, {.hidden = 32, .heads = 8, .kvHeads = 2, .headDim = 48});
  auto gpu = compileForGpu(module.ir, "sm_80");
  ASSERT_TRUE(gpu.ok()) << gpu.error().message;
  auto compiled = packedFor(module);
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  for (KvElement element : kKvElements) {
    SCOPED_TRACE(kvElementName(element));
    const auto &program = (*compiled)->program();
    const std::vector<float> alone = rowAmong(*gpu, program, element, 1);
    EXPECT_EQ(rowAmong(*gpu, program, element, 7), alone);
  }
}

/// The kernel of a place in PTX, and what is before and behind it.
std::string textAround(const std::string &ptx, size_t place) {
  const size_t name = ptx.rfind(".entry ", place);
  return ptx.substr(name, ptx.find('\n', name) - name) + " ...\n" +
         ptx.substr(place - 300, 500);
}

// Each barrier orders something, and each wait for copies is for some that have
// not arrived, and the checker would say so if not: several pieces of inputs
// with a norm, keys of several blocks and splits, and GEMMs of more steps than
// stages, the last of which the results overwrite.
TEST(GpuBarrierTest, EveryBarrierIsNeeded) {
  // Which of a module's kernels have such shapes that each is needed.
  struct Case {
    TestModule module;
    std::vector<EvalBatch> steps;
    const char *kernels;
  };
  const std::vector<EvalBatch> all = conversation({130, 8}, 1),
                               few = conversation({8, 3}, 1);
  const Case cases[] = {
      {linearModule(kWeights, {.in = 4200, .out = 40, .norm = true}), all, ""},
      {linearModule(kWeights, {.in = 40, .out = 40, .norm = true}), all, ""},
      {linearModule(kWeights, {.in = 2048, .out = 40}), few, ""},
      {linearModule(Weights::I4, {.in = 4200, .out = 40, .norm = true}), few,
       ""},
      {linearModule(Weights::I4, {.in = 576, .out = 40}), all, ""},
      {attentionModule(kWeights,
                       {.hidden = 40, .heads = 4, .kvHeads = 2, .headDim = 64}),
       all, "attention"}};
  size_t allWaits = 0;
  for (const auto &[module, steps, kernels] : cases) {
    SCOPED_TRACE(module.name);
    auto gpu = compileForGpu(module.ir, "sm_80");
    ASSERT_TRUE(gpu.ok()) << gpu.error().message;
    auto compiled = packedFor(module);
    ASSERT_TRUE(compiled.ok()) << compiled.error().message;
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
    std::map<std::string, Counters> ran = whole->counters();
    std::erase_if(ran, [&](const auto &entry) {
      return entry.first.find(kernels) == std::string::npos;
    });
    std::vector<size_t> places = placesOf("bar.sync", *gpu, ran);
    EXPECT_GE(places.size(), 3u);
    std::vector<size_t> waits = placesOf("cp.async.wait_group", *gpu, ran);
    allWaits += waits.size();
    places.insert(places.end(), waits.begin(), waits.end());
    for (size_t at : places) {
      GpuModule without = *gpu;
      without.ptx.replace(at, 2, "//");
      EXPECT_FALSE(run(without)->findings().empty())
          << textAround(gpu->ptx, at);
    }
  }
  EXPECT_GE(allWaits, 3u);
}

// What the GEMM reads and how often it multiplies, for each size of tile.
TEST(GpuGemmTest, GemmCounts) {
  constexpr int64_t in = 512, out = 384;
  struct Case {
    int64_t rows;
    const char *kernel;
    int64_t tileRows, tileFeatures;
  };
  const Case cases[] = {{30, "proj_rows32", 32, 64},
                        {64, "proj_rows64", 64, 64},
                        {200, "proj_rows128", 128, 128}};
  for (Weights weights :
       {Weights::BF16, Weights::I4, Weights::I6, Weights::I8}) {
    TestModule module = linearModule(
        weights, {.in = in, .out = out, .exactInput = isQuantized(weights)});
    SCOPED_TRACE(module.name);
    auto gpu = compileForGpu(module.ir, "sm_80");
    ASSERT_TRUE(gpu.ok()) << gpu.error().message;
    auto compiled = packedFor(module);
    ASSERT_TRUE(compiled.ok()) << compiled.error().message;
    for (const Case &c : cases) {
      SCOPED_TRACE(c.kernel);
      const std::vector<EvalBatch> steps = conversation({c.rows}, 1);
      auto run = GpuRun::open(*gpu, (*compiled)->program(),
                              sizesFor(steps, KvElement::BF16));
      ASSERT_TRUE(run.ok()) << run.error().message;
      ASSERT_TRUE((*run)->step(steps[0]).ok());
      EXPECT_TRUE((*run)->findings().empty());
      EXPECT_FALSE((*run)->counters().contains("proj"));
      const Counters &counted = (*run)->counters().at(c.kernel);
      EXPECT_EQ(counted.sharedBankConflicts, 0u);
      const int64_t rowTiles = (c.rows + c.tileRows - 1) / c.tileRows;
      const int64_t featureTiles = out / c.tileFeatures;
      EXPECT_EQ(counted.instructionsWithPrefix("mma.sync"),
                uint64_t(rowTiles * featureTiles * (in / 16) *
                         (c.tileFeatures / 16) * (c.tileRows / 8)));
      if (isQuantized(weights))
        continue;
      // The weights once per tile of rows, the rows once per tile of features.
      uint64_t sectors = 0;
      for (const auto &[line, counts] : counted.lines)
        if (counts.opcode.starts_with("cp.async.cg"))
          sectors += counts.globalLoadSectors;
      EXPECT_EQ(sectors * 32,
                uint64_t(2 * in * (rowTiles * out + featureTiles * c.rows)));
    }
  }
}

} // namespace
