//===- ArtifactFixture.cpp - a small artifact, whole and wrong ------------===//

#include "test/runtime/artifact/ArtifactFixture.h"

#include "runtime/abi/StepAbi.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

using namespace swallow;
using namespace swallow::test;

ElfImage::ElfImage() {
  std::memset(static_cast<void *>(this), 0, sizeof(*this));
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_DYN;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_phoff = offsetof(ElfImage, segments);
  header.e_shoff = offsetof(ElfImage, sections);
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 3;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 4;

  segments[0].p_type = PT_LOAD;
  segments[0].p_flags = PF_R | PF_X;
  segments[0].p_filesz = segments[0].p_memsz = sizeof(ElfImage);
  segments[0].p_align = 4096;
  segments[1].p_type = PT_DYNAMIC;
  segments[1].p_flags = PF_R;
  segments[1].p_offset = segments[1].p_vaddr = offsetof(ElfImage, dynamic);
  segments[1].p_filesz = segments[1].p_memsz = sizeof(dynamic);
  segments[2].p_type = PT_GNU_STACK;
  segments[2].p_flags = PF_R | PF_W;

  dynamic[0].d_tag = DT_SYMENT;
  dynamic[0].d_un.d_val = sizeof(Elf64_Sym);
  dynamic[1].d_tag = DT_RELASZ; // of no bytes: none
  symbols[1].st_name = 1;
  symbols[1].st_shndx = 3;
  symbols[1].st_value = offsetof(ElfImage, code);
  std::strcpy(strings + 1, "step");
  sections[1].sh_type = SHT_SYMTAB;
  sections[1].sh_offset = offsetof(ElfImage, symbols);
  sections[1].sh_size = sizeof(symbols);
  sections[1].sh_link = 2;
  sections[2].sh_type = SHT_STRTAB;
  sections[2].sh_offset = offsetof(ElfImage, strings);
  sections[2].sh_size = sizeof(strings);
  sections[3].sh_type = SHT_PROGBITS;
  sections[3].sh_offset = offsetof(ElfImage, code);
  sections[3].sh_size = sizeof(code);
  std::memset(code, 0xc3, sizeof(code)); // ret
}

std::vector<uint8_t> ElfImage::bytes() const {
  std::vector<uint8_t> bytes(sizeof(*this));
  std::memcpy(bytes.data(), this, sizeof(*this));
  return bytes;
}

void ArtifactParts::addWeight(const std::string &name, int layer,
                              PackedLayout layout, SourceElement element) {
  auto weight = std::make_unique<fbs::WeightT>();
  weight->name = name;
  weight->layer = layer;
  for (size_t i = 0; i < program.weights.size(); ++i)
    weight->offset =
        alignWeightOffset(program.weights[i]->offset +
                          static_cast<uint64_t>(jobs[i].layout.totalBytes()));
  WeightJob job;
  job.weightIndex = program.weights.size();
  job.layout = layout;
  uint32_t state = 12345 + static_cast<uint32_t>(program.weights.size());
  for (int64_t rows : layout.sourceRows) {
    const int64_t size = sourceElementSize(element);
    std::vector<uint8_t> &bytes =
        tensors.emplace_back(static_cast<size_t>(rows * layout.cols * size));
    for (size_t i = 0; i < bytes.size(); ++i) {
      state = state * 1664525u + 1013904223u;
      bytes[i] = static_cast<uint8_t>(state >> 24);
      // A high byte that makes a value about 1, for all three types.
      if (i % static_cast<size_t>(size) == static_cast<size_t>(size) - 1)
        bytes[i] = 0x3b | (bytes[i] & 0x80);
    }
    SourceTensor source;
    source.name =
        "model." + name + "." + std::to_string(job.sources.size()) + ".weight";
    source.element = element;
    source.bytes = bytes;
    job.sources.push_back(source);
  }
  program.weights.push_back(std::move(weight));
  jobs.push_back(std::move(job));
}

static std::unique_ptr<fbs::AffineT>
affine(uint64_t constant, uint64_t perToken, uint64_t perThread) {
  auto result = std::make_unique<fbs::AffineT>();
  result->constant = constant;
  result->per_token = perToken;
  result->per_thread = perThread;
  return result;
}

static std::unique_ptr<fbs::VariantT> smallVariant(const std::string &name,
                                                   uint32_t codeSegment) {
  auto variant = std::make_unique<fbs::VariantT>();
  variant->name = name;
  variant->features = {"avx2", "fma"};
  variant->code_segment = codeSegment;
  variant->step_offset = offsetof(ElfImage, code);
  auto slot = std::make_unique<fbs::ArenaSlotT>();
  slot->name = "residual";
  slot->size = affine(0, 64, 0);
  variant->arena.push_back(std::move(slot));
  slot = std::make_unique<fbs::ArenaSlotT>();
  slot->name = "scratch";
  slot->offset = affine(0, 64, 0);
  slot->size = affine(128, 0, 64);
  variant->arena.push_back(std::move(slot));
  variant->arena_size = affine(128, 64, 64);
  auto brgemm = std::make_unique<fbs::BrgemmT>();
  brgemm->m = 32;
  brgemm->n = brgemm->ldb = brgemm->ldc = 64;
  brgemm->k = brgemm->lda = 12;
  brgemm->a = brgemm->b = fbs::ElementType::BF16;
  variant->brgemms.push_back(std::move(brgemm));
  variant->stages = {"qkv", "attention"};
  return variant;
}

ArtifactParts swallow::test::smallArtifact() {
  ArtifactParts parts;
  fbs::ProgramT &program = parts.program;
  program.abi_version = SWALLOW_ABI_VERSION;
  program.compiler_version = "swallow test";
  program.source_hash.assign(16, 7);

  program.model = std::make_unique<fbs::ModelInfoT>();
  program.model->architecture = "LlamaForCausalLM";
  program.model->hidden_size = 12;
  program.model->intermediate_size = 20;
  program.model->num_layers = 2;
  program.model->num_heads = 4;
  program.model->num_kv_heads = 2;
  program.model->head_dim = 4;
  program.model->vocab_size = 10;
  program.model->max_position_embeddings = 64;
  program.model->dtype = fbs::ElementType::BF16;

  program.kv = std::make_unique<fbs::KvPlanT>();
  program.kv->layers = 2;
  program.kv->kv_heads = 2;
  program.kv->head_dim = 4;
  program.kv->block_tokens = SWALLOW_KV_BLOCK_TOKENS;
  program.kv->element = fbs::ElementType::BF16;

  const std::string names[] = {"x86-64-avx2", "x86-64-avx512"};
  for (uint32_t i = 0; i < 2; ++i) {
    parts.segments.push_back(
        {fbs::SegmentKind::Code, names[i], ElfImage().bytes()});
    program.variants.push_back(smallVariant(names[i], i));
  }
  const std::string tokenizer = "a tokenizer's table";
  parts.segments.push_back({fbs::SegmentKind::Tokenizer,
                            "tokenizer",
                            {tokenizer.begin(), tokenizer.end()}});
  for (const char *name : {"default", "tool_use"}) {
    const std::string chat = "a compiled template";
    parts.segments.push_back(
        {fbs::SegmentKind::ChatTemplate, name, {chat.begin(), chat.end()}});
  }
  for (auto [name, text] :
       {std::pair("bos_token", "<s>"), std::pair("eos_token", "</s>")}) {
    auto token = std::make_unique<fbs::SpecialTokenT>();
    token->name = name;
    token->text = text;
    program.special_tokens.push_back(std::move(token));
  }

  program.generation = std::make_unique<fbs::GenerationDefaultsT>();
  program.generation->bos_token_id = 1;
  program.generation->eos_token_ids = {2};
  program.generation->temperature = 0.6f;
  program.probe = std::make_unique<fbs::ProbeT>();
  program.probe->token_ids = {1, 9};
  program.probe->logits.assign(20, 0.5f);
  program.probe->logit_rms = 0.5f;
  program.probe->tolerance = 0.012f;

  const PackedElement bf16 = PackedElement::BF16, f32 = PackedElement::F32;
  const SourceElement source = SourceElement::BF16;
  parts.addWeight("embed", -1, {{10}, 12, bf16, 0, 1, 0, false}, source);
  for (int layer = 0; layer < 2; ++layer) {
    parts.addWeight("layers.norm", layer, {{12}, 1, f32, 0, 1, 0, false},
                    source);
    parts.addWeight("layers.qkv_proj", layer,
                    {{16, 8, 8}, 12, bf16, 8, 2, 4, false}, source);
    parts.addWeight("layers.gate_up", layer,
                    {{20, 20}, 12, bf16, 8, 2, 0, true}, source);
    parts.addWeight("layers.down", layer, {{12}, 20, bf16, 8, 2, 0, false},
                    SourceElement::F32);
  }
  parts.addWeight("final_norm", -1, {{1}, 12, f32, 0, 1, 0, false}, source);
  return parts;
}

TemporaryFolder::TemporaryFolder() {
  std::string name =
      (std::filesystem::temp_directory_path() / "swallow-test-XXXXXX").string();
  if (::mkdtemp(name.data()))
    path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<std::string> TemporaryFolder::names() const {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(path_))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<uint8_t> swallow::test::readBytes(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<uint8_t> swallow::test::writtenBytes(ArtifactParts parts) {
  TemporaryFolder folder;
  const std::string path = folder.file("small.swallow");
  auto written =
      writeArtifact(path, std::move(parts.program), parts.segments, parts.jobs);
  return written ? readBytes(path) : std::vector<uint8_t>();
}

static format::Prefix prefixOf(const std::vector<uint8_t> &file) {
  return format::decodePrefix(std::span(file).first<format::kPrefixBytes>());
}

fbs::ProgramT swallow::test::programOf(const std::vector<uint8_t> &file) {
  fbs::ProgramT program;
  fbs::GetProgram(file.data() + format::kPrefixBytes)->UnPackTo(&program);
  return program;
}

static void setPrefix(std::vector<uint8_t> &file, format::Prefix prefix) {
  prefix.hash =
      format::hashProgram(prefix, std::span(file).subspan(format::kPrefixBytes,
                                                          prefix.programSize));
  auto bytes = format::encodePrefix(prefix);
  std::copy(bytes.begin(), bytes.end(), file.begin());
}

void swallow::test::fixHash(std::vector<uint8_t> &file) {
  setPrefix(file, prefixOf(file));
}

std::vector<uint8_t>
swallow::test::replaceProgram(const std::vector<uint8_t> &file,
                              const fbs::ProgramT &program) {
  flatbuffers::FlatBufferBuilder builder;
  fbs::FinishProgramBuffer(builder, fbs::Program::Pack(builder, &program));
  format::Prefix old = prefixOf(file), prefix;
  prefix.programSize = builder.GetSize();
  prefix.segmentBase = format::alignUp(
      format::kPrefixBytes + prefix.programSize, format::kAlignment);
  prefix.fileSize = prefix.segmentBase + file.size() - old.segmentBase;
  std::vector<uint8_t> result(prefix.fileSize);
  std::copy_n(builder.GetBufferPointer(), builder.GetSize(),
              result.begin() + format::kPrefixBytes);
  std::copy(file.begin() + static_cast<ptrdiff_t>(old.segmentBase), file.end(),
            result.begin() + static_cast<ptrdiff_t>(prefix.segmentBase));
  setPrefix(result, prefix);
  return result;
}
