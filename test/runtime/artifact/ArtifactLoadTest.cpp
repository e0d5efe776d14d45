//===- ArtifactLoadTest.cpp - opening artifacts, whole and damaged --------===//

#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/Validation.h"
#include "test/runtime/artifact/ArtifactFixture.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <limits>

using namespace swallow;
using namespace swallow::test;

namespace {

const std::vector<uint8_t> &smallFile() {
  static const std::vector<uint8_t> file = writtenBytes(smallArtifact());
  return file;
}

ErrorCode codeOf(std::span<const uint8_t> file) {
  auto artifact = Artifact::openBytes(file, "m.swallow");
  return artifact ? ErrorCode::Ok : artifact.error().code;
}

std::string messageOf(std::span<const uint8_t> file) {
  auto artifact = Artifact::openBytes(file, "m.swallow");
  return artifact ? "" : artifact.error().message;
}

// Where the program ends and the segments begin.
struct Extents {
  size_t programEnd, segmentBase, weightsBegin;
};
Extents extentsOf(const std::vector<uint8_t> &file) {
  auto prefix =
      format::decodePrefix(std::span(file).first<format::kPrefixBytes>());
  return {static_cast<size_t>(prefix.programOffset + prefix.programSize),
          static_cast<size_t>(prefix.segmentBase),
          static_cast<size_t>(prefix.segmentBase +
                              programOf(file).segments.back()->offset)};
}

TEST(ArtifactLoad, OpensFromAFile) {
  TemporaryFolder folder;
  ArtifactParts parts = smallArtifact();
  const std::string path = folder.file("m.swallow");
  auto written = writeArtifact(path, parts.program, parts.segments, parts.jobs);
  ASSERT_TRUE(written.ok()) << written.error().message;
  auto opened = Artifact::open(path);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  const Artifact artifact = std::move(*opened);

  EXPECT_EQ(artifact.path(), path);
  EXPECT_GE(artifact.fd(), 0);
  EXPECT_EQ(artifact.fileSize(), written->fileBytes);
  EXPECT_EQ(artifact.program().model()->hidden_size(), 12u);
  auto tokenizer = artifact.segmentOfKind(fbs::SegmentKind::Tokenizer);
  EXPECT_EQ(std::string(tokenizer.begin(), tokenizer.end()),
            "a tokenizer's table");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(artifact.weights().data()) % 4096, 0u);
  EXPECT_EQ(artifact.weights().size(), written->weightBytes);

  // The code can be mapped from the file at the offset that is told.
  Artifact::Code code = artifact.code(1);
  EXPECT_EQ(code.fileOffset % 4096, 0u);
  std::vector<uint8_t> file = readBytes(path);
  EXPECT_TRUE(
      std::equal(code.bytes.begin(), code.bytes.end(),
                 file.begin() + static_cast<ptrdiff_t>(code.fileOffset)));
  EXPECT_EQ(code.bytes[artifact.program().variants()->Get(1)->step_offset()],
            0xc3);
  EXPECT_TRUE(artifact.verifyWeights(2).ok());
}

TEST(ArtifactLoad, FileErrors) {
  TemporaryFolder folder;
  auto missing = Artifact::open(folder.file("missing"));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::FileNotFound);
  auto directory = Artifact::open(folder.path());
  ASSERT_FALSE(directory.ok());
  EXPECT_EQ(directory.error().code, ErrorCode::FileUnreadable);
}

TEST(ArtifactLoad, EveryTruncationIsRefused) {
  const std::vector<uint8_t> &file = smallFile();
  ASSERT_EQ(codeOf(file), ErrorCode::Ok);
  for (size_t size = 0; size < file.size(); ++size)
    ASSERT_EQ(codeOf(std::span(file).first(size)),
              size < 8 ? ErrorCode::NotAnArtifact : ErrorCode::Corrupt)
        << size;
  EXPECT_EQ(messageOf(std::span(file).first(5000)),
            "m.swallow: truncated: 5000 of " + std::to_string(file.size()) +
                " bytes");
  std::vector<uint8_t> longer = file;
  longer.push_back(0);
  EXPECT_EQ(codeOf(longer), ErrorCode::Corrupt);
}

TEST(ArtifactLoad, EveryBitOfPrefixAndProgramIsChecked) {
  std::vector<uint8_t> file = smallFile();
  const size_t end = extentsOf(file).segmentBase;
  for (size_t byte = 0; byte < end; ++byte)
    for (int bit = 0; bit < 8; ++bit) {
      file[byte] ^= static_cast<uint8_t>(1 << bit);
      ErrorCode expected = byte < 8    ? ErrorCode::NotAnArtifact
                           : byte < 16 ? ErrorCode::VersionMismatch
                                       : ErrorCode::Corrupt;
      ASSERT_EQ(codeOf(file), expected) << byte << " bit " << bit;
      file[byte] ^= static_cast<uint8_t>(1 << bit);
    }
}

// The hash refuses accidents; this shows that what comes after it stands a
// program that somebody made.
TEST(ArtifactLoad, NoBitOfTheProgramCrashesBehindTheHash) {
  std::vector<uint8_t> file = smallFile();
  const Extents extents = extentsOf(file);
  int opened = 0, refused = 0;
  for (size_t byte = format::kPrefixBytes; byte < extents.programEnd; ++byte)
    for (int bit = 0; bit < 8; ++bit) {
      file[byte] ^= static_cast<uint8_t>(1 << bit);
      fixHash(file);
      auto artifact = Artifact::openBytes(file, "m.swallow");
      if (artifact) {
        ++opened;
        if (Status weights = artifact->verifyWeights(1); !weights) {
          ASSERT_EQ(weights.error().code, ErrorCode::Corrupt);
        }
      } else {
        ++refused;
        ASSERT_TRUE(artifact.error().code == ErrorCode::Corrupt ||
                    artifact.error().code == ErrorCode::VersionMismatch)
            << artifact.error().message;
      }
      file[byte] ^= static_cast<uint8_t>(1 << bit);
    }
  EXPECT_GT(refused, opened); // most of a program is structure
}

TEST(ArtifactLoad, EveryByteOfSegmentsIsChecked) {
  std::vector<uint8_t> file = smallFile();
  const Extents extents = extentsOf(file);
  for (size_t byte = extents.segmentBase; byte < file.size(); ++byte) {
    file[byte] ^= 0x10;
    auto artifact = Artifact::openBytes(file, "m.swallow");
    if (byte < extents.weightsBegin) {
      ASSERT_FALSE(artifact.ok()) << byte;
      ASSERT_EQ(artifact.error().code, ErrorCode::Corrupt);
    } else {
      ASSERT_TRUE(artifact.ok()) << artifact.error().message;
      Status verified = artifact->verifyWeights(1);
      ASSERT_FALSE(verified.ok()) << byte;
      ASSERT_EQ(verified.error().code, ErrorCode::Corrupt);
    }
    file[byte] ^= 0x10;
  }
}

TEST(ArtifactLoad, VerifyNamesTheFirstCorruptTensor) {
  std::vector<uint8_t> file = smallFile();
  const size_t begin = extentsOf(file).weightsBegin;
  fbs::ProgramT program = programOf(file);
  file[begin + program.weights[6]->offset] ^= 1;     // layer 1's qkv_proj
  file[begin + program.weights[7]->offset + 3] ^= 1; // and a later one
  auto artifact = Artifact::openBytes(file, "m.swallow");
  ASSERT_TRUE(artifact.ok()) << artifact.error().message;
  for (int threads : {1, 2, 5}) {
    uint64_t last = 0, total = 0;
    Status status =
        artifact->verifyWeights(threads, [&](uint64_t done, uint64_t all) {
          last = done, total = all;
        });
    ASSERT_FALSE(status.ok());
    EXPECT_TRUE(status.error().message.starts_with(
        "m.swallow: weight layers.qkv_proj of layer 1 "
        "(model.layers.qkv_proj.0.weight, model.layers.qkv_proj.1.weight, "
        "model.layers.qkv_proj.2.weight) is corrupt: its hash is "))
        << status.error().message;
    EXPECT_EQ(last, total);
    EXPECT_GT(total, 0u);
  }
  TemporaryFolder folder;
  const std::string path = folder.file("m.swallow");
  std::FILE *out = std::fopen(path.c_str(), "wb");
  ASSERT_NE(out, nullptr);
  ASSERT_EQ(std::fwrite(file.data(), 1, file.size(), out), file.size());
  std::fclose(out);
  EXPECT_TRUE(Artifact::open(path).ok());
  auto verified = Artifact::open(path, {.verifyWeights = true, .threads = 2});
  ASSERT_FALSE(verified.ok());
  EXPECT_EQ(verified.error().code, ErrorCode::Corrupt);
}

TEST(ArtifactLoad, OtherFilesAndVersions) {
  const std::string text = "{\"architectures\": [\"LlamaForCausalLM\"]}";
  std::vector<uint8_t> json(text.begin(), text.end());
  EXPECT_EQ(codeOf(json), ErrorCode::NotAnArtifact);
  EXPECT_EQ(messageOf(json), "m.swallow: not a Swallow artifact");
  EXPECT_EQ(codeOf({}), ErrorCode::NotAnArtifact);

  std::vector<uint8_t> file = smallFile();
  file[8] = 3; // major, little-endian
  file[12] = 14;
  EXPECT_EQ(codeOf(file), ErrorCode::VersionMismatch);
  EXPECT_EQ(messageOf(file),
            "m.swallow: artifact format 3.14, this runtime reads 0.4; compile "
            "the model again");

  auto newAbi = withProgram(
      smallFile(), [](fbs::ProgramT &program) { program.abi_version = 77; });
  EXPECT_EQ(codeOf(newAbi), ErrorCode::VersionMismatch);
  EXPECT_NE(messageOf(newAbi).find("step interface 77, this runtime has step "
                                   "interface " +
                                   std::to_string(SWALLOW_ABI_VERSION)),
            std::string::npos)
      << messageOf(newAbi);
}

// A fuzzer whose seeds are of an old format tests nothing but the version
// check. SWALLOW_UPDATE_CORPUS=1 writes them anew.
TEST(ArtifactLoad, FuzzerSeedsAreCurrent) {
  const std::string folder = SWALLOW_TEST_DIR "/fuzz/corpus/artifact_fuzzer/";
  if (std::getenv("SWALLOW_UPDATE_CORPUS")) {
    auto save = [&](const char *name, const std::vector<uint8_t> &bytes) {
      std::ofstream(folder + name, std::ios::binary)
          .write(reinterpret_cast<const char *>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    };
    save("small.artifact", smallFile());
    save("code.so", ElfImage().bytes());
  }
  auto artifact = Artifact::open(folder + "small.artifact");
  EXPECT_TRUE(artifact.ok()) << artifact.error().message;
  EXPECT_TRUE(checkCodeImage(readBytes(folder + "code.so")).ok());
}

TEST(ArtifactLoad, WeightAccessors) {
  auto artifact = Artifact::openBytes(smallFile(), "m.swallow");
  ASSERT_TRUE(artifact.ok());
  ArtifactParts parts = smallArtifact();
  const auto &weights = *artifact->program().weights();
  ASSERT_EQ(weights.size(), parts.jobs.size());
  for (uint32_t i = 0; i < weights.size(); ++i) {
    PackedLayout layout = weightLayout(*weights[i]);
    EXPECT_EQ(layout.sourceRows, parts.jobs[i].layout.sourceRows);
    EXPECT_EQ(layout.cols, parts.jobs[i].layout.cols);
    EXPECT_EQ(layout.totalBytes(), parts.jobs[i].layout.totalBytes());
    EXPECT_EQ(artifact->weight(i).size(),
              static_cast<size_t>(layout.totalBytes()));
  }
  const fbs::KvPlan &kv = *artifact->program().kv();
  EXPECT_EQ(kvElement(kv), KvElement::BF16);
  // 2 heads of 32 keys of 4 features and values of 4, padded to 16.
  EXPECT_EQ(kvBlockBytes(kv, KvElement::BF16), 2u * 32 * (4 + 16) * 2);
  EXPECT_EQ(kvBlockBytes(kv, KvElement::F32), 2u * 32 * (4 + 16) * 4);
  EXPECT_EQ(kvBlockBytes(kv, KvElement::F16), 2u * 32 * (4 + 16) * 2);
  // and a scale of each key and value.
  EXPECT_EQ(kvBlockBytes(kv, KvElement::I8), 2u * 32 * (4 + 16 + 2 * 4));
}

TEST(ArtifactLoad, EvaluatesTheMemoryPlan) {
  auto artifact = Artifact::openBytes(smallFile(), "m.swallow");
  ASSERT_TRUE(artifact.ok());
  const fbs::Affine *size =
      artifact->program().variants()->Get(0)->arena_size();
  auto bytes = evaluate(size, {512, 3, 9});
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(*bytes, 128u + 64 * 512 + 64 * 3);
  EXPECT_EQ(*evaluate(nullptr, {512, 3, 9}), 0u);

  const uint64_t huge = std::numeric_limits<uint64_t>::max();
  for (PlanParameters parameters :
       {PlanParameters{huge, 0, 0}, PlanParameters{0, huge, 0},
        PlanParameters{uint64_t(1) << 56, 1, 1}}) {
    auto overflow = evaluate(size, parameters);
    ASSERT_FALSE(overflow.ok());
    EXPECT_EQ(overflow.error().code, ErrorCode::OutOfRange);
  }
}

} // namespace
