#include "test/cuda-emulator/driver/Exports.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <elf.h>

namespace swallow::emulator {

//===-- Images ------------------------------------------------------------===//

/// What cuLinkComplete makes: a "cubin" that only this library loads. It holds
/// the PTX and stands for machine code of one architecture. Like a real one it
/// is an ELF image for CUDA devices, here without sections and segments.
struct CubinHeader {
  Elf64_Ehdr elf;
  char magic[8];
  uint32_t sm;
  uint32_t ptxBytes; // right behind
};
static_assert(sizeof(CubinHeader) == 80);
constexpr char kCubinMagic[8] = {'S', 'W', 'E', 'M', 'U', 'B', 'I', 'N'};

/// The first driver that knows a .version, 11000 for CUDA 11.0 (PTX ISA, table
/// "PTX Release History").
static int driverFor(int ptxVersion) {
  static const std::pair<int, int> kReleases[] = {
      {70, 11000}, {71, 11010}, {72, 11020}, {73, 11030}, {74, 11040},
      {75, 11050}, {76, 11060}, {77, 11070}, {78, 11080}, {80, 12000},
      {81, 12010}, {82, 12020}, {83, 12030}, {84, 12040}, {85, 12050},
      {86, 12070}, {87, 12080}, {88, 12090}, {90, 13000}};
  for (auto [version, driver] : kReleases)
    if (ptxVersion <= version)
      return driver;
  return INT32_MAX;
}

/// 78 for a text with ".version 7.8"; 0 where there is none.
static int ptxVersionOf(std::string_view ptx) {
  size_t at = ptx.find(".version");
  int major = 0, minor = 0;
  if (at == std::string_view::npos ||
      std::sscanf(std::string(ptx.substr(at, 32)).c_str(), ".version %d.%d",
                  &major, &minor) != 2)
    return 0;
  return 10 * major + minor;
}

/// The JIT options of a call.
namespace {
class Options {
public:
  Options(unsigned count, CUjitOption *options, void **values)
      : options_(options, options + count), values_(values, values + count) {}

  /// Writes to the caller's error log, cut to its size.
  void logError(const std::string &line) const {
    void *buffer = value(CUjitOption::ErrorLogBuffer);
    auto size = reinterpret_cast<uintptr_t>(
        value(CUjitOption::ErrorLogBufferSizeBytes));
    if (buffer && size > 0)
      std::snprintf(static_cast<char *>(buffer), size, "%s\n", line.c_str());
  }

private:
  void *value(CUjitOption option) const {
    for (size_t i = 0; i < options_.size(); ++i)
      if (options_[i] == option)
        return values_[i];
    return nullptr;
  }

  std::vector<CUjitOption> options_;
  std::vector<void *> values_;
};
} // namespace

/// Parses PTX for the device; the error goes into the log as ptxas puts it.
static CUresult parsePtx(Call &call, std::string_view ptx,
                         const Options &options,
                         std::unique_ptr<Module> &module) {
  const Settings &settings = call.state.settings;
  auto loaded = Module::load(ptx, 10 * settings.major + settings.minor,
                             *call.device->memory);
  if (!loaded.ok()) {
    options.logError("ptxas application ptx input, error : " +
                     loaded.error().message);
    return CUresult::InvalidPtx;
  }
  module = std::move(*loaded);
  return CUresult::Success;
}

/// The same where the driver's compiler knows its version.
static CUresult loadPtx(Call &call, std::string_view ptx,
                        const Options &options,
                        std::unique_ptr<Module> &module) {
  int version = ptxVersionOf(ptx);
  if (version > 0 && driverFor(version) > call.state.settings.driverVersion) {
    options.logError("ptxas application ptx input, fatal : Unsupported "
                     ".version " +
                     std::to_string(version / 10) + "." +
                     std::to_string(version % 10));
    return CUresult::UnsupportedPtxVersion;
  }
  return parsePtx(call, ptx, options, module);
}

static CUresult loadImage(Call &call, const void *image, const Options &options,
                          std::unique_ptr<Module> &module) {
  const auto *bytes = static_cast<const uint8_t *>(image);
  const bool isElf =
      std::strncmp(static_cast<const char *>(image), ELFMAG, SELFMAG) == 0;
  if (isElf && std::memcmp(bytes + offsetof(CubinHeader, magic), kCubinMagic,
                           sizeof(kCubinMagic)) == 0) {
    CubinHeader header;
    std::memcpy(&header, image, sizeof(header));
    const Settings &s = call.state.settings;
    if (header.sm / 10 != static_cast<uint32_t>(s.major) ||
        header.sm % 10 > static_cast<uint32_t>(s.minor))
      return CUresult::NoBinaryForGpu;
    // Machine code has no PTX version.
    return parsePtx(
        call,
        {static_cast<const char *>(image) + sizeof(header), header.ptxBytes},
        options, module);
  }
  // A real cubin or fat binary holds machine code, which nobody here can run:
  // the answer is that of a driver that is older than the code.
  if (isElf || (bytes[0] == 0x50 && bytes[1] == 0xed && bytes[2] == 0x55))
    return CUresult::NoBinaryForGpu;
  std::string_view text(static_cast<const char *>(image));
  bool isText =
      !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return std::isprint(static_cast<unsigned char>(c)) ||
               std::isspace(static_cast<unsigned char>(c));
      });
  return isText ? loadPtx(call, text, options, module) : CUresult::InvalidImage;
}

//===-- Modules -----------------------------------------------------------===//

CUresult cuModuleLoadDataEx(CUmodule *handle, const void *image,
                            unsigned numOptions, CUjitOption *options,
                            void **values) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  if (!handle || !image || (numOptions && (!options || !values)))
    return CUresult::InvalidValue;
  if (CUresult result = forbidWhileCapturing(*call.device);
      result != CUresult::Success)
    return result;
  auto object = std::make_unique<ModuleObject>();
  CUresult result = loadImage(call, image, Options(numOptions, options, values),
                              object->module);
  if (result != CUresult::Success)
    return result;
  ModuleObject *added = object.get();
  *handle = call.device->modules.add(std::move(object));
  for (const std::string &name : added->module->kernelNames()) {
    auto function = std::make_unique<FunctionObject>();
    function->module = *handle;
    function->kernel = added->module->kernel(name);
    added->functions[name] = call.device->functions.add(std::move(function));
  }
  return CUresult::Success;
}

CUresult cuModuleUnload(CUmodule handle) {
  Call call;
  if (!call.device)
    return call.result;
  ModuleObject *module = call.device->modules.find(handle);
  if (!module)
    return CUresult::InvalidHandle;
  drainAll(*call.device);
  for (const auto &[name, function] : module->functions)
    call.device->functions.take(function);
  call.device->modules.take(handle);
  return call.device->sticky;
}

CUresult cuModuleGetFunction(CUfunction *function, CUmodule handle,
                             const char *name) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  if (!function || !name)
    return CUresult::InvalidValue;
  ModuleObject *module = call.device->modules.find(handle);
  if (!module)
    return CUresult::InvalidHandle;
  auto it = module->functions.find(name);
  if (it == module->functions.end())
    return CUresult::NotFound;
  *function = it->second;
  return CUresult::Success;
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr *pointer, size_t *bytes,
                              CUmodule handle, const char *name) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  if (!name)
    return CUresult::InvalidValue;
  ModuleObject *module = call.device->modules.find(handle);
  if (!module)
    return CUresult::InvalidHandle;
  auto variable = module->module->global(name);
  if (!variable)
    return CUresult::NotFound;
  if (pointer)
    *pointer = variable->address;
  if (bytes)
    *bytes = variable->bytes;
  return CUresult::Success;
}

//===-- Functions ---------------------------------------------------------===//

static int deviceAttribute(const Call &call, CUdeviceAttribute attribute) {
  int value = 0;
  (void)cuDeviceGetAttribute(&value, attribute, call.device->ordinal);
  return value;
}

static uint32_t maxThreads(const Kernel &kernel) {
  const auto &limit =
      kernel.requiredThreads ? kernel.requiredThreads : kernel.maxThreads;
  return limit
             ? std::min<uint32_t>(1024, (*limit)[0] * (*limit)[1] * (*limit)[2])
             : 1024;
}

CUresult cuFuncGetAttribute(int *value, CUfunctionAttribute attribute,
                            CUfunction handle) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  FunctionObject *function = call.device->functions.find(handle);
  if (!function)
    return CUresult::InvalidHandle;
  if (!value)
    return CUresult::InvalidValue;
  const Kernel &kernel = *function->kernel;
  const Module &module = *call.device->modules.find(function->module)->module;
  switch (attribute) {
  case CUfunctionAttribute::MaxThreadsPerBlock:
    *value = static_cast<int>(maxThreads(kernel));
    break;
  case CUfunctionAttribute::SharedSizeBytes:
    *value = static_cast<int>(kernel.staticSharedBytes);
    break;
  case CUfunctionAttribute::LocalSizeBytes:
    *value = static_cast<int>(kernel.localBytesPerThread);
    break;
  // PTX has as many registers as it likes; nobody allocates real ones here.
  case CUfunctionAttribute::NumRegs:
  case CUfunctionAttribute::ConstSizeBytes:
    *value = 0;
    break;
  case CUfunctionAttribute::PtxVersion:
    *value = module.ptxVersion();
    break;
  case CUfunctionAttribute::BinaryVersion:
    *value = 10 * call.state.settings.major + call.state.settings.minor;
    break;
  case CUfunctionAttribute::MaxDynamicSharedSizeBytes:
    *value = static_cast<int>(kernel.maxDynamicShared);
    break;
  case CUfunctionAttribute::PreferredSharedMemoryCarveout:
    *value = -1; // the default
    break;
  default:
    return CUresult::InvalidValue;
  }
  return CUresult::Success;
}

CUresult cuFuncSetAttribute(CUfunction handle, CUfunctionAttribute attribute,
                            int value) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  FunctionObject *function = call.device->functions.find(handle);
  if (!function)
    return CUresult::InvalidHandle;
  if (attribute == CUfunctionAttribute::PreferredSharedMemoryCarveout)
    return CUresult::Success; // a hint
  if (attribute != CUfunctionAttribute::MaxDynamicSharedSizeBytes)
    return CUresult::InvalidValue;
  const Kernel &kernel = *function->kernel;
  int64_t limit =
      deviceAttribute(call, CUdeviceAttribute::MaxSharedMemoryPerBlockOptin) -
      int64_t{kernel.staticSharedBytes};
  if (value < 0 || value > limit)
    return CUresult::InvalidValue;
  kernel.maxDynamicShared = static_cast<uint32_t>(value);
  return CUresult::Success;
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks,
                                                     CUfunction handle,
                                                     int blockSize,
                                                     size_t dynamicShared) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  FunctionObject *function = call.device->functions.find(handle);
  if (!function)
    return CUresult::InvalidHandle;
  if (!blocks || blockSize <= 0 || blockSize > 1024)
    return CUresult::InvalidValue;
  // By threads, blocks and shared memory; registers are not known.
  auto attribute = [&](CUdeviceAttribute a) {
    return deviceAttribute(call, a);
  };
  int warps = (blockSize + 31) / 32;
  int byThreads =
      attribute(CUdeviceAttribute::MaxThreadsPerMultiprocessor) / 32 / warps;
  size_t shared = dynamicShared + function->kernel->staticSharedBytes +
                  static_cast<size_t>(attribute(
                      CUdeviceAttribute::ReservedSharedMemoryPerBlock));
  auto byShared = static_cast<int>(
      static_cast<size_t>(
          attribute(CUdeviceAttribute::MaxSharedMemoryPerMultiprocessor)) /
      shared);
  *blocks =
      std::min({byThreads, byShared,
                attribute(CUdeviceAttribute::MaxBlocksPerMultiprocessor)});
  return CUresult::Success;
}

//===-- The compiler ------------------------------------------------------===//

CUresult cuLinkCreate_v2(unsigned numOptions, CUjitOption *options,
                         void **values, CUlinkState *handle) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  if (!handle || (numOptions && (!options || !values)))
    return CUresult::InvalidValue;
  auto link = std::make_unique<LinkObject>();
  link->options.assign(options, options + numOptions);
  link->values.assign(values, values + numOptions);
  *handle = call.device->links.add(std::move(link));
  return CUresult::Success;
}

CUresult cuLinkAddData_v2(CUlinkState handle, CUjitInputType type, void *data,
                          size_t size, const char *name, unsigned numOptions,
                          CUjitOption *options, void **values) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  LinkObject *link = call.device->links.find(handle);
  if (!link)
    return CUresult::InvalidHandle;
  if (!data || size == 0 || !link->cubin.empty())
    return CUresult::InvalidValue;
  if (type != CUjitInputType::Ptx || !link->ptx.empty())
    return CUresult::NotSupported; // one PTX text is all that is linked
  std::string ptx(static_cast<const char *>(data), size);
  if (size_t end = ptx.find('\0'); end != std::string::npos)
    ptx.resize(end);
  // Parsed only for the errors; the real compiler runs here as well.
  std::unique_ptr<Module> module;
  CUresult result = loadPtx(call, ptx,
                            Options(static_cast<unsigned>(link->options.size()),
                                    link->options.data(), link->values.data()),
                            module);
  if (result == CUresult::Success)
    link->ptx = std::move(ptx);
  return result;
}

CUresult cuLinkComplete(CUlinkState handle, void **cubin, size_t *size) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  LinkObject *link = call.device->links.find(handle);
  if (!link)
    return CUresult::InvalidHandle;
  if (!cubin || !size || link->ptx.empty())
    return CUresult::InvalidValue;
  CubinHeader header{};
  std::memcpy(header.elf.e_ident, ELFMAG, SELFMAG);
  header.elf.e_ident[EI_CLASS] = ELFCLASS64;
  header.elf.e_ident[EI_DATA] = ELFDATA2LSB;
  header.elf.e_machine = EM_CUDA;
  std::memcpy(header.magic, kCubinMagic, sizeof(kCubinMagic));
  header.sm = static_cast<uint32_t>(10 * call.state.settings.major +
                                    call.state.settings.minor);
  header.ptxBytes = static_cast<uint32_t>(link->ptx.size());
  link->cubin.resize(sizeof(header) + link->ptx.size());
  std::memcpy(link->cubin.data(), &header, sizeof(header));
  std::memcpy(link->cubin.data() + sizeof(header), link->ptx.data(),
              link->ptx.size());
  *cubin = link->cubin.data();
  *size = link->cubin.size();
  return CUresult::Success;
}

CUresult cuLinkDestroy(CUlinkState handle) {
  Call call;
  if (!call.device)
    return call.result;
  return call.device->links.take(handle) ? call.device->sticky
                                         : CUresult::InvalidHandle;
}

} // namespace swallow::emulator
