#include "runtime/cuda/Module.h"

#include "runtime/cuda/JitArguments.h"

namespace swallow::cuda {

Result<Module> Module::loadPtx(ContextPtr context, std::string_view ptx,
                               const JitOptions &options,
                               std::string_view name) {
  SWALLOW_TRY(context->makeCurrent());
  std::string text(ptx); // the driver reads up to a NUL
  JitArguments arguments(options);
  CUmodule module = nullptr;
  CUresult result = context->api().cuModuleLoadDataEx(
      &module, text.c_str(), arguments.count(), arguments.options(),
      arguments.values());
  if (result != CUresult::Success)
    return arguments.error(*context, result, name);
  return Module(Handle(std::move(context), module), name);
}

Result<Module> Module::loadCubin(ContextPtr context,
                                 std::span<const uint8_t> cubin,
                                 std::string_view name) {
  SWALLOW_TRY(context->makeCurrent());
  JitArguments arguments{JitOptions()};
  CUmodule module = nullptr;
  CUresult result = context->api().cuModuleLoadDataEx(
      &module, cubin.data(), arguments.count(), arguments.options(),
      arguments.values());
  if (result != CUresult::Success)
    return arguments.error(*context, result, name);
  return Module(Handle(std::move(context), module), name);
}

Result<Function> Module::function(const std::string &name) const {
  const Context &context = handle_.context();
  SWALLOW_TRY(context.makeCurrent());
  Function function;
  CUresult result =
      context.api().cuModuleGetFunction(&function.handle_, get(), name.c_str());
  if (result == CUresult::NotFound)
    return Error{ErrorCode::DeviceError,
                 name_ + " has no kernel \"" + name + "\""};
  SWALLOW_TRY(context.check(result, "looking for the kernel " + name));
  function.context_ = handle_.contextPtr();
  function.name_ = name;
  return function;
}

Result<DeviceVariable> Module::variable(const std::string &name) const {
  const Context &context = handle_.context();
  SWALLOW_TRY(context.makeCurrent());
  CUdeviceptr address = 0;
  size_t bytes = 0;
  CUresult result =
      context.api().cuModuleGetGlobal(&address, &bytes, get(), name.c_str());
  if (result == CUresult::NotFound)
    return Error{ErrorCode::DeviceError,
                 name_ + " has no variable \"" + name + "\""};
  SWALLOW_TRY(context.check(result, "looking for the variable " + name));
  return DeviceVariable{address, bytes};
}

Result<FunctionAttributes> Function::attributes() const {
  SWALLOW_TRY(context_->makeCurrent());
  FunctionAttributes all;
  int staticShared = 0, dynamicShared = 0, local = 0;
  const struct {
    int &value;
    CUfunctionAttribute attribute;
  } attributes[] = {
      {all.registers, CUfunctionAttribute::NumRegs},
      {all.maxThreadsPerBlock, CUfunctionAttribute::MaxThreadsPerBlock},
      {staticShared, CUfunctionAttribute::SharedSizeBytes},
      {dynamicShared, CUfunctionAttribute::MaxDynamicSharedSizeBytes},
      {local, CUfunctionAttribute::LocalSizeBytes},
      {all.ptxVersion, CUfunctionAttribute::PtxVersion},
      {all.binaryVersion, CUfunctionAttribute::BinaryVersion},
  };
  for (const auto &[value, attribute] : attributes)
    SWALLOW_TRY(context_->check(
        context_->api().cuFuncGetAttribute(&value, attribute, handle_),
        "asking for the properties of a kernel"));
  all.staticSharedBytes = staticShared;
  all.maxDynamicSharedBytes = dynamicShared;
  all.localBytes = local;
  return all;
}

Status Function::setMaxDynamicShared(unsigned bytes) const {
  SWALLOW_TRY(context_->makeCurrent());
  CUresult result = context_->api().cuFuncSetAttribute(
      handle_, CUfunctionAttribute::MaxDynamicSharedSizeBytes,
      static_cast<int>(bytes));
  if (result == CUresult::Success)
    return {};
  return context_->error(result, "giving " + std::to_string(bytes) +
                                     " bytes of shared memory to the kernel " +
                                     name_);
}

Result<int>
Function::blocksPerMultiprocessor(unsigned threads,
                                  unsigned dynamicSharedBytes) const {
  SWALLOW_TRY(context_->makeCurrent());
  int blocks = 0;
  SWALLOW_TRY(context_->check(
      context_->api().cuOccupancyMaxActiveBlocksPerMultiprocessor(
          &blocks, handle_, static_cast<int>(threads), dynamicSharedBytes),
      "asking how many blocks of a kernel fit"));
  return blocks;
}

/// "the kernel gemv with a grid of 4x1x1 blocks of 128x1x1 threads and 0 bytes
/// of shared memory".
static std::string launchText(const std::string &name,
                              const LaunchShape &shape) {
  auto size = [](const std::array<unsigned, 3> &d) {
    return std::to_string(d[0]) + "x" + std::to_string(d[1]) + "x" +
           std::to_string(d[2]);
  };
  return "the kernel " + name + " with a grid of " + size(shape.grid) +
         " blocks of " + size(shape.block) + " threads and " +
         std::to_string(shape.dynamicSharedBytes) + " bytes of shared memory";
}

Status Function::launch(const Stream &stream, const LaunchShape &shape,
                        std::span<void *const> parameters) const {
  SWALLOW_TRY(context_->makeCurrent());
  CUlaunchConfig config{};
  config.gridDimX = shape.grid[0];
  config.gridDimY = shape.grid[1];
  config.gridDimZ = shape.grid[2];
  config.blockDimX = shape.block[0];
  config.blockDimY = shape.block[1];
  config.blockDimZ = shape.block[2];
  config.sharedMemBytes = shape.dynamicSharedBytes;
  config.hStream = stream.get();
  CUlaunchAttribute cluster{};
  if (shape.cluster[0]) {
    cluster.id = CUlaunchAttributeID::ClusterDimension;
    cluster.value.clusterDim = {shape.cluster[0], shape.cluster[1],
                                shape.cluster[2]};
    config.attrs = &cluster;
    config.numAttrs = 1;
  }
  CUresult result = context_->api().cuLaunchKernelEx(
      &config, handle_, const_cast<void **>(parameters.data()), nullptr);
  if (result == CUresult::Success)
    return {};
  return context_->error(result, "launching " + launchText(name_, shape));
}

Result<std::vector<uint8_t>> compilePtx(const Context &context,
                                        std::string_view ptx,
                                        const JitOptions &options,
                                        std::string_view name) {
  SWALLOW_TRY(context.makeCurrent());
  const DriverFunctions &api = context.api();
  std::string text(ptx);
  JitArguments arguments(options);
  CUlinkState state = nullptr;
  CUresult result = api.cuLinkCreate(arguments.count(), arguments.options(),
                                     arguments.values(), &state);
  if (result != CUresult::Success)
    return arguments.error(context, result, name);

  void *cubin = nullptr; // owned by the link state
  size_t size = 0;
  result = api.cuLinkAddData(state, CUjitInputType::Ptx, text.data(),
                             text.size() + 1, "ptx", 0, nullptr, nullptr);
  if (result == CUresult::Success)
    result = api.cuLinkComplete(state, &cubin, &size);
  std::vector<uint8_t> bytes;
  if (result == CUresult::Success)
    bytes.assign(static_cast<const uint8_t *>(cubin),
                 static_cast<const uint8_t *>(cubin) + size);
  (void)api.cuLinkDestroy(state);
  if (result != CUresult::Success)
    return arguments.error(context, result, name);
  return bytes;
}

} // namespace swallow::cuda
