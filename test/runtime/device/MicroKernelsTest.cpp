#include "runtime/device/MicroKernels.h"
#include "runtime/device/CpuFeatures.h"
#include "runtime/support/FloatFormats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <vector>

namespace swallow {
namespace {

/// The best level of this machine; the first test to use oneDNN fixes it for
/// the process, so all tests use this one.
std::optional<MicroKernelIsa> hostIsa() {
  Result<MicroKernelIsa> isa = microKernelIsa(CpuFeatures::host().names());
  if (!isa.ok())
    return std::nullopt;
  return *isa;
}

/// Small values that products of any order add up to exactly.
float value(int64_t i) { return float((i * 7 + i / 5) % 17 - 8); }

template <typename Read>
void expectProduct(const BrgemmSpec &spec, const std::vector<float> &c,
                   float initial, Read b) {
  for (int64_t m = 0; m < spec.m; ++m)
    for (int64_t n = 0; n < spec.n; ++n) {
      float sum = spec.accumulate ? initial : 0;
      for (int64_t k = 0; k < spec.k; ++k)
        sum += value(m * spec.lda + k) * b(k, n);
      ASSERT_EQ(c[size_t(m * spec.ldc + n)], sum) << m << ", " << n;
    }
}

TEST(MicroKernelsTest, MultipliesF32) {
  if (!hostIsa())
    GTEST_SKIP() << "no AVX2";
  std::vector<BrgemmSpec> specs = {
      {32, 64, 48, 50, 64, 70, BrgemmType::F32, BrgemmType::F32, false},
      {32, 64, 48, 50, 64, 70, BrgemmType::F32, BrgemmType::F32, true},
      {5, 13, 7, 9, 13, 13, BrgemmType::F32, BrgemmType::F32, false}};
  auto kernels = MicroKernels::create(specs, *hostIsa(), 2);
  ASSERT_TRUE(kernels.ok()) << kernels.error().message;
  ASSERT_EQ((*kernels)->count(), 3);
  // Memory plans say nothing of scratch memory: below AMX there is none.
  EXPECT_EQ((*kernels)->scratchBytes(), 0u);
  for (size_t i = 0; i < specs.size(); ++i) {
    const BrgemmSpec &spec = specs[i];
    std::vector<float> a(size_t(spec.m * spec.lda)),
        b(size_t(spec.k * spec.ldb)), c(size_t(spec.m * spec.ldc), 3);
    for (size_t j = 0; j < a.size(); ++j)
      a[j] = value(int64_t(j));
    for (size_t j = 0; j < b.size(); ++j)
      b[j] = value(int64_t(j) + 3);
    (*kernels)->execute(1, int64_t(i), a.data(), b.data(), c.data());
    expectProduct(spec, c, 3, [&](int64_t k, int64_t n) {
      return b[size_t(k * spec.ldb + n)];
    });
    // What lies between the rows of C is not touched.
    for (int64_t n = spec.n; n < spec.ldc; ++n)
      EXPECT_EQ(c[size_t(n)], 3);
  }
}

TEST(MicroKernelsTest, MultipliesPackedBf16) {
  if (hostIsa() != MicroKernelIsa::Avx512Bf16)
    GTEST_SKIP() << "no AVX512_BF16";
  for (bool accumulate : {false, true}) {
    BrgemmSpec spec{
        32, 64, 64, 64, 64, 64, BrgemmType::BF16, BrgemmType::BF16, accumulate};
    auto kernels = MicroKernels::create({&spec, 1}, *hostIsa(), 1);
    ASSERT_TRUE(kernels.ok()) << kernels.error().message;
    std::vector<uint16_t> a(size_t(spec.m * spec.lda)),
        b(size_t(spec.k * spec.ldb));
    std::vector<float> c(size_t(spec.m * spec.ldc), 5);
    for (size_t j = 0; j < a.size(); ++j)
      a[j] = f32ToBf16(value(int64_t(j)));
    auto plain = [](int64_t k, int64_t n) { return value(k * 64 + n + 3); };
    // pack32: pairs of K lie beside each other for each N.
    for (int64_t k = 0; k < spec.k; ++k)
      for (int64_t n = 0; n < spec.n; ++n)
        b[size_t((k / 2 * spec.ldb + n) * 2 + k % 2)] = f32ToBf16(plain(k, n));
    (*kernels)->execute(0, 0, a.data(), b.data(), c.data());
    expectProduct(spec, c, 5, plain);
  }
}

TEST(MicroKernelsTest, RefusesASecondLevelInOneProcess) {
  if (!hostIsa())
    GTEST_SKIP() << "no AVX2";
  BrgemmSpec spec{8,    16, 16, 16, 16, 16, BrgemmType::F32, BrgemmType::F32,
                  false};
  ASSERT_TRUE(MicroKernels::create({&spec, 1}, *hostIsa(), 1).ok());
  MicroKernelIsa other = *hostIsa() == MicroKernelIsa::Avx2
                             ? MicroKernelIsa::Avx512
                             : MicroKernelIsa::Avx2;
  auto kernels = MicroKernels::create({&spec, 1}, other, 1);
  ASSERT_FALSE(kernels.ok());
  EXPECT_EQ(kernels.error().code, ErrorCode::DeviceError);
  EXPECT_NE(kernels.error().message.find("process"), std::string::npos);
  // Without kernels there is nothing to disagree about.
  EXPECT_TRUE(MicroKernels::create({}, other, 1).ok());
}

TEST(MicroKernelsTest, RefusesTypesThatTheMachineCannotMultiply) {
  if (!hostIsa())
    GTEST_SKIP() << "no AVX2";
  // f32 x bf16 takes B row-major, which is not what the program format says.
  BrgemmSpec spec{8,    16, 16, 16, 16, 16, BrgemmType::F32, BrgemmType::BF16,
                  false};
  auto kernels = MicroKernels::create({&spec, 1}, *hostIsa(), 1);
  ASSERT_FALSE(kernels.ok());
  EXPECT_EQ(kernels.error().code, ErrorCode::DeviceError);
  EXPECT_NE(kernels.error().message.find("f32 x bf16 of 8x16x16"),
            std::string::npos);
}

TEST(MicroKernelsTest, LevelFollowsTheFeatures) {
  EXPECT_EQ(*microKernelIsa(std::vector<std::string>{"avx2", "fma"}),
            MicroKernelIsa::Avx2);
  EXPECT_EQ(*microKernelIsa(std::vector<std::string>{"avx2", "avx512f"}),
            MicroKernelIsa::Avx512);
  EXPECT_EQ(*microKernelIsa(std::vector<std::string>{"avx512f", "avx512bf16"}),
            MicroKernelIsa::Avx512Bf16);
  EXPECT_FALSE(microKernelIsa(std::vector<std::string>{"sse4.2"}).ok());
}

} // namespace
} // namespace swallow
