// The machine is a folder tree, so that limits can be tested that this machine
// does not have.

#include "runtime/device/CpuTopology.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>

namespace swallow {
namespace {

class CpuTopologyTest : public testing::Test {
protected:
  void SetUp() override {
    char pattern[] = "/tmp/swallow-topology-XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    root = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(root); }

  void write(const std::string &path, const std::string &text) {
    std::filesystem::path file = root + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  std::string root;
};

TEST_F(CpuTopologyTest, CountsCoresNotHardwareThreads) {
  std::string base = "/sys/devices/system/cpu/cpu";
  for (int cpu = 0; cpu < 4; ++cpu)
    write(base + std::to_string(cpu) + "/topology/thread_siblings_list",
          cpu % 2 == 0 ? "0,2\n" : "1,3\n");
  std::vector<int> all = {0, 1, 2, 3}, oneCore = {0, 2}, three = {0, 1, 2};
  EXPECT_EQ(countPhysicalCores(all, root), 2);
  EXPECT_EQ(countPhysicalCores(oneCore, root), 1);
  EXPECT_EQ(countPhysicalCores(three, root), 2);
  std::vector<int> unknown = {8, 9};
  EXPECT_EQ(countPhysicalCores(unknown, root), 2);
}

TEST_F(CpuTopologyTest, ReadsTheQuotaOfVersionTwo) {
  EXPECT_EQ(cgroupCpuLimit(root), 0);
  write("/proc/self/cgroup", "0::/user/app\n");
  write("/sys/fs/cgroup/user/app/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroupCpuLimit(root), 0);
  write("/sys/fs/cgroup/user/app/cpu.max", "250000 100000\n");
  EXPECT_EQ(cgroupCpuLimit(root), 3);
  write("/sys/fs/cgroup/user/cpu.max", "50000 100000\n");
  EXPECT_EQ(cgroupCpuLimit(root), 1);
}

TEST_F(CpuTopologyTest, ReadsTheQuotaOfVersionOne) {
  write("/proc/self/cgroup", "4:cpu,cpuacct:/job\n3:memory:/job\n");
  write("/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroupCpuLimit(root), 0);
  write("/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "400000\n");
  EXPECT_EQ(cgroupCpuLimit(root), 4);
}

TEST_F(CpuTopologyTest, TakesTheSmallestMemoryLimit) {
  EXPECT_EQ(availableMemory(root), INT64_MAX);
  write("/proc/meminfo",
        "MemTotal:       2000 kB\nMemAvailable:   1000 kB\nBuffers: 1 kB\n");
  EXPECT_EQ(availableMemory(root), 1000 * 1024);
  write("/proc/self/cgroup", "0::/app\n");
  write("/sys/fs/cgroup/app/memory.max", "max\n");
  EXPECT_EQ(availableMemory(root), 1000 * 1024);
  write("/sys/fs/cgroup/app/memory.max", "500000\n");
  write("/sys/fs/cgroup/app/memory.current", "300000\n");
  EXPECT_EQ(availableMemory(root), 200000);
  // Cached file pages can be given up.
  write("/sys/fs/cgroup/app/memory.stat",
        "anon 1\ninactive_file 70000\nactive_file 30000\n");
  EXPECT_EQ(availableMemory(root), 300000);
}

TEST(CpuTopologyHostTest, FindsAtLeastOneOfEach) {
  std::vector<int> cpus = affinityCpus();
  EXPECT_GE(cpus.size(), 1u);
  int cores = countPhysicalCores(cpus);
  EXPECT_GE(cores, 1);
  EXPECT_LE(cores, static_cast<int>(cpus.size()));
  EXPECT_GE(defaultThreadCount(), 1);
  EXPECT_LE(defaultThreadCount(), cores);
  EXPECT_GT(availableMemory(), 0);
}

} // namespace
} // namespace swallow
