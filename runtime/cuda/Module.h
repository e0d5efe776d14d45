//===- Module.h - device code and its functions -----------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_CUDA_MODULE_H
#define SWALLOW_RUNTIME_CUDA_MODULE_H

#include "runtime/cuda/Stream.h"

#include <array>
#include <span>
#include <vector>

namespace swallow::cuda {

/// How the driver's compiler turns PTX into machine code.
struct JitOptions {
  int optimizationLevel = 4; // 0 to 4
  int maxRegisters = 0;      // of a thread; 0: no limit of ours
  bool lineInfo = false;     // lines of the PTX for profilers

  /// One word that is equal exactly for equal options, for cache keys.
  std::string text() const;
};

struct LaunchShape {
  std::array<unsigned, 3> grid{1, 1, 1};  // blocks
  std::array<unsigned, 3> block{1, 1, 1}; // threads
  unsigned dynamicSharedBytes = 0;
  std::array<unsigned, 3> cluster{0, 0, 0}; // blocks; zeros: no clusters
};

struct FunctionAttributes {
  int registers = 0; // of a thread
  int maxThreadsPerBlock = 0;
  int64_t staticSharedBytes = 0;
  int64_t maxDynamicSharedBytes = 0;
  int64_t localBytes = 0; // of a thread; not 0 means spills or arrays
  int ptxVersion = 0;     // 80 for .version 8.0
  int binaryVersion = 0;  // 90 for sm_90
};

/// A kernel of a module. Plain handle, copied freely; valid for as long as its
/// Module lives.
class Function {
public:
  Function() = default;
  CUfunction get() const { return handle_; }
  const std::string &name() const { return name_; }

  Result<FunctionAttributes> attributes() const;

  /// Allows launches with up to `bytes` of dynamic shared memory, which is
  /// needed above 48 KiB. Fails when the device has less.
  Status setMaxDynamicShared(unsigned bytes) const;

  /// How many blocks of this size one SM holds at a time.
  Result<int> blocksPerMultiprocessor(unsigned threads,
                                      unsigned dynamicSharedBytes) const;

  /// Enqueues the kernel. `parameters` has one pointer to the value of each
  /// parameter, in order, read before this returns. What the kernel does wrong
  /// is reported by a later call that waits for it.
  Status launch(const Stream &stream, const LaunchShape &shape,
                std::span<void *const> parameters) const;

private:
  friend class Module;
  ContextPtr context_;
  CUfunction handle_ = nullptr;
  std::string name_;
};

/// A variable of a module in device memory.
struct DeviceVariable {
  CUdeviceptr address = 0;
  uint64_t bytes = 0;
};

/// Loaded device code. Move-only; unloads it on destruction. All methods may be
/// called from several threads at once.
class Module {
public:
  /// Compiles PTX text in the driver. `name` stands for the code in messages
  /// ("the artifact's PTX for sm_80"); an error carries the compiler's own
  /// first line about it.
  static Result<Module> loadPtx(ContextPtr context, std::string_view ptx,
                                const JitOptions &options,
                                std::string_view name);
  /// Loads machine code of exactly this device's architecture.
  static Result<Module> loadCubin(ContextPtr context,
                                  std::span<const uint8_t> cubin,
                                  std::string_view name);

  Module() = default;
  CUmodule get() const { return handle_.get(); }

  /// Fails when there is no kernel of that name.
  Result<Function> function(const std::string &name) const;
  Result<DeviceVariable> variable(const std::string &name) const;

private:
  using Handle = Owned<CUmodule, &DriverFunctions::cuModuleUnload>;
  Module(Handle handle, std::string_view name)
      : handle_(std::move(handle)), name_(name) {}

  Handle handle_;
  std::string name_;
};

/// Compiles PTX for the context's device and returns the machine code (a
/// cubin), which Module::loadCubin takes. Errors as Module::loadPtx.
Result<std::vector<uint8_t>> compilePtx(const Context &context,
                                        std::string_view ptx,
                                        const JitOptions &options,
                                        std::string_view name);

} // namespace swallow::cuda

#endif // SWALLOW_RUNTIME_CUDA_MODULE_H
