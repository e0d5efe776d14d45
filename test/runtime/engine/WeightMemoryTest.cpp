#include "runtime/engine/WeightMemory.h"
#include "runtime/packing/Synthetic.h"
#include "test/runtime/artifact/ArtifactFixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace swallow {
namespace {

/// A program with the weights of the small artifact, or with a seed for them.
StepProgram smallProgram(std::optional<uint64_t> seed) {
  test::ArtifactParts parts = test::smallArtifact();
  if (seed) {
    parts.program.synthetic = std::make_unique<fbs::SyntheticWeightsT>();
    parts.program.synthetic->seed = *seed;
  }
  Result<Artifact> opened =
      Artifact::openBytes(test::writtenBytes(std::move(parts)), "small");
  EXPECT_TRUE(opened.ok());
  auto artifact = std::make_shared<const Artifact>(std::move(*opened));
  StepProgram program;
  program.weights = artifact->weights();
  program.tables = &artifact->program();
  program.owner = artifact;
  return program;
}

std::vector<uint8_t> made(const StepProgram &program, int threads) {
  auto team = ThreadTeam::create(threads);
  EXPECT_TRUE(team.ok());
  Result<PageMapping> memory = makeWeights(program, **team);
  EXPECT_TRUE(memory.ok());
  return {memory->data(), memory->data() + memory->size()};
}

TEST(WeightMemoryTest, CopiesWhatTheFileHas) {
  StepProgram program = smallProgram(std::nullopt);
  EXPECT_FALSE(program.synthetic());
  std::vector<uint8_t> expected(program.weights.begin(), program.weights.end());
  ASSERT_FALSE(expected.empty());
  for (int threads : {1, 2, 5})
    EXPECT_EQ(made(program, threads), expected) << threads;
}

TEST(WeightMemoryTest, MakesSyntheticWeights) {
  StepProgram program = smallProgram(77);
  EXPECT_TRUE(program.synthetic());
  EXPECT_TRUE(program.weights.empty());
  std::vector<uint8_t> expected(program.weightsSize(), 0);
  for (const fbs::Weight *weight : *program.tables->weights()) {
    std::vector<std::string> names;
    for (const flatbuffers::String *name : *weight->sources())
      names.push_back(name->str());
    SyntheticWeight source(77, weightLayout(*weight), names);
    source.pack(0, source.layout().totalBlocks(),
                expected.data() + weight->offset());
  }
  EXPECT_GT(std::count_if(expected.begin(), expected.end(),
                          [](uint8_t byte) { return byte != 0; }),
            int64_t(expected.size() / 2));
  for (int threads : {1, 2, 5})
    EXPECT_EQ(made(program, threads), expected) << threads;
  EXPECT_NE(made(smallProgram(78), 1), expected);
}

} // namespace
} // namespace swallow
