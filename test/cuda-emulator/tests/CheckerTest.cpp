//===- CheckerTest.cpp - kernels with a defect, and mended ----------------===//

#include "test/cuda-emulator/tests/Harness.h"

using namespace swallow::emulator;
using Kind = Finding::Kind;

namespace {

/// %r0 = tid, %rd0 = p0, %r1 = shared address of word tid, %r2 = that of word
/// tid xor 32: in another warp of a block of 64.
constexpr const char *head = R"(  .reg .b64 %rd<10>;
  .reg .b32 %r<20>;
  .reg .f32 %f<8>;
  .reg .pred %p<6>;
  .shared .align 16 .b8 s[1024];
  mov.u32 %r0, %tid.x;
  ld.param.u64 %rd0, [p0];
  mov.u32 %r3, s;
  shl.b32 %r4, %r0, 2;
  add.u32 %r1, %r3, %r4;
  xor.b32 %r5, %r4, 128;
  add.u32 %r2, %r3, %r5;
  mul.wide.u32 %rd1, %r0, 4;
  add.s64 %rd2, %rd0, %rd1;
)";
constexpr LaunchShape twoWarps{{1, 1, 1}, {64, 1, 1}, 0};

/// Runs head + body with one buffer of `bytes`, and returns the harness.
std::unique_ptr<Harness> check(const std::string &body, LaunchShape shape,
                               uint64_t bytes = 4096, bool written = true) {
  auto h = std::make_unique<Harness>(moduleOf(head + body + "  ret;\n", 1));
  uint64_t buffer =
      written ? h->upload(std::vector<uint8_t>(bytes)) : h->space(bytes);
  h->run(shape, {buffer}, /*mayFail=*/true);
  return h;
}

void expectClean(const std::string &body, LaunchShape shape) {
  auto h = check(body, shape);
  EXPECT_TRUE(h->isClean()) << body << h->findings();
}

void expectOnly(Kind kind, const std::string &body, LaunchShape shape) {
  auto h = check(body, shape);
  ASSERT_EQ(h->executor.findings().size(), 1u) << body << h->findings();
  EXPECT_EQ(h->executor.findings()[0].kind, kind) << h->findings();
}

} // namespace

TEST(Checker, OutOfBoundsAndMisaligned) {
  auto h = check("  st.global.u32 [%rd2], %r0;\n", twoWarps, 64 * 4 - 1);
  EXPECT_TRUE(h->found(Kind::OutOfBounds));
  const Finding &finding = h->executor.findings()[0];
  EXPECT_EQ(finding.thread[0], 63u);
  EXPECT_EQ(finding.kernel, "k");
  EXPECT_TRUE(
      check("  st.global.u32 [%rd2], %r0;\n", twoWarps, 256)->isClean());
  expectOnly(Kind::Misaligned, "  st.global.u32 [%rd2+2], %r0;\n", twoWarps);
  // A vector is aligned to all of it.
  expectOnly(Kind::Misaligned, "  ld.global.v2.u32 {%r6, %r7}, [%rd2];\n",
             twoWarps);
  expectOnly(Kind::OutOfBounds, "  ld.shared.u32 %r6, [%r3+1024];\n", twoWarps);
  expectOnly(Kind::OutOfBounds, "  mov.u64 %rd3, 0;\n  ld.u32 %r6, [%rd3];\n",
             twoWarps);
}

TEST(Checker, Uninitialized) {
  auto h = check("  ld.global.u32 %r6, [%rd2];\n", twoWarps, 256, false);
  EXPECT_TRUE(h->found(Kind::UninitializedGlobal));
  EXPECT_EQ(h->executor.findings().size(), 1u);
  EXPECT_GT(h->executor.findings()[0].count, 1u);
  EXPECT_TRUE(
      check("  st.global.u32 [%rd2], %r0;\n  ld.global.u32 %r6, [%rd2];\n",
            twoWarps, 256, false)
          ->isClean());
  expectOnly(Kind::UninitializedShared, "  ld.shared.u32 %r6, [%r1];\n",
             twoWarps);
  expectClean("  st.shared.u32 [%r1], 0;\n  ld.shared.u32 %r6, [%r1];\n",
              twoWarps);
  // What one block wrote is nothing to the next one.
  expectOnly(Kind::UninitializedShared,
             "  mov.u32 %r7, %ctaid.x;\n  setp.eq.u32 %p0, %r7, 0;\n"
             "  @%p0 st.shared.u32 [%r1], 0;\n  ld.shared.u32 %r6, [%r1];\n",
             {{2, 1, 1}, {64, 1, 1}, 0});
}

TEST(Checker, SharedRaces) {
  expectClean("  st.shared.u32 [%r1], %r0;\n  bar.sync 0;\n"
              "  ld.shared.u32 %r6, [%r2];\n",
              twoWarps);
  // Read before the other warp's write is known to be over.
  auto h = check("  st.shared.u32 [%r1], %r0;\n  ld.shared.u32 %r6, [%r2];\n",
                 twoWarps);
  EXPECT_TRUE(h->found(Kind::Race)) << h->findings();
  // A buffer used again without a barrier after the reads.
  std::string reuse = "  st.shared.u32 [%r1], %r0;\n  bar.sync 0;\n"
                      "  ld.shared.u32 %r6, [%r2];\n";
  EXPECT_TRUE(check(reuse + "  st.shared.u32 [%r1], %r6;\n", twoWarps)
                  ->found(Kind::Race));
  expectClean(reuse + "  bar.sync 0;\n  st.shared.u32 [%r1], %r6;\n", twoWarps);
  // Halves of a word by two warps do not touch each other.
  expectClean("  shl.b32 %r6, %r0, 1;\n  and.b32 %r7, %r6, 63;\n"
              "  shl.b32 %r7, %r7, 1;\n  shr.u32 %r8, %r0, 5;\n"
              "  shl.b32 %r8, %r8, 1;\n  add.u32 %r7, %r7, %r8;\n"
              "  add.u32 %r7, %r7, %r3;\n  st.shared.u16 [%r7], %r0;\n"
              "  bar.sync 0;\n  ld.shared.u32 %r9, [%r3];\n",
              twoWarps);
  // Many readers, then a writer that one of them did not wait for.
  LaunchShape four{{1, 1, 1}, {128, 1, 1}, 0};
  std::string broadcast = "  setp.eq.u32 %p0, %r0, 0;\n"
                          "  @%p0 st.shared.u32 [%r3], 1;\n  bar.sync 0;\n"
                          "  ld.shared.u32 %r6, [%r3];\n";
  EXPECT_TRUE(check(broadcast + "  @%p0 st.shared.u32 [%r3], 2;\n", four)
                  ->found(Kind::Race));
  expectClean(broadcast + "  bar.sync 0;\n  @%p0 st.shared.u32 [%r3], 2;\n",
              four);
}

// Producer and consumer with named barriers: warp 0 writes and arrives, warp 1
// waits and reads.
TEST(Checker, NamedBarriers) {
  auto kernel = [](const std::string &producer, const std::string &consumer) {
    return "  setp.lt.u32 %p0, %r0, 32;\n  @%p0 bra PRODUCE;\n" + consumer +
           "  ld.shared.u32 %r6, [%r2];\n  bra.uni END;\nPRODUCE:\n"
           "  st.shared.u32 [%r1], %r0;\n" +
           producer + "END:\n";
  };
  expectClean(kernel("  bar.arrive 1, 64;\n", "  bar.sync 1, 64;\n"), twoWarps);
  // Arriving before the write promises nothing.
  auto early = check("  setp.lt.u32 %p0, %r0, 32;\n  @%p0 bra PRODUCE;\n"
                     "  bar.sync 1, 64;\n  ld.shared.u32 %r6, [%r2];\n"
                     "  bra.uni END;\nPRODUCE:\n  bar.arrive 1, 64;\n"
                     "  st.shared.u32 [%r1], %r0;\nEND:\n",
                     twoWarps);
  EXPECT_TRUE(early->found(Kind::Race)) << early->findings();
  // Nobody arrives.
  auto hang = check(kernel("", "  bar.sync 1, 64;\n"), twoWarps);
  EXPECT_TRUE(hang->found(Kind::Hang)) << hang->findings();
}

TEST(Checker, BarrierReductions) {
  Harness h(moduleOf(std::string(head) + R"(  setp.lt.u32 %p0, %r0, 40;
  bar.red.popc.u32 %r6, 0, %p0;
  bar.red.and.pred %p1, 0, %p0;
  bar.red.or.pred %p2, 0, %p0;
  selp.b32 %r7, 1000, 0, %p1;
  selp.b32 %r8, 100, 0, %p2;
  add.u32 %r6, %r6, %r7;
  add.u32 %r6, %r6, %r8;
  st.global.u32 [%rd2], %r6;
  ret;
)",
                     1));
  uint64_t out = h.space(256);
  Counters counters = h.run(twoWarps, {out});
  EXPECT_TRUE(h.isClean()) << h.findings();
  // 40 threads said yes: not all, but some.
  EXPECT_EQ(h.download<uint32_t>(out, 64), std::vector<uint32_t>(64, 140));
  EXPECT_EQ(counters.barriers, 6u);
}

TEST(Checker, DivergentBarriers) {
  std::string branch = "  and.b32 %r6, %r0, 1;\n  setp.eq.u32 %p0, %r6, 0;\n"
                       "  @%p0 bra EVEN;\n";
  auto h = check(branch + "  bar.sync 0;\n  bra.uni END;\nEVEN:\n"
                          "  bar.sync 0;\nEND:\n",
                 twoWarps);
  EXPECT_TRUE(h->found(Kind::DivergentBarrier)) << h->findings();
  // Once reconverged, all is well.
  expectClean(branch + "  mov.u32 %r7, 1;\nEVEN:\n  bar.sync 0;\n", twoWarps);
  // barrier.sync without .aligned may stand in both branches.
  expectClean(branch + "  barrier.sync 0;\n  bra.uni END;\nEVEN:\n"
                       "  barrier.sync 0;\nEND:\n",
              twoWarps);
  // Members of a shuffle that went another way.
  auto shuffle = check(branch + "  shfl.sync.bfly.b32 %r7, %r0, 1, 31, -1;\n"
                                "EVEN:\n",
                       twoWarps);
  EXPECT_FALSE(shuffle->isClean());
  // Threads that have exited are not waited for.
  expectClean("  setp.lt.u32 %p0, %r0, 40;\n  @%p0 bra GO;\n  exit;\nGO:\n"
              "  bar.sync 0;\n",
              twoWarps);
}

TEST(Checker, Hangs) {
  auto h = std::make_unique<Harness>(moduleOf(
      std::string(head) + "LOOP:\n  add.u32 %r6, %r0, 1;\n  bra LOOP;\n", 1));
  h->executor.options().instructionBudget = 10000;
  h->run(twoWarps, {h->space(4)}, true);
  EXPECT_TRUE(h->found(Kind::Hang));
  // A barrier that one warp has left for good is open to the rest.
  expectClean("  setp.ge.u32 %p0, %r0, 32;\n  @%p0 bra END;\n  bar.sync 0;\n"
              "END:\n",
              twoWarps);
  auto trap = check("  trap;\n", twoWarps);
  EXPECT_TRUE(trap->found(Kind::Trap));
}

// A lane that spins for another lane of its warp.
TEST(Checker, ForwardProgressInAWarp) {
  expectClean("  setp.ne.u32 %p0, %r0, 0;\n  @!%p0 bra SET;\nSPIN:\n"
              "  ld.volatile.global.u32 %r6, [%rd0];\n"
              "  setp.eq.u32 %p1, %r6, 0;\n  @%p1 bra SPIN;\n"
              "  bra.uni END;\nSET:\n  st.volatile.global.u32 [%rd0], 1;\n"
              "END:\n",
              {{1, 1, 1}, {32, 1, 1}, 0});
}

TEST(Checker, AsyncCopies) {
  // 64 threads copy 16 bytes each, then read what the other warp copied.
  std::string copy = "  shl.b32 %r6, %r0, 4;\n  add.u32 %r7, %r3, %r6;\n"
                     "  mul.wide.u32 %rd3, %r0, 16;\n"
                     "  add.s64 %rd4, %rd0, %rd3;\n"
                     "  xor.b32 %r8, %r6, 512;\n  add.u32 %r8, %r8, %r3;\n"
                     "  cp.async.cg.shared.global [%r7], [%rd4], 16;\n"
                     "  cp.async.commit_group;\n";
  std::string own = "  ld.shared.u32 %r9, [%r7];\n";
  std::string other = "  ld.shared.u32 %r9, [%r8];\n";
  expectOnly(Kind::MissingAsyncWait, copy + own, twoWarps);
  expectOnly(Kind::MissingAsyncWait, copy + "  cp.async.wait_group 1;\n" + own,
             twoWarps);
  expectClean(copy + "  cp.async.wait_group 0;\n" + own, twoWarps);
  auto h = check(copy + "  cp.async.wait_group 0;\n" + other, twoWarps);
  EXPECT_FALSE(h->isClean());
  expectClean(copy + "  cp.async.wait_all;\n  bar.sync 0;\n" + other, twoWarps);
  // A barrier without the wait does not help.
  EXPECT_TRUE(check(copy + "  bar.sync 0;\n" + other, twoWarps)
                  ->found(Kind::MissingAsyncWait));
  // A second copy to the same bytes, before the first one arrived.
  expectOnly(Kind::MissingAsyncWait,
             copy + "  cp.async.ca.shared.global [%r7], [%rd4], 16;\n",
             twoWarps);
}

TEST(Checker, AsyncCopyGroupsAndZeroFill) {
  std::string body = R"(
  .reg .b64 %rd<8>;
  .reg .b32 %r<12>;
  .shared .align 16 .b8 s[64];
  ld.param.u64 %rd0, [p0];
  ld.param.u64 %rd1, [p1];
  mov.u32 %r0, s;
  cp.async.ca.shared.global [%r0], [%rd0], 8;
  cp.async.commit_group;
  mov.u32 %r1, 4;
  cp.async.cg.shared.global.L2::128B [%r0+16], [%rd0], 16, %r1;
  cp.async.commit_group;
  cp.async.wait_group 1;
  ld.shared.v2.u32 {%r2, %r3}, [%r0];
  cp.async.wait_all;
  ld.shared.v4.u32 {%r4, %r5, %r6, %r7}, [%r0+16];
  st.global.v2.u32 [%rd1], {%r2, %r3};
  st.global.v4.u32 [%rd1+16], {%r4, %r5, %r6, %r7};
  ret;
)";
  Harness h(moduleOf(body, 2));
  uint64_t in = h.upload<uint32_t>({11, 22, 33, 44});
  uint64_t out = h.space(32);
  h.run({{1, 1, 1}, {1, 1, 1}, 0}, {in, out});
  EXPECT_TRUE(h.isClean()) << h.findings();
  auto got = h.download<uint32_t>(out, 8);
  EXPECT_EQ(got[0], 11u);
  EXPECT_EQ(got[1], 22u);
  EXPECT_EQ((std::vector<uint32_t>{got.begin() + 4, got.end()}),
            (std::vector<uint32_t>{11, 0, 0, 0}));
}

// Split-K: each block stores a partial sum; the block that counts last adds
// them up.
TEST(Checker, LastBlockReduces) {
  auto kernel =
      [](const std::string &before, const std::string &after,
         const std::string &atom) {
        return R"(  .shared .b32 last;
  mov.u32 %r6, %ctaid.x;
  mov.u32 %r7, %ntid.x;
  mad.lo.u32 %r8, %r6, %r7, %r0;
  mul.wide.u32 %rd3, %r8, 4;
  add.s64 %rd4, %rd0, %rd3;
  st.global.u32 [%rd4+64], %r8;
)" + before + R"(  bar.sync 0;
  setp.ne.u32 %p0, %r0, 0;
  @%p0 bra WAIT;
  )" + atom + R"( %r9, [%rd0], 1;
  st.shared.u32 [last], %r9;
WAIT:
  bar.sync 0;
  ld.shared.u32 %r10, [last];
  setp.ne.u32 %p1, %r10, 3;
  @%p1 bra END;
)" + after + R"(  add.s64 %rd5, %rd0, %rd1;
  ld.global.u32 %r11, [%rd5+64];
  ld.global.u32 %r12, [%rd5+320];
  add.u32 %r11, %r11, %r12;
  st.global.u32 [%rd5+2048], %r11;
END:
)";
      };
  LaunchShape shape{{4, 1, 1}, {64, 1, 1}, 0};
  std::string fence = "  membar.gl;\n";
  std::string atom = "atom.global.add.u32";
  expectClean(kernel(fence, fence, atom), shape);
  expectClean(kernel("  fence.acq_rel.gpu;\n", "  fence.acq_rel.gpu;\n", atom),
              shape);
  // .acq_rel on the atomic itself, with barriers on both sides.
  expectClean(kernel("", "", "atom.acq_rel.gpu.global.add.u32"), shape);
  EXPECT_TRUE(check(kernel("", fence, atom), shape)->found(Kind::Race));
  EXPECT_TRUE(check(kernel(fence, "", atom), shape)->found(Kind::Race));
  EXPECT_TRUE(check(kernel("  membar.cta;\n", "  membar.cta;\n", atom), shape)
                  ->found(Kind::Race));
}

TEST(Checker, GlobalRaces) {
  LaunchShape twoBlocks{{2, 1, 1}, {32, 1, 1}, 0};
  expectOnly(Kind::Race, "  st.global.u32 [%rd2], %r0;\n", twoBlocks);
  expectClean("  red.global.add.u32 [%rd2], %r0;\n", twoBlocks);
  // A maximum of 64 bits, and beside it a store or a read that it races with.
  const std::string maximum = "  atom.global.max.u64 %rd6, [%rd0], %rd1;\n";
  expectClean(maximum, twoBlocks);
  expectOnly(Kind::Race, maximum + "  st.global.u32 [%rd0+4], 1;\n", twoBlocks);
  expectOnly(Kind::Race, maximum + "  ld.global.u64 %rd7, [%rd0];\n",
             twoBlocks);
  // Read-only loads of what the launch itself writes.
  expectOnly(Kind::Race,
             "  st.global.u32 [%rd2], %r0;\n"
             "  ld.global.nc.u32 %r6, [%rd2];\n",
             {{1, 1, 1}, {32, 1, 1}, 0});
  // Two launches after each other are ordered.
  auto h = check("  st.global.u32 [%rd2], %r0;\n", {{1, 1, 1}, {32, 1, 1}, 0});
  uint64_t buffer = h->upload(std::vector<uint32_t>(64));
  h->run({{1, 1, 1}, {32, 1, 1}, 0}, {buffer});
  h->run({{1, 1, 1}, {32, 1, 1}, 0}, {buffer});
  EXPECT_TRUE(h->isClean()) << h->findings();
}

// A flag in shared memory between two warps: release and acquire.
TEST(Checker, ReleaseAcquire) {
  auto kernel = [](const std::string &store, const std::string &load) {
    return "  setp.eq.u32 %p0, %r0, 0;\n  @%p0 st.shared.u32 [%r3+512], 0;\n"
           "  bar.sync 0;\n  setp.lt.u32 %p1, %r0, 32;\n  @%p1 bra WRITE;\n"
           "SPIN:\n  " +
           load +
           ".shared.u32 %r6, [%r3+512];\n  setp.eq.u32 %p2, %r6, 0;\n"
           "  @%p2 bra SPIN;\n  ld.shared.u32 %r7, [%r2];\n"
           "  bra.uni END;\nWRITE:\n  st.shared.u32 [%r1], %r0;\n  " +
           store + ".shared.u32 [%r3+512], 1;\nEND:\n";
  };
  expectClean(kernel("st.release.cta", "ld.acquire.cta"), twoWarps);
  EXPECT_TRUE(check(kernel("st.relaxed.cta", "ld.relaxed.cta"), twoWarps)
                  ->found(Kind::Race));
}

TEST(Checker, BadOperands) {
  // Lane 16 of a block of 48 threads does not exist in its second warp.
  auto h = check("  setp.lt.u32 %p0, %r0, 32;\n  @%p0 exit;\n"
                 "  shfl.sync.down.b32 %r6, %r0, 8, 31, -1;\n",
                 {{1, 1, 1}, {48, 1, 1}, 0});
  EXPECT_TRUE(h->found(Kind::BadOperand)) << h->findings();
  auto outside = check("  shfl.sync.bfly.b32 %r6, %r0, 1, 31, 0xffff;\n",
                       {{1, 1, 1}, {32, 1, 1}, 0});
  EXPECT_TRUE(outside->found(Kind::BadOperand));
}
