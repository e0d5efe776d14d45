#include "runtime/device/LoadedCode.h"

#include <gtest/gtest.h>

#include <cstring>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#if defined(__x86_64__)

namespace swallow {
namespace {

/// 4096 bytes of padding, then an image whose step, at offset 16, stores 42
/// where `args` points.
std::vector<uint8_t> fileWithCode() {
  std::vector<uint8_t> file(2 * 4096, 0xcc);             // int3
  const uint8_t code[] = {0x48, 0xc7, 0x07, 42, 0, 0, 0, // movq $42, (%rdi)
                          0xc3};                         // ret
  std::memcpy(file.data() + 4096 + 16, code, sizeof(code));
  return file;
}

// No function type stands in front of code by hand for UBSan to check.
#if defined(__clang__)
__attribute__((no_sanitize("function")))
#endif
void callCompiled(SwallowStepFn step, SwallowStepArgs &args) {
  step(&args, 0, 1);
}

int64_t callStep(const LoadedCode &code) {
  SwallowStepArgs args{};
  callCompiled(code.step(), args);
  return args.num_tokens; // the first field
}

class LoadedCodeTest : public testing::Test {
protected:
  void SetUp() override {
    file = fileWithCode();
    fd = memfd_create("code", 0);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(write(fd, file.data(), file.size()), ssize_t(file.size()));
  }
  void TearDown() override { close(fd); }
  std::span<const uint8_t> contents() const {
    return std::span<const uint8_t>(file).subspan(4096);
  }

  std::vector<uint8_t> file;
  int fd = -1;
};

TEST_F(LoadedCodeTest, RunsFromTheFile) {
  Result<LoadedCode> code = LoadedCode::map(fd, 4096, contents(), 16, "m");
  ASSERT_TRUE(code.ok()) << code.error().message;
  EXPECT_FALSE(code->isCopy());
  EXPECT_EQ(callStep(*code), 42);
  LoadedCode moved = std::move(*code);
  EXPECT_EQ(callStep(moved), 42);
}

// A descriptor that cannot be mapped executable, as on a noexec file system.
TEST_F(LoadedCodeTest, RunsFromACopy) {
  Result<LoadedCode> code = LoadedCode::map(-1, 4096, contents(), 16, "m");
  ASSERT_TRUE(code.ok()) << code.error().message;
  EXPECT_TRUE(code->isCopy());
  EXPECT_EQ(callStep(*code), 42);
}

TEST_F(LoadedCodeTest, RefusesPlacesOutside) {
  EXPECT_EQ(LoadedCode::map(fd, 4095, contents(), 16, "m").error().code,
            ErrorCode::Corrupt);
  EXPECT_EQ(LoadedCode::map(fd, 4096, contents(), 4096, "m").error().code,
            ErrorCode::Corrupt);
}

} // namespace
} // namespace swallow

#endif
