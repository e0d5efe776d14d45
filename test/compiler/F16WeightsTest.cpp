//===- F16WeightsTest.cpp - an f16 checkpoint keeps its weights -----------===//

#include "compiler/Compiler.h"
#include "frontends/huggingface/Checkpoint.h"
#include "runtime/artifact/Artifact.h"
#include "runtime/support/FloatFormats.h"
#include "test/frontends/CheckpointFixture.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

using namespace swallow;
using namespace swallow::test;

namespace {

uint16_t halfAt(std::span<const uint8_t> bytes, int64_t offset) {
  uint16_t half;
  std::memcpy(&half, bytes.data() + offset, sizeof(half));
  return half;
}

// Compiled with -dtype f16, each matrix of a checkpoint in float16 has its
// bits, wherever packing puts them; vectors become f32, which holds them.
TEST(F16Weights, AreThoseOfTheCheckpoint) {
  TemporaryFolder folder;
  CompileOptions options;
  options.modelDir = std::string(SWALLOW_TEST_DIR) + "/golden/llama2-gqa";
  options.output = folder.file("m.swallow");
  options.dtype = DType::F16;
  options.targets = {"x86-64-avx2"};
  options.probeTokens = 0;
  options.threads = 2;
  options.showProgress = false;
  auto report = compileModel(options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  auto artifact = Artifact::open(options.output);
  ASSERT_TRUE(artifact.ok()) << artifact.error().message;
  auto checkpoint = Checkpoint::open(options.modelDir);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;

  const auto &weights = *artifact->program().weights();
  std::set<std::string> seen;
  for (uint32_t i = 0; i < weights.size(); ++i) {
    const PackedLayout layout = weightLayout(*weights[i]);
    const std::span<const uint8_t> packed = artifact->weight(i);
    for (uint32_t source = 0; source < weights[i]->sources()->size();
         ++source) {
      const std::string name = weights[i]->sources()->Get(source)->str();
      const TensorView *tensor = checkpoint->find(name);
      ASSERT_NE(tensor, nullptr) << name;
      ASSERT_EQ(tensor->dtype, DType::F16) << name;
      const bool matrix = tensor->shape.size() == 2;
      ASSERT_EQ(layout.element,
                matrix ? PackedElement::F16 : PackedElement::F32)
          << name;
      seen.insert(name);
      for (int64_t row = 0; row < layout.sourceRows[source]; ++row)
        for (int64_t col = 0; col < layout.cols; ++col) {
          const uint16_t stored =
              halfAt(tensor->bytes, (row * layout.cols + col) * 2);
          const int64_t at = layout.elementOffset(source, row, col);
          if (matrix) {
            ASSERT_EQ(halfAt(packed, at), stored) << name;
            continue;
          }
          float value;
          std::memcpy(&value, packed.data() + at, sizeof(value));
          ASSERT_EQ(value, f16ToF32(stored)) << name;
        }
    }
  }
  EXPECT_EQ(seen.size(), checkpoint->tensors().size());
}

} // namespace
