//===- AssemblerTest.cpp - finding, running and reading ptxas -------------===//
//
// Stand-ins for the program are shell scripts. The real one is asked where it
// is installed, so that the format which the other tests are about stays its.
//
//===----------------------------------------------------------------------===//

#include "targets/nvidia/Assembler.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace swallow::nvidia {
namespace {

namespace fs = std::filesystem;

//===-- What it says ------------------------------------------------------===//

TEST(AssemblerOutputTest, Kernels) {
  AssemblerOutput out = parseAssemblerOutput(R"(ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'o_proj' for 'sm_90'
ptxas info    : Function properties for o_proj
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 96 registers, used 1 barriers, 12288 bytes smem
ptxas info    : Compile time = 12.717 ms
ptxas info    : Compiling entry function 'attention' for 'sm_90'
ptxas info    : Function properties for attention
    264 bytes stack frame, 8 bytes spill stores, 16 bytes spill loads
ptxas info    : Used 255 registers, used 2 barriers, 272 bytes cumulative stack size, 512 bytes smem, 364 bytes cmem[0], 8 bytes cmem[2]
)");
  const std::vector<KernelResources> expected = {
      {"o_proj", 96, 1, 0, 0, 0, 12288, 0},
      {"attention", 255, 2, 272, 8, 16, 512, 372}};
  EXPECT_EQ(out.kernels, expected);
  EXPECT_TRUE(out.warnings.empty() && out.rejections.empty() &&
              out.failures.empty());
}

// Before CUDA 12 there were no barriers, and local memory had another name.
TEST(AssemblerOutputTest, OlderVersions) {
  AssemblerOutput out =
      parseAssemblerOutput("ptxas info    : Compiling entry function 'k' for "
                           "'sm_80'\n"
                           "ptxas info    : Used 8 registers, 24 bytes lmem, "
                           "16 bytes smem, 356 bytes cmem[0]");
  ASSERT_EQ(out.kernels.size(), 1u);
  EXPECT_EQ(out.kernels[0], (KernelResources{"k", 8, 0, 24, 0, 0, 16, 356}));
}

TEST(AssemblerOutputTest, FunctionsOfAKernelAreNotIt) {
  AssemblerOutput out = parseAssemblerOutput(
      "ptxas info    : Compiling entry function 'k' for 'sm_80'\n"
      "ptxas info    : Function properties for helper\n"
      "    64 bytes stack frame, 8 bytes spill stores, 8 bytes spill loads\n"
      "ptxas info    : Function properties for k\n"
      "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
      "ptxas info    : Used 10 registers, used 0 barriers\n");
  ASSERT_EQ(out.kernels.size(), 1u);
  EXPECT_EQ(out.kernels[0], (KernelResources{"k", 10, 0, 0, 0, 0, 0, 0}));
}

TEST(AssemblerOutputTest, Messages) {
  const std::string warning = "ptxas warning : For profile sm_80 adjusting per "
                              "thread register count of 8 to lower bound of 24",
                    slow = "ptxas info    : (C7510) Potential Performance "
                           "Loss: wgmma.mma_async instructions are serialized",
                    error = "ptxas /tmp/k.ptx, line 14; error   : Unknown "
                            "modifier '.globl'",
                    syntax = "ptxas /tmp/k.ptx, line 16; fatal   : Parsing "
                             "error near '}': syntax error",
                    shared = "ptxas error   : Entry function 'k' uses too much "
                             "shared data (0x7d000 bytes, 0xc000 max)",
                    call = "ptxas fatal   : Unresolved extern function 'f'",
                    version = "ptxas /tmp/k.ptx, line 1; fatal   : Unsupported "
                              ".version 9.9; current version is '9.0'",
                    name = "ptxas fatal   : Value 'sm_999' is not defined for "
                           "option 'gpu-name'";
  std::string text;
  for (const std::string &line :
       {warning, slow, error, syntax, shared, call, version, name})
    text += line + "\n";
  text += "ptxas fatal   : Ptx assembly aborted due to errors\r\n\nwords\n";
  AssemblerOutput out = parseAssemblerOutput(text);
  using Lines = std::vector<std::string>;
  EXPECT_EQ(out.warnings, (Lines{warning, slow}));
  EXPECT_EQ(out.rejections, (Lines{error, syntax, shared, call}));
  EXPECT_EQ(out.failures, (Lines{version, name}));
  EXPECT_TRUE(out.kernels.empty());
}

TEST(AssemblerOutputTest, Version) {
  EXPECT_EQ(
      parseAssemblerVersion("ptxas: NVIDIA (R) Ptx optimizing assembler\n"
                            "Copyright (c) 2005-2025 NVIDIA Corporation\n"
                            "Cuda compilation tools, release 13.0, V13.0.88\n"
                            "Build cuda_13.0.r13.0/compiler.36424714_0\n"),
      "13.0.88");
  EXPECT_EQ(parseAssemblerVersion("gcc, V13\n"), "");
  EXPECT_EQ(parseAssemblerVersion(""), "");
}

//===-- Finding and running it --------------------------------------------===//

class AssemblerTest : public testing::Test {
protected:
  void SetUp() override {
    folder = testing::TempDir() + "assembler-test";
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  /// A program of the folder that says it is ptxas 12.3.4 and then runs
  /// `lines` of a shell.
  std::string script(const std::string &name, const std::string &lines,
                     bool executable = true) const {
    const std::string path = folder + "/" + name;
    std::ofstream(path) << "#!/bin/sh\n"
                           "if [ \"$1\" = --version ]; then\n"
                           "  echo 'ptxas: NVIDIA (R) Ptx optimizing "
                           "assembler'\n"
                           "  echo 'Cuda compilation tools, release 12.3, "
                           "V12.3.4'\n"
                           "  exit 0\n"
                           "fi\n"
                        << lines << "\n";
    fs::permissions(path, executable ? fs::perms(0755) : fs::perms(0644));
    return path;
  }

  Result<AssembledCode> assembled(const std::string &lines) const {
    return assemble({script("ptxas", lines), "12.3.4"}, ".version 7.8\n",
                    *findArchitecture("sm_90"));
  }

  std::string folder;
};

TEST_F(AssemblerTest, IsFoundWhereItIsSaidToBe) {
  const std::string path = script("ptxas", ""), other = script("other", "");
  auto found = [&](const std::string &asked, const AssemblerPlaces &places) {
    auto search = findAssembler(asked, places);
    EXPECT_TRUE(search.ok()) << search.error().message;
    if (!search.ok())
      return std::string();
    EXPECT_EQ(search->assembler.has_value(), search->reason.empty());
    if (!search->assembler)
      return search->reason;
    EXPECT_EQ(search->assembler->version, "12.3.4");
    return search->assembler->path;
  };
  EXPECT_EQ(found("", {"", {"/nowhere", folder}}), path);
  EXPECT_EQ(found("", {other, {folder}}), other);
  EXPECT_EQ(found("", {"other", {folder}}), other); // a name, not a path
  EXPECT_EQ(found(path, {other, {folder}}), path);
  EXPECT_EQ(found("", {"", {"/nowhere"}}), "no ptxas was found");
  EXPECT_EQ(found("", {"none", {folder}}), "ptxas is not to be used");
  EXPECT_EQ(found("none", {path, {folder}}), "ptxas is not to be used");
  // What the environment names wrongly is told, and nothing else is taken.
  EXPECT_TRUE(found("", {"/nowhere/ptxas", {folder}})
                  .starts_with("/nowhere/ptxas is not usable: "));
  EXPECT_EQ(found("", {"absent", {folder}}), "absent was not found");
  EXPECT_TRUE(findAssembler("", {"absent", {folder}})->isSurprising);
  EXPECT_FALSE(findAssembler("", {"", {"/nowhere"}})->isSurprising);
}

TEST_F(AssemblerTest, WhatIsNoPtxasIsNotUsed) {
  const std::string dumb = folder + "/dumb";
  std::ofstream(dumb) << "#!/bin/sh\necho hello\n";
  fs::permissions(dumb, fs::perms(0755));
  auto search = findAssembler("", {dumb, {}});
  ASSERT_TRUE(search.ok());
  EXPECT_EQ(search->reason, dumb + " is not usable: it does not say its "
                                   "version as ptxas does");
  EXPECT_TRUE(search->isSurprising);
  // An option is to be obeyed.
  auto asked = findAssembler(dumb, {"", {}});
  ASSERT_FALSE(asked.ok());
  EXPECT_EQ(asked.error().code, ErrorCode::InvalidArgument);
  const std::string plain = script("plain", "", /*executable=*/false);
  EXPECT_FALSE(findAssembler(plain, {"", {}}).ok());
  std::ofstream(dumb) << "#!/bin/sh\nexit 3\n";
  EXPECT_NE(findAssembler("", {dumb, {}})->reason.find("exit code 3"),
            std::string::npos);
  std::ofstream(dumb) << "not a program\n";
  EXPECT_NE(findAssembler("", {dumb, {}})->reason.find(" is not usable: "),
            std::string::npos);
}

TEST_F(AssemblerTest, ReadsWhatItWasGivenAndWrites) {
  // An ELF image for CUDA devices that has no more than its header.
  auto code = assembled(
      "echo \"ptxas warning : $1 $2 $3 $(cat $5) of $5\" >&2\n"
      "head -c 64 /dev/zero > $4\n"
      "printf '\\177ELF\\002\\001\\001' | dd of=$4 conv=notrunc 2>/dev/null\n"
      "printf '\\276' | dd of=$4 bs=1 seek=18 conv=notrunc 2>/dev/null");
  ASSERT_TRUE(code.ok()) << code.error().message;
  EXPECT_EQ(code->reason, "");
  EXPECT_EQ(code->cubin.size(), 64u);
  EXPECT_EQ(code->output.warnings,
            std::vector<std::string>{"ptxas warning : -v -arch=sm_90 -o "
                                     ".version 7.8 of sm_90.ptx"});
}

TEST_F(AssemblerTest, FailuresLeaveThePtx) {
  auto reason = [&](const std::string &lines) {
    auto code = assembled(lines);
    EXPECT_TRUE(code.ok()) << code.error().message;
    if (!code.ok())
      return std::string();
    EXPECT_TRUE(code->cubin.empty());
    return code->reason;
  };
  EXPECT_EQ(reason("exit 7"), "ptxas 12.3.4 failed: exit code 7");
  EXPECT_EQ(reason("exit 0"), "ptxas 12.3.4 wrote no cubin: not an ELF image");
  EXPECT_EQ(reason("echo \"ptxas $5, line 1; fatal   : Unsupported .version "
                   "9.9; current version is '8.0'\"; exit 255"),
            "ptxas 12.3.4 failed: ptxas sm_90.ptx, line 1; fatal   : "
            "Unsupported .version 9.9; current version is '8.0'");
  EXPECT_TRUE(reason("kill -9 $$").starts_with("ptxas 12.3.4 failed: Killed"));
}

TEST_F(AssemblerTest, ARejectionIsAnError) {
  auto code = assembled("echo \"ptxas $5, line 3; error   : No such thing\" "
                        ">&2; exit 255");
  ASSERT_FALSE(code.ok());
  EXPECT_EQ(code.error().code, ErrorCode::Internal);
  EXPECT_EQ(code.error().message,
            "ptxas 12.3.4 refuses the PTX of sm_90 (-ptxas none compiles "
            "without it): ptxas sm_90.ptx, line 3; error   : No such thing");
}

//===-- The real one ------------------------------------------------------===//

constexpr const char *kPtx = R"(.version 7.8
.target sm_90
.address_size 64
.visible .entry k(.param .u64 p)
{
 .reg .b64 %rd<3>; .reg .b32 %r<3>;
 .shared .align 4 .b8 s[512];
 ld.param.u64 %rd1, [p];
 mov.u64 %rd2, s;
 mov.u32 %r1, %tid.x;
 st.shared.u32 [%rd2], %r1;
 bar.sync 0;
 ld.shared.u32 %r2, [%rd2+4];
 st.global.u32 [%rd1], %r2;
 ret;
}
)";

TEST(RealAssemblerTest, SpeaksTheFormatThatIsParsed) {
  AssemblerPlaces places = AssemblerPlaces::ofProcess();
  places.named.clear();
  auto search = findAssembler("", places);
  ASSERT_TRUE(search.ok());
  if (!search->assembler)
    GTEST_SKIP() << search->reason;
  const Architecture &sm90 = *findArchitecture("sm_90");
  auto code = assemble(*search->assembler, kPtx, sm90);
  ASSERT_TRUE(code.ok()) << code.error().message;
  ASSERT_EQ(code->reason, "");
  EXPECT_GT(code->cubin.size(), 1000u);
  ASSERT_EQ(code->output.kernels.size(), 1u);
  const KernelResources &kernel = code->output.kernels[0];
  EXPECT_EQ(kernel.name, "k");
  EXPECT_GT(kernel.registers, 0);
  EXPECT_EQ(kernel.barriers, 1);
  EXPECT_EQ(kernel.sharedBytes, 512);
  EXPECT_EQ(kernel.stackBytes, 0);
  // The same bytes again.
  auto again = assemble(*search->assembler, kPtx, sm90);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->cubin, code->cubin);

  std::string wrong = kPtx;
  wrong.replace(wrong.find("st.global"), 9, "st.globl");
  auto refused = assemble(*search->assembler, wrong, sm90);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("sm_90.ptx, line 14; error"),
            std::string::npos)
      << refused.error().message;
  std::string newer = kPtx;
  newer.replace(newer.find("7.8"), 3, "99.9");
  auto old = assemble(*search->assembler, newer, sm90);
  ASSERT_TRUE(old.ok()) << old.error().message;
  EXPECT_NE(old->reason.find("Unsupported .version 99.9"), std::string::npos)
      << old->reason;
  auto unknown = assemble(*search->assembler, kPtx, {"sm_999", 999, 78});
  ASSERT_TRUE(unknown.ok()) << unknown.error().message;
  EXPECT_NE(unknown->reason.find("sm_999"), std::string::npos)
      << unknown->reason;
}

} // namespace
} // namespace swallow::nvidia
