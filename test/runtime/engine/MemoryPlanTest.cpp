#include "runtime/engine/MemoryPlan.h"
#include "test/runtime/engine/FakeStep.h"

#include <gtest/gtest.h>

namespace swallow {
namespace {

// The fake model: two layers, blocks of 32 keys of 2 f32 and values of 2,
// padded to 16; arena of 64 bytes a token, 128 a thread, 64 a sequence.
constexpr uint64_t kBlockBytes = 32 * (2 + 16) * 4;
// Of both layers, and an entry of the table.
constexpr uint64_t kBlockOfContext = 2 * kBlockBytes + 4;

Result<MemoryPlan> plan(SessionOptions options, int64_t window = 0,
                        uint64_t weightsBytes = 0) {
  StepProgram program = test::makeFakeProgram({37, 2, window, 4000});
  if (options.threads == 0)
    options.threads = 3;
  return planMemory(*program.model, *program.kv, *program.variant, weightsBytes,
                    options);
}

TEST(MemoryPlanTest, AddsUpExactly) {
  SessionOptions options;
  options.contextLength = 1000;
  options.maxSequences = 5;
  options.maxStepTokens = 100; // 128 rows of tiles
  options.maxLogitRows = 7;
  Result<MemoryPlan> result = plan(options);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->blocksPerSequence, 32);
  EXPECT_EQ(result->blocks, 160);
  EXPECT_EQ(result->blockBytes, kBlockBytes);
  EXPECT_EQ(result->kvLayerStride, 160u * kBlockBytes);
  EXPECT_EQ(result->kvBytes, 2u * 160 * kBlockBytes);
  EXPECT_EQ(result->arenaBytes, 128u * 64 + 3 * 128 + 5 * 64);
  EXPECT_EQ(result->arenaOffsets,
            (std::vector<uint64_t>{0, 128 * 64, 128 * 64 + 3 * 128}));
  EXPECT_EQ(result->logitsBytes, 7u * 37 * 4);
  EXPECT_EQ(result->batchBytes, (4u * 100 + 160) * 4);
  EXPECT_EQ(result->totalBytes, result->kvBytes + result->arenaBytes +
                                    result->logitsBytes + result->batchBytes);
}

// The likeliest token of each row that wants logits.
TEST(MemoryPlanTest, AGpuHasEightBytesMoreForEachRow) {
  StepProgram program = test::makeFakeProgram({37, 2, 0, 4000});
  std::unique_ptr<fbs::VariantT> variant(program.variant->UnPack());
  variant->gpu = std::make_unique<fbs::GpuStepT>();
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(fbs::Variant::Pack(builder, variant.get()));
  SessionOptions options;
  options.threads = 3;
  options.maxSequences = 5;
  auto planned = [&](const fbs::Variant &of) {
    return planMemory(*program.model, *program.kv, of, 0, options);
  };
  Result<MemoryPlan> cpu = planned(*program.variant);
  Result<MemoryPlan> gpu =
      planned(*flatbuffers::GetRoot<fbs::Variant>(builder.GetBufferPointer()));
  ASSERT_TRUE(cpu.ok() && gpu.ok());
  EXPECT_EQ(cpu->likeliestBytes, 0u);
  EXPECT_EQ(gpu->likeliestBytes, 5u * 8);
  EXPECT_EQ(gpu->logitsBytes, cpu->logitsBytes + 5 * 8);
  EXPECT_EQ(gpu->totalBytes, cpu->totalBytes + 5 * 8);
}

TEST(MemoryPlanTest, Defaults) {
  Result<MemoryPlan> result = plan({});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->contextLength, 4000); // the model's limit, below 4096
  EXPECT_EQ(result->maxStepTokens, 512);
  EXPECT_EQ(result->maxLogitRows, 1);
  SessionOptions small;
  small.contextLength = 10;
  small.maxSequences = 3;
  result = plan(small);
  EXPECT_EQ(result->maxStepTokens, 30); // no step can have more rows
  EXPECT_EQ(result->maxLogitRows, 3);
}

TEST(MemoryPlanTest, WeightsInHugePagesAreAllocated) {
  SessionOptions options;
  options.contextLength = 100;
  Result<MemoryPlan> mapped = plan(options, 0, 1 << 20);
  options.hugePages = true;
  Result<MemoryPlan> copied = plan(options, 0, 1 << 20);
  ASSERT_TRUE(mapped.ok() && copied.ok());
  EXPECT_EQ(mapped->weightsAllocated, 0u);
  EXPECT_EQ(copied->weightsBytes, 1u << 20);
  EXPECT_EQ(copied->weightsAllocated, 1u << 20);
  EXPECT_EQ(copied->totalBytes, mapped->totalBytes + (1 << 20));

  options.memoryLimit = static_cast<int64_t>(mapped->totalBytes);
  Result<MemoryPlan> refused = plan(options, 0, 1 << 20);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::OutOfMemory);
  EXPECT_NE(refused.error().message.find("weights 1.00 MiB"), std::string::npos)
      << refused.error().message;
  // The longest context leaves room for the weights, wherever they are.
  options.contextLength = SessionOptions::kContextAuto;
  options.memoryLimit = 3 << 20;
  Result<MemoryPlan> inMemory = plan(options, 0, 1 << 20);
  options.hugePages = false;
  Result<MemoryPlan> inCache = plan(options, 0, 1 << 20);
  ASSERT_TRUE(inMemory.ok() && inCache.ok());
  EXPECT_EQ(inMemory->contextLength, inCache->contextLength);
  EXPECT_LE(inMemory->totalBytes, 3u << 20);
}

// Keys and values take what the session's choice takes, and the artifact's
// where it has none.
TEST(MemoryPlanTest, KvElements) {
  EXPECT_EQ(plan({})->kvElement, KvElement::F32);
  for (auto [element, bytes] : {std::pair(KvElement::F32, 4 * 32 * 18),
                                {KvElement::BF16, 2 * 32 * 18},
                                {KvElement::F16, 2 * 32 * 18},
                                {KvElement::I8, 32 * (18 + 2 * 4)}}) {
    SessionOptions options;
    options.kvElement = element;
    Result<MemoryPlan> result = plan(options);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->kvElement, element);
    EXPECT_EQ(result->blockBytes, uint64_t(bytes));
    EXPECT_EQ(result->kvBytes, uint64_t(2 * 125 * bytes));
  }
}

TEST(MemoryPlanTest, RingsAreShorterThanTheContext) {
  SessionOptions options;
  options.contextLength = 4000;
  options.maxStepTokens = 100;
  EXPECT_EQ(plan(options, 64)->blocksPerSequence, 6); // ceil(163 / 32)
  options.contextLength = 120;
  EXPECT_EQ(plan(options, 64)->blocksPerSequence, 4); // the context's own
}

TEST(MemoryPlanTest, RefusesWhatDoesNotFitAndSaysWhatWould) {
  SessionOptions options;
  options.contextLength = 4000;
  options.maxStepTokens = 32;
  uint64_t fixed = plan(options)->totalBytes - 125 * kBlockOfContext;
  // 40 blocks of two layers and their table entries.
  options.memoryLimit = int64_t(fixed + 40 * kBlockOfContext);
  Result<MemoryPlan> result = plan(options);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::OutOfMemory);
  EXPECT_NE(result.error().message.find("4000 tokens"), std::string::npos);
  EXPECT_NE(result.error().message.find("a context of 1280 fits"),
            std::string::npos)
      << result.error().message;

  options.contextLength = 1280;
  EXPECT_TRUE(plan(options).ok());
  options.contextLength = SessionOptions::kContextAuto;
  result = plan(options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->contextLength, 1280);
  // Weights have to stay in memory beside an automatic context.
  result = plan(options, 0, 10 * kBlockOfContext);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->contextLength, 960);

  options.memoryLimit = 1000;
  result = plan(options);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::OutOfMemory);
  EXPECT_NE(result.error().message.find("even a context of 32"),
            std::string::npos);
}

TEST(MemoryPlanTest, AutomaticContextEndsAtTheModels) {
  SessionOptions options;
  options.contextLength = SessionOptions::kContextAuto;
  options.memoryLimit = int64_t(1) << 40;
  EXPECT_EQ(plan(options)->contextLength, 4000);
}

TEST(MemoryPlanTest, RefusesOptionsOutOfRange) {
  auto code = [](auto change) {
    SessionOptions options;
    change(options);
    Result<MemoryPlan> result = plan(options);
    return result.ok() ? ErrorCode::Ok : result.error().code;
  };
  EXPECT_EQ(code([](SessionOptions &o) { o.contextLength = 4001; }),
            ErrorCode::ContextExceeded);
  EXPECT_EQ(code([](SessionOptions &o) { o.contextLength = -2; }),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code([](SessionOptions &o) { o.maxSequences = 0; }),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code([](SessionOptions &o) { o.maxSequences = INT64_MAX; }),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code([](SessionOptions &o) { o.maxStepTokens = 0; }),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code([](SessionOptions &o) { o.maxLogitRows = -1; }),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code([](SessionOptions &o) { o.threads = -1; }),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code([](SessionOptions &o) { o.memoryLimit = -1; }),
            ErrorCode::InvalidArgument);
  // 2^20 sequences of 4000 tokens: 131 million blocks.
  EXPECT_EQ(code([](SessionOptions &o) { o.maxSequences = 1 << 20; }),
            ErrorCode::Ok);
}

TEST(MemoryPlanTest, AGridHasSoManyRows) {
  StepProgram program = test::makeFakeProgram({});
  fbs::VariantT variant;
  program.variant->UnPackTo(&variant);
  variant.gpu = std::make_unique<fbs::GpuStepT>();
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(fbs::Variant::Pack(builder, &variant));
  SessionOptions options;
  options.threads = 1;
  auto planned = [&](int64_t maxStepTokens) {
    options.maxStepTokens = maxStepTokens;
    return planMemory(
        *program.model, *program.kv,
        *flatbuffers::GetRoot<fbs::Variant>(builder.GetBufferPointer()), 0,
        options);
  };
  EXPECT_TRUE(planned(65535).ok());
  Result<MemoryPlan> tooMany = planned(65536);
  ASSERT_FALSE(tooMany.ok());
  EXPECT_EQ(tooMany.error().code, ErrorCode::InvalidArgument);
  EXPECT_NE(tooMany.error().message.find("1 .. 65535, not 65536"),
            std::string::npos);
}

TEST(MemoryPlanTest, RefusesSlotsOutsideTheArena) {
  StepProgram program = test::makeFakeProgram({});
  fbs::VariantT variant;
  program.variant->UnPackTo(&variant);
  variant.arena[1]->size->per_thread += 64 * 1024;
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(fbs::Variant::Pack(builder, &variant));
  SessionOptions options;
  options.threads = 1;
  Result<MemoryPlan> result = planMemory(
      *program.model, *program.kv,
      *flatbuffers::GetRoot<fbs::Variant>(builder.GetBufferPointer()), 0,
      options);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::Corrupt);
  EXPECT_NE(result.error().message.find("scratch"), std::string::npos);
}

} // namespace
} // namespace swallow
