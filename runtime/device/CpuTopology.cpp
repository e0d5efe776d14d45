#include "runtime/device/CpuTopology.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <sched.h>
#include <set>
#include <unistd.h>
#include <vector>

namespace swallow {

/// A file of /proc or /sys: its size is not known before it is read, so it
/// cannot be mapped. Empty when it cannot be read.
static std::string readPseudoFile(const std::string &path) {
  std::string text;
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return text;
  char buffer[4096];
  ssize_t got;
  while ((got = read(fd, buffer, sizeof(buffer))) > 0 ||
         (got < 0 && errno == EINTR))
    if (got > 0)
      text.append(buffer, static_cast<size_t>(got));
  close(fd);
  return text;
}

std::vector<int> affinityCpus() {
  std::vector<int> cpus;
  // cpu_set_t holds 1024 CPUs; larger machines need a larger mask, and the
  // kernel says EINVAL until it is large enough.
  for (int count = 1024; count <= (1 << 18); count *= 4) {
    cpu_set_t *mask = CPU_ALLOC(count);
    if (!mask)
      break;
    size_t size = CPU_ALLOC_SIZE(count);
    CPU_ZERO_S(size, mask);
    bool known = sched_getaffinity(0, size, mask) == 0;
    if (known)
      for (int cpu = 0; cpu < count; ++cpu)
        if (CPU_ISSET_S(cpu, size, mask))
          cpus.push_back(cpu);
    CPU_FREE(mask);
    if (known)
      break;
  }
  if (cpus.empty()) {
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    for (long cpu = 0; cpu < std::max(online, 1L); ++cpu)
      cpus.push_back(static_cast<int>(cpu));
  }
  return cpus;
}

int countPhysicalCores(std::span<const int> cpus, const std::string &root) {
  std::set<std::string> cores;
  for (int cpu : cpus) {
    std::string folder = root + "/sys/devices/system/cpu/cpu" +
                         std::to_string(cpu) + "/topology/";
    // The list of a core's hardware threads is the same text in each of them.
    std::string siblings = readPseudoFile(folder + "thread_siblings_list");
    cores.insert(siblings.empty() ? "cpu" + std::to_string(cpu) : siblings);
  }
  return static_cast<int>(cores.size());
}

namespace {

/// The number at `start`; nothing when there is none ("max" is not a number).
std::optional<int64_t> parseNumber(const std::string &text, size_t start = 0) {
  const char *begin = text.c_str() + std::min(start, text.size());
  char *end = nullptr;
  long long value = std::strtoll(begin, &end, 10);
  if (end == begin)
    return std::nullopt;
  return value;
}

/// The number that follows `key` at the start of a line.
std::optional<int64_t> findNumber(const std::string &text,
                                  const std::string &key) {
  size_t at = text.rfind("\n" + key);
  if (at != std::string::npos)
    return parseNumber(text, at + 1 + key.size());
  return text.starts_with(key) ? parseNumber(text, key.size()) : std::nullopt;
}

std::optional<int64_t> readNumber(const std::string &path) {
  return parseNumber(readPseudoFile(path));
}

/// The folder of each control group from this process's own up to the root of
/// `controller`'s hierarchy ("" is the unified one of version 2). Inside a
/// container /proc names the path on the host, which may not exist here; the
/// mount point itself is then the container's group and is always included.
std::vector<std::string> cgroupFolders(const std::string &root,
                                       const std::string &controller) {
  std::string mount = root + "/sys/fs/cgroup";
  if (!controller.empty())
    mount += "/" + controller;
  std::vector<std::string> folders{mount};
  std::string groups = readPseudoFile(root + "/proc/self/cgroup");
  // Lines are "id:controllers:path".
  size_t start = 0;
  while (start < groups.size()) {
    size_t end = std::min(groups.find('\n', start), groups.size());
    std::string line = groups.substr(start, end - start);
    start = end + 1;
    size_t first = line.find(':');
    size_t second =
        first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos)
      continue;
    std::string controllers(1, ',');
    controllers.append(line, first + 1, second - first - 1).append(",");
    bool matches =
        controller.empty()
            ? controllers == ",,"
            : controllers.find("," + controller + ",") != std::string::npos;
    if (!matches)
      continue;
    std::string path = line.substr(second + 1);
    while (path.size() > 1) {
      folders.push_back(mount + path);
      path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
    }
  }
  return folders;
}

} // namespace

int cgroupCpuLimit(const std::string &root) {
  int64_t limit = INT_MAX;
  auto apply = [&](std::optional<int64_t> quota,
                   std::optional<int64_t> period) {
    if (quota && period && *quota > 0 && *period > 0)
      limit = std::min(limit, (*quota + *period - 1) / *period);
  };
  for (const std::string &folder : cgroupFolders(root, "")) {
    std::string text = readPseudoFile(folder + "/cpu.max");
    size_t space = text.find(' ');
    if (space != std::string::npos)
      apply(parseNumber(text), parseNumber(text, space + 1));
  }
  for (const std::string &folder : cgroupFolders(root, "cpu"))
    apply(readNumber(folder + "/cpu.cfs_quota_us"),
          readNumber(folder + "/cpu.cfs_period_us"));
  return limit == INT_MAX ? 0 : static_cast<int>(limit);
}

int64_t cgroupMemoryAvailable(const std::string &root) {
  int64_t available = INT64_MAX;
  auto apply = [&](const std::string &folder, const char *limitFile,
                   const char *usedFile) {
    std::optional<int64_t> limit = readNumber(folder + limitFile);
    // Version 1 writes "no limit" as a number near 2^63.
    if (!limit || *limit <= 0 || *limit >= (int64_t(1) << 60))
      return;
    // Cached file pages count as used but are given up when memory is short.
    std::string stat = readPseudoFile(folder + "/memory.stat");
    int64_t used = readNumber(folder + usedFile).value_or(0) -
                   findNumber(stat, "inactive_file ").value_or(0) -
                   findNumber(stat, "active_file ").value_or(0);
    available = std::min(
        available, std::max<int64_t>(0, *limit - std::max<int64_t>(0, used)));
  };
  for (const std::string &folder : cgroupFolders(root, ""))
    apply(folder, "/memory.max", "/memory.current");
  for (const std::string &folder : cgroupFolders(root, "memory"))
    apply(folder, "/memory.limit_in_bytes", "/memory.usage_in_bytes");
  return available;
}

int64_t availableMemory(const std::string &root) {
  int64_t available = cgroupMemoryAvailable(root);
  std::string text = readPseudoFile(root + "/proc/meminfo");
  if (std::optional<int64_t> kib = findNumber(text, "MemAvailable:"))
    available = std::min(available, *kib * 1024);
  return available;
}

int defaultThreadCount() {
  int threads = countPhysicalCores(affinityCpus());
  if (int limit = cgroupCpuLimit())
    threads = std::min(threads, limit);
  return std::max(threads, 1);
}

} // namespace swallow
