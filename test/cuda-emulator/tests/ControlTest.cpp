//===- ControlTest.cpp - branches, calls, warp operations -----------------===//
//
// PTX ISA, "Control Flow Instructions", "shfl.sync", "vote.sync",
// "match.sync", "redux.sync", "elect.sync".
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/tests/Harness.h"

using namespace swallow::emulator;

namespace {

std::vector<uint32_t> iota() {
  std::vector<uint32_t> values(32);
  for (uint32_t i = 0; i < 32; ++i)
    values[i] = i;
  return values;
}

} // namespace

// Collatz: every lane leaves the loop at another time.
TEST(Control, DivergentLoop) {
  auto got = evaluate<uint32_t>(R"(
  mov.u32 %d, 0;
  add.u32 %r1, %a, 1;
LOOP:
  setp.eq.u32 %p0, %r1, 1;
  @%p0 bra DONE;
  and.b32 %r2, %r1, 1;
  setp.eq.u32 %p1, %r2, 0;
  @%p1 bra EVEN;
  mad.lo.u32 %r1, %r1, 3, 1;
  bra.uni NEXT;
EVEN:
  shr.u32 %r1, %r1, 1;
NEXT:
  add.u32 %d, %d, 1;
  bra.uni LOOP;
DONE:
  // All lanes are together again.
  activemask.b32 %r3;
  setp.ne.b32 %p2, %r3, -1;
  @%p2 mov.u32 %d, 9999;
)",
                                "b32", iota());
  for (uint32_t lane = 0; lane < 32; ++lane) {
    uint32_t steps = 0;
    for (uint32_t n = lane + 1; n != 1; n = n % 2 ? 3 * n + 1 : n / 2)
      ++steps;
    EXPECT_EQ(got[lane], steps) << lane;
  }
}

TEST(Control, BranchTable) {
  auto got = evaluate<uint32_t>(R"(
  and.b32 %r1, %a, 3;
TABLE: .branchtargets L0, L1, L2, L1;
  brx.idx %r1, TABLE;
L0:
  mov.u32 %d, 10;
  bra END;
L1:
  mov.u32 %d, 11;
  bra END;
L2:
  mov.u32 %d, 12;
END:
)",
                                "b32", iota());
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane], lane % 4 == 0 ? 10u : lane % 4 == 2 ? 12u : 11u);
}

TEST(Control, CallsInDivergedCode) {
  std::string functions = R"(
.func (.param .b32 result) triple(.param .b32 x, .param .align 4 .b8 y[8])
{
  .reg .b32 %r<4>;
  .reg .pred %p<2>;
  ld.param.u32 %r1, [x];
  ld.param.u32 %r2, [y+4];
  setp.gt.u32 %p1, %r1, 20;
  @%p1 bra BIG;
  mad.lo.u32 %r1, %r1, 3, %r2;
  st.param.b32 [result], %r1;
  ret;
BIG:
  st.param.b32 [result], 1;
  ret;
}
)";
  std::string body = R"(
  .reg .b32 %r<8>;
  .reg .b64 %rd<4>;
  .reg .pred %p<2>;
  mov.u32 %r0, %tid.x;
  ld.param.u64 %rd0, [p0];
  mul.wide.u32 %rd1, %r0, 4;
  add.s64 %rd0, %rd0, %rd1;
  mov.u32 %r1, 0;
  setp.lt.u32 %p0, %r0, 8;
  @%p0 bra SKIP;
  { // callseq 0
  .param .b32 argument;
  st.param.b32 [argument], %r0;
  .param .align 4 .b8 pair[8];
  st.param.b32 [pair], 0;
  st.param.b32 [pair+4], 100;
  .param .b32 retval;
  call.uni (retval), triple, (argument, pair);
  ld.param.b32 %r1, [retval];
  }
SKIP:
  st.global.u32 [%rd0], %r1;
  ret;
)";
  Harness h(moduleOf(body, 1, functions));
  uint64_t out = h.space(128);
  h.run({{1, 1, 1}, {32, 1, 1}, 0}, {out});
  EXPECT_TRUE(h.isClean()) << h.findings();
  auto got = h.download<uint32_t>(out, 32);
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane], lane < 8 ? 0 : lane > 20 ? 1 : lane * 3 + 100);
}

TEST(Control, Shuffles) {
  auto shuffled = [](const std::string &code) {
    return evaluate<uint32_t>(code, "b32", iota());
  };
  auto down = shuffled("shfl.sync.down.b32 %d|%p0, %a, 4, 31, -1;"
                       " @!%p0 mov.u32 %d, 99;");
  auto up = shuffled("shfl.sync.up.b32 %d, %a, 1, 0, -1;");
  auto butterfly = shuffled("shfl.sync.bfly.b32 %d, %a, 5, 31, -1;");
  // Segments of 8: c = ((32 - 8) << 8) | 31.
  auto segment = shuffled("shfl.sync.idx.b32 %d, %a, 3, 0x181f, -1;");
  for (uint32_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(down[lane], lane < 28 ? lane + 4 : 99);
    EXPECT_EQ(up[lane], lane ? lane - 1 : 0);
    EXPECT_EQ(butterfly[lane], lane ^ 5);
    EXPECT_EQ(segment[lane], lane / 8 * 8 + 3);
  }
}

TEST(Control, VotesAndReductions) {
  auto value = [](const std::string &code, const std::string &target) {
    return evaluate<uint32_t>(code, "b32", iota(), {}, {}, target);
  };
  std::string odd = "and.b32 %r1, %a, 1; setp.eq.u32 %p0, %r1, 1; ";
  EXPECT_EQ(value(odd + "vote.sync.ballot.b32 %d, %p0, -1;", "sm_80")[7],
            0xaaaaaaaau);
  EXPECT_EQ(value(odd + "vote.sync.any.pred %p1, !%p0, -1; selp.b32 %d, 1, 0, "
                        "%p1;",
                  "sm_80")[0],
            1u);
  EXPECT_EQ(value("redux.sync.add.u32 %d, %a, -1;", "sm_80")[9], 496u);
  EXPECT_EQ(value("redux.sync.max.s32 %d, %a, -1;", "sm_80")[9], 31u);
  // Bits 31 and up of a register with a sign.
  const std::string wide = "sub.u32 %r1, %a, 4; ";
  EXPECT_EQ(value(wide + "redux.sync.max.u32 %d, %r1, -1;", "sm_80")[9],
            0xffffffffu);
  EXPECT_EQ(value(wide + "redux.sync.min.u32 %d, %r1, -1;", "sm_80")[9], 0u);
  EXPECT_EQ(
      value("and.b32 %r1, %a, 3; match.any.sync.b32 %d, %r1, -1;", "sm_80")[5],
      0x22222222u);
  EXPECT_EQ(value("match.all.sync.b32 %d|%p0, %a, -1;", "sm_80")[5], 0u);
  EXPECT_EQ(value("elect.sync %d|%p0, -1; @%p0 mov.u32 %d, 77;", "sm_90")[0],
            77u);
}

// Two halves of a warp in different branches shuffle among themselves.
TEST(Control, PartialMemberMasks) {
  auto got = evaluate<uint32_t>(R"(
  setp.lt.u32 %p0, %a, 16;
  @%p0 bra LOW;
  shfl.sync.bfly.b32 %d, %a, 8, 31, 0xffff0000;
  bra END;
LOW:
  shfl.sync.bfly.b32 %d, %a, 1, 31, 0x0000ffff;
END:
)",
                                "b32", iota());
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane], lane ^ (lane < 16 ? 1 : 8));
}

TEST(Control, SpecialRegisters) {
  std::string body = R"(
  .reg .b32 %r<16>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd0, [p0];
  mov.u32 %r0, %ctaid.y;
  mov.u32 %r1, %nctaid.x;
  mov.u32 %r2, %ctaid.x;
  mad.lo.u32 %r0, %r0, %r1, %r2;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %ntid.y;
  mul.lo.u32 %r5, %r3, %r4;
  mov.u32 %r6, %tid.y;
  mov.u32 %r7, %tid.x;
  mad.lo.u32 %r8, %r6, %r3, %r7;
  mad.lo.u32 %r9, %r0, %r5, %r8;
  mul.wide.u32 %rd1, %r9, 4;
  add.s64 %rd0, %rd0, %rd1;
  mov.u32 %r10, %warpid;
  mov.u32 %r11, %laneid;
  mad.lo.u32 %r12, %r10, 32, %r11;
  st.global.u32 [%rd0], %r12;
  ret;
)";
  Harness h(moduleOf(body, 1));
  uint64_t out = h.space(6 * 48 * 4);
  h.run({{2, 3, 1}, {16, 3, 1}, 0}, {out});
  EXPECT_TRUE(h.isClean()) << h.findings();
  auto got = h.download<uint32_t>(out, 6 * 48);
  for (uint32_t i = 0; i < 6 * 48; ++i)
    EXPECT_EQ(got[i], i % 48);
}
