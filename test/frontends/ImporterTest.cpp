//===- ImporterTest.cpp - config to import-stage IR -----------------------===//

#include "frontends/huggingface/Importer.h"
#include "runtime/support/MappedFile.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>

using namespace swallow;

namespace {

const std::string testDir = SWALLOW_TEST_DIR;

std::string importText(const ModelConfig &config, DType dtype) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = importModel(context, config, ImportOptions{dtype});
  EXPECT_TRUE(mlir::succeeded(mlir::verify(*module)));
  std::string text;
  llvm::raw_string_ostream(text) << *module << "\n";
  return text;
}

ModelConfig golden(const std::string &name) {
  auto config = readModelConfig(testDir + "/golden/" + name);
  EXPECT_TRUE(config.ok());
  return *config;
}

ModelConfig llama70b(int64_t layers) {
  ModelConfig config;
  config.hiddenSize = 8192;
  config.intermediateSize = 28672;
  config.numLayers = layers;
  config.numHeads = 64;
  config.numKvHeads = 8;
  config.headDim = 128;
  config.vocabSize = 128256;
  config.maxPositionEmbeddings = 131072;
  config.rmsNormEps = 1e-5;
  config.rope.type = RopeConfig::Type::Llama3;
  config.rope.theta = 500000;
  config.rope.factor = 8;
  config.rope.highFreqFactor = 4;
  config.rope.originalMaxPosition = 8192;
  return config;
}

/// SWALLOW_UPDATE_EXPECTED=1 in the environment rewrites the expected files.
void expectFile(const std::string &text, const std::string &name) {
  std::string path = testDir + "/frontends/Inputs/" + name;
  if (std::getenv("SWALLOW_UPDATE_EXPECTED"))
    std::ofstream(path) << text;
  auto expected = readFile(path);
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  EXPECT_EQ(text, *expected);
}

// The whole module of a windowed model, as the passes' tests see it.
TEST(Importer, MistralWindow) {
  expectFile(importText(golden("mistral-window"), DType::BF16),
             "mistral-window-bf16.mlir");
}

// llama3 scaling in f32.
TEST(Importer, Llama31) {
  expectFile(importText(golden("llama31"), DType::F32), "llama31-f32.mlir");
}

// Biases everywhere, tied embeddings, linear RoPE scaling.
TEST(Importer, BiasesAndTiedEmbeddings) {
  ModelConfig config = golden("llama31-tied");
  config.attentionBias = config.mlpBias = true;
  config.rope.type = RopeConfig::Type::Linear;
  config.rope.factor = 4;
  expectFile(importText(config, DType::F32), "llama-bias-tied-f32.mlir");
}

TEST(Importer, EveryGoldenConfigVerifies) {
  for (const char *name : {"llama2-gqa", "llama2-mha", "llama31",
                           "llama31-tied", "mistral-window", "shisa-extra"})
    for (DType dtype : {DType::F32, DType::BF16, DType::F16})
      EXPECT_NE(importText(golden(name), dtype).find("func.func @step("),
                std::string::npos)
          << name;
}

// The IR of 80 layers is that of 2, but for the number itself.
TEST(Importer, SizeDoesNotDependOnDepth) {
  auto lines = [](const std::string &text) {
    return std::count(text.begin(), text.end(), '\n');
  };
  auto start = std::chrono::steady_clock::now();
  std::string deep = importText(llama70b(80), DType::BF16);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  EXPECT_EQ(lines(deep), lines(importText(llama70b(2), DType::BF16)));
}

} // namespace
