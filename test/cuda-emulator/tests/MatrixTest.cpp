//===- MatrixTest.cpp - ldmatrix, stmatrix, movmatrix, mma.sync -----------===//
//
// The fragments of PTX ISA, "Warp Level Matrix Instructions", are written down
// here as the tables of that chapter have them, per shape and not by the rule
// that the interpreter uses; products are compared with a plain triple loop
// over matrices of distinct small integers.
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/tests/Harness.h"

#include "runtime/support/FloatFormats.h"

#include <cmath>
#include <limits>
#include <utility>

using namespace swallow::emulator;

namespace {

constexpr LaunchShape warp{{1, 1, 1}, {32, 1, 1}, 0};

/// Row and column of element i of lane `lane`'s fragment.
using Place = std::pair<int, int> (*)(int lane, int i);

struct Shape {
  const char *name;
  int k;
  const char *types; // d.a.b.c
  int perRegister;
  int bits; // of an element; 32 for tf32
  Place ofA, ofB;
};

uint32_t encodeElement(const Shape &shape, int value) {
  switch (shape.bits) {
  case 32:
    return bitsOf(static_cast<float>(value));
  case 16:
    if (std::string(shape.types).find("bf16") != std::string::npos)
      return swallow::f32ToBf16(static_cast<float>(value));
    // Small integers in f16: 0, or 1.m with an exponent up to 10.
    {
      if (value == 0)
        return 0;
      uint32_t sign = value < 0 ? 0x8000u : 0;
      uint32_t magnitude = static_cast<uint32_t>(value < 0 ? -value : value);
      int exponent = 31 - std::countl_zero(magnitude);
      return sign | static_cast<uint32_t>(exponent + 15) << 10 |
             ((magnitude << (10 - exponent)) & 0x3ff);
    }
  default:
    return static_cast<uint32_t>(value) & ((1u << shape.bits) - 1);
  }
}

// m16n8k16 and m16n8k8 of f16 and bf16.
std::pair<int, int> aHalf(int lane, int i) {
  int row = i < 2 || (i >= 4 && i < 6) ? lane / 4 : lane / 4 + 8;
  int column = i < 4 ? lane % 4 * 2 + (i & 1) : lane % 4 * 2 + (i & 1) + 8;
  return {row, column};
}
std::pair<int, int> bHalf(int lane, int i) {
  return {i < 2 ? lane % 4 * 2 + (i & 1) : lane % 4 * 2 + (i & 1) + 8,
          lane / 4};
}
// m16n8k4 and m16n8k8 of tf32.
std::pair<int, int> aTf32(int lane, int i) {
  return {i == 0 || i == 2 ? lane / 4 : lane / 4 + 8,
          i < 2 ? lane % 4 : lane % 4 + 4};
}
std::pair<int, int> bTf32(int lane, int i) {
  return {i == 0 ? lane % 4 : lane % 4 + 4, lane / 4};
}
// m16n8k16 and m16n8k32 of s8.
std::pair<int, int> aByte(int lane, int i) {
  int row = i < 4 || (i >= 8 && i < 12) ? lane / 4 : lane / 4 + 8;
  int column = lane % 4 * 4 + (i & 3) + (i < 8 ? 0 : 16);
  return {row, column};
}
std::pair<int, int> bByte(int lane, int i) {
  return {lane % 4 * 4 + (i & 3) + (i < 4 ? 0 : 16), lane / 4};
}
// m16n8k32 and m16n8k64 of s4.
std::pair<int, int> aNibble(int lane, int i) {
  int row = i < 8 || (i >= 16 && i < 24) ? lane / 4 : lane / 4 + 8;
  int column = lane % 4 * 8 + (i & 7) + (i < 16 ? 0 : 32);
  return {row, column};
}
std::pair<int, int> bNibble(int lane, int i) {
  return {lane % 4 * 8 + (i & 7) + (i < 8 ? 0 : 32), lane / 4};
}

const Shape shapes[] = {
    {"m16n8k16", 16, "f32.f16.f16.f32", 2, 16, aHalf, bHalf},
    {"m16n8k16", 16, "f32.bf16.bf16.f32", 2, 16, aHalf, bHalf},
    {"m16n8k8", 8, "f32.f16.f16.f32", 2, 16, aHalf, bHalf},
    {"m16n8k8", 8, "f32.bf16.bf16.f32", 2, 16, aHalf, bHalf},
    {"m16n8k4", 4, "f32.tf32.tf32.f32", 1, 32, aTf32, bTf32},
    {"m16n8k8", 8, "f32.tf32.tf32.f32", 1, 32, aTf32, bTf32},
    {"m16n8k16", 16, "s32.s8.s8.s32", 4, 8, aByte, bByte},
    {"m16n8k16", 16, "s32.u8.s8.s32", 4, 8, aByte, bByte},
    {"m16n8k32", 32, "s32.s8.s8.s32", 4, 8, aByte, bByte},
    {"m16n8k32", 32, "s32.s4.s4.s32", 8, 4, aNibble, bNibble},
    {"m16n8k64", 64, "s32.s4.s4.s32", 8, 4, aNibble, bNibble},
};

std::string registers(const std::string &name, int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i)
    text += (i ? ", %" : "%") + name + std::to_string(i);
  return text + "}";
}

/// Loads A, B, C per lane from p0 (16 registers a lane), multiplies and
/// stores D to p1.
std::string productKernel(const Shape &shape, int aCount, int bCount) {
  std::string body = "  .reg .b32 %a<4>;\n  .reg .b32 %b<2>;\n"
                     "  .reg .b32 %c<4>;\n  .reg .b32 %d<4>;\n"
                     "  .reg .b32 %r<2>;\n  .reg .b64 %rd<4>;\n"
                     "  mov.u32 %r0, %tid.x;\n  ld.param.u64 %rd0, [p0];\n"
                     "  ld.param.u64 %rd1, [p1];\n"
                     "  mul.wide.u32 %rd2, %r0, 64;\n"
                     "  add.s64 %rd0, %rd0, %rd2;\n"
                     "  mul.wide.u32 %rd2, %r0, 16;\n"
                     "  add.s64 %rd1, %rd1, %rd2;\n";
  auto loads = [&](const std::string &name, int count, int at) {
    for (int i = 0; i < count; ++i)
      body += "  ld.global.b32 %" + name + std::to_string(i) + ", [%rd0+" +
              std::to_string((at + i) * 4) + "];\n";
  };
  loads("a", aCount, 0);
  loads("b", bCount, 4);
  loads("c", 4, 8);
  std::string a = aCount == 1 ? "{%a0}" : registers("a", aCount);
  std::string b = bCount == 1 ? "{%b0}" : registers("b", bCount);
  bool isFloat = shape.types[0] == 'f';
  if (isFloat) {
    body += "  .reg .f32 %fc<4>;\n  .reg .f32 %fd<4>;\n";
    for (int i = 0; i < 4; ++i)
      body += "  mov.b32 %fc" + std::to_string(i) + ", %c" + std::to_string(i) +
              ";\n";
  }
  body += "  mma.sync.aligned." + std::string(shape.name) + ".row.col." +
          shape.types + " " + registers(isFloat ? "fd" : "d", 4) + ", " + a +
          ", " + b + ", " + registers(isFloat ? "fc" : "c", 4) + ";\n";
  if (isFloat)
    for (int i = 0; i < 4; ++i)
      body += "  mov.b32 %d" + std::to_string(i) + ", %fd" + std::to_string(i) +
              ";\n";
  body += "  st.global.v4.b32 [%rd1], {%d0, %d1, %d2, %d3};\n  ret;\n";
  return moduleOf(body, 2);
}

void checkShape(const Shape &shape) {
  int aCount = 16 * shape.k / 32 / shape.perRegister;
  int bCount = 8 * shape.k / 32 / shape.perRegister;
  bool isUnsignedA = std::string(shape.types).find("u8") != std::string::npos;
  // Values that differ from place to place and fit the element.
  int range = shape.bits == 4 ? 8 : 100;
  auto valueA = [&](int row, int column) {
    int value = (row * 37 + column * 11 + 5) % (2 * range);
    return isUnsignedA ? value : value - range;
  };
  auto valueB = [&](int row, int column) {
    return (row * 29 + column * 17 + 3) % (2 * range) - range;
  };
  auto valueC = [](int row, int column) { return row * 8 + column - 50; };
  bool isFloat = shape.types[0] == 'f';
  std::vector<uint32_t> input(32 * 16);
  for (int lane = 0; lane < 32; ++lane) {
    uint32_t *in = &input[lane * 16];
    int step = shape.bits == 32 ? 0 : shape.bits;
    for (int i = 0; i < aCount * shape.perRegister; ++i) {
      auto [row, column] = shape.ofA(lane, i);
      in[i / shape.perRegister] |= encodeElement(shape, valueA(row, column))
                                   << step * (i % shape.perRegister);
    }
    for (int i = 0; i < bCount * shape.perRegister; ++i) {
      auto [row, column] = shape.ofB(lane, i);
      in[4 + i / shape.perRegister] |= encodeElement(shape, valueB(row, column))
                                       << step * (i % shape.perRegister);
    }
    for (int i = 0; i < 4; ++i) {
      int value =
          valueC(i < 2 ? lane / 4 : lane / 4 + 8, lane % 4 * 2 + (i & 1));
      in[8 + i] = isFloat ? bitsOf(static_cast<float>(value))
                          : static_cast<uint32_t>(value);
    }
  }
  Harness h(productKernel(shape, aCount, bCount));
  uint64_t out = h.space(32 * 16);
  h.run(warp, {h.upload(input), out});
  EXPECT_TRUE(h.isClean()) << h.findings();
  auto got = h.download<uint32_t>(out, 128);
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      int row = i < 2 ? lane / 4 : lane / 4 + 8;
      int column = lane % 4 * 2 + (i & 1);
      int sum = valueC(row, column);
      for (int k = 0; k < shape.k; ++k)
        sum += valueA(row, k) * valueB(k, column);
      uint32_t wanted = isFloat ? bitsOf(static_cast<float>(sum))
                                : static_cast<uint32_t>(sum);
      EXPECT_EQ(got[lane * 4 + i], wanted)
          << shape.name << " " << shape.types << " row " << row << " column "
          << column;
    }
}

/// Stores lane-wise 8x8 matrices with ldmatrix: element (matrix, row, column)
/// is 1000 matrix + 10 row + column.
uint16_t elementOf(int matrix, int row, int column) {
  return static_cast<uint16_t>(1000 * matrix + 10 * row + column);
}

} // namespace

TEST(Matrix, Products) {
  for (const Shape &shape : shapes)
    checkShape(shape);
}

// Products of f16 are exact in f32: subnormal operands count, products beyond
// f16 and below its smallest number are there, and infinities and NaN spread as
// IEEE 754 has it. Row r of A is ofA[r] at input r and zero elsewhere; column n
// of B is ofB[n] throughout.
TEST(Matrix, HalfOperands) {
  constexpr uint16_t one = 0x3c00;
  // 2^-24, 1023 * 2^-24, 65504, -2^-24, -65504, infinity, NaN, 2^-14
  std::vector<uint16_t> ofA = {0x0001, 0x03ff, 0x7bff, 0x8001,
                               0xfbff, 0x7c00, 0x7e00, 0x0400};
  ofA.resize(16, one);
  const uint16_t ofB[8] = {one, 0x7bff, 0x0001, 0x8001, 0x7c00, one, one, one};
  const Shape &shape = shapes[0];
  ASSERT_STREQ(shape.types, "f32.f16.f16.f32");
  std::vector<uint32_t> input(32 * 16);
  for (int lane = 0; lane < 32; ++lane) {
    uint32_t *in = &input[lane * 16];
    for (int i = 0; i < 8; ++i) {
      auto [row, column] = shape.ofA(lane, i);
      if (row == column)
        in[i / 2] |= uint32_t{ofA[row]} << 16 * (i % 2);
    }
    for (int i = 0; i < 4; ++i)
      in[4 + i / 2] |= uint32_t{ofB[shape.ofB(lane, i).second]} << 16 * (i % 2);
  }
  Harness h(productKernel(shape, 4, 2));
  uint64_t out = h.space(32 * 16);
  h.run(warp, {h.upload(input), out});
  EXPECT_TRUE(h.isClean()) << h.findings();
  auto got = h.download<float>(out, 128);
  const float infinity = std::numeric_limits<float>::infinity();
  const float valueA[8] = {0x1p-24f, 0x1.ff8p-15f, 65504, -0x1p-24f,
                           -65504,   infinity,     NAN,   0x1p-14f};
  const float valueB[5] = {1, 65504, 0x1p-24f, -0x1p-24f, infinity};
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      int row = i < 2 ? lane / 4 : lane / 4 + 8;
      int column = lane % 4 * 2 + (i & 1);
      float a = row < 8 ? valueA[row] : 1, b = column < 5 ? valueB[column] : 1;
      // Zeros of the other inputs times infinity are NaN.
      uint32_t wanted = a != a || std::isinf(b) ? 0x7fffffffu : bitsOf(a * b);
      EXPECT_EQ(bitsOf(got[lane * 4 + i]), wanted)
          << "row " << row << " column " << column;
    }
}

TEST(Matrix, HalfAccumulators) {
  // D = A B + C with A = B = 1 everywhere: 16 + C.
  std::string body = "  .reg .b32 %r<8>;\n  .reg .b64 %rd<4>;\n"
                     "  mov.b32 %r1, 0x3C003C00;\n  mov.b32 %r2, 0x40003C00;\n"
                     "  mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 "
                     "{%r3, %r4}, {%r1, %r1, %r1, %r1}, {%r1, %r1}, "
                     "{%r2, %r2};\n"
                     "  mov.u32 %r0, %tid.x;\n  ld.param.u64 %rd0, [p0];\n"
                     "  mul.wide.u32 %rd1, %r0, 8;\n"
                     "  add.s64 %rd0, %rd0, %rd1;\n"
                     "  st.global.v2.b32 [%rd0], {%r3, %r4};\n  ret;\n";
  Harness h(moduleOf(body, 1));
  uint64_t out = h.space(256);
  h.run(warp, {out});
  // 18 = 0x4c80, 17 = 0x4c40.
  for (uint32_t value : h.download<uint32_t>(out, 64))
    EXPECT_EQ(value, 0x4c804c40u);
}

TEST(Matrix, LoadsAndStores) {
  for (bool transposed : {false, true}) {
    std::string trans = transposed ? ".trans" : "";
    std::string body = "  .reg .b32 %r<12>;\n  .reg .b64 %rd<6>;\n"
                       "  .shared .align 16 .b8 s[512];\n"
                       "  .shared .align 16 .b8 t[512];\n"
                       "  mov.u32 %r0, %tid.x;\n  ld.param.u64 %rd0, [p0];\n"
                       "  ld.param.u64 %rd1, [p1];\n"
                       "  ld.param.u64 %rd2, [p2];\n"
                       "  mul.wide.u32 %rd3, %r0, 16;\n"
                       "  add.s64 %rd0, %rd0, %rd3;\n"
                       "  add.s64 %rd1, %rd1, %rd3;\n"
                       "  add.s64 %rd2, %rd2, %rd3;\n"
                       "  ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%rd0];\n"
                       "  mov.u32 %r5, s;\n  shl.b32 %r6, %r0, 4;\n"
                       "  add.u32 %r5, %r5, %r6;\n"
                       "  st.shared.v4.b32 [%r5], {%r1, %r2, %r3, %r4};\n"
                       "  bar.warp.sync -1;\n"
                       "  ldmatrix.sync.aligned.m8n8.x4" +
                       trans +
                       ".shared.b16 {%r1, %r2, %r3, %r4}, [%r5];\n"
                       "  st.global.v4.b32 [%rd1], {%r1, %r2, %r3, %r4};\n"
                       "  mov.u32 %r7, t;\n  add.u32 %r7, %r7, %r6;\n"
                       "  stmatrix.sync.aligned.m8n8.x4" +
                       trans +
                       ".shared.b16 [%r7], {%r1, %r2, %r3, %r4};\n"
                       "  bar.warp.sync -1;\n"
                       "  ld.shared.v4.b32 {%r1, %r2, %r3, %r4}, [%r7];\n"
                       "  st.global.v4.b32 [%rd2], {%r1, %r2, %r3, %r4};\n"
                       "  ret;\n";
    Harness h(moduleOf(body, 3, "", "sm_90"));
    std::vector<uint16_t> rows(256);
    for (int m = 0; m < 4; ++m)
      for (int r = 0; r < 8; ++r)
        for (int c = 0; c < 8; ++c)
          rows[(m * 8 + r) * 8 + c] = elementOf(m, r, c);
    uint64_t fragments = h.space(512), back = h.space(512);
    Counters counters = h.run(warp, {h.upload(rows), fragments, back});
    EXPECT_TRUE(h.isClean()) << h.findings();
    EXPECT_EQ(h.download<uint16_t>(back, 256), rows);
    EXPECT_EQ(counters.sharedBankConflicts, 0u);
    // Lane 4 r + c holds elements 2 c and 2 c + 1 of row r.
    auto got = h.download<uint16_t>(fragments, 256);
    for (int lane = 0; lane < 32; ++lane)
      for (int m = 0; m < 4; ++m)
        for (int half = 0; half < 2; ++half) {
          int row = lane / 4, column = lane % 4 * 2 + half;
          EXPECT_EQ(got[(lane * 4 + m) * 2 + half],
                    transposed ? elementOf(m, column, row)
                               : elementOf(m, row, column));
        }
  }
}

TEST(Matrix, MoveTransposes) {
  std::vector<uint32_t> in(32);
  for (int lane = 0; lane < 32; ++lane)
    in[lane] = elementOf(0, lane / 4, lane % 4 * 2) |
               uint32_t{elementOf(0, lane / 4, lane % 4 * 2 + 1)} << 16;
  auto got = evaluate<uint32_t>("movmatrix.sync.aligned.m8n8.trans.b16 %d, %a;",
                                "b32", in);
  for (int lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane],
              elementOf(0, lane % 4 * 2, lane / 4) |
                  uint32_t{elementOf(0, lane % 4 * 2 + 1, lane / 4)} << 16);
}
