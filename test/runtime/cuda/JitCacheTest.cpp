#include "runtime/cuda/JitCache.h"
#include "runtime/support/MappedFile.h"
#include "test/runtime/cuda/CudaTest.h"
#include "test/runtime/cuda/Kernels.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sys/resource.h>

namespace swallow::cuda {
namespace {

class JitCacheTest : public CudaTest {
protected:
  void SetUp() override {
    CudaTest::SetUp();
    folder = testing::TempDir() + "jit-cache-test";
    std::filesystem::remove_all(folder);
    context = openContext();
    cache = JitCache(folder);
    path = cache.pathFor(*context, kScalePtx, {});
  }
  void TearDown() override {
    context.reset();
    std::filesystem::remove_all(folder);
    CudaTest::TearDown();
  }

  CachedCode get() {
    auto code = cache.get(*context, kScalePtx, {}, "the test's PTX");
    EXPECT_TRUE(code.ok()) << code.error().message;
    return code.ok() ? *code : CachedCode();
  }

  std::string folder;
  ContextPtr context;
  JitCache cache{""};
  std::string path;
};

TEST_F(JitCacheTest, CompilesOnce) {
  CachedCode first = get();
  EXPECT_FALSE(first.fromCache);
  EXPECT_EQ(first.notice, "");
  CachedCode second = get();
  EXPECT_TRUE(second.fromCache);
  EXPECT_EQ(second.cubin, first.cubin);
  TAKE(module, Module::loadCubin(context, second.cubin, "it"));
  EXPECT_OK(module.function("scale"));
  // Nothing but the file is left in the folder.
  auto files = std::filesystem::directory_iterator(folder);
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST_F(JitCacheTest, TheKeyHoldsEverything) {
  JitOptions options;
  options.maxRegisters = 64;
  EXPECT_NE(cache.pathFor(*context, kScalePtx, options), path);
  EXPECT_NE(cache.pathFor(*context, "x", {}), path);
  for (auto [name, value] :
       {std::pair("CAPABILITY", "8.0"), std::pair("DRIVER", "12090")}) {
    context.reset();
    configure({{name, value}});
    context = openContext();
    EXPECT_NE(cache.pathFor(*context, kScalePtx, {}), path);
  }
}

TEST_F(JitCacheTest, DamageIsNoticedAndRepaired) {
  CachedCode first = get();
  TAKE(whole, readFile(path));
  auto write = [&](const std::string &bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  };
  std::vector<std::string> damaged = {"", "x", whole.substr(0, 32),
                                      whole.substr(0, whole.size() - 1),
                                      whole + "x"};
  for (size_t at :
       {size_t{0}, size_t{9}, size_t{20}, size_t{40}, whole.size() - 1}) {
    damaged.push_back(whole);
    damaged.back()[at] ^= 1;
  }
  for (const std::string &bytes : damaged) {
    write(bytes);
    CachedCode again = get();
    EXPECT_FALSE(again.fromCache);
    EXPECT_EQ(again.cubin, first.cubin);
    EXPECT_EQ(again.notice,
              path + ": compiled kernels were damaged; compiling them again");
    CachedCode repaired = get();
    EXPECT_TRUE(repaired.fromCache);
    EXPECT_EQ(repaired.notice, "");
  }
}

TEST_F(JitCacheTest, WithoutAPlaceToWrite) {
  // A file where the folder should be; permissions do not stop root.
  std::ofstream(folder) << "in the way";
  CachedCode code = get();
  EXPECT_FALSE(code.cubin.empty());
  EXPECT_TRUE(code.notice.starts_with("compiled kernels cannot be kept in " +
                                      folder + " ("))
      << code.notice;
  EXPECT_TRUE(
      code.notice.ends_with("), so the next start compiles them again"));
  cache = JitCache("");
  EXPECT_EQ(get().notice, ""); // turned off
}

// A limit on the size of files fails a write as a full disk does.
TEST_F(JitCacheTest, AFullDisk) {
  struct rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = before;
  small.rlim_cur = 100;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  CachedCode code = get();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(code.cubin.empty());
  EXPECT_EQ(code.notice, "compiled kernels cannot be kept in " + folder +
                             " (File too large), so the next start compiles "
                             "them again");
  EXPECT_TRUE(std::filesystem::is_empty(folder)); // nothing half written
}

TEST_F(JitCacheTest, BrokenPtxIsNotKept) {
  auto code = cache.get(*context, kBrokenPtx, {}, "the test's PTX");
  EXPECT_FALSE(code.ok());
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(JitCacheTest, TheEnvironmentNamesTheFolder) {
  const char *home = std::getenv("HOME");
  std::string before = home ? home : "";
  setenv("HOME", "/home/x", 1);
  unsetenv("XDG_CACHE_HOME");
  unsetenv("SWALLOW_CACHE_DIR");
  EXPECT_EQ(JitCache::defaultFolder(), "/home/x/.cache/swallow");
  setenv("XDG_CACHE_HOME", "relative", 1);
  EXPECT_EQ(JitCache::defaultFolder(), "/home/x/.cache/swallow");
  setenv("XDG_CACHE_HOME", "/cache", 1);
  EXPECT_EQ(JitCache::defaultFolder(), "/cache/swallow");
  setenv("SWALLOW_CACHE_DIR", "/mine", 1);
  EXPECT_EQ(JitCache::defaultFolder(), "/mine");
  unsetenv("SWALLOW_CACHE_DIR");
  unsetenv("XDG_CACHE_HOME");
  unsetenv("HOME");
  EXPECT_EQ(JitCache::defaultFolder(), "");
  setenv("HOME", before.c_str(), 1);
}

} // namespace
} // namespace swallow::cuda
