//===- IntegerTest.cpp - integer arithmetic and bit operations ------------===//
//
// Expected values are worked out by hand from the PTX ISA, chapter
// "Instruction Set", section named at each test.
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/tests/Harness.h"

using namespace swallow::emulator;

namespace {

template <typename T>
void expect(const std::string &code, const std::string &type, std::vector<T> a,
            std::vector<T> b, std::vector<T> c, std::vector<T> wanted,
            const std::string &target = "sm_80") {
  auto got = evaluate<T>(code, type, a, b, c, target);
  got.resize(wanted.size());
  EXPECT_EQ(got, wanted) << code;
}

} // namespace

// "Integer Arithmetic Instructions": add, sub, mul, mad, div, rem.
TEST(Integer, Arithmetic) {
  using V = std::vector<uint32_t>;
  expect<uint32_t>("add.s32 %d, %a, %b;", "b32", V{1, 0xffffffffu}, V{2, 1}, {},
                   V{3, 0});
  expect<uint32_t>("add.sat.s32 %d, %a, %b;", "s32",
                   V{0x7fffffffu, 0x80000000u}, V{1, 0xffffffffu}, {},
                   V{0x7fffffffu, 0x80000000u});
  expect<uint32_t>("sub.u32 %d, %a, %b;", "b32", V{5}, V{7}, {},
                   V{0xfffffffeu});
  expect<uint32_t>("mul.lo.u32 %d, %a, %b;", "b32", V{0x10001u}, V{0x10001u},
                   {}, V{0x20001u});
  expect<uint32_t>("mul.hi.u32 %d, %a, %b;", "b32", V{0xffffffffu},
                   V{0xffffffffu}, {}, V{0xfffffffeu});
  // -1 * -1 = 1: the upper half is 0.
  expect<uint32_t>("mul.hi.s32 %d, %a, %b;", "b32", V{0xffffffffu},
                   V{0xffffffffu}, {}, V{0});
  expect<uint32_t>("mad.lo.s32 %d, %a, %b, %c;", "b32", V{3}, V{5}, V{7},
                   V{22});
  expect<uint32_t>("div.s32 %d, %a, %b;", "b32", V{uint32_t(-7), 0x80000000u},
                   V{2, uint32_t(-1)}, {}, V{uint32_t(-3), 0x80000000u});
  expect<uint32_t>("rem.s32 %d, %a, %b;", "b32", V{uint32_t(-7), 7},
                   V{2, uint32_t(-2)}, {}, V{uint32_t(-1), 1});
  expect<uint32_t>("abs.s32 %d, %a;", "b32", V{uint32_t(-5)}, {}, {}, V{5});
  expect<uint32_t>("min.s32 %d, %a, %b;", "b32", V{uint32_t(-5)}, V{3}, {},
                   V{uint32_t(-5)});
  expect<uint32_t>("max.u32 %d, %a, %b;", "b32", V{uint32_t(-5)}, V{3}, {},
                   V{uint32_t(-5)});
  // Negative results become 0.
  expect<uint32_t>("min.relu.s32 %d, %a, %b;", "b32", V{uint32_t(-5), 2},
                   V{3, 7}, {}, V{0, 2}, "sm_90");
  expect<uint32_t>("max.relu.s32 %d, %a, %b;", "b32", V{uint32_t(-5), 2},
                   V{uint32_t(-3), 7}, {}, V{0, 7}, "sm_90");
  expect<uint32_t>("sad.s32 %d, %a, %b, %c;", "b32", V{uint32_t(-5)}, V{3},
                   V{100}, V{108});
  // 24-bit: -1 as 24 bits times 2.
  expect<uint32_t>("mul24.lo.s32 %d, %a, %b;", "b32", V{0x00ffffffu}, V{2}, {},
                   V{uint32_t(-2)});
  expect<uint64_t>("cvt.u32.u64 %r1, %a; cvt.u32.u64 %r2, %b;"
                   " mul.wide.s32 %d, %r1, %r2;",
                   "b64", {0xffffffffu}, {2}, {}, {uint64_t(-2)});
  expect<uint64_t>("mul.hi.u64 %d, %a, %b;", "b64", {uint64_t{1} << 63}, {6},
                   {}, {3});
}

// "Extended-Precision Integer Arithmetic Instructions".
TEST(Integer, Carries) {
  // {a, b} + {b, a}: the low sum's carry goes into the high one.
  expect<uint32_t>("add.cc.u32 %r1, %a, %b; addc.u32 %d, %c, 0;", "b32",
                   {0xffffffffu, 1}, {1, 1}, {5, 5}, {6, 5});
  expect<uint32_t>("sub.cc.u32 %r1, %a, %b; subc.u32 %d, %c, 0;", "b32", {0, 1},
                   {1, 1}, {5, 5}, {4, 5});
  // 0xffffffff * 2 = 0x1fffffffe; the low half plus 2 carries.
  expect<uint32_t>("mad.lo.cc.u32 %r1, %a, %b, 2; madc.hi.u32 %d, %a, %b, %c;",
                   "b32", {0xffffffffu}, {2}, {10}, {12});
}

// "dp4a" and "dp2a".
TEST(Integer, Dots) {
  // 1*-1 + 2*2 + 3*3 + 4*4 + 10
  expect<uint32_t>("dp4a.u32.s32 %d, %a, %b, %c;", "b32", {0x04030201u},
                   {0x040302ffu}, {10}, {38});
  // 16-bit 1, 2 times the upper bytes 3, 4 of b
  expect<uint32_t>("dp2a.hi.u32.u32 %d, %a, %b, %c;", "b32", {0x00020001u},
                   {0x04030201u}, {0}, {11});
}

// "bfe", "bfi", "brev", "clz", "popc", "bfind", "fns", "bmsk", "szext".
TEST(Integer, BitFields) {
  expect<uint32_t>("bfe.u32 %d, %a, 4, 8;", "b32", {0xabcd1234u}, {}, {},
                   {0x23});
  // A field of 8 bits whose top bit is set, extended.
  expect<uint32_t>("bfe.s32 %d, %a, 8, 8;", "b32", {0x0000ff00u}, {}, {},
                   {0xffffffffu});
  // The field reaches beyond the value: its sign fills up.
  expect<uint32_t>("bfe.s32 %d, %a, 28, 8;", "b32", {0x90000000u}, {}, {},
                   {0xfffffff9u});
  expect<uint32_t>("bfi.b32 %d, %a, %b, 8, 4;", "b32", {0xf5u}, {0xffffffffu},
                   {}, {0xfffff5ffu});
  expect<uint32_t>("brev.b32 %d, %a;", "b32", {1, 0x80000000u}, {}, {},
                   {0x80000000u, 1});
  expect<uint32_t>("clz.b32 %d, %a;", "b32", {0, 1, 0x80000000u}, {}, {},
                   {32, 31, 0});
  expect<uint32_t>("popc.b32 %d, %a;", "b32", {0xf0f0u}, {}, {}, {8});
  expect<uint32_t>("bfind.u32 %d, %a;", "b32", {0, 0x100u}, {}, {},
                   {0xffffffffu, 8});
  expect<uint32_t>("bfind.s32 %d, %a;", "b32", {0xffffff00u}, {}, {}, {7});
  // The second set bit from position 2 upward of 0b11010 is bit 4.
  expect<uint32_t>("fns.b32 %d, %a, 2, 2;", "b32", {0b11010u}, {}, {}, {4});
  expect<uint32_t>("bmsk.clamp.b32 %d, %a, %b;", "b32", {4}, {8}, {}, {0xff0u});
  expect<uint32_t>("szext.clamp.s32 %d, %a, %b;", "b32", {0x1ff}, {8}, {},
                   {0xffffffffu});
}

// "Logic and Shift Instructions", "prmt".
TEST(Integer, LogicAndShifts) {
  expect<uint32_t>("shl.b32 %d, %a, %b;", "b32", {1, 1}, {31, 32}, {},
                   {0x80000000u, 0});
  expect<uint32_t>("shr.s32 %d, %a, %b;", "b32", {0x80000000u, 0x80000000u},
                   {4, 40}, {}, {0xf8000000u, 0xffffffffu});
  expect<uint32_t>("shf.l.wrap.b32 %d, %a, %b, %c;", "b32", {0x80000000u}, {1},
                   {33}, {3});
  expect<uint32_t>("shf.r.clamp.b32 %d, %a, %b, %c;", "b32", {0x1234u},
                   {0xabcdu}, {40}, {0xabcdu});
  // The table of (a & b) | (~a & c): 0xf0 & 0xcc | 0x0f & 0xaa = 0xca.
  expect<uint32_t>("lop3.b32 %d, %a, %b, %c, 0xca;", "b32", {0xffff0000u},
                   {0x12345678u}, {0x9abcdef0u}, {0x1234def0u});
  // Bytes 0 to 3 are of a, 4 to 7 of b; 8 added to a selector spreads a sign.
  expect<uint32_t>("prmt.b32 %d, %a, %b, 0x9740;", "b32", {0x44339911u},
                   {0x88776655u}, {}, {0xff885511u});
  expect<uint32_t>("cnot.b32 %d, %a;", "b32", {0, 7}, {}, {}, {1, 0});
  expect<uint32_t>("setp.lt.s32 %p0, %a, %b; setp.lt.u32 %p1, %a, %b;"
                   " xor.pred %p2, %p0, %p1; selp.b32 %d, 1, 0, %p2;",
                   "b32", {0xffffffffu, 1}, {0, 2}, {}, {1, 0});
  expect<uint32_t>("slct.b32.s32 %d, %a, %b, %c;", "b32", {1, 1}, {2, 2},
                   {0, 0xffffffffu}, {1, 2});
}

// "cvt": integers.
TEST(Integer, Conversions) {
  expect<uint32_t>("cvt.sat.s8.s32 %d, %a;", "s32", {200, uint32_t(-200), 5},
                   {}, {}, {127, uint32_t(-128), 5});
  expect<uint32_t>("cvt.s32.s8 %d, %a;", "s32", {0x1ff, 0x7f}, {}, {},
                   {uint32_t(-1), 127});
  expect<uint32_t>("cvt.u16.u32 %h0, %a; cvt.u32.u16 %d, %h0;", "b32",
                   {0x12345678u}, {}, {}, {0x5678u});
  expect<uint64_t>("cvt.u32.u64 %r1, %a; cvt.s64.s32 %d, %r1;", "b64",
                   {0xfffffffeu}, {}, {}, {uint64_t(-2)});
}

// "mov": packing and unpacking.
TEST(Integer, Vectors) {
  expect<uint32_t>("mov.b32 {%h0, %h1}, %a; mov.b32 %d, {%h1, %h0};", "b32",
                   {0x12345678u}, {}, {}, {0x56781234u});
  expect<uint64_t>("mov.b64 {%r1, %r2}, %a; mov.b64 %d, {%r2, %r1};", "b64",
                   {0x1122334455667788u}, {}, {}, {0x5566778811223344u});
  expect<uint32_t>("{ .reg .b16 lo; mov.b32 {lo, _}, %a; cvt.u32.u16 %d, lo; }",
                   "b32", {0xaaaabbbbu}, {}, {}, {0xbbbbu});
}
