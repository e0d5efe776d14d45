//===- ArtifactWriterTest.cpp - writing artifacts, and failing to ---------===//

#include "compiler/ArtifactWriter.h"
#include "compiler/AtomicFile.h"
#include "runtime/artifact/Artifact.h"
#include "runtime/support/Hash.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/RunOnThreads.h"
#include "test/runtime/artifact/ArtifactFixture.h"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <random>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace swallow;
using namespace swallow::test;

namespace {

Result<WriteReport> write(const std::string &path, const ArtifactParts &parts,
                          const WriteOptions &options = {}) {
  return writeArtifact(path, parts.program, parts.segments, parts.jobs,
                       options);
}

// Weights of several chunks each, in odd sizes.
ArtifactParts largeArtifact() {
  ArtifactParts parts = smallArtifact();
  const PackedElement bf16 = PackedElement::BF16, f32 = PackedElement::F32;
  parts.addWeight("large.plain", 0, {{777}, 3001, f32, 0, 1, 0, false},
                  SourceElement::BF16);
  parts.addWeight("large.pairs", 1, {{777, 333}, 4097, bf16, 64, 2, 0, false},
                  SourceElement::F32);
  parts.addWeight("large.gated", 1, {{901, 901}, 2049, bf16, 64, 2, 0, true},
                  SourceElement::BF16);
  return parts;
}

TEST(ArtifactWriter, RoundTrip) {
  TemporaryFolder folder;
  ArtifactParts parts = largeArtifact();
  const std::string path = folder.file("m.swallow");
  auto report = write(path, parts, {.threads = 2, .sync = true});
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(folder.names(), std::vector<std::string>{"m.swallow"});
  EXPECT_EQ(report->fileBytes, std::filesystem::file_size(path));
  for (const SourceReport &source : report->sources)
    EXPECT_EQ(source.stats.nonFinite, 0) << source.name;

  auto artifact = Artifact::open(path, {.verifyWeights = true});
  ASSERT_TRUE(artifact.ok()) << artifact.error().message;
  EXPECT_EQ(report->weightBytes, artifact->weights().size());
  const auto &table = *artifact->program().weights();
  for (uint32_t i = 0; i < table.size(); ++i) {
    SCOPED_TRACE(table[i]->name()->str());
    // The bytes in the file are what packing in one piece gives, and the
    // recorded hash is theirs.
    const WeightJob &job = parts.jobs[i];
    std::vector<PackSource> sources;
    for (const SourceTensor &source : job.sources)
      sources.push_back({source.element, source.bytes});
    std::vector<PackStats> stats(sources.size());
    std::vector<uint8_t> packed(static_cast<size_t>(job.layout.totalBytes()));
    packBlocks(job.layout, sources, 0, job.layout.totalBlocks(), packed.data(),
               stats);
    std::span<const uint8_t> stored = artifact->weight(i);
    EXPECT_TRUE(
        std::equal(stored.begin(), stored.end(), packed.begin(), packed.end()));
    Hash128 hash = hashBytes(packed);
    EXPECT_TRUE(std::equal(hash.begin(), hash.end(), table[i]->hash()->begin(),
                           table[i]->hash()->end()));
    ASSERT_EQ(table[i]->sources()->size(), job.sources.size());
    EXPECT_EQ(table[i]->sources()->Get(0)->str(), job.sources[0].name);
  }
}

TEST(ArtifactWriter, BytesDoNotDependOnThreads) {
  TemporaryFolder folder;
  ArtifactParts parts = largeArtifact();
  std::vector<uint8_t> first;
  for (int threads : {1, 2, 3, 8, 0}) {
    const std::string path = folder.file("m.swallow");
    auto report = write(path, parts, {.threads = threads});
    ASSERT_TRUE(report.ok()) << report.error().message;
    std::vector<uint8_t> bytes = readBytes(path);
    if (first.empty())
      first = bytes;
    EXPECT_TRUE(bytes == first) << threads;
  }
}

// Some weights are packed before the others, each with a factor of its inputs.
TEST(ArtifactWriter, PacksSomeWithAFactorFirst) {
  TemporaryFolder folder;
  ArtifactParts parts = largeArtifact();
  const PackedElement i4 = PackedElement::I4;
  const size_t plain = parts.jobs.size(), first = plain + 1;
  for (const char *name : {"int4.plain", "int4.first"})
    parts.addWeight(name, 1, {{300, 100}, 96, i4, 64, 16, 0, false},
                    SourceElement::BF16);
  InputFactor factor;
  factor.size = 96;
  factor.variance.assign(96, 1.0f);
  factor.lower.assign(96 * 96, 0.0f);
  for (size_t i = 1; i < 96; ++i)
    factor.lower[i * 96 + i - 1] = 0.5f;
  std::vector<uint8_t> bytes;
  for (int threads : {1, 3}) {
    const std::string path = folder.file("m.swallow");
    WriteOptions options;
    options.threads = threads;
    options.packFirst = [&](const PackWithFactor &pack) {
      return pack(first, factor);
    };
    auto report = write(path, parts, options);
    ASSERT_TRUE(report.ok()) << report.error().message;
    auto artifact = Artifact::open(path, {.verifyWeights = true});
    ASSERT_TRUE(artifact.ok()) << artifact.error().message;
    for (size_t job : {plain, first}) {
      const WeightJob &weight = parts.jobs[job];
      std::vector<PackSource> sources;
      for (const SourceTensor &source : weight.sources)
        sources.push_back({source.element, source.bytes});
      std::vector<PackStats> stats(2);
      std::vector<OutputStats> outputs(2);
      std::vector<uint8_t> packed(weight.layout.totalBytes());
      if (job == first)
        packBlocksWithFeedback(weight.layout, sources, factor, 0,
                               weight.layout.totalBlocks(), packed.data(),
                               stats, outputs);
      else
        packBlocks(weight.layout, sources, 0, weight.layout.totalBlocks(),
                   packed.data(), stats);
      std::span<const uint8_t> stored =
          artifact->weight(static_cast<uint32_t>(job));
      EXPECT_TRUE(std::equal(stored.begin(), stored.end(), packed.begin(),
                             packed.end()));
      const size_t row = report->sources.size() - (job == first ? 1 : 3);
      EXPECT_EQ(report->sources[row].stats.relativeError(),
                stats[1].relativeError());
      EXPECT_EQ(report->sources[row].outputError.has_value(), job == first);
      if (job == first) {
        EXPECT_EQ(*report->sources[row].outputError,
                  outputs[1].relativeError());
      }
    }
    if (bytes.empty())
      bytes = readBytes(path);
    EXPECT_TRUE(readBytes(path) == bytes);
  }
  // A failure is the writer's, and leaves nothing.
  const std::string path = folder.file("failed.swallow");
  WriteOptions options;
  options.packFirst = [](const PackWithFactor &) {
    return Status(ErrorCode::InvalidArgument, "no such text");
  };
  auto report = write(path, parts, options);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().message, "no such text");
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ArtifactWriter, ReadsFromMappedFiles) {
  TemporaryFolder folder;
  ArtifactParts parts = largeArtifact();
  const std::string path = folder.file("m.swallow");
  ASSERT_TRUE(write(path, parts).ok());
  std::vector<uint8_t> expected = readBytes(path);

  // The same tensors in one file, at odd offsets.
  std::ofstream out(folder.file("tensors"), std::ios::binary);
  std::vector<size_t> offsets;
  for (const std::vector<uint8_t> &tensor : parts.tensors) {
    out.put('x');
    offsets.push_back(static_cast<size_t>(out.tellp()));
    out.write(reinterpret_cast<const char *>(tensor.data()),
              static_cast<std::streamsize>(tensor.size()));
  }
  out.close();
  auto file = MappedFile::open(folder.file("tensors"));
  ASSERT_TRUE(file.ok());
  size_t next = 0;
  for (WeightJob &job : parts.jobs)
    for (SourceTensor &source : job.sources) {
      source.file = &*file;
      source.fileOffset = offsets[next++];
      source.bytes =
          file->bytes().subspan(source.fileOffset, source.bytes.size());
    }
  ASSERT_TRUE(write(path, parts, {.threads = 3}).ok());
  EXPECT_TRUE(readBytes(path) == expected);
}

TEST(ArtifactWriter, WarnsOfNonFiniteValues) {
  TemporaryFolder folder;
  ArtifactParts parts = smallArtifact();
  const uint16_t nan = 0x7fc0, infinity = 0xff80;
  // The second source of layer 0's qkv_proj and of gate_up.
  std::memcpy(parts.tensors[3].data() + 10, &nan, 2);
  std::memcpy(parts.tensors[6].data(), &nan, 2);
  std::memcpy(parts.tensors[6].data() + 2, &infinity, 2);
  std::vector<std::string> lines;
  WriteOptions options;
  options.threads = 3;
  options.warn = [&](const std::string &line) { lines.push_back(line); };
  auto report = write(folder.file("m.swallow"), parts, options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(lines,
            (std::vector<std::string>{
                "tensor model.layers.qkv_proj.1.weight has 1 NaN or infinite "
                "value",
                "tensor model.layers.gate_up.1.weight has 2 NaN or infinite "
                "values"}));
  int64_t met = 0;
  for (const SourceReport &source : report->sources)
    met += source.stats.nonFinite;
  EXPECT_EQ(met, 3);
}

// What f16 cannot hold is infinite there, which is not what it was.
TEST(ArtifactWriter, SaysWhatF16CannotHold) {
  TemporaryFolder folder;
  ArtifactParts parts = smallArtifact();
  for (WeightJob &job : parts.jobs)
    if (job.layout.element == PackedElement::BF16)
      job.layout.element = PackedElement::F16;
  const uint16_t nan = 0x7fc0, large = 0x4780, held = 0x477f; // 65536, 65280
  std::memcpy(parts.tensors[3].data() + 10, &large, 2);
  std::memcpy(parts.tensors[6].data(), &nan, 2);
  std::memcpy(parts.tensors[6].data() + 2, &large, 2);
  std::memcpy(parts.tensors[6].data() + 4, &held, 2);
  std::vector<std::string> lines;
  WriteOptions options;
  options.warn = [&](const std::string &line) { lines.push_back(line); };
  auto report = write(folder.file("m.swallow"), parts, options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(lines,
            (std::vector<std::string>{
                "tensor model.layers.qkv_proj.1.weight has 1 value that is "
                "NaN, infinite or too large for f16",
                "tensor model.layers.gate_up.1.weight has 2 values that are "
                "NaN, infinite or too large for f16"}));
}

TEST(ArtifactWriter, ReplacesAnOlderFile) {
  TemporaryFolder folder;
  const std::string path = folder.file("m.swallow");
  std::ofstream(path) << "something else";
  MappedFile old = std::move(*MappedFile::open(path));
  auto report = write(path, smallArtifact());
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_TRUE(Artifact::open(path).ok());
  EXPECT_EQ(old.bytes().size(), 14u); // who has it open keeps it
  EXPECT_EQ(folder.names(), std::vector<std::string>{"m.swallow"});
}

TEST(ArtifactWriter, RefusesImpossibleDestinations) {
  TemporaryFolder folder;
  const std::string inMissing = folder.file("missing/m.swallow");
  auto missing = write(inMissing, smallArtifact());
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::WriteFailed);
  EXPECT_EQ(missing.error().message,
            inMissing + ": cannot write: No such file or directory");
  auto directory = write(folder.path(), smallArtifact());
  ASSERT_FALSE(directory.ok());
  EXPECT_EQ(directory.error().code, ErrorCode::WriteFailed);
  EXPECT_NE(directory.error().message.find("not a regular file"),
            std::string::npos);
  auto device = write("/dev/full", smallArtifact());
  ASSERT_FALSE(device.ok());
  EXPECT_EQ(device.error().code, ErrorCode::WriteFailed);
}

// A defect of the compiler is told, not written.
TEST(ArtifactWriter, RefusesInvalidParts) {
  TemporaryFolder folder;
  auto expect = [&](const char *message, auto change) {
    ArtifactParts parts = smallArtifact();
    change(parts);
    auto report = write(folder.file("m.swallow"), parts);
    ASSERT_FALSE(report.ok()) << message;
    EXPECT_EQ(report.error().code, ErrorCode::Internal);
    EXPECT_NE(report.error().message.find(message), std::string::npos)
        << report.error().message;
    EXPECT_TRUE(folder.names().empty());
  };
  using Parts = ArtifactParts;
  expect("packed twice", [](Parts &p) { p.jobs[1].weightIndex = 0; });
  expect("packed twice", [](Parts &p) { p.jobs[1].weightIndex = 99; });
  expect("no source", [](Parts &p) { p.jobs.pop_back(); });
  expect("impossible layout", [](Parts &p) { p.jobs[0].layout.cols = 0; });
  expect("impossible layout", [](Parts &p) { p.jobs[2].sources.pop_back(); });
  expect("bytes instead of", [](Parts &p) {
    p.jobs[2].sources[1].bytes = p.jobs[2].sources[1].bytes.subspan(1);
  });
  expect("overlaps", [](Parts &p) { p.program.weights[1]->offset = 0; });
  expect("writable segment", [](Parts &p) {
    ElfImage image;
    image.segments[0].p_flags |= PF_W;
    p.segments[0].bytes = image.bytes();
  });
  expect("step interface", [](Parts &p) { p.program.abi_version = 0; });
}

// Runs `body` in a process of its own and returns its exit status.
template <typename Body> int inChild(Body body) {
  pid_t child = ::fork();
  if (child == 0)
    ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

constexpr int kSkip = 77;

// What a child finds when it writes where there is no room: 0 if the failure is
// as it should be.
int expectNoRoom(const TemporaryFolder &folder, const std::string &path,
                 const char *reason, bool preallocate) {
  auto report =
      write(path, largeArtifact(), {.threads = 2, .preallocate = preallocate});
  if (report || report.error().code != ErrorCode::WriteFailed)
    return 1;
  if (report.error().message != path + ": cannot write: " + reason) {
    std::fprintf(stderr, "%s\n", report.error().message.c_str());
    return 2;
  }
  return folder.names() == std::vector<std::string>{"old"} ? 0 : 3;
}

TEST(ArtifactWriter, FileSizeLimit) {
  for (bool preallocate : {true, false}) {
    TemporaryFolder folder;
    int status = inChild([&] {
      std::ofstream(folder.file("old")) << "old";
      std::signal(SIGXFSZ, SIG_IGN); // writes answer EFBIG instead
      rlimit limit = {1 << 20, 1 << 20};
      if (::setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return kSkip;
      return expectNoRoom(folder, folder.file("old"), "File too large",
                          preallocate);
    });
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
}

// A file system of 1 MB that only this process sees, where that is allowed.
bool mountSmallFileSystem(const std::string &path) {
  const std::string user = std::to_string(::getuid());
  const std::string group = std::to_string(::getgid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return false;
  // Become the root of a user namespace, user_namespaces(7).
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " + user + " 1";
  std::ofstream("/proc/self/gid_map") << "0 " + group + " 1";
  return ::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=1m") == 0;
}

TEST(ArtifactWriter, FullDisk) {
  for (bool preallocate : {true, false}) {
    TemporaryFolder folder;
    int status = inChild([&] {
      if (!mountSmallFileSystem(folder.path()))
        return kSkip;
      std::ofstream(folder.file("old")) << "old";
      return expectNoRoom(folder, folder.file("old"), "No space left on device",
                          preallocate);
    });
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == kSkip)
      GTEST_SKIP() << "this machine lets no user mount a tmpfs";
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
}

TEST(ArtifactWriter, MemoryDoesNotGrowWithTheModel) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers reserve memory of their own";
#endif
  // 256 MB of weights in a sparse file, packed with 40 MB of private memory.
  TemporaryFolder folder;
  const int64_t rows = 16384, cols = 8192;
  const std::string tensors = folder.file("tensors");
  std::ofstream(tensors).close();
  ASSERT_EQ(::truncate(tensors.c_str(), rows * cols * 2), 0);
  int status = inChild([&] {
    auto file = MappedFile::open(tensors);
    if (!file)
      return 1;
    ArtifactParts parts = smallArtifact();
    parts.addWeight("large", 0, {{1}, 1, PackedElement::BF16, 64, 2, 0, false},
                    SourceElement::BF16);
    WeightJob &job = parts.jobs.back();
    job.layout.sourceRows = {rows};
    job.layout.cols = cols;
    job.sources[0].bytes = file->bytes();
    job.sources[0].file = &*file;
    long pages = 0;
    std::ifstream statm("/proc/self/statm");
    for (int field = 0; field < 6; ++field)
      statm >> pages; // the sixth is data and stacks
    rlim_t bytes = static_cast<rlim_t>(pages * ::sysconf(_SC_PAGESIZE)) +
                   (rlim_t(40) << 20);
    rlimit limit = {bytes, bytes};
    if (::setrlimit(RLIMIT_DATA, &limit) != 0)
      return 2;
    auto report = write(folder.file("m.swallow"), parts, {.threads = 2});
    return report.ok() ? 0 : 3;
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(AtomicFile, AKilledProcessLeavesNothing) {
  TemporaryFolder folder;
  int probe = ::open(folder.path().c_str(), O_TMPFILE | O_RDWR, 0600);
  if (probe < 0)
    GTEST_SKIP() << "this file system has no unnamed files";
  ::close(probe);
  const std::vector<uint8_t> bytes(100000, 7);
  int status = inChild([&] {
    auto file = AtomicFile::create(folder.file("m.swallow"));
    if (!file || !file->resize(bytes.size(), true) || !file->writeAt(0, bytes))
      return 1;
    ::raise(SIGKILL);
    return 2;
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(folder.names().empty());
}

TEST(AtomicFile, WithAndWithoutUnnamedFiles) {
  for (bool unnamed : {true, false}) {
    TemporaryFolder folder;
    const std::string path = folder.file("out");
    const std::vector<uint8_t> bytes = {1, 2, 3};
    {
      auto file = AtomicFile::create(path, unnamed);
      ASSERT_TRUE(file.ok()) << file.error().message;
      ASSERT_TRUE(file->writeAt(2, bytes).ok());
      EXPECT_FALSE(std::filesystem::exists(path));
    }
    EXPECT_TRUE(folder.names().empty());      // discarded
    for (int round = 0; round < 2; ++round) { // new, and replacing
      auto file = AtomicFile::create(path, unnamed);
      ASSERT_TRUE(file.ok()) << file.error().message;
      ASSERT_TRUE(file->resize(6 + static_cast<uint64_t>(round), true).ok());
      ASSERT_TRUE(file->writeAt(2, bytes).ok());
      Status committed = file->commit(true);
      ASSERT_TRUE(committed.ok()) << committed.error().message;
      std::vector<uint8_t> expected = {0, 0, 1, 2, 3, 0};
      expected.resize(expected.size() + static_cast<size_t>(round));
      EXPECT_EQ(readBytes(path), expected);
      EXPECT_EQ(folder.names(), std::vector<std::string>{"out"});
    }
    mode_t mask = ::umask(0);
    ::umask(mask);
    struct stat st;
    ASSERT_EQ(::stat(path.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0666 & ~mask);
  }
}

/// How much of what is mapped from `path` is mapped by large pages, in KB.
int64_t largePageKilobytes(const std::string &path) {
  std::ifstream maps("/proc/self/smaps");
  int64_t sum = 0;
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find('-') != std::string::npos && line.find(':') > line.find(' '))
      inside = line.ends_with(path);
    else if (inside && line.starts_with("FilePmdMapped:"))
      sum += std::stoll(line.substr(line.find(':') + 1));
  }
  return sum;
}

/// The same after all of it has been read.
int64_t largePagesOf(const std::string &path) {
  auto file = MappedFile::open(path);
  EXPECT_TRUE(file.ok());
  for (size_t at = 0; at < file->bytes().size(); at += 4096) [[maybe_unused]]
    volatile uint8_t byte = file->bytes()[at];
  return largePageKilobytes(path);
}

TEST(AtomicFile, PartsBecomeLargePages) {
  constexpr size_t piece = size_t(2) << 20;
  constexpr size_t size = 5 * piece + 12345, begin = 4096 + 64;
  std::vector<uint8_t> bytes(size - begin);
  std::mt19937 random(3);
  for (uint8_t &byte : bytes)
    byte = static_cast<uint8_t>(random());
  TemporaryFolder folder;
  const std::string path = folder.file("out"), whole = folder.file("whole");
  {
    auto file = AtomicFile::create(path);
    ASSERT_TRUE(file.ok()) << file.error().message;
    ASSERT_TRUE(file->resize(size, true).ok());
    // One part has all of a piece.
    const std::vector<size_t> ends = {
        1000,          piece / 2,     piece + 7,   piece * 3 / 2,
        piece * 7 / 2, piece * 9 / 2, bytes.size()};
    std::atomic<size_t> next{0};
    runOnThreads(3, [&] {
      for (size_t i; (i = next++) < ends.size();) {
        const size_t at = i == 0 ? 0 : ends[i - 1];
        EXPECT_TRUE(file->writeAt(begin + at,
                                  std::span(bytes).subspan(at, ends[i] - at))
                        .ok());
      }
    });
    // What is written again keeps what is beside it.
    const size_t again = 2 * piece + 77;
    bytes[again - begin] ^= 1;
    ASSERT_TRUE(
        file->writeAt(again, std::span(bytes).subspan(again - begin, 1)).ok());
    ASSERT_TRUE(file->commit(false).ok());
  }
  std::vector<uint8_t> expected(begin, 0);
  expected.insert(expected.end(), bytes.begin(), bytes.end());
  EXPECT_EQ(readBytes(path), expected);

  // What this system makes of a file that is written in one go.
  {
    std::ofstream file(whole, std::ios::binary);
    file.rdbuf()->pubsetbuf(nullptr, 0);
    file.write(reinterpret_cast<const char *>(expected.data()),
               static_cast<std::streamsize>(expected.size()));
  }
  constexpr int64_t one = piece >> 10;
  if (largePagesOf(whole) <= one)
    GTEST_SKIP() << "files are not mapped by large pages here";
  EXPECT_GT(largePagesOf(path), one);
}

} // namespace
