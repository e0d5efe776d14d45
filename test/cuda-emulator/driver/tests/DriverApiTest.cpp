//===- DriverApiTest.cpp - the emulated driver itself -----------*- C++ -*-===//
//
// What the runtime's wrappers do not reach: wrong use of the driver, which the
// emulator must refuse as the reference says, and its own additions.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/cuda/CudaTest.h"
#include "test/runtime/cuda/Kernels.h"

#include "runtime/support/MappedFile.h"

#include <cstring>
#include <thread>

namespace swallow::cuda {
namespace {

class DriverApiTest : public CudaTest {
protected:
  void SetUp() override {
    CudaTest::SetUp();
    start();
  }
  void start() {
    driver = openDriver();
    api = driver->api();
    ASSERT_EQ(api.cuDevicePrimaryCtxRetain(&context, 0), CUresult::Success);
    ASSERT_EQ(api.cuCtxSetCurrent(context), CUresult::Success);
  }

  /// The report's text.
  static std::string report() {
    std::string path = testing::TempDir() + "emulator-report.json";
    EXPECT_EQ(emulatorFunction<int (*)(const char *)>("swallowEmulatorReport")(
                  path.c_str()),
              0);
    auto text = readFile(path);
    EXPECT_TRUE(text.ok());
    return text.ok() ? *text : "";
  }

  CUdeviceptr allocate(size_t bytes) {
    CUdeviceptr pointer = 0;
    EXPECT_EQ(api.cuMemAlloc(&pointer, bytes), CUresult::Success);
    return pointer;
  }
  CUstream createStream(unsigned flags = StreamNonBlocking) {
    CUstream stream = nullptr;
    EXPECT_EQ(api.cuStreamCreate(&stream, flags), CUresult::Success);
    return stream;
  }

  std::shared_ptr<const Driver> driver;
  DriverFunctions api;
  CUcontext context = nullptr;
};

TEST_F(DriverApiTest, NothingWorksBeforeInit) {
  configure({});
  int count = 0;
  CUdeviceptr pointer = 0;
  EXPECT_EQ(api.cuDeviceGetCount(&count), CUresult::NotInitialized);
  EXPECT_EQ(api.cuMemAlloc(&pointer, 4), CUresult::NotInitialized);
  EXPECT_EQ(api.cuInit(1), CUresult::InvalidValue);
}

TEST_F(DriverApiTest, DevicesAndContexts) {
  CUdevice device = 0;
  CUcontext other = nullptr;
  CUdeviceptr pointer = 0;
  EXPECT_EQ(api.cuDeviceGet(&device, 1), CUresult::InvalidDevice);
  EXPECT_EQ(api.cuDevicePrimaryCtxRetain(&other, 1), CUresult::InvalidDevice);
  EXPECT_EQ(api.cuDevicePrimaryCtxRetain(&other, 0), CUresult::Success);
  EXPECT_EQ(other, context); // one for all
  std::thread([&] {
    CUcontext current = context;
    EXPECT_EQ(api.cuCtxGetCurrent(&current), CUresult::Success);
    EXPECT_EQ(current, nullptr); // each thread has its own
    EXPECT_EQ(api.cuMemAlloc(&pointer, 4), CUresult::InvalidContext);
  }).join();
  EXPECT_EQ(api.cuDevicePrimaryCtxRelease(0), CUresult::Success);
  EXPECT_EQ(api.cuCtxSynchronize(), CUresult::Success);
  EXPECT_EQ(api.cuDevicePrimaryCtxRelease(0), CUresult::Success);
  EXPECT_EQ(api.cuCtxSynchronize(), CUresult::ContextIsDestroyed);
  EXPECT_EQ(api.cuCtxSetCurrent(context), CUresult::InvalidContext);
  EXPECT_EQ(api.cuDevicePrimaryCtxRelease(0), CUresult::InvalidContext);
}

TEST_F(DriverApiTest, WrongHandles) {
  auto made = reinterpret_cast<uintptr_t>(&context);
  CUstream stream = createStream();
  EXPECT_EQ(api.cuStreamSynchronize(reinterpret_cast<CUstream>(made)),
            CUresult::InvalidHandle);
  // A stream is no event.
  EXPECT_EQ(api.cuEventSynchronize(reinterpret_cast<CUevent>(stream)),
            CUresult::InvalidHandle);
  EXPECT_EQ(api.cuStreamDestroy(stream), CUresult::Success);
  EXPECT_EQ(api.cuStreamDestroy(stream), CUresult::InvalidHandle);
  EXPECT_EQ(api.cuModuleUnload(reinterpret_cast<CUmodule>(made)),
            CUresult::InvalidHandle);
  EXPECT_EQ(api.cuLaunchKernel(reinterpret_cast<CUfunction>(made), 1, 1, 1, 1,
                               1, 1, 0, nullptr, nullptr, nullptr),
            CUresult::InvalidHandle);
  EXPECT_EQ(api.cuGraphLaunch(reinterpret_cast<CUgraphExec>(made), nullptr),
            CUresult::InvalidValue);
  EXPECT_EQ(api.cuGraphDestroy(reinterpret_cast<CUgraph>(made)),
            CUresult::InvalidValue);
  EXPECT_EQ(api.cuLinkDestroy(reinterpret_cast<CUlinkState>(made)),
            CUresult::InvalidHandle);
}

TEST_F(DriverApiTest, WrongMemory) {
  char host[8] = {};
  CUdeviceptr pointer = allocate(8);
  EXPECT_EQ(api.cuMemcpyHtoD(pointer, host, 9), CUresult::InvalidValue);
  EXPECT_EQ(api.cuMemcpyDtoH(host, pointer + 1, 8), CUresult::InvalidValue);
  EXPECT_EQ(api.cuMemFree(pointer + 1), CUresult::InvalidValue);
  EXPECT_EQ(api.cuMemAlloc(&pointer, 0), CUresult::InvalidValue);
  EXPECT_EQ(api.cuMemsetD32Async(pointer + 2, 0, 1, nullptr),
            CUresult::InvalidValue);
  EXPECT_EQ(findings(), 0);

  EXPECT_EQ(api.cuMemFree(pointer), CUresult::Success);
  EXPECT_EQ(api.cuMemcpyHtoD(pointer, host, 4), CUresult::InvalidValue);
  EXPECT_EQ(api.cuMemFree(pointer), CUresult::InvalidValue);
  EXPECT_EQ(findings(), 2);
  std::string text = report();
  EXPECT_NE(text.find("{\"kind\": \"UseAfterFree\", \"message\": \"a copy or "
                      "fill of 4 bytes touches an allocation of 8 bytes that "
                      "was freed\"}"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("DoubleFree"), std::string::npos);
  EXPECT_EQ(api.cuMemFreeHost(host), CUresult::InvalidValue);
}

TEST_F(DriverApiTest, DeviceToDevice) {
  CUdeviceptr first = allocate(8), second = allocate(8);
  uint64_t value = 0x0102030405060708, back = 0;
  EXPECT_EQ(api.cuMemcpyHtoD(first, &value, 8), CUresult::Success);
  EXPECT_EQ(api.cuMemcpyDtoD(second, first, 8), CUresult::Success);
  EXPECT_EQ(api.cuMemcpyDtoH(&back, second, 8), CUresult::Success);
  EXPECT_EQ(back, value);
  EXPECT_EQ(api.cuMemsetD32Async(second, 0xabcdef12, 1, nullptr),
            CUresult::Success);
  EXPECT_EQ(api.cuMemcpyDtoDAsync(first, second, 4, nullptr),
            CUresult::Success);
  EXPECT_EQ(api.cuMemcpyDtoH(&back, first, 8), CUresult::Success);
  EXPECT_EQ(back, 0x01020304abcdef12u);
}

// The default stream waits for blocking streams and not for the others.
TEST_F(DriverApiTest, TheDefaultStreamIsInOrderWithBlockingOnes) {
  CUstream blocking = createStream(StreamDefault), free = createStream();
  CUdeviceptr a = allocate(4), b = allocate(4);
  unsigned back = 1;
  EXPECT_EQ(api.cuMemsetD32Async(a, 5, 1, blocking), CUresult::Success);
  EXPECT_EQ(api.cuMemsetD32Async(b, 6, 1, free), CUresult::Success);
  EXPECT_EQ(api.cuMemcpyDtoH(&back, a, 4), CUresult::Success);
  EXPECT_EQ(back, 5u);
  EXPECT_EQ(api.cuMemcpyDtoH(&back, b, 4), CUresult::Success);
  EXPECT_NE(back, 6u); // not waited for
  EXPECT_EQ(api.cuStreamSynchronize(free), CUresult::Success);
  EXPECT_EQ(api.cuMemcpyDtoH(&back, b, 4), CUresult::Success);
  EXPECT_EQ(back, 6u);
}

TEST_F(DriverApiTest, CapturesForkAndJoin) {
  CUstream first = createStream(), second = createStream();
  CUevent fork = nullptr, join = nullptr;
  ASSERT_EQ(api.cuEventCreate(&fork, EventDisableTiming), CUresult::Success);
  ASSERT_EQ(api.cuEventCreate(&join, EventDisableTiming), CUresult::Success);
  CUdeviceptr data = allocate(8);
  for (bool joined : {true, false}) {
    CUgraph graph = nullptr;
    ASSERT_EQ(api.cuStreamBeginCapture(first, CUstreamCaptureMode::ThreadLocal),
              CUresult::Success);
    EXPECT_EQ(api.cuMemsetD32Async(data, 1, 2, first), CUresult::Success);
    EXPECT_EQ(api.cuEventRecord(fork, first), CUresult::Success);
    EXPECT_EQ(api.cuEventSynchronize(fork), CUresult::CapturedEvent);
    EXPECT_EQ(api.cuStreamWaitEvent(second, fork, 0), CUresult::Success);
    EXPECT_EQ(api.cuMemsetD32Async(data + 4, 2, 1, second), CUresult::Success);
    EXPECT_EQ(api.cuStreamEndCapture(second, &graph),
              CUresult::StreamCaptureUnmatched);
    if (joined) {
      EXPECT_EQ(api.cuEventRecord(join, second), CUresult::Success);
      EXPECT_EQ(api.cuStreamWaitEvent(first, join, 0), CUresult::Success);
    }
    EXPECT_EQ(api.cuStreamEndCapture(first, &graph),
              joined ? CUresult::Success : CUresult::StreamCaptureUnjoined);
    if (!joined)
      continue;
    size_t nodes = 0;
    EXPECT_EQ(api.cuGraphGetNodes(graph, nullptr, &nodes), CUresult::Success);
    EXPECT_EQ(nodes, 2u);
    CUgraphExec exec = nullptr;
    EXPECT_EQ(api.cuGraphInstantiate(&exec, graph, 0), CUresult::Success);
    EXPECT_EQ(api.cuGraphDestroy(graph), CUresult::Success);
    EXPECT_EQ(api.cuGraphLaunch(exec, first), CUresult::Success);
    EXPECT_EQ(api.cuStreamSynchronize(first), CUresult::Success);
    unsigned back[2] = {};
    EXPECT_EQ(api.cuMemcpyDtoH(back, data, 8), CUresult::Success);
    EXPECT_EQ(back[0], 1u);
    EXPECT_EQ(back[1], 2u);
    EXPECT_EQ(api.cuGraphExecDestroy(exec), CUresult::Success);
  }
}

TEST_F(DriverApiTest, TheDefaultStreamCannotCapture) {
  CUgraph graph = nullptr;
  CUstream stream = createStream();
  EXPECT_EQ(api.cuStreamBeginCapture(nullptr, CUstreamCaptureMode::Global),
            CUresult::StreamCaptureUnsupported);
  EXPECT_EQ(api.cuStreamEndCapture(stream, &graph), CUresult::IllegalState);
}

TEST_F(DriverApiTest, KernelNodesTellTheirParameters) {
  CUstream stream = createStream();
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  ASSERT_EQ(api.cuModuleLoadDataEx(&module, kScalePtx, 0, nullptr, nullptr),
            CUresult::Success);
  ASSERT_EQ(api.cuModuleGetFunction(&function, module, "scale"),
            CUresult::Success);
  CUdeviceptr data = 0;
  float factor = 1.5;
  int count = 0;
  void *parameters[] = {&data, &factor, &count};
  ASSERT_EQ(api.cuStreamBeginCapture(stream, CUstreamCaptureMode::Relaxed),
            CUresult::Success);
  EXPECT_EQ(api.cuLaunchKernel(function, 2, 3, 4, 32, 2, 1, 16, stream,
                               parameters, nullptr),
            CUresult::Success);
  CUgraph graph = nullptr;
  ASSERT_EQ(api.cuStreamEndCapture(stream, &graph), CUresult::Success);
  CUgraphNode node = nullptr;
  size_t count1 = 1;
  ASSERT_EQ(api.cuGraphGetNodes(graph, &node, &count1), CUresult::Success);
  CUkernelNodeParams read{};
  ASSERT_EQ(api.cuGraphKernelNodeGetParams(node, &read), CUresult::Success);
  EXPECT_EQ(read.func, function);
  EXPECT_EQ(read.gridDimZ, 4u);
  EXPECT_EQ(read.blockDimY, 2u);
  EXPECT_EQ(read.sharedMemBytes, 16u);
  float readFactor = 0;
  std::memcpy(&readFactor, read.kernelParams[1], 4);
  EXPECT_EQ(readFactor, 1.5f);
}

TEST_F(DriverApiTest, ClustersAreNotSupported) {
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  ASSERT_EQ(api.cuModuleLoadDataEx(&module, kScalePtx, 0, nullptr, nullptr),
            CUresult::Success);
  ASSERT_EQ(api.cuModuleGetFunction(&function, module, "scale"),
            CUresult::Success);
  CUlaunchAttribute attribute{};
  attribute.id = CUlaunchAttributeID::ClusterDimension;
  attribute.value.clusterDim = {2, 1, 1};
  CUlaunchConfig config{3, 1, 1, 32, 1, 1, 0, nullptr, &attribute, 1};
  EXPECT_EQ(api.cuLaunchKernelEx(&config, function, nullptr, nullptr),
            CUresult::InvalidClusterSize);
  config.gridDimX = 4;
  EXPECT_EQ(api.cuLaunchKernelEx(&config, function, nullptr, nullptr),
            CUresult::NotSupported);
}

TEST_F(DriverApiTest, LeaksAreFound) {
  allocate(16);
  createStream();
  EXPECT_EQ(findings(), 0);
  EXPECT_EQ(api.cuDevicePrimaryCtxRelease(0), CUresult::Success);
  EXPECT_EQ(findings(), 2);
  std::string text = report();
  EXPECT_NE(text.find("device 0: 1 device allocations left when the context "
                      "was released"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("device 0: 1 streams left"), std::string::npos);
}

TEST_F(DriverApiTest, TheReportIsWrittenAtExit) {
  std::string path = testing::TempDir() + "emulator-report-at-exit.json";
  auto leak = [&] {
    configure({{"REPORT", path.c_str()}});
    start();
    allocate(16);
    std::exit(0);
  };
  EXPECT_EXIT(leak(), testing::ExitedWithCode(0), "");
  auto text = readFile(path);
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_NE(text->find("{\"kind\": \"Leak\", \"message\": \"device 0: 1 device "
                       "allocations left at exit\"}"),
            std::string::npos)
      << *text;
}

TEST_F(DriverApiTest, TheReportCountsKernels) {
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  ASSERT_EQ(api.cuModuleLoadDataEx(&module, kScalePtx, 0, nullptr, nullptr),
            CUresult::Success);
  ASSERT_EQ(api.cuModuleGetFunction(&function, module, "scale"),
            CUresult::Success);
  CUdeviceptr data = allocate(128);
  float factor = 2;
  int count = 32;
  void *parameters[] = {&data, &factor, &count};
  EXPECT_EQ(api.cuMemsetD32Async(data, 0, 32, nullptr), CUresult::Success);
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(api.cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, nullptr,
                                 parameters, nullptr),
              CUresult::Success);
  EXPECT_EQ(api.cuCtxSynchronize(), CUresult::Success);
  std::string text = report();
  EXPECT_NE(text.find("\"scale\": {\"launches\": 2, "), std::string::npos)
      << text;
  EXPECT_NE(text.find("\"globalLoads\": 2, \"globalStores\": 2, "
                      "\"globalLoadSectors\": 8"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\"mul.f32\": 2"), std::string::npos) << text;
}

// Harmless findings can be let pass: an uninitialised read is one.
TEST_F(DriverApiTest, FindingsAreFatalUnlessTheyNeedNotBe) {
  for (bool all : {true, false}) {
    configure({{"FATAL", all ? "all" : "faults"}});
    start();
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    ASSERT_EQ(api.cuModuleLoadDataEx(&module, kScalePtx, 0, nullptr, nullptr),
              CUresult::Success);
    ASSERT_EQ(api.cuModuleGetFunction(&function, module, "scale"),
              CUresult::Success);
    CUdeviceptr data = allocate(128);
    float factor = 2;
    int count = 32;
    void *parameters[] = {&data, &factor, &count};
    EXPECT_EQ(api.cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, nullptr,
                                 parameters, nullptr),
              CUresult::Success);
    EXPECT_EQ(api.cuCtxSynchronize(),
              all ? CUresult::LaunchFailed : CUresult::Success);
    EXPECT_EQ(findings(), 1);
    EXPECT_NE(report().find("UninitializedGlobal"), std::string::npos);
  }
}

TEST_F(DriverApiTest, GetProcAddress) {
  auto get = emulatorFunction<CUresult (*)(const char *, void **, int, uint64_t,
                                           int *)>("cuGetProcAddress_v2");
  void *address = nullptr;
  int status = 0;
  EXPECT_EQ(get("cuMemAlloc", &address, 12000, 0, &status), CUresult::Success);
  EXPECT_EQ(address, reinterpret_cast<void *>(api.cuMemAlloc));
  EXPECT_EQ(get("cuNothing", &address, 12000, 0, &status), CUresult::NotFound);
  EXPECT_EQ(address, nullptr);
  EXPECT_EQ(status, 1);
}

} // namespace
} // namespace swallow::cuda
