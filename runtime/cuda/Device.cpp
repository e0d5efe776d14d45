#include "runtime/cuda/Device.h"

#include <charconv>
#include <cstdio>
#include <cstring>

namespace swallow::cuda {

std::string DeviceInfo::uuidText() const {
  std::string text = "GPU";
  for (size_t i = 0; i < uuid.size(); ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10)
      text += '-';
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x", uuid[i]);
    text += digits;
  }
  return text;
}

double DeviceInfo::peakBandwidth() const {
  return 2.0 * memoryClockKHz * 1000.0 * memoryBusBits / 8.0;
}

/// Multiplications with an addition that the tensor cores of a multiprocessor
/// do in a clock, of bf16 and dense; 0: not known. From the white papers of the
/// architectures.
static int productsPerClock(int sm) {
  switch (sm) {
  case 80:
    return 1024;
  case 86:
  case 89:
  case 120:
    return 512;
  case 90:
    return 2048;
  case 100:
    return 4096;
  default:
    return 0;
  }
}

double DeviceInfo::peakProducts() const {
  return 2.0 * productsPerClock(sm()) * multiprocessors * clockKHz * 1000.0;
}

static Result<DeviceInfo> describeDevice(const Driver &driver, int index) {
  const DriverFunctions &api = driver.api();
  DeviceInfo info;
  const std::string doing =
      "asking for the properties of device cuda:" + std::to_string(index);
  SWALLOW_TRY(driver.check(api.cuDeviceGet(&info.index, index), doing));

  char name[256] = {};
  SWALLOW_TRY(driver.check(
      api.cuDeviceGetName(name, sizeof(name) - 1, info.index), doing));
  info.name = name;
  CUuuid uuid{};
  SWALLOW_TRY(driver.check(api.cuDeviceGetUuid(&uuid, info.index), doing));
  std::memcpy(info.uuid.data(), uuid.bytes, sizeof(uuid.bytes));
  size_t memory = 0;
  SWALLOW_TRY(driver.check(api.cuDeviceTotalMem(&memory, info.index), doing));
  info.memoryBytes = memory;

  int sharedDefault = 0, sharedOptIn = 0, l2 = 0;
  const struct {
    int &value;
    CUdeviceAttribute attribute;
  } attributes[] = {
      {info.major, CUdeviceAttribute::ComputeCapabilityMajor},
      {info.minor, CUdeviceAttribute::ComputeCapabilityMinor},
      {info.multiprocessors, CUdeviceAttribute::MultiprocessorCount},
      {sharedDefault, CUdeviceAttribute::MaxSharedMemoryPerBlock},
      {sharedOptIn, CUdeviceAttribute::MaxSharedMemoryPerBlockOptin},
      {l2, CUdeviceAttribute::L2CacheSize},
      {info.maxThreadsPerBlock, CUdeviceAttribute::MaxThreadsPerBlock},
      {info.clockKHz, CUdeviceAttribute::ClockRate},
      {info.memoryClockKHz, CUdeviceAttribute::MemoryClockRate},
      {info.memoryBusBits, CUdeviceAttribute::GlobalMemoryBusWidth},
  };
  for (const auto &[value, attribute] : attributes)
    SWALLOW_TRY(driver.check(
        api.cuDeviceGetAttribute(&value, attribute, info.index), doing));
  info.sharedBytesDefault = sharedDefault;
  info.sharedBytesOptIn = sharedOptIn;
  info.l2Bytes = l2;
  return info;
}

Result<std::vector<DeviceInfo>> listDevices(const Driver &driver) {
  std::vector<DeviceInfo> devices;
  for (int index = 0; index < driver.deviceCount(); ++index) {
    SWALLOW_ASSIGN(DeviceInfo info, describeDevice(driver, index));
    devices.push_back(std::move(info));
  }
  return devices;
}

Result<DeviceChoice> parseDevice(std::string_view text) {
  if (text == "cpu")
    return DeviceChoice{DeviceChoice::Kind::Cpu, 0};
  if (text == "cuda")
    return DeviceChoice{DeviceChoice::Kind::Cuda, 0};
  constexpr std::string_view prefix = "cuda:";
  if (text.starts_with(prefix)) {
    std::string_view digits = text.substr(prefix.size());
    unsigned short index = 0; // no sign, no number beyond any machine
    auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (error == std::errc() && end == digits.data() + digits.size())
      return DeviceChoice{DeviceChoice::Kind::Cuda, index};
  }
  return Error{ErrorCode::InvalidArgument,
               "unknown device \"" + std::string(text) +
                   "\": expected auto, cpu, cuda or cuda:N (N from 0)"};
}

Result<DeviceInfo> findDevice(DeviceChoice choice,
                              std::span<const DeviceInfo> devices) {
  std::string existing;
  for (const DeviceInfo &device : devices) {
    if (device.index == choice.index)
      return device;
    existing +=
        (existing.empty() ? "" : ", ") + device.id() + " (" + device.name + ")";
  }
  return Error{ErrorCode::InvalidArgument,
               "there is no device cuda:" + std::to_string(choice.index) +
                   ", only " + (existing.empty() ? "cpu" : existing)};
}

} // namespace swallow::cuda
