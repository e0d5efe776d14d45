//===- PassEquivalenceTest.cpp - passes do not change what is computed ----===//
//
// A model gives the same bits when it is imported and after every pass on the
// way to the planned stage.
//
//===----------------------------------------------------------------------===//

#include "compiler/Evaluator.h"
#include "frontends/huggingface/Importer.h"
#include "passes/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
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

/// Evaluates the module after each pass.
class EvaluateAfterPass final : public mlir::PassInstrumentation {
public:
  EvaluateAfterPass(std::vector<float> expected, int64_t vocab,
                    std::vector<std::string> &passes)
      : expected_(std::move(expected)), vocab_(vocab), passes_(passes) {}

  void runAfterPass(mlir::Pass *pass, mlir::Operation *op) override {
    passes_.push_back(pass->getArgument().str());
    EXPECT_TRUE(run(llvm::cast<mlir::ModuleOp>(op), vocab_) == expected_)
        << "after " << passes_.back();
  }

private:
  std::vector<float> expected_;
  int64_t vocab_;
  std::vector<std::string> &passes_;
};

void expectSameBits(const ModelConfig &config, DType dtype) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = importModel(context, config, ImportOptions{dtype});
  std::vector<float> imported = run(*module, config.vocabSize);
  EXPECT_GT(*std::max_element(imported.begin(), imported.end()), 0.1f);

  std::vector<std::string> passes;
  mlir::PassManager manager(&context);
  manager.addInstrumentation(
      std::make_unique<EvaluateAfterPass>(imported, config.vocabSize, passes));
  buildFusePipeline(manager);
  buildPlanPipeline(manager);
  ASSERT_TRUE(mlir::succeeded(manager.run(*module)));
  EXPECT_EQ(passes, (std::vector<std::string>{
                        "swallow-fuse-qkv", "swallow-fuse-gated-mlp",
                        "swallow-fuse-linear", "swallow-fuse-lm-head",
                        "swallow-fuse-norm", "swallow-plan-weights",
                        "swallow-plan-kv", "swallow-plan-arena"}));
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

TEST(PassEquivalence, OneLayerAndLinearRope) {
  ModelConfig config = oddConfig();
  config.rope.type = RopeConfig::Type::Linear;
  config.rope.factor = 3;
  config.numLayers = 1;
  config.mlpBias = true;
  expectSameBits(config, DType::BF16);
}

} // namespace
