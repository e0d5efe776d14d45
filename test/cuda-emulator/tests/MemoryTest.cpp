//===- MemoryTest.cpp - ld, st, spaces, atomics, counters -----------------===//
//
// PTX ISA, "Data Movement and Conversion Instructions" and "atom".
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/tests/Harness.h"

using namespace swallow::emulator;

namespace {

constexpr const char *head = "  .reg .b64 %rd<8>;\n  .reg .b32 %r<16>;\n"
                             "  .reg .b16 %h<4>;\n  .reg .f32 %f<8>;\n"
                             "  .reg .pred %p<4>;\n"
                             "  mov.u32 %r0, %tid.x;\n"
                             "  ld.param.u64 %rd0, [p0];\n";
constexpr LaunchShape warp{{1, 1, 1}, {32, 1, 1}, 0};

} // namespace

TEST(Memory, VectorsAndNarrowTypes) {
  Harness h(moduleOf(std::string(head) + R"(
  ld.param.u64 %rd1, [p1];
  mul.wide.u32 %rd2, %r0, 16;
  add.s64 %rd3, %rd0, %rd2;
  add.s64 %rd4, %rd1, %rd2;
  ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%r1, %r2, %r3, %r4}, [%rd3];
  st.global.v2.b32 [%rd4], {%r4, %r3};
  ld.global.s8 %r5, [%rd3+1];
  st.global.u16 [%rd4+8], %r5;
  ld.global.u8 %h0, [%rd3];
  st.global.u8 [%rd4+10], %h0;
  st.global.u8 [%rd4+11], 7;
  st.global.cs.b32 [%rd4+12], 0x01020304;
  ret;
)",
                     2));
  std::vector<uint32_t> in(128);
  for (uint32_t i = 0; i < 128; ++i)
    in[i] = 0x8180u + i * 0x10000u;
  uint64_t out = h.space(512);
  Counters counters = h.run(warp, {h.upload(in), out});
  EXPECT_TRUE(h.isClean()) << h.findings();
  auto got = h.download<uint32_t>(out, 128);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(got[lane * 4], in[lane * 4 + 3]);
    EXPECT_EQ(got[lane * 4 + 1], in[lane * 4 + 2]);
    EXPECT_EQ(got[lane * 4 + 2], 0x0780ff81u);
    EXPECT_EQ(got[lane * 4 + 3], 0x01020304u);
  }
  // 32 lanes times 16 bytes are 16 sectors; the two byte loads hit one byte in
  // each 16, in the same sectors.
  EXPECT_EQ(counters.globalLoads, 3u);
  EXPECT_EQ(counters.globalLoadSectors, 48u);
  EXPECT_EQ(counters.globalLoadBytes, 32u * 18);
  EXPECT_EQ(counters.instructionsWithPrefix("ld.global.nc"), 1u);
}

// 16 bits leave their neighbours in memory alone, and a word's halves are its
// low one first.
TEST(Memory, SixteenBits) {
  Harness h(moduleOf(std::string(head) + R"(
  ld.param.u64 %rd1, [p1];
  mul.wide.u32 %rd2, %r0, 8;
  add.s64 %rd3, %rd0, %rd2;
  add.s64 %rd4, %rd1, %rd2;
  ld.global.nc.b16 %h0, [%rd3+2];
  ld.global.b16 %h1, [%rd3+4];
  st.global.b32 [%rd4], 0x11111111;
  st.global.b16 [%rd4+2], %h1;
  mov.b32 %r1, {%h0, %h1};
  st.global.b32 [%rd4+4], %r1;
  st.global.b16 [%rd4+6], %h0;
  ret;
)",
                     2));
  std::vector<uint16_t> in(128);
  for (uint16_t i = 0; i < 128; ++i)
    in[i] = uint16_t(0x8000u + i);
  uint64_t out = h.space(256);
  h.run(warp, {h.upload(in), out});
  EXPECT_TRUE(h.isClean()) << h.findings();
  auto got = h.download<uint16_t>(out, 128);
  for (size_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(got[lane * 4], 0x1111u);
    EXPECT_EQ(got[lane * 4 + 1], in[lane * 4 + 2]);
    EXPECT_EQ(got[lane * 4 + 2], in[lane * 4 + 1]);
    EXPECT_EQ(got[lane * 4 + 3], in[lane * 4 + 1]);
  }
}

TEST(Memory, SpacesAndGenericAddresses) {
  Harness h(moduleOf(std::string(head) + R"(
  .local .align 8 .b8 depot[16];
  .reg .b64 %SP;
  mov.u64 %SP, depot;
  cvta.local.u64 %rd1, %SP;
  st.u32 [%rd1+4], %r0;
  ld.local.u32 %r1, [%SP+4];
  mov.u64 %rd2, buffer;
  cvta.shared.u64 %rd3, %rd2;
  mul.wide.u32 %rd4, %r0, 4;
  add.s64 %rd3, %rd3, %rd4;
  st.u32 [%rd3], %r1;
  isspacep.shared %p0, %rd3;
  isspacep.global %p1, %rd3;
  cvta.to.shared.u64 %rd5, %rd3;
  cvt.u32.u64 %r9, %rd5;
  ld.shared.u32 %r2, [%r9];
  ld.const.u32 %r3, [table+4];
  add.u32 %r2, %r2, %r3;
  ld.global.u32 %r4, [value];
  add.u32 %r2, %r2, %r4;
  selp.b32 %r5, 1000, 0, %p0;
  add.u32 %r2, %r2, %r5;
  selp.b32 %r5, 5000, 0, %p1;
  add.u32 %r2, %r2, %r5;
  add.s64 %rd6, %rd0, %rd4;
  st.u32 [%rd6], %r2;
  ret;
)",
                     1,
                     ".shared .align 4 .b8 buffer[128];\n"
                     ".const .align 4 .u32 table[3] = {1, 200, 3};\n"
                     ".global .align 4 .f32 value = 0f00000007;\n"));
  uint64_t out = h.space(128);
  h.run(warp, {out});
  EXPECT_TRUE(h.isClean()) << h.findings();
  auto got = h.download<uint32_t>(out, 32);
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane], lane + 1207);
  ASSERT_TRUE(h.module->global("table"));
  EXPECT_EQ(h.module->global("table")->bytes, 12u);
}

TEST(Memory, ParameterArraysAndDynamicShared) {
  std::string text = R"(
.version 7.8
.target sm_80
.address_size 64
.extern .shared .align 16 .b8 dynamic[];
.visible .entry k(.param .u32 scale, .param .align 8 .b8 block[24])
.maxntid 64, 1, 1
{
  .reg .b64 %rd<4>;
  .reg .b32 %r<8>;
  .shared .align 4 .b8 fixed[20];
  ld.param.u32 %r1, [scale];
  ld.param.u64 %rd1, [block+8];
  ld.param.v2.u32 {%r2, %r3}, [block+16];
  mov.u32 %r4, dynamic;
  st.shared.u32 [%r4+12], %r2;
  st.shared.u32 [fixed+16], %r3;
  ld.shared.u32 %r5, [dynamic+12];
  ld.shared.u32 %r6, [fixed+16];
  mad.lo.u32 %r7, %r5, %r1, %r6;
  st.global.u32 [%rd1], %r7;
  mov.u32 %r0, %dynamic_smem_size;
  st.global.u32 [%rd1+4], %r0;
  ret;
}
)";
  Harness h(text);
  const Kernel *kernel = h.module->kernel("k");
  ASSERT_TRUE(kernel);
  ASSERT_EQ(kernel->params.size(), 2u);
  EXPECT_EQ(kernel->params[1].offset, 8u);
  EXPECT_EQ(kernel->params[1].size, 24u);
  EXPECT_EQ(kernel->parameterBytes, 32u);
  EXPECT_EQ((*kernel->maxThreads)[0], 64u);
  EXPECT_EQ(kernel->staticSharedBytes % 16, 0u);
  uint64_t out = h.space(8);
  std::vector<uint8_t> parameters(32);
  auto put = [&](size_t at, auto value) {
    std::memcpy(parameters.data() + at, &value, sizeof value);
  };
  put(0, 10u);
  put(16, out);
  put(24, 7u);
  put(28, 5u);
  h.runWith({{1, 1, 1}, {1, 1, 1}, 64}, parameters);
  EXPECT_TRUE(h.isClean()) << h.findings();
  EXPECT_EQ(h.download<uint32_t>(out, 2), (std::vector<uint32_t>{75, 64}));
  auto tooMany =
      h.executor.run(*kernel, {{1, 1, 1}, {65, 1, 1}, 0}, parameters, h.memory);
  EXPECT_FALSE(tooMany.ok());
  auto tooMuch = h.executor.run(*kernel, {{1, 1, 1}, {1, 1, 1}, 60000},
                                parameters, h.memory);
  EXPECT_FALSE(tooMuch.ok());
  kernel->maxDynamicShared = 100000;
  EXPECT_TRUE(
      h.executor
          .run(*kernel, {{1, 1, 1}, {1, 1, 1}, 60000}, parameters, h.memory)
          .ok());
}

TEST(Memory, Atomics) {
  Harness h(moduleOf(std::string(head) + R"(
  ld.param.u64 %rd1, [p1];
  mov.b32 %r7, 0x3C003C00;
  atom.global.add.u32 %r1, [%rd0], 1;
  red.global.max.s32 [%rd0+4], %r0;
  cvt.rn.f32.u32 %f0, %r0;
  red.relaxed.gpu.global.add.f32 [%rd0+8], %f0;
  atom.global.cas.b32 %r2, [%rd0+12], 5, 9;
  atom.global.inc.u32 %r3, [%rd0+16], 3;
  atom.global.exch.b32 %r4, [%rd0+20], %r0;
  atom.global.add.noftz.f16x2 %r5, [%rd0+24], %r7;
  atom.global.dec.u32 %r6, [%rd0+28], 40;
  mul.wide.u32 %rd2, %r0, 4;
  add.s64 %rd3, %rd1, %rd2;
  st.global.u32 [%rd3], %r1;
  ret;
)",
                     2));
  uint64_t cells = h.upload<uint32_t>({0, 0, 0, 5, 0, 77, 0, 0});
  uint64_t out = h.space(128);
  Counters counters = h.run(warp, {cells, out});
  EXPECT_TRUE(h.isClean()) << h.findings();
  // inc wraps after 3; dec of 0 gives 40, then counts down 31 times.
  EXPECT_EQ(
      h.download<uint32_t>(cells, 8),
      (std::vector<uint32_t>{32, 31, bitsOf(496), 9, 0, 31, 0x50005000u, 9}));
  auto got = h.download<uint32_t>(out, 32);
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane], lane);
  EXPECT_EQ(counters.atomics, 8u);
}

// A maximum over lanes that share an address, of both words as one number.
TEST(Memory, WideMaximum) {
  Harness h(moduleOf(std::string(head) + R"(
  ld.param.u64 %rd1, [p1];
  mul.wide.u32 %rd2, %r0, 8;
  add.s64 %rd3, %rd1, %rd2;
  ld.global.u64 %rd4, [%rd3];
  red.relaxed.gpu.global.max.u64 [%rd0], %rd4;
  atom.global.max.u64 %rd5, [%rd0+8], %rd4;
  atom.global.max.s64 %rd6, [%rd0+16], %rd4;
  ret;
)",
                     2));
  uint64_t cells = h.upload<uint64_t>({0, uint64_t(7) << 40, 5});
  std::vector<uint64_t> values(32, 3);
  values[11] = uint64_t(2) << 32 | 9;
  values[12] = uint64_t(2) << 32 | 10;
  values[20] = uint64_t(0xfffffff0) << 32;
  values[21] = uint64_t(1) << 32 | 0xffffffff;
  Counters counters = h.run(warp, {cells, h.upload(values)});
  EXPECT_TRUE(h.isClean()) << h.findings();
  EXPECT_EQ(h.download<uint64_t>(cells, 3),
            (std::vector<uint64_t>{values[20], values[20], values[12]}));
  EXPECT_EQ(counters.atomics, 3u);
}

// 32 banks of 4 bytes: a stride of 2 words meets each bank twice, one of 32
// words puts all lanes into one bank.
TEST(Memory, BankConflicts) {
  auto conflicts = [](const std::string &stride) {
    Harness h(moduleOf(std::string(head) +
                           "  .shared .b8 s[4096];\n"
                           "  mul.lo.u32 %r1, %r0, " +
                           stride +
                           ";\n  mov.u32 %r2, s;\n  add.u32 %r1, %r1, %r2;\n"
                           "  st.shared.u32 [%r1], %r0;\n  ret;\n",
                       1));
    return h.run(warp, {h.space(4)}).sharedBankConflicts;
  };
  EXPECT_EQ(conflicts("4"), 0u);
  EXPECT_EQ(conflicts("8"), 1u);
  EXPECT_EQ(conflicts("128"), 31u);
  EXPECT_EQ(conflicts("0"), 0u);
}

TEST(Memory, DeviceMemory) {
  DeviceMemory memory(1 << 20);
  auto a = memory.allocate(100);
  ASSERT_TRUE(a.ok());
  EXPECT_EQ(*a % 256, 0u);
  EXPECT_FALSE(memory.allocate(0).ok());
  EXPECT_EQ(memory.allocate(1 << 20).error().code,
            swallow::ErrorCode::OutOfMemory);
  EXPECT_EQ(memory.totalBytes() - memory.freeBytes(), 4096u);
  uint8_t bytes[100] = {1, 2, 3};
  EXPECT_FALSE(memory.write(*a + 1, bytes, 100).ok());
  EXPECT_TRUE(memory.write(*a + 3, bytes, 10).ok());
  EXPECT_TRUE(memory.isInitialized(*a + 3, 10));
  EXPECT_FALSE(memory.isInitialized(*a + 2, 2));
  EXPECT_FALSE(memory.isInitialized(*a + 12, 2));
  auto b = memory.allocate(100);
  ASSERT_TRUE(b.ok());
  EXPECT_TRUE(memory.copy(*b, *a, 50).ok());
  EXPECT_TRUE(memory.isInitialized(*b + 3, 10));
  EXPECT_FALSE(memory.isInitialized(*b, 50));
  EXPECT_TRUE(memory.fill(*b, 0x3f800000u, 4, 25).ok());
  EXPECT_FALSE(memory.fill(*b, 0, 4, 26).ok());
  EXPECT_FALSE(memory.fill(*b + 1, 0, 2, 1).ok());
  float one = 0;
  EXPECT_TRUE(memory.read(&one, *b + 96, 4).ok());
  EXPECT_EQ(one, 1.0f);
  EXPECT_TRUE(memory.free(*a).ok());
  EXPECT_FALSE(memory.free(*a).ok());
  EXPECT_FALSE(memory.read(bytes, *a, 1).ok());
  std::vector<uint32_t> host(4, 7);
  EXPECT_TRUE(memory.registerHost(host.data(), 16).ok());
  EXPECT_FALSE(memory.registerHost(host.data() + 1, 4).ok());
  EXPECT_TRUE(
      memory.isInitialized(reinterpret_cast<uint64_t>(host.data()), 16));
  EXPECT_TRUE(memory.unregisterHost(host.data()).ok());
  EXPECT_EQ(memory.liveAllocations(), 1u);
}
