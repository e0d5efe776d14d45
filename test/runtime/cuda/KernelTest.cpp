#include "runtime/cuda/Buffer.h"
#include "runtime/cuda/Graph.h"
#include "test/runtime/cuda/CudaTest.h"
#include "test/runtime/cuda/Kernels.h"

namespace swallow::cuda {
namespace {

/// Sixteen floats, 0 to 15, on the device.
class KernelTest : public CudaTest {
protected:
  void open() {
    context = openContext();
    auto openStream = Stream::create(context);
    auto loaded = Module::loadPtx(context, kScalePtx, {}, "the test's PTX");
    auto allocated = DeviceBuffer::allocate(context, 16 * 4, "test");
    ASSERT_TRUE(openStream.ok() && loaded.ok() && allocated.ok());
    stream = std::move(*openStream);
    module = std::move(*loaded);
    buffer = std::move(*allocated);
    auto found = module.function("scale");
    ASSERT_TRUE(found.ok());
    kernel = *found;
    std::vector<float> values(16);
    for (int i = 0; i < 16; ++i)
      values[i] = static_cast<float>(i);
    EXPECT_OK(buffer.write(
        stream, {reinterpret_cast<const uint8_t *>(values.data()), 64}));
    shape.block = {32, 1, 1};
  }

  Status launch(float factor, int count) {
    CUdeviceptr data = buffer.address();
    void *parameters[] = {&data, &factor, &count};
    return kernel.launch(stream, shape, parameters);
  }

  std::vector<float> values() {
    std::vector<float> values(16);
    EXPECT_OK(
        buffer.read(stream, {reinterpret_cast<uint8_t *>(values.data()), 64}));
    EXPECT_OK(stream.synchronize());
    return values;
  }

  ContextPtr context;
  Stream stream;
  Module module;
  DeviceBuffer buffer;
  Function kernel;
  LaunchShape shape;
};

TEST_F(KernelTest, Runs) {
  ASSERT_NO_FATAL_FAILURE(open());
  EXPECT_OK(launch(3, 8));
  std::vector<float> result = values();
  for (int i = 0; i < 16; ++i)
    EXPECT_EQ(result[i], static_cast<float>(i < 8 ? 3 * i : i));
  EXPECT_EQ(findings(), 0);
}

TEST_F(KernelTest, AFaultIsReportedByWhoWaitsAndStays) {
  configure({{"NAME", "X"}});
  ASSERT_NO_FATAL_FAILURE(open());
  EXPECT_OK(launch(3, 17)); // one float too many
  Status status = stream.synchronize();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message,
            "cuda:0 (X): a kernel failed with CUDA_ERROR_LAUNCH_FAILED "
            "(unspecified launch failure), noticed while waiting for the "
            "device: this process cannot use the device any more");
  EXPECT_EQ(findings(), 1);
  EXPECT_FALSE(buffer.fill(stream, 0).ok());
}

TEST_F(KernelTest, TheDeviceCanBeLost) {
  configure({{"NAME", "X"}, {"FAIL_LAUNCH", "2"}});
  ASSERT_NO_FATAL_FAILURE(open());
  EXPECT_OK(launch(2, 16));
  EXPECT_OK(stream.synchronize());
  EXPECT_OK(launch(2, 16));
  Status status = stream.synchronize();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message,
            "cuda:0 (X): the device was lost with CUDA_ERROR_UNKNOWN (unknown "
            "error) while waiting for the device: start again (the kernel log "
            "may have a line \"Xid\" that says why)");
}

TEST_F(KernelTest, GraphsRunWhatWasRecorded) {
  ASSERT_NO_FATAL_FAILURE(open());
  CUgraphNode second = nullptr;
  TAKE(graph, Graph::capture(stream, [&]() -> Status {
         SWALLOW_TRY(launch(2, 16));
         SWALLOW_TRY(launch(10, 4));
         SWALLOW_ASSIGN(second, Graph::lastCaptured(stream));
         return {};
       }));
  EXPECT_EQ(values()[3], 3); // recorded only
  TAKE(kernels, graph.kernelCount());
  EXPECT_EQ(kernels, 2u);
  TAKE(exec, GraphExec::instantiate(std::move(graph)));
  EXPECT_OK(exec.upload(stream));
  EXPECT_OK(exec.launch(stream));
  EXPECT_EQ(values()[3], 60);
  EXPECT_EQ(values()[4], 8);

  // Changes what comes after, not the launch before it.
  CUdeviceptr data = buffer.address();
  float factor = 100;
  int count = 1;
  void *parameters[] = {&data, &factor, &count};
  EXPECT_OK(exec.launch(stream));
  EXPECT_OK(exec.update(second, kernel, shape, parameters));
  EXPECT_OK(exec.launch(stream));
  EXPECT_EQ(values()[3], 60 * 20 * 2);
  LaunchShape tooLarge;
  tooLarge.block = {1024, 1, 1};
  EXPECT_FALSE(exec.update(second, kernel, tooLarge, parameters).ok());
  EXPECT_EQ(findings(), 0);
}

TEST_F(KernelTest, GraphsSetMarks) {
  ASSERT_NO_FATAL_FAILURE(open());
  TAKE(before, Event::create(stream.contextPtr(), Event::Timing::On));
  TAKE(after, Event::create(stream.contextPtr(), Event::Timing::On));
  EXPECT_FALSE(stream.recordInGraph(before).ok()); // nothing is recorded
  TAKE(graph, Graph::capture(stream, [&]() -> Status {
         SWALLOW_TRY(stream.recordInGraph(before));
         SWALLOW_TRY(launch(2, 16));
         return stream.recordInGraph(after);
       }));
  TAKE(nodes, graph.nodes());
  TAKE(kernels, graph.kernelCount());
  EXPECT_EQ(nodes.size(), 3u);
  EXPECT_EQ(kernels, 1u);
  TAKE(exec, GraphExec::instantiate(std::move(graph)));
  for (int i = 0; i < 2; ++i) {
    EXPECT_OK(exec.launch(stream));
    EXPECT_OK(stream.synchronize());
    TAKE(time, after.millisecondsSince(before));
    EXPECT_GT(time, 0);
  }
  EXPECT_EQ(findings(), 0);
}

TEST_F(KernelTest, WaitingCannotBeRecorded) {
  ASSERT_NO_FATAL_FAILURE(open());
  EXPECT_FALSE(
      Graph::capture(stream, [&] { return stream.synchronize(); }).ok());
  // An allocation spoils it as well, whatever the recording returns.
  EXPECT_FALSE(Graph::capture(stream, [&]() -> Status {
                 (void)DeviceBuffer::allocate(context, 4, "test").ok();
                 return {};
               }).ok());
  EXPECT_OK(launch(2, 16)); // the stream works again
  EXPECT_EQ(values()[3], 6);
}

TEST_F(KernelTest, AFailedRecordingReportsItsOwnError) {
  ASSERT_NO_FATAL_FAILURE(open());
  auto graph = Graph::capture(
      stream, []() -> Status { return Error{ErrorCode::Internal, "mine"}; });
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.error().message, "mine");
}

} // namespace
} // namespace swallow::cuda
