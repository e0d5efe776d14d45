//===- ProgramValidationTest.cpp - programs that make no sense ------------===//
//
// Each case is a well-formed FlatBuffer with right hashes in which one thing is
// wrong, as only somebody who crafts a file, or a defect of the compiler, would
// make it.
//
//===----------------------------------------------------------------------===//

#include "runtime/abi/GpuAbi.h"
#include "runtime/artifact/Artifact.h"
#include "test/runtime/artifact/ArtifactFixture.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

using namespace swallow;
using namespace swallow::test;
using fbs::ProgramT;

namespace {

struct Case {
  const char *expected; // part of the message
  std::function<void(ProgramT &)> change;
};

const std::vector<uint8_t> &smallFile() {
  static const std::vector<uint8_t> file = writtenBytes(smallArtifact());
  return file;
}

void expectRefused(const std::vector<Case> &cases) {
  ASSERT_FALSE(smallFile().empty());
  for (const Case &test : cases) {
    auto file = withProgram(smallFile(), test.change);
    auto artifact = Artifact::openBytes(file, "m.swallow");
    if (artifact) {
      ADD_FAILURE() << "not refused: " << test.expected;
      continue;
    }
    EXPECT_EQ(artifact.error().code, ErrorCode::Corrupt);
    EXPECT_NE(artifact.error().message.find(test.expected), std::string::npos)
        << artifact.error().message << "\nshould say: " << test.expected;
  }
}

constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();

TEST(ProgramValidation, UnchangedOpens) {
  auto file = withProgram(smallFile(), [](ProgramT &) {});
  auto artifact = Artifact::openBytes(file, "m.swallow");
  EXPECT_TRUE(artifact.ok()) << artifact.error().message;
}

TEST(ProgramValidation, Optional) {
  auto file = withProgram(smallFile(), [](ProgramT &p) {
    p.probe.reset();
    p.generation.reset();
    p.variants[0]->arena.clear();
    p.variants[0]->brgemms.clear();
    p.special_tokens.clear();
  });
  EXPECT_TRUE(Artifact::openBytes(file, "m.swallow").ok());
}

// The small artifact with a seed in place of its weights.
std::vector<uint8_t>
syntheticFile(const std::function<void(ProgramT &)> &change) {
  ArtifactParts parts = smallArtifact();
  parts.program.probe.reset();
  parts.program.synthetic = std::make_unique<fbs::SyntheticWeightsT>();
  parts.program.synthetic->seed = 42;
  return withProgram(writtenBytes(std::move(parts)), change);
}

TEST(ProgramValidation, SyntheticWeights) {
  auto artifact = Artifact::openBytes(syntheticFile([](ProgramT &) {}), "m");
  ASSERT_TRUE(artifact.ok()) << artifact.error().message;
  EXPECT_EQ(artifact->syntheticSeed(), std::optional<uint64_t>(42));
  EXPECT_TRUE(artifact->weights().empty());
  auto whole = Artifact::openBytes(smallFile(), "m");
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->syntheticSeed(), std::nullopt);
  EXPECT_EQ(artifact->weightsSize(), whole->weightsSize());
  EXPECT_EQ(whole->weightsSize(), whole->weights().size());
  EXPECT_LT(artifact->fileSize() + whole->weightsSize(), whole->fileSize() + 1);
  EXPECT_TRUE(artifact->verifyWeights().ok());

  const Case cases[] = {
      {"has a hash", [](ProgramT &p) { p.weights[3]->hash.assign(16, 1); }},
      {"outside the weights",
       [](ProgramT &p) { p.weights[1]->offset = kHuge - 63; }},
      {"outside the weights", [](ProgramT &p) { p.weights[1]->offset += 4; }},
      {"overlaps", [](ProgramT &p) { p.weights[1]->offset = 0; }},
      {"has no hash", [](ProgramT &p) { p.synthetic.reset(); }},
  };
  for (const Case &test : cases) {
    auto refused = Artifact::openBytes(syntheticFile(test.change), "m");
    ASSERT_FALSE(refused.ok()) << test.expected;
    EXPECT_NE(refused.error().message.find(test.expected), std::string::npos)
        << refused.error().message;
  }
  expectRefused({{"though they are to be synthetic", [](ProgramT &p) {
                    p.synthetic = std::make_unique<fbs::SyntheticWeightsT>();
                  }}});
}

TEST(ProgramValidation, CheckpointLayers) {
  auto file = withProgram(smallFile(),
                          [](ProgramT &p) { p.model->checkpoint_layers = 3; });
  EXPECT_TRUE(Artifact::openBytes(file, "m.swallow").ok());
  for (uint32_t layers : {1u, 2u, 1u << 17})
    expectRefused({{"all layers of its checkpoint", [=](ProgramT &p) {
                      p.model->checkpoint_layers = layers;
                    }}});
}

TEST(ProgramValidation, Segments) {
  expectRefused({
      {"no segments", [](ProgramT &p) { p.segments.clear(); }},
      {"do not end where", [](ProgramT &p) { p.segments.pop_back(); }},
      {"do not end where", [](ProgramT &p) { --p.segments.back()->size; }},
      {"not where it should be",
       [](ProgramT &p) { ++p.segments.back()->size; }},
      {"not where it should be",
       [](ProgramT &p) { p.segments[0]->size = kHuge; }},
      {"not where it should be",
       [](ProgramT &p) { p.segments[1]->offset += 64; }},
      {"not where it should be",
       [](ProgramT &p) { p.segments[1]->offset += 4096; }},
      {"not where it should be",
       [](ProgramT &p) { p.segments[1]->offset = 0; }},
      {"not where it should be",
       [](ProgramT &p) { p.segments[1]->offset = kHuge & ~4095ull; }},
      {"unknown kind",
       [](ProgramT &p) { p.segments[2]->kind = fbs::SegmentKind(9); }},
      {"second of its kind",
       [](ProgramT &p) { p.segments[3]->kind = fbs::SegmentKind::Tokenizer; }},
      {"second chat template",
       [](ProgramT &p) { p.segments[4]->name = "default"; }},
      {"malformed hash", [](ProgramT &p) { p.segments[0]->hash.pop_back(); }},
      {"malformed hash", [](ProgramT &p) { p.segments[0]->hash.clear(); }},
      {"hash does not match", [](ProgramT &p) { p.segments[2]->hash[3] ^= 1; }},
      {"has no name", [](ProgramT &p) { p.segments[0]->name = "a\x1b[2J"; }},
  });
}

TEST(ProgramValidation, Model) {
  expectRefused({
      {"no model", [](ProgramT &p) { p.model.reset(); }},
      {"no architecture", [](ProgramT &p) { p.model->architecture.clear(); }},
      {"0 or absurdly", [](ProgramT &p) { p.model->hidden_size = 0; }},
      {"0 or absurdly", [](ProgramT &p) { p.model->vocab_size = ~0u; }},
      {"0 or absurdly", [](ProgramT &p) { p.model->num_layers = 1u << 20; }},
      {"no multiple", [](ProgramT &p) { p.model->num_heads = 3; }},
      {"odd", [](ProgramT &p) { p.model->head_dim = p.kv->head_dim = 5; }},
      {"dtype", [](ProgramT &p) { p.model->dtype = fbs::ElementType::I8; }},
      {"no KV plan", [](ProgramT &p) { p.kv.reset(); }},
      {"another model", [](ProgramT &p) { p.kv->layers = 3; }},
      {"another model", [](ProgramT &p) { p.kv->head_dim = 8; }},
      {"another model", [](ProgramT &p) { p.kv->kv_heads = 4; }},
      {"blocks of 16", [](ProgramT &p) { p.kv->block_tokens = 16; }},
      {"element type",
       [](ProgramT &p) { p.kv->element = fbs::ElementType(77); }},
      {"window", [](ProgramT &p) { p.kv->window = ~0u; }},
      {"compiler", [](ProgramT &p) { p.compiler_version.clear(); }},
      {"hash of its source", [](ProgramT &p) { p.source_hash.clear(); }},
  });
}

TEST(ProgramValidation, Variants) {
  expectRefused({
      {"no code for any", [](ProgramT &p) { p.variants.clear(); }},
      {"no name", [](ProgramT &p) { p.variants[0]->name.clear(); }},
      {"twice", [](ProgramT &p) { p.variants[1]->name = "x86-64-avx2"; }},
      {"feature", [](ProgramT &p) { p.variants[0]->features[0].clear(); }},
      {"stage", [](ProgramT &p) { p.variants[0]->stages[1] = "a\nb"; }},
      {"no code segment", [](ProgramT &p) { p.variants[0]->code_segment = 2; }},
      {"no code segment",
       [](ProgramT &p) { p.variants[0]->code_segment = ~0u; }},
      {"outside its code",
       [](ProgramT &p) { p.variants[1]->step_offset = sizeof(ElfImage); }},
      {"outside its code",
       [](ProgramT &p) { p.variants[1]->step_offset = kHuge; }},
      {"past the arena's end",
       [](ProgramT &p) { p.variants[0]->arena_size.reset(); }},
      {"past the arena's end",
       [](ProgramT &p) { p.variants[0]->arena[1]->offset->constant = 64; }},
      {"past the arena's end",
       [](ProgramT &p) { p.variants[0]->arena[0]->size->per_token = 128; }},
      {"past the arena's end",
       [](ProgramT &p) { p.variants[0]->arena[0]->size->per_sequence = 64; }},
      {"malformed offset",
       [](ProgramT &p) { p.variants[0]->arena[0]->size->per_token = 63; }},
      {"malformed offset",
       [](ProgramT &p) {
         // Wraps around to 0 with its size.
         p.variants[0]->arena[1]->offset->constant = kHuge - 127;
       }},
      {"malformed arena size",
       [](ProgramT &p) { p.variants[0]->arena_size->per_thread = 65; }},
      {"slot without a name",
       [](ProgramT &p) { p.variants[0]->arena[0]->name.clear(); }},
  });
}

/// The second variant as a GPU's: one launch for each of two layers.
void makeGpu(ProgramT &p) {
  fbs::VariantT &variant = *p.variants[1];
  variant.gpu = std::make_unique<fbs::GpuStepT>();
  variant.gpu->abi_version = SWALLOW_GPU_ABI_VERSION;
  variant.gpu->capability = 80;
  variant.gpu->ptx_version = 74;
  auto launch = std::make_unique<fbs::GpuLaunchT>();
  launch->kernel = "attention";
  launch->threads = 128;
  launch->grid_x = 4;
  launch->rows = fbs::GridRows::Tokens;
  auto group = std::make_unique<fbs::GpuLaunchGroupT>();
  group->layer_begin = 0;
  group->layer_end = 2;
  group->launches.push_back(std::move(launch));
  variant.gpu->groups.push_back(std::move(group));
}

TEST(ProgramValidation, GpuSteps) {
  // Its code is PTX, of which the driver says whether it is any.
  auto file = withProgram(smallFile(), makeGpu);
  auto artifact = Artifact::openBytes(file, "m.swallow");
  ASSERT_TRUE(artifact.ok()) << artifact.error().message;
  EXPECT_EQ(artifact->code(1).bytes.size(), sizeof(ElfImage));

  auto gpu = [](auto change) {
    return [change](ProgramT &p) {
      makeGpu(p);
      change(*p.variants[1]->gpu);
    };
  };
  auto launch = [&](auto change) {
    return gpu(
        [change](fbs::GpuStepT &g) { change(*g.groups[0]->launches[0]); });
  };
  using Step = fbs::GpuStepT;
  using Launch = fbs::GpuLaunchT;
  expectRefused({
      {"unknown GPU", gpu([](Step &g) { g.capability = 0; })},
      {"unknown GPU", gpu([](Step &g) { g.ptx_version = ~0u; })},
      {"launches nothing", gpu([](Step &g) { g.groups.clear(); })},
      {"layers that are not there",
       gpu([](Step &g) { g.groups[0]->layer_end = 3; })},
      {"layers that are not there",
       gpu([](Step &g) { g.groups[0]->layer_begin = 2; })},
      {"layers that are not there",
       gpu([](Step &g) { g.groups[0]->layer_begin = -2; })},
      {"names no kernel", launch([](Launch &l) { l.kernel.clear(); })},
      {"blocks of 0 threads", launch([](Launch &l) { l.threads = 0; })},
      {"blocks of 1025 threads", launch([](Launch &l) { l.threads = 1025; })},
      {"no grid", launch([](Launch &l) { l.grid_x = 0; })},
      {"no grid", launch([](Launch &l) { l.grid_x = ~0u; })},
      {"no grid", launch([](Launch &l) { l.rows_per_block = 0; })},
      {"unknown kind", launch([](Launch &l) { l.rows = fbs::GridRows(3); })},
      {"unknown element", launch([](Launch &l) { l.kv_element = 4; })},
      {"no number of rows", launch([](Launch &l) { l.min_rows = 0; })},
      {"no number of rows", launch([](Launch &l) {
         l.min_rows = 9;
         l.max_rows = 8;
       })},
      {"shared memory", launch([](Launch &l) { l.shared_bytes = 1 << 20; })},
  });
  file = withProgram(smallFile(), gpu([](Step &g) { ++g.abi_version; }));
  EXPECT_EQ(Artifact::openBytes(file, "m.swallow").error().code,
            ErrorCode::VersionMismatch);
}

/// The small artifact with a GPU's variant that has a cubin behind the chat
/// templates; `image` changes the cubin, `change` the program.
std::vector<uint8_t> cubinFile(const std::function<void(Elf64_Ehdr &)> &image,
                               const std::function<void(ProgramT &)> &change) {
  ArtifactParts parts = smallArtifact();
  makeGpu(parts.program);
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = EM_CUDA;
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  Elf64_Phdr segment = {};
  segment.p_offset = sizeof(header) + sizeof(segment);
  segment.p_filesz = 8;
  std::vector<uint8_t> bytes(segment.p_offset + segment.p_filesz);
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + sizeof(header), &segment, sizeof(segment));
  auto cubin = std::make_unique<fbs::GpuCubinT>();
  cubin->segment = static_cast<uint32_t>(parts.segments.size());
  cubin->capability = 80;
  cubin->assembler = "13.0.88";
  parts.program.variants[1]->gpu->cubin = std::move(cubin);
  parts.segments.push_back({fbs::SegmentKind::Code, "sm_80 cubin", bytes});
  std::vector<uint8_t> file = writtenBytes(std::move(parts));
  ProgramT program = programOf(file);
  const fbs::GpuCubinT &entry = *program.variants[1]->gpu->cubin;
  fbs::SegmentT &place = *program.segments[entry.segment];
  const format::Prefix prefix =
      format::decodePrefix(std::span(file).first<format::kPrefixBytes>());
  std::span<uint8_t> written =
      std::span(file).subspan(prefix.segmentBase + place.offset, place.size);
  std::memcpy(&header, written.data(), sizeof(header));
  image(header);
  std::memcpy(written.data(), &header, sizeof(header));
  const Hash128 hash = hashBytes(written);
  place.hash.assign(hash.begin(), hash.end());
  change(program);
  return replaceProgram(file, program);
}

TEST(ProgramValidation, Cubins) {
  auto keep = [](auto &) {};
  auto artifact = Artifact::openBytes(cubinFile(keep, keep), "m.swallow");
  ASSERT_TRUE(artifact.ok()) << artifact.error().message;
  EXPECT_TRUE(artifact->cubin(0).empty());
  EXPECT_EQ(artifact->cubin(1).size(),
            sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + 8);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(artifact->cubin(1).data()) % 4096, 0u);
  auto plain = Artifact::openBytes(withProgram(smallFile(), makeGpu), "m");
  ASSERT_TRUE(plain.ok());
  EXPECT_TRUE(plain->cubin(1).empty());

  auto refused = [](const char *expected, const std::vector<uint8_t> &file) {
    auto opened = Artifact::openBytes(file, "m.swallow");
    ASSERT_FALSE(opened.ok()) << expected;
    EXPECT_EQ(opened.error().code, ErrorCode::Corrupt);
    EXPECT_NE(opened.error().message.find(expected), std::string::npos)
        << opened.error().message << "\nshould say: " << expected;
  };
  using Cubin = fbs::GpuCubinT;
  const std::pair<const char *, std::function<void(Cubin &)>> tables[] = {
      {"no segment for its cubin", [](Cubin &c) { c.segment = ~0u; }},
      {"no segment for its cubin", [](Cubin &c) { ++c.segment; }},   // weights
      {"no segment for its cubin", [](Cubin &c) { c.segment = 1; }}, // its PTX
      {"not for CUDA devices", [](Cubin &c) { c.segment = 0; }},     // a CPU's
      {"unknown GPU", [](Cubin &c) { c.capability = 0; }},
      {"unknown GPU", [](Cubin &c) { c.capability = 79; }},
      {"unknown GPU", [](Cubin &c) { c.capability = ~0u; }},
      {"unknown assembler", [](Cubin &c) { c.assembler.clear(); }},
      {"unknown assembler", [](Cubin &c) { c.assembler = "1\n2"; }},
  };
  for (const auto &[expected, change] : tables)
    refused(expected, cubinFile(keep, [&](ProgramT &p) {
              change(*p.variants[1]->gpu->cubin);
            }));
  const std::pair<const char *, std::function<void(Elf64_Ehdr &)>> images[] = {
      {"not an ELF image", [](Elf64_Ehdr &h) { h.e_ident[0] = 0; }},
      {"not for CUDA", [](Elf64_Ehdr &h) { h.e_ident[EI_CLASS] = ELFCLASS32; }},
      {"not for CUDA", [](Elf64_Ehdr &h) { h.e_ident[EI_DATA] = ELFDATA2MSB; }},
      {"not for CUDA", [](Elf64_Ehdr &h) { h.e_machine = EM_X86_64; }},
      {"unknown size", [](Elf64_Ehdr &h) { h.e_phentsize = 1; }},
      {"unknown size", [](Elf64_Ehdr &h) { h.e_shnum = 1; }},
      {"headers reach past its end", [](Elf64_Ehdr &h) { h.e_phoff = kHuge; }},
      {"headers reach past its end", [](Elf64_Ehdr &h) { h.e_phnum = 3; }},
      {"headers reach past its end", [](Elf64_Ehdr &h) { h.e_shoff = 129; }},
      {"segment reaches past its end", [](Elf64_Ehdr &h) { h.e_phoff -= 1; }},
  };
  for (const auto &[expected, change] : images)
    refused(expected, cubinFile(change, keep));
  // A bit of it flipped.
  refused("hash does not match", cubinFile(keep, [](ProgramT &p) {
            p.segments[p.variants[1]->gpu->cubin->segment]->hash[0] ^= 1;
          }));
}

TEST(ProgramValidation, MatrixProducts) {
  auto brgemm = [](auto change) {
    return [change](ProgramT &p) { change(*p.variants[0]->brgemms[0]); };
  };
  using Brgemm = fbs::BrgemmT;
  expectRefused({
      {"0 or absurdly", brgemm([](Brgemm &b) { b.m = 0; })},
      {"0 or absurdly", brgemm([](Brgemm &b) { b.k = 0; })},
      {"0 or absurdly", brgemm([](Brgemm &b) { b.ldc = ~0u; })},
      {"leading dimension", brgemm([](Brgemm &b) { b.lda = b.k - 1; })},
      {"leading dimension", brgemm([](Brgemm &b) { b.ldb = b.n - 1; })},
      {"leading dimension", brgemm([](Brgemm &b) { b.ldc = b.n - 1; })},
      {"element type", brgemm([](Brgemm &b) { b.a = fbs::ElementType::I4; })},
      {"element type", brgemm([](Brgemm &b) { b.b = fbs::ElementType(200); })},
      {"element type", brgemm([](Brgemm &b) { b.a = fbs::ElementType::U8; })},
      {"pack32", brgemm([](Brgemm &b) { b.ldb = 80; })},
      {"pack32", brgemm([](Brgemm &b) { b.n = 8, b.ldb = 24; })},
  });
}

TEST(ProgramValidation, Weights) {
  expectRefused({
      {"no name", [](ProgramT &p) { p.weights[0]->name.clear(); }},
      {"layer that the model lacks",
       [](ProgramT &p) { p.weights[0]->layer = 2; }},
      {"layer that the model lacks",
       [](ProgramT &p) { p.weights[0]->layer = -2; }},
      {"sources", [](ProgramT &p) { p.weights[0]->sources.clear(); }},
      {"sources", [](ProgramT &p) { p.weights[0]->sources[0].clear(); }},
      {"neither a matrix", [](ProgramT &p) { p.weights[0]->shape.clear(); }},
      {"neither a matrix",
       [](ProgramT &p) { p.weights[0]->shape = {10, 2, 6}; }},
      {"impossible shape", [](ProgramT &p) { p.weights[0]->shape = {10, 0}; }},
      {"impossible shape",
       [](ProgramT &p) { p.weights[0]->shape = {1ull << 33, 1ull << 33}; }},
      {"how many rows", [](ProgramT &p) { p.weights[0]->source_rows.clear(); }},
      {"without rows", [](ProgramT &p) { p.weights[0]->source_rows = {0}; }},
      {"without rows",
       [](ProgramT &p) { p.weights[3]->source_rows = {kHuge, 41}; }},
      {"do not add up", [](ProgramT &p) { p.weights[0]->source_rows = {5}; }},
      {"do not add up", [](ProgramT &p) { p.weights[1]->source_rows = {7}; }},
      {"element type",
       [](ProgramT &p) { p.weights[0]->element = fbs::ElementType::U8; }},
      // Quantised weights have groups of 16 in blocks.
      {"impossible layout",
       [](ProgramT &p) { p.weights[0]->element = fbs::ElementType::I8; }},
      {"where its shape needs",
       [](ProgramT &p) {
         p.weights[2]->element = fbs::ElementType::I4;
         p.weights[2]->n_block = p.weights[2]->k_group = 16;
       }},
      {"impossible layout", [](ProgramT &p) { p.weights[2]->k_group = 0; }},
      {"impossible layout", [](ProgramT &p) { p.weights[2]->k_group = 4096; }},
      {"impossible layout",
       [](ProgramT &p) {
         p.weights[3]->source_rows = {19, 21}; // interleaved
       }},
      {"impossible layout",
       [](ProgramT &p) {
         p.weights[0]->shape = {1ull << 62, 1};
         p.weights[0]->source_rows = {1ull << 62};
       }},
      {"where its shape needs",
       [](ProgramT &p) { p.weights[2]->n_block = 16; }},
      {"impossible layout",
       [](ProgramT &p) {
         p.weights[2]->element = fbs::ElementType::F16;
         p.weights[2]->k_group = 65;
       }},
      {"where its shape needs",
       [](ProgramT &p) {
         p.weights[2]->element = fbs::ElementType::F16;
         ++p.weights[2]->size;
       }},
      {"where its shape needs", [](ProgramT &p) { ++p.weights[0]->size; }},
      {"where its shape needs",
       [](ProgramT &p) { p.weights[0]->element = fbs::ElementType::F32; }},
      {"no hash", [](ProgramT &p) { p.weights[0]->hash.clear(); }},
      {"outside the weights",
       [](ProgramT &p) { p.weights.back()->offset += 64; }},
      {"outside the weights",
       [](ProgramT &p) { p.weights.back()->offset = kHuge - 63ll; }},
      {"outside the weights", [](ProgramT &p) { p.weights[0]->offset = 4; }},
      {"overlaps", [](ProgramT &p) { p.weights[1]->offset = 0; }},
  });
}

void addBias(ProgramT &program, std::vector<int32_t> ids, double bias) {
  auto entry = std::make_unique<fbs::SequenceBiasT>();
  entry->ids = std::move(ids);
  entry->bias = bias;
  program.generation->sequence_bias.push_back(std::move(entry));
}

TEST(ProgramValidation, GenerationAndProbe) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  expectRefused({
      {"default", [=](ProgramT &p) { p.generation->temperature = nan; }},
      {"default", [=](ProgramT &p) { p.generation->temperature = infinity; }},
      {"default", [=](ProgramT &p) { p.generation->temperature = -1; }},
      {"default", [=](ProgramT &p) { p.generation->top_p = 1.5; }},
      {"default", [=](ProgramT &p) { p.generation->min_p = nan; }},
      {"default", [=](ProgramT &p) { p.generation->typical_p = -0.5; }},
      {"default", [=](ProgramT &p) { p.generation->repetition_penalty = 0; }},
      {"default", [=](ProgramT &p) { p.generation->top_k = -1; }},
      {"default", [=](ProgramT &p) { p.generation->bos_token_id = -2; }},
      {"default", [=](ProgramT &p) { p.generation->eos_token_ids = {2, -1}; }},
      {"default", [](ProgramT &p) { p.generation->max_length = 0; }},
      {"default", [](ProgramT &p) { p.generation->min_new_tokens = -1; }},
      {"default", [](ProgramT &p) { p.generation->min_length = -1; }},
      {"default", [](ProgramT &p) { p.generation->no_repeat_ngram_size = -1; }},
      {"default", [](ProgramT &p) { p.generation->decay_penalty_start = -1; }},
      {"default", [](ProgramT &p) { p.generation->decay_penalty_factor = 0; }},
      {"default", [=](ProgramT &p) { p.generation->top_h = nan; }},
      {"default", [](ProgramT &p) { p.generation->epsilon_cutoff = -0.1; }},
      {"default", [](ProgramT &p) { p.generation->eta_cutoff = 1.1; }},
      {"default", [](ProgramT &p) { p.generation->suppress_tokens = {-1}; }},
      {"default",
       [](ProgramT &p) { p.generation->begin_suppress_tokens = {-1}; }},
      {"default", [](ProgramT &p) { p.generation->forced_bos_token_id = 10; }},
      {"default",
       [](ProgramT &p) { p.generation->forced_eos_token_ids = {10}; }},
      {"default", [](ProgramT &p) { p.generation->stop_strings = {"a", ""}; }},
      {"default",
       [](ProgramT &p) {
         p.generation->stop_strings = {std::string("a\0b", 3)};
       }},
      {"default", [](ProgramT &p) { addBias(p, {}, 1); }},
      {"default", [](ProgramT &p) { addBias(p, {1, 10}, 1); }},
      {"default", [=](ProgramT &p) { addBias(p, {1}, infinity); }},
      {"default", [=](ProgramT &p) { addBias(p, {1}, nan); }},
      {"empty or longer", [](ProgramT &p) { p.probe->token_ids.clear(); }},
      {"empty or longer", [](ProgramT &p) { p.probe->token_ids.resize(65); }},
      {"outside the vocabulary",
       [](ProgramT &p) { p.probe->token_ids[1] = 10; }},
      {"outside the vocabulary",
       [](ProgramT &p) { p.probe->token_ids[0] = -1; }},
      {"one logit for each", [](ProgramT &p) { p.probe->logits.pop_back(); }},
      {"not finite", [=](ProgramT &p) { p.probe->logits[7] = infinity; }},
      {"tolerance", [=](ProgramT &p) { p.probe->logit_rms = nan; }},
      {"tolerance", [](ProgramT &p) { p.probe->tolerance = 0; }},
  });
}

TEST(ProgramValidation, SpecialTokens) {
  expectRefused({
      {"no name", [](ProgramT &p) { p.special_tokens[0]->name.clear(); }},
      {"no name", [](ProgramT &p) { p.special_tokens[1]->name = "a\n"; }},
      {"bos_token has no text, or a very long",
       [](ProgramT &p) { p.special_tokens[0]->text.resize(5000); }},
      {"eos_token is not where it should be",
       [](ProgramT &p) { p.special_tokens[0]->name = "pad_token"; }},
      {"eos_token is not where it should be",
       [](ProgramT &p) { p.special_tokens[0]->name = "eos_token"; }},
  });
}

} // namespace
