#include "runtime/cuda/Module.h"
#include "test/runtime/cuda/CudaTest.h"
#include "test/runtime/cuda/Kernels.h"

namespace swallow::cuda {
namespace {

class ModuleTest : public CudaTest {};

TEST_F(ModuleTest, LoadsPtx) {
  ContextPtr context = openContext();
  TAKE(module, Module::loadPtx(context, kScalePtx, {}, "the test's PTX"));
  TAKE(kernel, module.function("scale"));
  EXPECT_EQ(kernel.name(), "scale");
  TAKE(attributes, kernel.attributes());
  EXPECT_EQ(attributes.maxThreadsPerBlock, 128); // .maxntid
  EXPECT_EQ(attributes.staticSharedBytes, 0);
  EXPECT_EQ(attributes.maxDynamicSharedBytes, 48 << 10);
  EXPECT_EQ(attributes.ptxVersion, 70);
  EXPECT_EQ(attributes.binaryVersion, 90);
  TAKE(blocks, kernel.blocksPerMultiprocessor(128, 100 << 10));
  EXPECT_EQ(blocks, 2);
  EXPECT_EQ(module.function("absent").error().message,
            "the test's PTX has no kernel \"absent\"");
  EXPECT_EQ(module.variable("absent").error().message,
            "the test's PTX has no variable \"absent\"");
}

TEST_F(ModuleTest, TheCompilersErrorIsInTheMessage) {
  configure({{"NAME", "X"}});
  ContextPtr context = openContext();
  auto module = Module::loadPtx(context, kBrokenPtx, {}, "the test's PTX");
  ASSERT_FALSE(module.ok());
  const std::string &message = module.error().message;
  EXPECT_TRUE(message.starts_with(
      "cuda:0 (X): CUDA_ERROR_INVALID_PTX (a PTX compilation failed) while "
      "loading the test's PTX: ptxas application ptx input, error : line 7"))
      << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
  // The same from the linker.
  auto cubin = compilePtx(*context, kBrokenPtx, {}, "the test's PTX");
  ASSERT_FALSE(cubin.ok());
  EXPECT_EQ(cubin.error().message, message);
}

TEST_F(ModuleTest, PtxForANewerDriver) {
  configure({{"NAME", "X"}, {"DRIVER", "12000"}});
  ContextPtr context = openContext();
  std::string ptx = kScalePtx;
  ptx.replace(ptx.find("7.0"), 3, "8.4");
  EXPECT_EQ(Module::loadPtx(context, ptx, {}, "it").error().message,
            "cuda:0 (X): CUDA_ERROR_UNSUPPORTED_PTX_VERSION (the PTX needs a "
            "newer driver) while loading it: ptxas application ptx input, "
            "fatal : Unsupported .version 8.4");
}

TEST_F(ModuleTest, CubinsAreForTheirArchitecture) {
  std::vector<uint8_t> cubin;
  {
    ContextPtr context = openContext();
    TAKE(compiled, compilePtx(*context, kScalePtx, {}, "it"));
    cubin = compiled;
    TAKE(module, Module::loadCubin(context, cubin, "it"));
    EXPECT_OK(module.function("scale"));
  }
  EXPECT_EQ(findings(), 0);
  configure({{"CAPABILITY", "8.0"}, {"NAME", "X"}});
  ContextPtr context = openContext();
  EXPECT_EQ(Module::loadCubin(context, cubin, "it").error().message,
            "cuda:0 (X): CUDA_ERROR_NO_BINARY_FOR_GPU (no kernel image for "
            "this device) while loading it");
  const uint8_t elf[128] = {0x7f, 'E', 'L', 'F'}; // of another compiler
  EXPECT_FALSE(Module::loadCubin(context, elf, "it").ok());
}

TEST_F(ModuleTest, RefusesImpossibleLaunches) {
  configure({{"NAME", "X"}});
  ContextPtr context = openContext();
  TAKE(stream, Stream::create(context));
  TAKE(module, Module::loadPtx(context, kScalePtx, {}, "it"));
  TAKE(kernel, module.function("scale"));
  CUdeviceptr data = 0;
  float factor = 2;
  int count = 0;
  void *parameters[] = {&data, &factor, &count};
  LaunchShape shape;
  shape.block = {129, 1, 1}; // .maxntid is 128
  EXPECT_EQ(kernel.launch(stream, shape, parameters).error().message,
            "cuda:0 (X): CUDA_ERROR_INVALID_VALUE (invalid argument) while "
            "launching the kernel scale with a grid of 1x1x1 blocks of "
            "129x1x1 threads and 0 bytes of shared memory");
  shape.block = {1, 1, 65};
  EXPECT_FALSE(kernel.launch(stream, shape, parameters).ok());
  shape.block = {32, 1, 1};
  shape.grid = {0, 1, 1};
  EXPECT_FALSE(kernel.launch(stream, shape, parameters).ok());
  shape.grid = {1, 1, 1};
  EXPECT_FALSE(kernel.launch(stream, shape, {}).ok());
  shape.dynamicSharedBytes = 100 << 10;
  EXPECT_FALSE(kernel.launch(stream, shape, parameters).ok());
  EXPECT_OK(kernel.setMaxDynamicShared(100 << 10));
  EXPECT_OK(kernel.launch(stream, shape, parameters));
  EXPECT_EQ(kernel.setMaxDynamicShared(228 << 10).error().message,
            "cuda:0 (X): CUDA_ERROR_INVALID_VALUE (invalid argument) while "
            "giving 233472 bytes of shared memory to the kernel scale");
  EXPECT_OK(stream.synchronize());
}

} // namespace
} // namespace swallow::cuda
