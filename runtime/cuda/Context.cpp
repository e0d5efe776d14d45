#include "runtime/cuda/Context.h"

namespace swallow::cuda {

Result<std::shared_ptr<const Context>>
Context::create(std::shared_ptr<const Driver> driver, DeviceInfo device) {
  std::shared_ptr<Context> context(
      new Context(std::move(driver), std::move(device)));
  SWALLOW_TRY(context->check(context->api().cuDevicePrimaryCtxRetain(
                                 &context->handle_, context->device_.index),
                             "starting to use the device"));
  SWALLOW_TRY(context->makeCurrent());
  return std::shared_ptr<const Context>(std::move(context));
}

Context::~Context() {
  if (handle_)
    (void)api().cuDevicePrimaryCtxRelease(device_.index);
}

Status Context::makeCurrent() const {
  return check(api().cuCtxSetCurrent(handle_), "selecting the device");
}

Error Context::error(CUresult result, std::string_view doing) const {
  Error error = driver_->error(result, doing);
  error.message = device_.id() + " (" + device_.name + "): " + error.message;
  return error;
}

Status Context::synchronize() const {
  SWALLOW_TRY(makeCurrent());
  return check(api().cuCtxSynchronize(), "waiting for the device");
}

Result<MemoryInfo> Context::memoryInfo() const {
  SWALLOW_TRY(makeCurrent());
  size_t free = 0, total = 0;
  SWALLOW_TRY(check(api().cuMemGetInfo(&free, &total),
                    "asking how much memory is free"));
  return MemoryInfo{free, total};
}

} // namespace swallow::cuda
