#include "runtime/engine/Devices.h"

#include "runtime/cuda/Context.h"
#include "runtime/device/CpuFeatures.h"
#include "runtime/device/CpuTopology.h"

#include <nlohmann/json.hpp>

#include <fstream>

namespace swallow {

using Json = nlohmann::ordered_json;

/// The name of the first processor, as Linux has it.
static std::string processorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      if (size_t colon = line.find(": "); colon != std::string::npos)
        return line.substr(colon + 2);
  return "";
}

static Json describeGpu(const std::shared_ptr<const cuda::Driver> &driver,
                        const cuda::DeviceInfo &device) {
  Json json = {{"id", device.id()},
               {"name", device.name},
               {"uuid", device.uuidText()},
               {"compute_capability", std::to_string(device.major) + "." +
                                          std::to_string(device.minor)},
               {"multiprocessors", device.multiprocessors},
               {"memory_bytes", device.memoryBytes},
               {"l2_bytes", device.l2Bytes},
               {"shared_bytes_of_block", device.sharedBytesOptIn},
               {"clock_khz", device.clockKHz},
               {"memory_clock_khz", device.memoryClockKHz},
               {"memory_bus_bits", device.memoryBusBits},
               {"nominal_bytes_per_second", device.peakBandwidth()},
               {"nominal_bf16_operations_per_second", device.peakProducts()}};
  // A device that cannot be used is described by what is wrong with it.
  Result<cuda::ContextPtr> context = cuda::Context::create(driver, device);
  Result<cuda::MemoryInfo> memory =
      context ? (*context)->memoryInfo()
              : Result<cuda::MemoryInfo>(context.error());
  if (memory)
    json["free_bytes"] = memory->freeBytes;
  else
    json["error"] = memory.error().message;
  return json;
}

std::string devicesJson() {
  Json json = {{"cpu",
                {{"name", processorName()},
                 {"threads", defaultThreadCount()},
                 {"available_bytes", availableMemory()},
                 {"features", CpuFeatures::host().names()}}},
               {"driver", nullptr},
               {"driver_error", nullptr},
               {"gpus", Json::array()}};
  Result<std::shared_ptr<const cuda::Driver>> driver = cuda::Driver::open();
  Result<std::vector<cuda::DeviceInfo>> devices =
      driver ? cuda::listDevices(**driver)
             : Result<std::vector<cuda::DeviceInfo>>(driver.error());
  if (driver)
    json["driver"] = {
        {"library", (*driver)->path()},
        {"cuda_version", cuda::versionText((*driver)->version())}};
  if (!devices)
    json["driver_error"] = devices.error().message;
  else
    for (const cuda::DeviceInfo &device : *devices)
      json["gpus"].push_back(describeGpu(*driver, device));
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

} // namespace swallow
