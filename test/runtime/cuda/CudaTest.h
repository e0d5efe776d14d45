//===- CudaTest.h - tests on the emulated driver ----------------*- C++ -*-===//

#ifndef SWALLOW_TEST_RUNTIME_CUDA_CUDATEST_H
#define SWALLOW_TEST_RUNTIME_CUDA_CUDATEST_H

#include "runtime/cuda/Context.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <dlfcn.h>
#include <initializer_list>
#include <utility>

namespace swallow::cuda {

/// Declares `variable` as the value of a Result; ends the test function with
/// the message of an Error.
#define TAKE(variable, expression)                                             \
  auto variable##Result = (expression);                                        \
  ASSERT_TRUE(variable##Result.ok()) << variable##Result.error().message;      \
  auto variable = std::move(*variable##Result)

#define EXPECT_OK(expression)                                                  \
  do {                                                                         \
    auto okStatus = (expression);                                              \
    EXPECT_TRUE(okStatus.ok()) << okStatus.error().message;                    \
  } while (false)

/// A function that the emulator exports beside the driver's.
template <typename Function> Function emulatorFunction(const char *name) {
  void *library = dlopen(SWALLOW_CUDA_EMULATOR, RTLD_NOW | RTLD_LOCAL);
  return reinterpret_cast<Function>(library ? dlsym(library, name) : nullptr);
}

/// Each test starts with a fresh driver and an environment that names nothing.
class CudaTest : public testing::Test {
protected:
  void SetUp() override { configure({}); }
  void TearDown() override { configure({}); }

  /// Restarts the emulator with these SWALLOW_EMULATOR_... variables.
  static void
  configure(std::initializer_list<std::pair<const char *, const char *>> set) {
    for (const char *name :
         {"DEVICES", "NAME", "CAPABILITY", "MULTIPROCESSORS", "MEMORY",
          "DRIVER", "FAIL_ALLOCATION", "FAIL_LAUNCH", "COPY_MILLISECONDS",
          "SPOIL_COPY", "FATAL", "REPORT"})
      unsetenv((std::string("SWALLOW_EMULATOR_") + name).c_str());
    unsetenv("CUDA_VISIBLE_DEVICES");
    for (auto [name, value] : set)
      setenv((std::string("SWALLOW_EMULATOR_") + name).c_str(), value, 1);
    emulatorFunction<void (*)()>("swallowEmulatorReset")();
  }

  static int findings() {
    return emulatorFunction<int (*)()>("swallowEmulatorFindings")();
  }

  static std::shared_ptr<const Driver> openDriver() {
    auto driver = Driver::open(SWALLOW_CUDA_EMULATOR);
    EXPECT_TRUE(driver.ok()) << driver.error().message;
    return driver.ok() ? *driver : nullptr;
  }

  /// The message of the Error of opening the driver.
  static std::string
  openError(const std::string &path = SWALLOW_CUDA_EMULATOR) {
    auto driver = Driver::open(path);
    EXPECT_FALSE(driver.ok());
    return driver.ok() ? "" : driver.error().message;
  }

  static ContextPtr openContext(int device = 0) {
    auto driver = openDriver();
    auto devices = listDevices(*driver);
    EXPECT_TRUE(devices.ok()) << devices.error().message;
    auto context = Context::create(driver, devices->at(device));
    EXPECT_TRUE(context.ok()) << context.error().message;
    return context.ok() ? *context : nullptr;
  }
};

} // namespace swallow::cuda

#endif // SWALLOW_TEST_RUNTIME_CUDA_CUDATEST_H
