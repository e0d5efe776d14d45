//===- FloatTest.cpp - f32, f64, f16 and bf16 -----------------------------===//
//
// Expected values are worked out by hand from the PTX ISA, "Floating Point
// Instructions", "Half Precision Floating Point Instructions" and "cvt".
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/tests/Harness.h"

#include <cmath>
#include <limits>

using namespace swallow::emulator;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float notANumber = std::numeric_limits<float>::quiet_NaN();

/// Compares bits, so that -0 and NaN count.
void expectFloat(const std::string &code, std::vector<float> a,
                 std::vector<float> b, std::vector<float> c,
                 std::vector<uint32_t> wanted) {
  auto got = evaluate<float>(code, "f32", a, b, c);
  for (size_t i = 0; i < wanted.size(); ++i)
    EXPECT_EQ(bitsOf(got[i]), wanted[i]) << code << " case " << i;
}

void expectBits(const std::string &code, std::vector<uint32_t> a,
                std::vector<uint32_t> b, std::vector<uint32_t> c,
                std::vector<uint32_t> wanted,
                const std::string &target = "sm_80") {
  auto got = evaluate<uint32_t>(code, "b32", a, b, c, target);
  got.resize(wanted.size());
  EXPECT_EQ(got, wanted) << code;
}

uint32_t twice(uint32_t half) { return half << 16 | half; }

} // namespace

TEST(Float, AddAndRounding) {
  // 1 + 2^-24 is a tie: to even is 1. Upward it is 1 + 2^-23.
  expectFloat("add.rn.f32 %d, %a, %b;", {1, notANumber}, {0x1p-24f, 1}, {},
              {0x3f800000u, 0x7fffffffu});
  expectFloat("add.rp.f32 %d, %a, %b;", {1}, {0x1p-60f}, {}, {0x3f800001u});
  expectFloat("add.rm.f32 %d, %a, %b;", {1, -1}, {0x1p-60f, -0x1p-60f}, {},
              {0x3f800000u, 0xbf800001u});
  expectFloat("add.rz.f32 %d, %a, %b;", {1, 3}, {-0x1p-60f, -3}, {},
              {0x3f7fffffu, 0});
  expectFloat("sub.rm.f32 %d, %a, %b;", {3}, {3}, {}, {0x80000000u});
  expectFloat("add.sat.f32 %d, %a, %b;", {1, -3, notANumber}, {1, 1, 0}, {},
              {0x3f800000u, 0, 0});
  // A subnormal result, kept and flushed.
  expectFloat("mul.f32 %d, %a, %b;", {0x1p-100f}, {-0x1p-30f}, {},
              {bitsOf(-0x1p-130f)});
  expectFloat("mul.ftz.f32 %d, %a, %b;", {0x1p-100f}, {-0x1p-30f}, {},
              {0x80000000u});
  expectFloat("div.rz.f32 %d, %a, %b;", {1, -1}, {3, 3}, {},
              {0x3eaaaaaau, 0xbeaaaaaau});
  expectFloat("div.rp.f32 %d, %a, %b;", {1, -1}, {3, 3}, {},
              {0x3eaaaaabu, 0xbeaaaaaau});
  expectFloat("sqrt.rz.f32 %d, %a;", {2}, {}, {}, {0x3fb504f3u});
  expectFloat("rcp.rn.f32 %d, %a;", {3, 0, -0.0f}, {}, {},
              {0x3eaaaaabu, bitsOf(infinity), bitsOf(-infinity)});
}

TEST(Float, Fma) {
  // (1 + 2^-12)^2 - (1 + 2^-11) = 2^-24, which two roundings lose.
  float x = 1 + 0x1p-12f;
  expectFloat("fma.rn.f32 %d, %a, %b, %c;", {x}, {x}, {-(1 + 0x1p-11f)},
              {bitsOf(0x1p-24f)});
  expectFloat("mul.rn.f32 %f0, %a, %b; add.rn.f32 %d, %f0, %c;", {x}, {x},
              {-(1 + 0x1p-11f)}, {0});
  expectFloat("fma.rz.f32 %d, %a, %b, %c;", {1}, {1}, {-0x1p-40f},
              {0x3f7fffffu});
}

TEST(Float, MinMaxAndSigns) {
  expectFloat("min.f32 %d, %a, %b;", {0.0f, notANumber, notANumber, 1},
              {-0.0f, 2, notANumber, notANumber}, {},
              {0x80000000u, bitsOf(2), 0x7fffffffu, bitsOf(1)});
  expectFloat("max.f32 %d, %a, %b;", {-0.0f}, {0.0f}, {}, {0});
  expectFloat("max.NaN.f32 %d, %a, %b;", {notANumber, 1}, {2, 3}, {},
              {0x7fffffffu, bitsOf(3)});
  // The NaN is canonical whichever operand has it, zeros are ordered, and
  // subnormals stay.
  for (const char *code :
       {"min.NaN.f32 %d, %a, %b;", "max.NaN.f32 %d, %a, %b;"})
    expectFloat(code, {notANumber, 1, -infinity},
                {-infinity, -notANumber, notANumber}, {},
                {0x7fffffffu, 0x7fffffffu, 0x7fffffffu});
  expectFloat("min.NaN.f32 %d, %a, %b;", {0.0f, 65504, infinity, 0x1p-149f},
              {-0.0f, 65505, 65504, 1}, {},
              {0x80000000u, bitsOf(65504), bitsOf(65504), 1});
  expectFloat("max.NaN.f32 %d, %a, %b;", {-0.0f, -65504, -infinity, 0x1p-149f},
              {0.0f, -65505, -65504, -1}, {},
              {0, bitsOf(-65504), bitsOf(-65504), 1});
  expectFloat("neg.f32 %d, %a;", {0, 1}, {}, {}, {0x80000000u, bitsOf(-1)});
  expectFloat("abs.ftz.f32 %d, %a;", {-0x1p-130f, -2}, {}, {}, {0, bitsOf(2)});
  // copysign: the sign of a, the magnitude of b.
  expectFloat("copysign.f32 %d, %a, %b;", {-1}, {3}, {}, {bitsOf(-3)});
  expectFloat("testp.subnormal.f32 %p0, %a; selp.f32 %d, 0f3F800000, "
              "0f00000000, %p0;",
              {0x1p-130f, 1}, {}, {}, {0x3f800000u, 0});
}

TEST(Float, Approximations) {
  expectFloat("ex2.approx.ftz.f32 %d, %a;", {3, -infinity, -140, 0}, {}, {},
              {bitsOf(8), 0, 0, bitsOf(1)});
  expectFloat("lg2.approx.f32 %d, %a;", {8, 0}, {}, {},
              {bitsOf(3), bitsOf(-infinity)});
  expectFloat("rsqrt.approx.f32 %d, %a;", {4, 0}, {}, {},
              {bitsOf(0.5f), bitsOf(infinity)});
  expectFloat("div.full.f32 %d, %a, %b;", {6}, {2}, {}, {bitsOf(3)});
  // Divisors above 2^126 give 0.
  expectFloat("div.approx.f32 %d, %a, %b;", {0x1p127f}, {0x1p127f}, {}, {0});
  expectFloat("tanh.approx.f32 %d, %a;", {infinity}, {}, {}, {bitsOf(1)});
}

TEST(Float, Comparisons) {
  // Ordered comparisons are false for a NaN, unordered ones are true.
  auto compare = [](const std::string &op) {
    return "setp." + op +
           ".f32 %p0, %a, %b; selp.f32 %d, 0f3F800000, 0f00000000, %p0;";
  };
  uint32_t one = bitsOf(1);
  std::vector<float> a{1, 2, notANumber}, b{2, 2, 1};
  expectFloat(compare("lt"), a, b, {}, {one, 0, 0});
  expectFloat(compare("ltu"), a, b, {}, {one, 0, one});
  expectFloat(compare("ne"), a, b, {}, {one, 0, 0});
  expectFloat(compare("neu"), a, b, {}, {one, 0, one});
  expectFloat(compare("equ"), a, b, {}, {0, one, one});
  expectFloat(compare("num"), a, b, {}, {one, one, 0});
  expectFloat(compare("nan"), a, b, {}, {0, 0, one});
  expectFloat("setp.lt.f32 %p1, %a, %b; setp.eq.and.f32 %p0|%p2, %a, %a, %p1;"
              " selp.f32 %d, 0f3F800000, 0f00000000, %p0;",
              a, b, {}, {one, 0, 0});
  expectFloat("set.lt.f32.f32 %d, %a, %b;", a, b, {}, {one, 0, 0});
}

TEST(Float, ToAndFromHalf) {
  // 65520 is the tie between the largest f16 and infinity: to even.
  // 2^-25 is the tie between 0 and the smallest subnormal.
  expectBits("mov.b32 %f0, %a; cvt.rn.f16.f32 %h0, %f0; cvt.u32.u16 %d, %h0;",
             {bitsOf(65519), bitsOf(65520), bitsOf(0x1p-25f),
              bitsOf(0x1.8p-25f), bitsOf(1 + 0x1p-11f), bitsOf(1 + 0x3p-11f),
              bitsOf(notANumber), bitsOf(-infinity)},
             {}, {}, {0x7bff, 0x7c00, 0, 1, 0x3c00, 0x3c02, 0x7fff, 0xfc00});
  expectBits("mov.b32 %f0, %a; cvt.rz.f16.f32 %h0, %f0; cvt.u32.u16 %d, %h0;",
             {bitsOf(1e6f), bitsOf(-(1 + 0x1p-11f))}, {}, {}, {0x7bff, 0xbc00});
  expectBits(
      "mov.b32 %f0, %a; cvt.rn.bf16.f32 %h0, %f0; cvt.u32.u16 %d, %h0;",
      {0x3f808000u, 0x3f818000u, 0x3f808001u, bitsOf(notANumber), 0x7f7fffffu},
      {}, {}, {0x3f80, 0x3f82, 0x3f81, 0x7fff, 0x7f80});
  // a goes to the upper half.
  expectBits("mov.b32 %f0, %a; mov.b32 %f1, %b; cvt.rn.bf16x2.f32 %d, %f0, "
             "%f1;",
             {bitsOf(2)}, {bitsOf(1)}, {}, {0x40003f80u});
  expectBits("mov.b32 %f0, %a; mov.b32 %f1, %b; cvt.rn.relu.f16x2.f32 %d, "
             "%f0, %f1;",
             {bitsOf(-2)}, {bitsOf(1)}, {}, {0x00003c00u});
  // Each half is rounded by itself: ties to even, subnormals kept, infinity
  // beyond the largest number, one NaN.
  expectBits("mov.b32 %f0, %a; mov.b32 %f1, %b; cvt.rn.f16x2.f32 %d, %f0, "
             "%f1;",
             {bitsOf(1 + 0x1p-11f), bitsOf(0x1p-24f), bitsOf(65519),
              bitsOf(-infinity), bitsOf(-notANumber), bitsOf(0x1.ffcp-15f)},
             {bitsOf(1 + 0x3p-11f), bitsOf(-0x1p-25f), bitsOf(-65520),
              bitsOf(-0.0f), bitsOf(-2), bitsOf(0x1.ff8p-15f)},
             {},
             {0x3c003c02u, 0x00018000u, 0x7bfffc00u, 0xfc008000u, 0x7fffc000u,
              0x040003ffu});
  // What is too large becomes the largest number when it is bounded before.
  expectBits(
      "mov.b32 %f0, %a; mov.b32 %f1, %b;"
      "min.NaN.f32 %f0, %f0, 0f477FE000; max.NaN.f32 %f0, %f0, 0fC77FE000;"
      "min.NaN.f32 %f1, %f1, 0f477FE000; max.NaN.f32 %f1, %f1, 0fC77FE000;"
      "cvt.rn.f16x2.f32 %d, %f0, %f1;",
      {bitsOf(65520), bitsOf(-infinity), bitsOf(notANumber)},
      {bitsOf(-65520), bitsOf(infinity), bitsOf(-1e30f)}, {},
      {0x7bfffbffu, 0xfbff7bffu, 0x7ffffbffu});
  expectBits("mov.b32 {%h0, %h1}, %a; cvt.f32.f16 %f0, %h0; mov.b32 %d, %f0;",
             {0x0001u, 0x7bffu, 0x83ffu, 0x8000u, 0xfc00u, 0x0400u}, {}, {},
             {bitsOf(0x1p-24f), bitsOf(65504), bitsOf(-0x1.ff8p-15f),
              0x80000000u, bitsOf(-infinity), bitsOf(0x1p-14f)});
  expectBits("mov.b32 {%h0, %h1}, %a; cvt.f32.f16 %f0, %h1; mov.b32 %d, %f0;",
             {0x3c000001u, 0x00010000u}, {}, {}, {bitsOf(1), bitsOf(0x1p-24f)});
  // tf32 keeps 10 bits; .rna rounds a tie away from zero.
  expectBits("mov.b32 %f0, %a; cvt.rna.tf32.f32 %d, %f0;",
             {bitsOf(1 + 0x1p-11f), bitsOf(-(1 + 0x1p-12f))}, {}, {},
             {bitsOf(1 + 0x1p-10f), bitsOf(-1)});
}

TEST(Float, ToAndFromIntegers) {
  auto convert = [](const std::string &op) {
    return "mov.b32 %f0, %a; cvt." + op + " %d, %f0;";
  };
  std::vector<uint32_t> in{bitsOf(2.5f), bitsOf(3.5f), bitsOf(-2.5f),
                           bitsOf(1e10f), bitsOf(notANumber)};
  expectBits(convert("rni.s32.f32"), in, {}, {},
             {2, 4, uint32_t(-2), 0x7fffffffu, 0});
  expectBits(convert("rzi.s32.f32"), in, {}, {},
             {2, 3, uint32_t(-2), 0x7fffffffu, 0});
  expectBits(convert("rmi.s32.f32"), in, {}, {},
             {2, 3, uint32_t(-3), 0x7fffffffu, 0});
  expectBits(convert("rpi.u32.f32"), in, {}, {}, {3, 4, 0, 0xffffffffu, 0});
  // A NaN of f64 gives the top bit alone.
  expectBits(
      "mov.b32 %f0, %a; cvt.f64.f32 %fd0, %f0; cvt.rzi.s32.f64 %d, %fd0;",
      {bitsOf(notANumber), bitsOf(-7.9f)}, {}, {}, {0x80000000u, uint32_t(-7)});
  // 2^24 + 1 is a tie.
  expectBits("cvt.rn.f32.u32 %f0, %a; mov.b32 %d, %f0;", {0x1000001u}, {}, {},
             {bitsOf(0x1p24f)});
  expectBits("cvt.rp.f32.u32 %f0, %a; mov.b32 %d, %f0;", {0x1000001u}, {}, {},
             {bitsOf(0x1p24f + 2)});
  expectBits("mov.b32 %f0, %a; cvt.rni.f32.f32 %f1, %f0; mov.b32 %d, %f1;",
             {bitsOf(2.5f)}, {}, {}, {bitsOf(2)});
  expectBits("mov.b32 %f0, %a; cvt.f64.f32 %fd0, %f0; add.rn.f64 %fd1, %fd0, "
             "0d3FF0000000000000; cvt.rn.f32.f64 %f1, %fd1; mov.b32 %d, %f1;",
             {bitsOf(1.5f)}, {}, {}, {bitsOf(2.5f)});
}

TEST(Half, Arithmetic) {
  // f16: 1 + 2^-11 is a tie; 2048 + 1 is one as well.
  expectBits("add.rn.f16x2 %d, %a, %b;", {0x68003c00u}, {0x3c001000u}, {},
             {0x68003c00u});
  // The exact product and sum, rounded once: 2^-12 survives the cancellation.
  // (1 + 2^-6)^2 = 1 + 2^-5 + 2^-12
  expectBits("fma.rn.f16x2 %d, %a, %b, %c;", {twice(0x3c10)}, {twice(0x3c10)},
             {twice(0xbc20)}, {twice(0x0c00)});
  // bf16: 1.5 * 1.5 + 1 = 3.25
  expectBits("fma.rn.bf16x2 %d, %a, %b, %c;", {twice(0x3fc0)}, {twice(0x3fc0)},
             {twice(0x3f80)}, {twice(0x4050)});
  expectBits("fma.rn.relu.bf16x2 %d, %a, %b, %c;", {twice(0x3fc0)},
             {twice(0xbfc0)}, {twice(0)}, {0});
  expectBits("max.bf16x2 %d, %a, %b;", {0x7fff3f80u}, {0x3f80c000u}, {},
             {0x3f803f80u});
  expectBits("max.NaN.f16x2 %d, %a, %b;", {0x7fff3c00u}, {0x3c00c000u}, {},
             {0x7fff3c00u});
  expectBits("neg.bf16x2 %d, %a;", {0x3f803f80u}, {}, {}, {0xbf80bf80u});
  expectBits("mul.sat.f16x2 %d, %a, %b;", {twice(0x4000)}, {0x40003000u}, {},
             {0x3c003400u});
  expectBits("setp.gt.f16x2 %p0|%p1, %a, %b; selp.b32 %r1, 1, 0, %p0; "
             "selp.b32 %r2, 2, 0, %p1; add.u32 %d, %r1, %r2;",
             {0x40003c00u}, {0x3c003c00u}, {}, {2});
  expectBits("add.rn.bf16x2 %d, %a, %b;", {twice(0x3f80)}, {twice(0x3b80)}, {},
             {twice(0x3f80)}, "sm_90");
}
