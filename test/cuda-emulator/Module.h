//===- Module.h - a loaded PTX module ---------------------------*- C++ -*-===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_MODULE_H
#define SWALLOW_TEST_CUDA_EMULATOR_MODULE_H

#include "runtime/support/Result.h"
#include "test/cuda-emulator/memory/DeviceMemory.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swallow::emulator {

struct Program; // exec/Program.h: decoded code

struct KernelParameter {
  uint32_t offset;    ///< in the parameter block
  uint32_t size;      ///< bytes
  uint32_t alignment; ///< bytes
};

/// An entry of a module; lives as long as its module.
struct Kernel {
  Kernel();
  ~Kernel();
  Kernel(const Kernel &) = delete;
  Kernel &operator=(const Kernel &) = delete;

  std::string name;
  std::vector<KernelParameter> params;
  uint32_t parameterBytes = 0;    ///< end of the last parameter
  uint32_t staticSharedBytes = 0; ///< .shared variables but extern arrays
  uint32_t localBytesPerThread = 0;
  /// CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: a launch that asks for
  /// more is refused. 48 KiB without what is static, until it is raised.
  mutable uint32_t maxDynamicShared = 0;
  std::optional<std::array<uint32_t, 3>> maxThreads;      ///< .maxntid
  std::optional<std::array<uint32_t, 3>> requiredThreads; ///< .reqntid

  std::unique_ptr<Program> program;
};

struct GlobalVariable {
  uint64_t address; ///< in the device memory
  uint64_t bytes;
};

class Module {
public:
  ~Module();

  /// Parses and decodes all of `ptx` (a NUL at its end is allowed) and places
  /// its variables in `memory`, which must outlive the module. Fails with
  /// InvalidArgument and "line N: ...: <text of the line>" on anything that is
  /// not understood, on a `.target` above `computeCapability` (e.g. 90; an
  /// "sm_90a" is accepted by exactly 90), and on an `.extern .func`.
  static Result<std::unique_ptr<Module>>
  load(std::string_view ptx, int computeCapability, DeviceMemory &memory);

  /// Null when there is no such entry.
  const Kernel *kernel(std::string_view name) const;
  /// Empty when there is no such .global or .const variable.
  std::optional<GlobalVariable> global(std::string_view name) const;
  std::vector<std::string> kernelNames() const;

  int ptxVersion() const { return ptxVersion_; }        ///< 78 for .version 7.8
  const std::string &target() const { return target_; } ///< "sm_80"

private:
  explicit Module(DeviceMemory &memory) : memory_(memory) {}

  DeviceMemory &memory_;
  int ptxVersion_ = 0;
  std::string target_;
  std::map<std::string, std::unique_ptr<Kernel>, std::less<>> kernels_;
  std::map<std::string, GlobalVariable, std::less<>> globals_;
};

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_MODULE_H
