//===- CpuTopology.h - how many threads are worth having --------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_DEVICE_CPUTOPOLOGY_H
#define SWALLOW_RUNTIME_DEVICE_CPUTOPOLOGY_H

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace swallow {

/// The logical CPUs that this process may be scheduled on (affinity mask).
std::vector<int> affinityCpus();

/// The number of physical cores that `cpus` belong to: hardware threads of one
/// core share its vector units and count once. Reads
/// `root`/sys/devices/system/cpu; where that says nothing, each CPU counts.
int countPhysicalCores(std::span<const int> cpus, const std::string &root = "");

/// The CPU limit of the control group that this process runs in (cpu.max of
/// version 2, cpu.cfs_quota_us of version 1) in CPUs rounded up, the smallest
/// of the group and its ancestors; 0 when there is no limit. `root` is the
/// folder that /proc and /sys are looked up in.
int cgroupCpuLimit(const std::string &root = "");

/// The control group's memory limit less what the group has in use, in bytes;
/// INT64_MAX when there is no limit.
int64_t cgroupMemoryAvailable(const std::string &root = "");

/// Bytes that can be allocated without swapping: MemAvailable of /proc/meminfo
/// and the control group's headroom, whichever is less; INT64_MAX when the
/// system does not say.
int64_t availableMemory(const std::string &root = "");

/// Physical cores available to the process, control group limit respected; at
/// least 1.
int defaultThreadCount();

} // namespace swallow

#endif // SWALLOW_RUNTIME_DEVICE_CPUTOPOLOGY_H
