//===- Context.h - the use of one device ------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_CUDA_CONTEXT_H
#define SWALLOW_RUNTIME_CUDA_CONTEXT_H

#include "runtime/cuda/Device.h"

#include <memory>
#include <utility>

namespace swallow::cuda {

/// Bytes of device memory, of all processes together.
struct MemoryInfo {
  uint64_t freeBytes = 0;
  uint64_t totalBytes = 0;
};

/// The primary context of a device, retained for as long as this object lives.
/// Every buffer, stream, module and graph holds a share of it.
///
/// A context must be current on the thread that calls the driver. The wrappers
/// make it so in each call, so any thread may use them. Methods of Context may
/// be called from several threads at once; a wrapper object is used by one
/// thread at a time unless it says otherwise.
class Context {
public:
  static Result<std::shared_ptr<const Context>>
  create(std::shared_ptr<const Driver> driver, DeviceInfo device);

  Context(const Context &) = delete;
  Context &operator=(const Context &) = delete;
  ~Context();

  const Driver &driver() const { return *driver_; }
  const DriverFunctions &api() const { return driver_->api(); }
  const DeviceInfo &device() const { return device_; }

  /// Makes the context current on this thread.
  Status makeCurrent() const;

  /// The Status of a driver call, as Driver::check, with the device's name in
  /// front. Allocates nothing on success.
  Status check(CUresult result, std::string_view doing) const {
    if (result == CUresult::Success)
      return {};
    return error(result, doing);
  }
  Error error(CUresult result, std::string_view doing) const;

  /// Waits until the device has done everything that was asked of it.
  Status synchronize() const;
  Result<MemoryInfo> memoryInfo() const;

private:
  Context(std::shared_ptr<const Driver> driver, DeviceInfo device)
      : driver_(std::move(driver)), device_(std::move(device)) {}

  std::shared_ptr<const Driver> driver_;
  DeviceInfo device_;
  CUcontext handle_ = nullptr;
};

using ContextPtr = std::shared_ptr<const Context>;

/// A driver handle and the context that it belongs to; `Destroy` gives it back.
/// Move-only. Errors of destruction are dropped: an earlier call has reported
/// what led to them, or the process ends.
template <typename Handle, CUresult (*DriverFunctions::*Destroy)(Handle)>
class Owned {
public:
  Owned() = default;
  Owned(ContextPtr context, Handle handle)
      : context_(std::move(context)), handle_(handle) {}
  Owned(Owned &&other) noexcept
      : context_(std::move(other.context_)),
        handle_(std::exchange(other.handle_, Handle{})) {}
  Owned &operator=(Owned &&other) noexcept {
    std::swap(context_, other.context_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() {
    if (handle_ != Handle{} && context_->makeCurrent().ok())
      (void)(context_->api().*Destroy)(handle_);
  }

  Handle get() const { return handle_; }
  const Context &context() const { return *context_; }
  const ContextPtr &contextPtr() const { return context_; }
  explicit operator bool() const { return handle_ != Handle{}; }

private:
  ContextPtr context_;
  Handle handle_{};
};

} // namespace swallow::cuda

#endif // SWALLOW_RUNTIME_CUDA_CONTEXT_H
