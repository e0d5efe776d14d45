#include "runtime/cuda/Selection.h"
#include "test/runtime/cuda/CudaTest.h"

namespace swallow::cuda {
namespace {

class DriverTest : public CudaTest {};

TEST_F(DriverTest, Opens) {
  auto driver = openDriver();
  EXPECT_EQ(driver->version(), 12080);
  EXPECT_EQ(driver->deviceCount(), 1);
  EXPECT_EQ(driver->path(), SWALLOW_CUDA_EMULATOR);
}

TEST_F(DriverTest, TheEnvironmentNamesTheLibrary) {
  unsetenv("SWALLOW_CUDA_LIBRARY");
  EXPECT_EQ(Driver::defaultLibrary(), "libcuda.so.1");
  setenv("SWALLOW_CUDA_LIBRARY", "/somewhere/libcuda.so.1", 1);
  EXPECT_EQ(Driver::defaultLibrary(), "/somewhere/libcuda.so.1");
  unsetenv("SWALLOW_CUDA_LIBRARY");
}

TEST_F(DriverTest, NoLibrary) {
  EXPECT_EQ(openError("/none/libcuda.so.1"),
            "no NVIDIA driver: /none/libcuda.so.1: cannot open shared object "
            "file: No such file or directory");
}

TEST_F(DriverTest, NotADriver) {
  EXPECT_EQ(openError("libm.so.6"),
            "libm.so.6 is not a CUDA driver: it does not tell its version");
}

TEST_F(DriverTest, TheToolkitsStub) {
  configure({{"DRIVER", "0"}});
  EXPECT_EQ(openError(), SWALLOW_CUDA_EMULATOR
            " is the stub of the CUDA toolkit, not a driver: it is meant for "
            "linking only");
}

TEST_F(DriverTest, TooOld) {
  configure({{"DRIVER", "11040"}});
  EXPECT_EQ(openError(), "the NVIDIA driver (" SWALLOW_CUDA_EMULATOR
                         ") supports CUDA 11.4, but CUDA 12.0 or newer is "
                         "needed: update the driver");
}

TEST_F(DriverTest, NoDevice) {
  configure({{"DEVICES", "0"}});
  EXPECT_EQ(openError(), "no CUDA device: the driver (CUDA 12.8) finds none in "
                         "this machine");
}

TEST_F(DriverTest, HiddenDevices) {
  configure({{"DEVICES", "2"}});
  setenv("CUDA_VISIBLE_DEVICES", "-1", 1);
  EXPECT_EQ(openError(),
            "no CUDA device: CUDA_VISIBLE_DEVICES=\"-1\" hides every device");
  setenv("CUDA_VISIBLE_DEVICES", "2,0", 1);
  EXPECT_EQ(openError(), "no CUDA device: CUDA_VISIBLE_DEVICES=\"2,0\" names "
                         "none of this machine");
  setenv("CUDA_VISIBLE_DEVICES", "1", 1);
  EXPECT_EQ(openDriver()->deviceCount(), 1);
}

TEST_F(DriverTest, DescribesResults) {
  auto driver = openDriver();
  EXPECT_EQ(driver->describe(CUresult::NotFound),
            "CUDA_ERROR_NOT_FOUND (named symbol not found)");
  EXPECT_EQ(driver->describe(static_cast<CUresult>(12345)), "CUDA error 12345");
  EXPECT_TRUE(driver->check(CUresult::Success, "doing nothing").ok());

  Error memory = driver->error(CUresult::OutOfMemory, "copying");
  EXPECT_EQ(memory.code, ErrorCode::OutOfMemory);
  EXPECT_EQ(memory.message, "out of memory while copying");
  Error kernel = driver->error(CUresult::LaunchFailed, "copying");
  EXPECT_EQ(kernel.code, ErrorCode::DeviceError);
  EXPECT_EQ(kernel.message,
            "a kernel failed with CUDA_ERROR_LAUNCH_FAILED (unspecified launch "
            "failure), noticed while copying: this process cannot use the "
            "device any more");
  EXPECT_EQ(driver->error(CUresult::Unknown, "copying").message,
            "the device was lost with CUDA_ERROR_UNKNOWN (unknown error) while "
            "copying: start again (the kernel log may have a line \"Xid\" that "
            "says why)");
  EXPECT_EQ(driver->error(CUresult::InvalidValue, "copying").message,
            "CUDA_ERROR_INVALID_VALUE (invalid argument) while copying");
}

TEST_F(DriverTest, ListsDevices) {
  configure({{"DEVICES", "2"},
             {"NAME", "Test GPU"},
             {"CAPABILITY", "8.6"},
             {"MULTIPROCESSORS", "4"},
             {"MEMORY", "1048576"}});
  auto driver = openDriver();
  TAKE(devices, listDevices(*driver));
  ASSERT_EQ(devices.size(), 2u);
  const DeviceInfo &second = devices[1];
  EXPECT_EQ(second.id(), "cuda:1");
  EXPECT_EQ(second.name, "Test GPU");
  EXPECT_EQ(second.sm(), 86);
  EXPECT_EQ(second.multiprocessors, 4);
  EXPECT_EQ(second.memoryBytes, 1048576u);
  EXPECT_EQ(second.sharedBytesDefault, 48 << 10);
  EXPECT_EQ(second.sharedBytesOptIn, 99 << 10);
  EXPECT_EQ(second.maxThreadsPerBlock, 1024);
  EXPECT_EQ(second.uuidText(), "GPU-7377616c-6c6f-772d-656d-756c61746501");
  // 2 x 2619 MHz x 640 bytes.
  EXPECT_DOUBLE_EQ(second.peakBandwidth(), 3352.32e9);
  // 4 multiprocessors x 1980 MHz x 512 multiplications and additions.
  EXPECT_DOUBLE_EQ(second.peakProducts(), 4 * 1980e6 * 2 * 512);
}

TEST(DeviceInfoTest, UnknownLimitsAreZero) {
  DeviceInfo info;
  info.major = 7;
  info.multiprocessors = 80;
  info.clockKHz = 1000000;
  info.memoryBusBits = 4096;
  EXPECT_EQ(info.peakProducts(), 0);
  EXPECT_EQ(info.peakBandwidth(), 0);
}

TEST(DeviceChoiceTest, Parses) {
  TAKE(cpu, parseDevice("cpu"));
  EXPECT_EQ(cpu.kind, DeviceChoice::Kind::Cpu);
  TAKE(first, parseDevice("cuda"));
  EXPECT_EQ(first.kind, DeviceChoice::Kind::Cuda);
  EXPECT_EQ(first.index, 0);
  TAKE(second, parseDevice("cuda:1"));
  EXPECT_EQ(second.index, 1);
  for (const char *text :
       {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1 ", "cuda:99999999999"})
    EXPECT_EQ(parseDevice(text).error().message,
              "unknown device \"" + std::string(text) +
                  "\": expected auto, cpu, cuda or cuda:N (N from 0)");
}

TEST(DeviceChoiceTest, NamesThoseThatExist) {
  std::vector<DeviceInfo> devices(2);
  devices[0].name = "A";
  devices[1].name = "B";
  devices[1].index = 1;
  TAKE(second, findDevice({DeviceChoice::Kind::Cuda, 1}, devices));
  EXPECT_EQ(second.name, "B");
  EXPECT_EQ(findDevice({DeviceChoice::Kind::Cuda, 2}, devices).error().message,
            "there is no device cuda:2, only cuda:0 (A), cuda:1 (B)");
}

//===-- Selection ---------------------------------------------------------===//

constexpr auto kPtx = DeviceCode::Kind::Ptx;
constexpr auto kCubin = DeviceCode::Kind::Cubin;

/// The text of the chosen code on a device, or the error.
std::string chosen(std::initializer_list<DeviceCode> codes, int sm) {
  DeviceInfo device;
  device.name = "X";
  device.major = sm / 10;
  device.minor = sm % 10;
  std::vector<DeviceCode> list(codes);
  auto index = selectCode(list, device);
  return index.ok() ? list[*index].text() : index.error().message;
}

TEST(SelectionTest, ChoosesByArchitecture) {
  const std::initializer_list<DeviceCode> both = {{80, false, kPtx},
                                                  {80, false, kCubin},
                                                  {90, true, kPtx},
                                                  {90, true, kCubin}};
  EXPECT_EQ(chosen(both, 80), "sm_80 cubin");
  EXPECT_EQ(chosen(both, 89), "sm_80 cubin"); // a newer minor version
  EXPECT_EQ(chosen(both, 90), "sm_90a cubin");
  EXPECT_EQ(chosen(both, 100), "sm_80 PTX"); // sm_90a is for 9.0 only
  EXPECT_EQ(chosen(both, 120), "sm_80 PTX");
  EXPECT_EQ(chosen(both, 75),
            "the artifact has no code for X (sm_75): it has "
            "sm_80 PTX, sm_80 cubin, sm_90a PTX, sm_90a cubin");
}

TEST(SelectionTest, PtxOnly) {
  const std::initializer_list<DeviceCode> both = {{90, true, kPtx},
                                                  {80, false, kPtx}};
  EXPECT_EQ(chosen(both, 86), "sm_80 PTX");
  EXPECT_EQ(chosen(both, 90), "sm_90a PTX");
  EXPECT_EQ(chosen(both, 103), "sm_80 PTX");
}

TEST(SelectionTest, PrefersTheNewest) {
  EXPECT_EQ(chosen({{80, false, kCubin}, {86, false, kCubin}}, 89),
            "sm_86 cubin");
  EXPECT_EQ(chosen({{86, false, kCubin}, {80, false, kCubin}}, 80),
            "sm_80 cubin");
  EXPECT_EQ(chosen({{80, false, kPtx}, {90, false, kPtx}}, 100), "sm_90 PTX");
  EXPECT_EQ(chosen({{90, false, kPtx}, {90, true, kPtx}}, 90), "sm_90a PTX");
  EXPECT_EQ(chosen({}, 90), "the artifact has no code for X (sm_90): it has "
                            "none for CUDA devices");
}

} // namespace
} // namespace swallow::cuda
