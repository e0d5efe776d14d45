//===- PassEquivalenceTest.cpp - passes do not change what is computed ----===//
//
// The imported, the fused and the planned module of a model give the same bits.
//
//===----------------------------------------------------------------------===//

#include "compiler/Evaluator.h"
#include "frontends/huggingface/Importer.h"
#include "passes/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

using namespace swallow;

namespace {

/// Weights of any name and shape: normal numbers that depend on the name alone.
class RandomWeights final : public WeightSource {
public:
  Result<std::shared_ptr<const WeightReader>>
  open(const std::string &name,
       const std::vector<int64_t> &shape) const override {
    std::seed_seq seed(name.begin(), name.end());
    std::mt19937 random(seed);
    float scale = 1 / std::sqrt(float(shape.back()));
    std::normal_distribution<float> normal(0, shape.size() == 1 ? 1 : scale);
    int64_t count = std::accumulate(shape.begin(), shape.end(), int64_t(1),
                                    std::multiplies<>());
    auto values = std::make_shared<std::vector<float>>(count);
    for (float &value : *values)
      value = normal(random);
    return memoryReader(values, shape.back());
  }
};

/// Two sequences, a chunk and then a token of each.
std::vector<float> run(mlir::ModuleOp module, int64_t vocab) {
  RandomWeights weights;
  Evaluator evaluator(module, weights, {2});
  EvalBatch first, second;
  for (int32_t i = 0; i < 6; ++i)
    first.push(i * 37 % vocab, i / 2, i % 2);
  first.logitRows = {5, 0};
  second.logitRows = {second.push(1, 3, 1), second.push(2, 3, 0)};
  std::vector<float> all;
  for (const EvalBatch &batch : {first, second}) {
    auto logits = evaluator.step(batch);
    EXPECT_TRUE(logits.ok()) << logits.error().message;
    if (logits.ok())
      all.insert(all.end(), logits->begin(), logits->end());
  }
  EXPECT_EQ(all.size(), size_t(4 * vocab));
  return all;
}

void expectSameBits(const ModelConfig &config, DType dtype) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = importModel(context, config, ImportOptions{dtype});
  std::vector<float> imported = run(*module, config.vocabSize);
  EXPECT_GT(*std::max_element(imported.begin(), imported.end()), 0.1f);

  mlir::PassManager fuse(&context);
  buildFusePipeline(fuse);
  ASSERT_TRUE(mlir::succeeded(fuse.run(*module)));
  EXPECT_TRUE(run(*module, config.vocabSize) == imported) << "fused";

  mlir::PassManager plan(&context);
  buildPlanPipeline(plan);
  ASSERT_TRUE(mlir::succeeded(plan.run(*module)));
  EXPECT_TRUE(run(*module, config.vocabSize) == imported) << "planned";
}

// No size is a multiple of anything but what a config demands.
ModelConfig oddConfig() {
  ModelConfig config;
  config.hiddenSize = 35;
  config.intermediateSize = 333;
  config.numLayers = 3;
  config.numHeads = 5;
  config.numKvHeads = 5;
  config.headDim = 6;
  config.vocabSize = 777;
  config.maxPositionEmbeddings = 128;
  config.rmsNormEps = 1e-5;
  return config;
}

TEST(PassEquivalence, MultiHeadAttention) {
  for (DType dtype : {DType::F32, DType::BF16})
    expectSameBits(oddConfig(), dtype);
}

TEST(PassEquivalence, GroupedQueriesAndWindow) {
  ModelConfig config = oddConfig();
  config.architecture = Architecture::Mistral;
  config.numHeads = 6;
  config.numKvHeads = 2;
  config.slidingWindow = 3;
  expectSameBits(config, DType::BF16);
}

TEST(PassEquivalence, BiasesTiedEmbeddingsAndScaledRope) {
  ModelConfig config = oddConfig();
  config.attentionBias = config.mlpBias = config.tieWordEmbeddings = true;
  config.rope.type = RopeConfig::Type::Llama3;
  config.rope.factor = 8;
  config.rope.highFreqFactor = 4;
  config.rope.originalMaxPosition = 64;
  expectSameBits(config, DType::F32);
}

TEST(PassEquivalence, OneLayer) {
  ModelConfig config = oddConfig();
  config.numLayers = 1;
  config.mlpBias = true;
  expectSameBits(config, DType::BF16);
}

} // namespace
