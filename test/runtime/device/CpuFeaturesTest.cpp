#include "runtime/device/CpuFeatures.h"

#include <gtest/gtest.h>

namespace swallow {
namespace {

const std::vector<VariantNeeds> kVariants = {
    {"x86-64-avx512-bf16", {"avx512f", "avx512bf16"}},
    {"x86-64-avx512", {"avx512f"}},
    {"x86-64-avx2", {"avx2", "fma"}}};

TEST(CpuFeaturesTest, TakesTheMostCapableVariantThatRuns) {
  auto select = [](std::vector<std::string> features) {
    return selectVariant(kVariants, CpuFeatures(std::move(features)), "",
                         "m.swallow");
  };
  EXPECT_EQ(*select({"avx2", "fma", "avx512f", "avx512bf16"}), 0u);
  EXPECT_EQ(*select({"avx2", "fma", "avx512f"}), 1u);
  EXPECT_EQ(*select({"avx2", "fma"}), 2u);
}

TEST(CpuFeaturesTest, NamesBothSidesWhenNothingRuns) {
  Result<size_t> result =
      selectVariant(kVariants, CpuFeatures({"sse4.2", "avx"}), "", "m.swallow");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::WrongMachine);
  const std::string &message = result.error().message;
  EXPECT_EQ(message.rfind("m.swallow: needs ", 0), 0u) << message;
  EXPECT_NE(message.find("x86-64-avx2: avx2, fma"), std::string::npos);
  EXPECT_NE(message.find("this machine has sse4.2, avx"), std::string::npos);
}

TEST(CpuFeaturesTest, TakesTheVariantAskedFor) {
  CpuFeatures cpu({"avx2", "fma", "avx512f"});
  EXPECT_EQ(*selectVariant(kVariants, cpu, "x86-64-avx2", "m"), 2u);

  Result<size_t> lacking =
      selectVariant(kVariants, cpu, "x86-64-avx512-bf16", "m");
  ASSERT_FALSE(lacking.ok());
  EXPECT_EQ(lacking.error().code, ErrorCode::WrongMachine);
  EXPECT_NE(lacking.error().message.find("lacks avx512bf16 "),
            std::string::npos);

  Result<size_t> unknown = selectVariant(kVariants, cpu, "arm64", "m");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::InvalidArgument);
  EXPECT_NE(unknown.error().message.find("x86-64-avx512, x86-64-avx2"),
            std::string::npos);
}

TEST(CpuFeaturesTest, ReadsInAsManyStreamsAsTheVendorsCpusLike) {
  EXPECT_EQ(CpuFeatures({}, "GenuineIntel").readStreams(), 8);
  EXPECT_EQ(CpuFeatures({}).readStreams(), 8);
  for (const char *vendor : {"AuthenticAMD", "HygonGenuine"})
    EXPECT_EQ(CpuFeatures({}, vendor).readStreams(), 1);
}

#if defined(__x86_64__)
TEST(CpuFeaturesTest, AgreesWithTheCompilersOwnDetection) {
  const CpuFeatures &host = CpuFeatures::host();
  __builtin_cpu_init();
  EXPECT_EQ(host.has("avx2"), bool(__builtin_cpu_supports("avx2")));
  EXPECT_EQ(host.has("fma"), bool(__builtin_cpu_supports("fma")));
  EXPECT_EQ(host.readStreams(), __builtin_cpu_is("amd") ? 1 : 8);
  EXPECT_EQ(host.has("avx512f"), bool(__builtin_cpu_supports("avx512f")));
  EXPECT_EQ(host.has("avx512bw"), bool(__builtin_cpu_supports("avx512bw")));
  EXPECT_EQ(host.has("avx512vl"), bool(__builtin_cpu_supports("avx512vl")));
  EXPECT_EQ(host.has("avx512vnni"), bool(__builtin_cpu_supports("avx512vnni")));
  EXPECT_EQ(host.has("avx512bf16"), bool(__builtin_cpu_supports("avx512bf16")));
}
#endif

} // namespace
} // namespace swallow
