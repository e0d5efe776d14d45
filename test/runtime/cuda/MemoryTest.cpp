#include "runtime/cuda/DeviceLimits.h"
#include "runtime/cuda/WeightUpload.h"
#include "test/runtime/cuda/CudaTest.h"

#include <fstream>
#include <numeric>
#include <thread>

namespace swallow::cuda {
namespace {

class MemoryTest : public CudaTest {};

TEST_F(MemoryTest, CopiesThereAndBack) {
  ContextPtr context = openContext();
  {
    TAKE(stream, Stream::create(context));
    TAKE(buffer, DeviceBuffer::allocate(context, 1000, "test"));
    TAKE(pinned, PinnedBuffer::allocate(context, 1000, "test"));
    EXPECT_EQ(buffer.address() % 256, 0u);
    std::iota(pinned.data(), pinned.data() + 1000, 0);
    EXPECT_OK(buffer.write(stream, pinned.bytes()));
    std::vector<uint8_t> back(500);
    EXPECT_OK(buffer.read(stream, back, 300));
    EXPECT_OK(stream.synchronize());
    EXPECT_TRUE(std::equal(back.begin(), back.end(), pinned.data() + 300));
    EXPECT_OK(buffer.copyWithin(stream, 300, 800, 200));
    EXPECT_OK(buffer.read(stream, back, 500));
    EXPECT_OK(stream.synchronize());
    EXPECT_TRUE(
        std::equal(back.begin(), back.begin() + 300, pinned.data() + 500));
    EXPECT_TRUE(
        std::equal(back.begin() + 300, back.end(), pinned.data() + 300));
    EXPECT_EQ(buffer.copyWithin(stream, 0, 801, 200).error().code,
              ErrorCode::OutOfRange);
    EXPECT_OK(buffer.fill(stream, 7));
    EXPECT_OK(buffer.read(stream, back));
    EXPECT_OK(stream.synchronize());
    EXPECT_EQ(back, std::vector<uint8_t>(500, 7));
    EXPECT_OK(buffer.fill(stream, 9, 100, 50));
    EXPECT_OK(buffer.read(stream, back));
    EXPECT_OK(stream.synchronize());
    std::vector<uint8_t> expected(500, 7);
    std::fill_n(expected.begin() + 100, 50, uint8_t{9});
    EXPECT_EQ(back, expected);
    EXPECT_EQ(buffer.fill(stream, 9, 990, 11).error().code,
              ErrorCode::OutOfRange);
    EXPECT_EQ(buffer.read(stream, back, 501).error().message,
              "copy of 500 bytes at 501 of a device buffer of 1000");
    EXPECT_EQ(buffer.write(stream, back, UINT64_MAX).error().code,
              ErrorCode::OutOfRange);
  }
  context.reset();
  EXPECT_EQ(findings(), 0);
}

TEST_F(MemoryTest, AnEmptyBufferIsNothing) {
  ContextPtr context = openContext();
  TAKE(stream, Stream::create(context));
  TAKE(buffer, DeviceBuffer::allocate(context, 0, "test"));
  EXPECT_EQ(buffer.address(), 0u);
  EXPECT_OK(buffer.write(stream, {}));
  EXPECT_OK(buffer.fill(stream, 1));
}

// Results of work that nobody waited for are not there: locked memory is read
// and written when the stream comes to it.
TEST_F(MemoryTest, PinnedCopiesHappenLater) {
  ContextPtr context = openContext();
  TAKE(stream, Stream::create(context));
  TAKE(buffer, DeviceBuffer::allocate(context, 4, "test"));
  TAKE(from, PinnedBuffer::allocate(context, 4, "test"));
  TAKE(to, PinnedBuffer::allocate(context, 4, "test"));
  from.data()[0] = 1;
  EXPECT_OK(buffer.write(stream, from.bytes()));
  EXPECT_OK(buffer.read(stream, to.bytes()));
  EXPECT_EQ(to.data()[0], 0);
  TAKE(early, stream.isDone());
  EXPECT_FALSE(early);
  EXPECT_OK(stream.synchronize());
  EXPECT_EQ(to.data()[0], 1);
  TAKE(late, stream.isDone());
  EXPECT_TRUE(late);
}

TEST_F(MemoryTest, EventsOrderStreams) {
  ContextPtr context = openContext();
  TAKE(first, Stream::create(context));
  TAKE(second, Stream::create(context));
  TAKE(buffer, DeviceBuffer::allocate(context, 4, "test"));
  TAKE(to, PinnedBuffer::allocate(context, 4, "test"));
  TAKE(start, Event::create(context, Event::Timing::On));
  TAKE(end, Event::create(context, Event::Timing::On));
  TAKE(untimed, Event::create(context));
  EXPECT_OK(start.synchronize()); // never recorded
  EXPECT_OK(first.record(start));
  EXPECT_OK(buffer.fill(first, 9));
  EXPECT_OK(first.record(end));
  EXPECT_OK(first.record(untimed));
  EXPECT_OK(second.wait(end));
  EXPECT_OK(buffer.read(second, to.bytes()));
  TAKE(done, end.isDone());
  EXPECT_FALSE(done);
  EXPECT_OK(second.synchronize());
  EXPECT_EQ(to.data()[3], 9);
  TAKE(time, end.millisecondsSince(start));
  EXPECT_GE(time, 0);
  EXPECT_FALSE(untimed.millisecondsSince(start).ok());
}

TEST_F(MemoryTest, OutOfMemorySaysHowMuch) {
  configure({{"MEMORY", "1048576"}, {"NAME", "Small"}});
  ContextPtr context = openContext();
  auto buffer = DeviceBuffer::allocate(context, 2 << 20, "weights");
  ASSERT_FALSE(buffer.ok());
  EXPECT_EQ(buffer.error().code, ErrorCode::OutOfMemory);
  EXPECT_EQ(buffer.error().message,
            "cuda:0 (Small): out of memory: 2.00 MiB wanted for the weights, "
            "1.00 MiB of 1.00 MiB free");
}

TEST_F(MemoryTest, EachAllocationCanFail) {
  configure({{"FAIL_ALLOCATION", "2"}});
  ContextPtr context = openContext();
  TAKE(first, DeviceBuffer::allocate(context, 8, "test"));
  EXPECT_FALSE(DeviceBuffer::allocate(context, 8, "test").ok());
  EXPECT_OK(DeviceBuffer::allocate(context, 8, "test"));
}

TEST_F(MemoryTest, AnyThreadMayUseIt) {
  ContextPtr context = openContext();
  TAKE(stream, Stream::create(context));
  TAKE(buffer, DeviceBuffer::allocate(context, 64, "test"));
  std::thread([&] {
    EXPECT_OK(buffer.fill(stream, 1));
    EXPECT_OK(stream.synchronize());
    EXPECT_OK(context->synchronize());
  }).join();
}

TEST_F(MemoryTest, CopiesAreMeasuredInWhatIsFree) {
  configure({{"MEMORY", "16777216"}});
  ContextPtr context = openContext();
  TAKE(stream, Stream::create(context));
  TAKE(speed, measureCopySpeed(stream));
  EXPECT_GT(speed, 0);
  TAKE(buffer, DeviceBuffer::allocate(context, 12 << 20, "test"));
  TAKE(none, measureCopySpeed(stream)); // there is no room for a useful one
  EXPECT_EQ(none, 0);
  TAKE(memory, context->memoryInfo());
  EXPECT_EQ(memory.freeBytes, uint64_t(4) << 20);
}

TEST_F(MemoryTest, ACopyCanArriveSpoilt) {
  configure({{"SPOIL_COPY", "2"}});
  ContextPtr context = openContext();
  TAKE(stream, Stream::create(context));
  TAKE(buffer, DeviceBuffer::allocate(context, 2, "test"));
  const std::vector<uint8_t> bytes = {1, 0x80}, inverted = {0xFE, 0x7F};
  for (int copy = 1; copy <= 3; ++copy) {
    std::vector<uint8_t> back(2);
    EXPECT_OK(buffer.write(stream, bytes));
    EXPECT_OK(buffer.read(stream, back));
    EXPECT_OK(stream.synchronize());
    EXPECT_EQ(back, copy == 2 ? inverted : bytes);
  }
}

TEST_F(MemoryTest, MovedBuffersAreFreedOnce) {
  ContextPtr context = openContext();
  TAKE(buffer, DeviceBuffer::allocate(context, 4096, "test"));
  TAKE(before, context->memoryInfo());
  {
    DeviceBuffer other = std::move(buffer);
    EXPECT_EQ(buffer.address(), 0u);
    buffer = std::move(other);
  }
  EXPECT_NE(buffer.address(), 0u);
  buffer = DeviceBuffer();
  TAKE(after, context->memoryInfo());
  EXPECT_GE(after.freeBytes, before.freeBytes + 4096);
  context.reset();
  EXPECT_EQ(findings(), 0);
}

//===-- Upload ------------------------------------------------------------===//

class UploadTest : public CudaTest {
protected:
  void SetUp() override {
    CudaTest::SetUp();
    std::vector<char> bytes(100000);
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<char>(i * 7 + i / 256);
    path = testing::TempDir() + "upload.bin";
    std::ofstream(path, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  std::string path;
};

TEST_F(UploadTest, CopiesRangesOfAnySize) {
  ContextPtr context = openContext();
  TAKE(file, MappedFile::open(path));
  std::vector<uint64_t> steps;
  TAKE(upload,
       WeightUpload::create(
           context, [&](uint64_t done) { steps.push_back(done); }, 4096));
  TAKE(target, DeviceBuffer::allocate(context, 100000, "weights"));
  const std::pair<uint64_t, uint64_t> ranges[] = {
      {0, 1}, {4095, 4097}, {1, 0}, {3, 99997}, {8192, 8192}};
  uint64_t sum = 0;
  for (auto [offset, size] : ranges) {
    EXPECT_OK(upload.upload(file, offset, size, target.address()));
    EXPECT_OK(upload.finish());
    sum += size;
    std::vector<uint8_t> back(size);
    TAKE(stream, Stream::create(context));
    EXPECT_OK(target.read(stream, back));
    EXPECT_OK(stream.synchronize());
    auto expected = file.bytes().subspan(offset, size);
    EXPECT_TRUE(std::equal(back.begin(), back.end(), expected.begin()));
  }
  EXPECT_EQ(steps.back(), sum);
  EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end()));
}

TEST_F(UploadTest, RefusesWhatTheFileDoesNotHave) {
  ContextPtr context = openContext();
  TAKE(file, MappedFile::open(path));
  TAKE(upload, WeightUpload::create(context, {}, 4096));
  TAKE(target, DeviceBuffer::allocate(context, 100, "weights"));
  EXPECT_EQ(upload.upload(file, 99999, 2, target.address()).error().message,
            path + ": weights up to byte 100001 of a file of 100000");
  // A target that is too small is the driver's to notice.
  EXPECT_FALSE(upload.upload(file, 0, 101, target.address()).ok());
}

} // namespace
} // namespace swallow::cuda
