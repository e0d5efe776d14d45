//===- Harness.h - runs hand-written PTX in a test --------------*- C++ -*-===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_TESTS_HARNESS_H
#define SWALLOW_TEST_CUDA_EMULATOR_TESTS_HARNESS_H

#include "test/cuda-emulator/Emulator.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace swallow::emulator {

/// The head of every module here, and one entry `k` with parameters p0, p1,
/// ... that are 64-bit pointers.
std::string moduleOf(const std::string &body, int pointers,
                     const std::string &globals = "",
                     const std::string &target = "sm_80");

/// Every text that a test loads, for the test that assembles them with ptxas.
const std::vector<std::string> &loadedTexts();

/// A module, a device and an executor for one test.
class Harness {
public:
  explicit Harness(const std::string &text);

  /// The address of `values` in device memory.
  template <typename T> uint64_t upload(const std::vector<T> &values) {
    uint64_t address = space(values.size() * sizeof(T));
    EXPECT_TRUE(
        memory.write(address, values.data(), values.size() * sizeof(T)).ok());
    return address;
  }
  /// Uninitialised device memory.
  uint64_t space(uint64_t bytes);
  template <typename T>
  std::vector<T> download(uint64_t address, size_t count) {
    std::vector<T> values(count);
    EXPECT_TRUE(memory.read(values.data(), address, count * sizeof(T)).ok());
    return values;
  }

  /// Runs `k` with these pointers. Expects success unless `mayFail`.
  Counters run(LaunchShape shape, std::initializer_list<uint64_t> pointers,
               bool mayFail = false);
  Counters runWith(LaunchShape shape, std::vector<uint8_t> parameters,
                   bool mayFail = false);

  bool found(Finding::Kind kind) const;
  /// Line of the first finding of that kind; 0 for none.
  int lineOf(Finding::Kind kind) const;
  /// All findings in words, for messages.
  std::string findings() const;
  bool isClean() const { return executor.findings().empty(); }

  DeviceMemory memory;
  std::unique_ptr<Module> module;
  Executor executor;
};

/// One warp: evaluates `code`, which computes %d from %a, %b and %c (one
/// element of `T` per lane each) and may use predicates %p0 to %p3, for up to
/// 32 operand triples. `type` is the register type of all, e.g. "b32".
template <typename T>
std::vector<T> evaluate(const std::string &code, const std::string &type,
                        std::vector<T> a, std::vector<T> b = {},
                        std::vector<T> c = {},
                        const std::string &target = "sm_80") {
  a.resize(32);
  b.resize(32);
  c.resize(32);
  std::string size = std::to_string(sizeof(T));
  std::string body = "  .reg ." + type +
                     " %a, %b, %c, %d;\n"
                     "  .reg .pred %p<4>;\n  .reg .b16 %h<8>;\n"
                     "  .reg .b32 %r<8>;\n  .reg .b64 %rd<8>;\n"
                     "  .reg .f32 %f<8>;\n  .reg .f64 %fd<4>;\n"
                     "  mov.u32 %r0, %tid.x;\n"
                     "  mul.wide.u32 %rd0, %r0, " +
                     size +
                     ";\n  ld.param.u64 %rd1, [p0];\n"
                     "  ld.param.u64 %rd2, [p1];\n"
                     "  ld.param.u64 %rd3, [p2];\n"
                     "  ld.param.u64 %rd4, [p3];\n"
                     "  add.s64 %rd1, %rd1, %rd0;\n"
                     "  add.s64 %rd2, %rd2, %rd0;\n"
                     "  add.s64 %rd3, %rd3, %rd0;\n"
                     "  add.s64 %rd4, %rd4, %rd0;\n"
                     "  ld.global." +
                     type + " %a, [%rd1];\n  ld.global." + type +
                     " %b, [%rd2];\n  ld.global." + type + " %c, [%rd3];\n  " +
                     code + "\n  st.global." + type + " [%rd4], %d;\n  ret;\n";
  Harness harness(moduleOf(body, 4, "", target));
  uint64_t result = harness.space(32 * sizeof(T));
  harness.run({{1, 1, 1}, {32, 1, 1}, 0}, {harness.upload(a), harness.upload(b),
                                           harness.upload(c), result});
  EXPECT_TRUE(harness.isClean()) << harness.findings();
  return harness.download<T>(result, 32);
}

inline uint32_t bitsOf(float value) { return std::bit_cast<uint32_t>(value); }

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_TESTS_HARNESS_H
