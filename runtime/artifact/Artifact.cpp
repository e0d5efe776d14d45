//===- Artifact.cpp - a .swallow file, opened and checked -----------------===//

#include "runtime/artifact/Artifact.h"

#include "runtime/artifact/Format.h"
#include "runtime/artifact/Validation.h"
#include "runtime/support/Hash.h"
#include "runtime/support/RunOnThreads.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <numeric>
#include <utility>

using namespace swallow;

static Error bad(std::string what) {
  return {ErrorCode::Corrupt, std::move(what)};
}

static std::string hexOf(const flatbuffers::Vector<uint8_t> &hash) {
  Hash128 copy;
  std::copy(hash.begin(), hash.end(), copy.begin());
  return toHex(copy);
}

static bool equals(const Hash128 &hash,
                   const flatbuffers::Vector<uint8_t> &recorded) {
  return std::equal(hash.begin(), hash.end(), recorded.begin(), recorded.end());
}

static constexpr uint64_t kMaxPlanBytes = uint64_t(1) << 62;

static bool allZero(std::span<const uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](uint8_t byte) { return byte == 0; });
}

void Artifact::AlignedDelete::operator()(uint8_t *pointer) const {
  std::free(pointer);
}

Result<Artifact> Artifact::open(const std::string &path,
                                const OpenOptions &options) {
  Artifact artifact;
  artifact.path_ = path;
  SWALLOW_ASSIGN(artifact.file_, MappedFile::open(path));
  artifact.bytes_ = artifact.file_.bytes();
  if (Status status = artifact.load(); !status)
    return {status.error().code, path + ": " + status.error().message};
  if (options.verifyWeights)
    SWALLOW_TRY(artifact.verifyWeights(options.threads));
  return artifact;
}

Result<Artifact> Artifact::openBytes(std::span<const uint8_t> bytes,
                                     const std::string &name) {
  Artifact artifact;
  artifact.path_ = name;
  // Aligned like a mapping, so that everything behind it may be.
  size_t size =
      format::alignUp(std::max<size_t>(bytes.size(), 1), format::kAlignment);
  artifact.copy_.reset(
      static_cast<uint8_t *>(std::aligned_alloc(format::kAlignment, size)));
  if (!artifact.copy_)
    return {ErrorCode::OutOfMemory,
            name + ": no memory for " + std::to_string(size) + " bytes"};
  if (!bytes.empty())
    std::memcpy(artifact.copy_.get(), bytes.data(), bytes.size());
  artifact.bytes_ = {artifact.copy_.get(), bytes.size()};
  if (Status status = artifact.load(); !status)
    return {status.error().code, name + ": " + status.error().message};
  return artifact;
}

// Everything that opening checks; messages without the path.
Status Artifact::load() {
  using namespace format;
  if (bytes_.size() < kMagic.size() ||
      !std::equal(kMagic.begin(), kMagic.end(), bytes_.begin()))
    return {ErrorCode::NotAnArtifact, "not a Swallow artifact"};
  if (bytes_.size() < kPrefixBytes)
    return bad("truncated: " + std::to_string(bytes_.size()) +
               " bytes do not even hold the prefix");
  Prefix prefix = decodePrefix(bytes_.first<kPrefixBytes>());
  if (prefix.major != kMajor ||
      (kMajor == 0 ? prefix.minor != kMinor : prefix.minor > kMinor))
    return {ErrorCode::VersionMismatch,
            "artifact format " + std::to_string(prefix.major) + "." +
                std::to_string(prefix.minor) + ", this runtime reads " +
                std::to_string(kMajor) + "." + std::to_string(kMinor) +
                "; compile the model again"};
  if (bytes_.size() < prefix.fileSize)
    return bad("truncated: " + std::to_string(bytes_.size()) + " of " +
               std::to_string(prefix.fileSize) + " bytes");
  if (bytes_.size() > prefix.fileSize)
    return bad("longer than it should be: " + std::to_string(bytes_.size()) +
               " bytes instead of " + std::to_string(prefix.fileSize));
  if (prefix.programOffset != kPrefixBytes ||
      prefix.programSize > kMaxProgramBytes ||
      prefix.segmentBase !=
          alignUp(kPrefixBytes + prefix.programSize, kAlignment) ||
      prefix.segmentBase > prefix.fileSize)
    return bad("its prefix is corrupt");

  std::span<const uint8_t> program =
      bytes_.subspan(kPrefixBytes, prefix.programSize);
  if (hashProgram(prefix, program) != prefix.hash)
    return bad("its program is corrupt: the hash does not match");
  SWALLOW_ASSIGN(program_, verifyProgram(program));
  segmentBase_ = prefix.segmentBase;
  SWALLOW_TRY(validateSegments(*program_, prefix.fileSize - segmentBase_));
  SWALLOW_TRY(validateProgram(*program_));

  uint64_t end = kPrefixBytes + prefix.programSize;
  for (size_t i = 0; i < program_->segments()->size(); ++i) {
    const fbs::Segment &info =
        *program_->segments()->Get(static_cast<flatbuffers::uoffset_t>(i));
    uint64_t begin = segmentBase_ + info.offset();
    if (!allZero(bytes_.subspan(end, begin - end)))
      return bad("the gap before segment " + info.name()->str() +
                 " is not empty");
    end = begin + info.size();
    if (info.kind() != fbs::SegmentKind::Weights &&
        !equals(hashBytes(segment(i)), *info.hash()))
      return bad("segment " + info.name()->str() +
                 " is corrupt: the hash does not match");
  }
  for (size_t i = 0; i < program_->variants()->size(); ++i) {
    const fbs::Variant &variant =
        *program_->variants()->Get(static_cast<flatbuffers::uoffset_t>(i));
    SWALLOW_ASSIGN(CodeImage image,
                   validateCode(*program_, i, segment(variant.code_segment())));
    images_.push_back(image);
    if (variant.gpu() && variant.gpu()->cubin())
      SWALLOW_TRY(validateCubin(*program_, i,
                                segment(variant.gpu()->cubin()->segment())));
  }
  return {};
}

std::span<const uint8_t> Artifact::segment(size_t index) const {
  const fbs::Segment &info =
      *program_->segments()->Get(static_cast<flatbuffers::uoffset_t>(index));
  return bytes_.subspan(segmentBase_ + info.offset(), info.size());
}

std::span<const uint8_t> Artifact::segmentOfKind(fbs::SegmentKind kind) const {
  for (size_t i = 0; i < program_->segments()->size(); ++i)
    if (program_->segments()
            ->Get(static_cast<flatbuffers::uoffset_t>(i))
            ->kind() == kind)
      return segment(i);
  return {};
}

std::optional<uint64_t> Artifact::syntheticSeed() const {
  if (const fbs::SyntheticWeights *synthetic = program_->synthetic())
    return synthetic->seed();
  return std::nullopt;
}

uint64_t Artifact::weightsSize() const {
  return syntheticSeed() ? weightsEnd(*program_) : weights().size();
}

std::span<const uint8_t> Artifact::weight(size_t index) const {
  const fbs::Weight &info =
      *program_->weights()->Get(static_cast<flatbuffers::uoffset_t>(index));
  return weights().subspan(info.offset(), info.size());
}

Artifact::Code Artifact::code(size_t variant) const {
  const fbs::Variant &info =
      *program_->variants()->Get(static_cast<flatbuffers::uoffset_t>(variant));
  const CodeImage &image = images_[variant];
  std::span<const uint8_t> bytes =
      segment(info.code_segment()).subspan(image.fileOffset, image.size);
  return {bytes, static_cast<uint64_t>(bytes.data() - bytes_.data())};
}

std::span<const uint8_t> Artifact::cubin(size_t variant) const {
  const fbs::GpuStep *gpu =
      program_->variants()
          ->Get(static_cast<flatbuffers::uoffset_t>(variant))
          ->gpu();
  if (!gpu || !gpu->cubin())
    return {};
  return segment(gpu->cubin()->segment());
}

Status Artifact::verifyWeights(int threads, VerifyProgress progress) const {
  const auto *table = program_->weights();
  if (!table || table->size() == 0 || syntheticSeed())
    return {};
  // Largest first, so that no thread starts on a large one at the end.
  std::vector<uint32_t> order(table->size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::pair(table->Get(b)->size(), a) <
           std::pair(table->Get(a)->size(), b);
  });
  const uint64_t total = std::accumulate(
      order.begin(), order.end(), uint64_t(0),
      [&](uint64_t sum, uint32_t i) { return sum + table->Get(i)->size(); });
  const uint32_t none = static_cast<uint32_t>(table->size());
  const size_t piece = size_t(8) << 20;

  std::atomic<size_t> next{0};
  std::mutex mutex; // guards what follows
  uint64_t done = 0;
  uint32_t firstCorrupt = none;
  Hash128 found = {};

  runOnThreads(std::min(threadCount(threads), static_cast<int>(order.size())),
               [&] {
                 for (size_t at; (at = next.fetch_add(1)) < order.size();) {
                   const uint32_t index = order[at];
                   std::span<const uint8_t> rest = weight(index);
                   Hasher hasher;
                   while (!rest.empty()) {
                     auto bytes = rest.first(std::min(piece, rest.size()));
                     hasher.update(bytes);
                     rest = rest.subspan(bytes.size());
                     std::lock_guard lock(mutex);
                     done += bytes.size();
                     if (progress)
                       progress(done, total);
                   }
                   Hash128 hash = hasher.finish();
                   std::lock_guard lock(mutex);
                   if (!equals(hash, *table->Get(index)->hash()) &&
                       index < firstCorrupt) {
                     firstCorrupt = index;
                     found = hash;
                   }
                 }
               });
  if (firstCorrupt == none)
    return verifyWeightGaps();
  const fbs::Weight &weight = *table->Get(firstCorrupt);
  return bad(path_ + ": weight " + weight.name()->str() +
             (weight.layer() < 0
                  ? ""
                  : " of layer " + std::to_string(weight.layer())) +
             " (" + weightSources(weight) + ") is corrupt: its hash is " +
             toHex(found) + " instead of " + hexOf(*weight.hash()));
}

Status Artifact::verifyWeightGaps() const {
  std::vector<std::pair<uint64_t, uint64_t>> extents;
  for (const fbs::Weight *weight : *program_->weights())
    extents.emplace_back(weight->offset(), weight->offset() + weight->size());
  extents.emplace_back(weights().size(), weights().size());
  std::sort(extents.begin(), extents.end());
  uint64_t end = 0;
  for (auto [begin, next] : extents) {
    if (!allZero(weights().subspan(end, begin - end)))
      return bad(path_ + ": the padding between weights is not empty");
    end = next;
  }
  return {};
}

Result<uint64_t> swallow::evaluate(const fbs::Affine *affine,
                                   const PlanParameters &parameters) {
  if (!affine)
    return uint64_t(0);
  unsigned __int128 sum = affine->constant();
  const std::pair<uint64_t, uint64_t> terms[] = {
      {affine->per_token(), parameters.tokens},
      {affine->per_thread(), parameters.threads},
      {affine->per_sequence(), parameters.sequences}};
  const Error tooLarge = {ErrorCode::OutOfRange,
                          "the memory plan exceeds any machine"};
  for (auto [coefficient, value] : terms) {
    auto product = static_cast<unsigned __int128>(coefficient) * value;
    if (product > kMaxPlanBytes)
      return tooLarge;
    sum += product;
  }
  if (sum > kMaxPlanBytes)
    return tooLarge;
  return static_cast<uint64_t>(sum);
}

uint64_t swallow::elementBytes(fbs::ElementType type) {
  switch (type) {
  case fbs::ElementType::F32:
    return 4;
  case fbs::ElementType::BF16:
  case fbs::ElementType::F16:
    return 2;
  case fbs::ElementType::I8:
  case fbs::ElementType::I4:
  case fbs::ElementType::I6:
  case fbs::ElementType::U8:
    break;
  }
  return 1;
}

KvElement swallow::kvElement(const fbs::KvPlan &plan) {
  switch (plan.element()) {
  case fbs::ElementType::BF16:
    return KvElement::BF16;
  case fbs::ElementType::F16:
    return KvElement::F16;
  case fbs::ElementType::I8:
    return KvElement::I8;
  default: // what is nothing of these the loader has refused
    return KvElement::F32;
  }
}

uint64_t swallow::kvBlockBytes(const fbs::KvPlan &plan, KvElement element) {
  KvBlockLayout layout{plan.kv_heads(), plan.head_dim(), element};
  return static_cast<uint64_t>(layout.blockBytes());
}

fbs::ElementType swallow::elementTypeOf(PackedElement element) {
  switch (element) {
  case PackedElement::F32:
    return fbs::ElementType::F32;
  case PackedElement::BF16:
    return fbs::ElementType::BF16;
  case PackedElement::F16:
    return fbs::ElementType::F16;
  case PackedElement::I4:
    return fbs::ElementType::I4;
  case PackedElement::I6:
    return fbs::ElementType::I6;
  case PackedElement::I8:
    break;
  }
  return fbs::ElementType::I8;
}

std::optional<PackedElement>
swallow::packedElementOf(fbs::ElementType element) {
  switch (element) {
  case fbs::ElementType::F32:
    return PackedElement::F32;
  case fbs::ElementType::BF16:
    return PackedElement::BF16;
  case fbs::ElementType::F16:
    return PackedElement::F16;
  case fbs::ElementType::I4:
    return PackedElement::I4;
  case fbs::ElementType::I6:
    return PackedElement::I6;
  case fbs::ElementType::I8:
    return PackedElement::I8;
  case fbs::ElementType::U8:
    break;
  }
  return std::nullopt;
}

PackedLayout swallow::weightLayout(const fbs::Weight &weight) {
  PackedLayout layout;
  uint64_t elements = 1, rows = 0;
  for (uint64_t size : *weight.shape())
    elements *= size;
  for (uint64_t count : *weight.source_rows()) {
    rows += count;
    layout.sourceRows.push_back(static_cast<int64_t>(count));
  }
  layout.cols = rows == 0 ? 0 : static_cast<int64_t>(elements / rows);
  layout.element =
      packedElementOf(weight.element()).value_or(PackedElement::F32);
  layout.nBlock = weight.n_block();
  layout.kGroup = weight.k_group();
  layout.rowUnit = weight.row_unit();
  layout.interleave = weight.interleave();
  return layout;
}

uint64_t swallow::weightsEnd(const fbs::Program &program) {
  uint64_t end = 0;
  if (program.weights())
    for (const fbs::Weight *weight : *program.weights())
      end = std::max(end, weight->offset() + weight->size());
  return end;
}

std::string swallow::weightSources(const fbs::Weight &weight) {
  std::string names;
  for (const flatbuffers::String *name : *weight.sources())
    names += (names.empty() ? "" : ", ") + name->str();
  return names;
}
