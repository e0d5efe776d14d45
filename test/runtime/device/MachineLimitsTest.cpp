#include "runtime/device/MachineLimits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace swallow {
namespace {

std::unique_ptr<ThreadTeam> team(int threads) {
  auto team = ThreadTeam::create(threads);
  EXPECT_TRUE(team.ok());
  return std::move(*team);
}

TEST(MachineLimitsTest, ReadsAtSomeSpeed) {
  std::vector<uint8_t> bytes(size_t(8) << 20, 1);
  for (int threads : {1, 3}) {
    double speed = measureReadSpeed(*team(threads), bytes);
    EXPECT_GT(speed, 1e7);
    EXPECT_LT(speed, 1e13);
  }
  // Pieces shorter than what the loop reads at once.
  EXPECT_GE(measureReadSpeed(*team(4), std::span(bytes).first(100)), 0);
  EXPECT_EQ(measureReadSpeed(*team(1), {}), 0);
}

#if defined(__x86_64__)

std::string chosen(ProductType type, std::vector<std::string> features) {
  for (const std::string &feature : features)
    if (!CpuFeatures::host().has(feature))
      return "lacking " + feature;
  const auto *instruction =
      productInstruction(type, CpuFeatures(std::move(features)));
  return instruction ? instruction->name : "none";
}

void expectChosen(const std::string &expected, ProductType type,
                  const std::vector<std::string> &features) {
  std::string found = chosen(type, features);
  if (!found.starts_with("lacking")) {
    EXPECT_EQ(found, expected);
  }
}

// What the variant's features allow counts, not what the machine has besides.
TEST(MachineLimitsTest, TakesTheInstructionOfTheVariant) {
  const std::vector<std::string> fma = {"fma"}, avx2 = {"avx2", "fma"},
                                 avx512 = {"avx2", "fma", "avx512f"},
                                 vnni = {"fma", "avx512f", "avx512vnni"},
                                 bf16 = {"fma", "avx512f", "avx512bf16"};
  for (ProductType type :
       {ProductType::F32, ProductType::BF16, ProductType::I8}) {
    expectChosen("vfmadd231ps ymm", type, fma);
    expectChosen("vfmadd231ps zmm", type, avx512);
    EXPECT_EQ(chosen(type, {}), "none");
  }
  expectChosen("vpmaddubsw ymm", ProductType::I8, avx2);
  expectChosen("vfmadd231ps ymm", ProductType::BF16, avx2);
  expectChosen("vpdpbusd zmm", ProductType::I8, vnni);
  expectChosen("vfmadd231ps zmm", ProductType::BF16, vnni);
  expectChosen("vdpbf16ps zmm", ProductType::BF16, bf16);
  expectChosen("vfmadd231ps zmm", ProductType::I8, bf16);
  // No machine has it.
  EXPECT_EQ(productInstruction(ProductType::F32, CpuFeatures({"dreams"})),
            nullptr);
}

// Runs every loop that this machine can run: none faults, and each is as fast
// as a processor, not as fast as a loop that was optimised away.
TEST(MachineLimitsTest, EveryInstructionRuns) {
  for (const char *feature : {"fma", "avx2", "avx512f", "avxvnni", "avx512vnni",
                              "avx512bf16", "amx-bf16", "amx-int8"})
    for (ProductType type :
         {ProductType::F32, ProductType::BF16, ProductType::I8}) {
      const auto *instruction =
          productInstruction(type, CpuFeatures({feature}));
      if (!instruction)
        continue;
      double perSecond = measurePeak(*team(2), *instruction) /
                         static_cast<double>(instruction->operations);
      EXPECT_GT(perSecond, 1e6) << instruction->name;
      EXPECT_LT(perSecond, 2 * 4 * 7e9) << instruction->name;
    }
}

#endif

} // namespace
} // namespace swallow
