#include "test/cuda-emulator/driver/Settings.h"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace swallow::emulator {

static uint64_t number(const char *name, uint64_t otherwise) {
  const char *text = std::getenv(name);
  return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// How many of `devices` the list leaves: it ends at the first entry that is no
/// index of a device (CUDA C++ Programming Guide, "CUDA Environment
/// Variables").
static int visibleDevices(const char *list, int devices) {
  std::set<long> seen;
  while (*list) {
    char *end = nullptr;
    long index = std::strtol(list, &end, 10);
    if (end == list || index < 0 || index >= devices ||
        !seen.insert(index).second)
      break;
    if (*end != ',')
      break;
    list = end + 1;
  }
  return static_cast<int>(seen.size());
}

Settings Settings::fromEnvironment() {
  Settings s;
  s.devices = static_cast<int>(number("SWALLOW_EMULATOR_DEVICES", 1));
  if (const char *visible = std::getenv("CUDA_VISIBLE_DEVICES"))
    s.devices = visibleDevices(visible, s.devices);
  if (const char *name = std::getenv("SWALLOW_EMULATOR_NAME"))
    s.name = name;
  if (const char *text = std::getenv("SWALLOW_EMULATOR_CAPABILITY")) {
    char *end = nullptr;
    s.major = static_cast<int>(std::strtol(text, &end, 10));
    s.minor = *end == '.' ? std::atoi(end + 1) : 0;
  }
  s.multiprocessors = static_cast<int>(
      number("SWALLOW_EMULATOR_MULTIPROCESSORS", s.multiprocessors));
  s.memoryBytes = number("SWALLOW_EMULATOR_MEMORY", s.memoryBytes);
  s.driverVersion =
      static_cast<int>(number("SWALLOW_EMULATOR_DRIVER", s.driverVersion));
  s.failAllocation = number("SWALLOW_EMULATOR_FAIL_ALLOCATION", 0);
  s.failLaunch = number("SWALLOW_EMULATOR_FAIL_LAUNCH", 0);
  s.copyMilliseconds = number("SWALLOW_EMULATOR_COPY_MILLISECONDS", 0);
  s.spoilCopy = number("SWALLOW_EMULATOR_SPOIL_COPY", 0);
  if (const char *fatal = std::getenv("SWALLOW_EMULATOR_FATAL"))
    s.allFindingsFatal = std::string(fatal) != "faults";
  if (const char *report = std::getenv("SWALLOW_EMULATOR_REPORT"))
    s.report = report;
  return s;
}

} // namespace swallow::emulator
