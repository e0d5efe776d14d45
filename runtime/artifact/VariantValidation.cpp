//===- VariantValidation.cpp - whether code variants make sense -----------===//

#include "runtime/artifact/VariantValidation.h"

#include "runtime/abi/GpuAbi.h"
#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/CubinImage.h"
#include "runtime/artifact/Validation.h"

#include <set>
#include <string_view>

using namespace swallow;
using namespace swallow::validation;
using fbs::ElementType;

namespace {

/// Of a block of threads: as much as any GPU has.
constexpr uint32_t kMaxSharedBytes = 232448;
constexpr uint32_t kMaxCapability = 1000;

// Every coefficient a multiple of 64 that products cannot overflow with.
bool isPlan(const fbs::Affine *affine) {
  if (!affine)
    return true;
  for (uint64_t coefficient : {affine->constant(), affine->per_token(),
                               affine->per_thread(), affine->per_sequence()})
    if (coefficient % 64 != 0 || coefficient > (uint64_t(1) << 60))
      return false;
  return true;
}

// offset + size <= total for all values of the parameters: compared
// coefficient by coefficient.
bool fits(const fbs::Affine *offset, const fbs::Affine *size,
          const fbs::Affine *total) {
  using Getter = uint64_t (fbs::Affine::*)() const;
  for (Getter get : {&fbs::Affine::constant, &fbs::Affine::per_token,
                     &fbs::Affine::per_thread, &fbs::Affine::per_sequence}) {
    auto value = [get](const fbs::Affine *affine) {
      return affine ? (affine->*get)() : 0;
    };
    if (value(offset) + value(size) > value(total)) // each <= 2^60
      return false;
  }
  return true;
}

Status validateBrgemm(const fbs::Brgemm &brgemm, const std::string &where) {
  auto dimension = [](uint32_t value) {
    return value > 0 && value <= kMaxDimension;
  };
  if (!dimension(brgemm.m()) || !dimension(brgemm.n()) ||
      !dimension(brgemm.k()) || !dimension(brgemm.lda()) ||
      !dimension(brgemm.ldb()) || !dimension(brgemm.ldc()))
    return bad(where + " has a size that is 0 or absurdly large");
  if (brgemm.lda() < brgemm.k() || brgemm.ldb() < brgemm.n() ||
      brgemm.ldc() < brgemm.n())
    return bad(where + " has a leading dimension below its row length");
  const bool integers =
      brgemm.a() == ElementType::U8 && brgemm.b() == ElementType::I8;
  if (!integers &&
      (brgemm.a() > ElementType::BF16 || brgemm.b() > ElementType::BF16))
    return bad(where + " has element types that are not supported");
  if (brgemm.b() != ElementType::F32 &&
      (brgemm.ldb() % 16 != 0 || brgemm.ldb() > 64))
    return bad(where + " has an N block that pack32 does not know");
  return {};
}

Status validateLaunch(const fbs::GpuLaunch &launch, const std::string &where) {
  if (!isText(launch.kernel()))
    return bad(where + " names no kernel");
  if (launch.threads() == 0 || launch.threads() > 1024)
    return bad(where + " has blocks of " + std::to_string(launch.threads()) +
               " threads");
  if (launch.grid_x() == 0 || launch.grid_x() > INT32_MAX ||
      launch.rows_per_block() == 0)
    return bad(where + " has no grid");
  if (launch.rows() > fbs::GridRows::Logits)
    return bad(where + " has a grid of an unknown kind");
  if (launch.kv_element() < -1 || launch.kv_element() > SWALLOW_KV_I8)
    return bad(where + " is for an unknown element of keys and values");
  if (launch.min_rows() == 0 || launch.min_rows() > launch.max_rows())
    return bad(where + " is for no number of rows");
  if (launch.shared_bytes() > kMaxSharedBytes)
    return bad(where + " asks for " + std::to_string(launch.shared_bytes()) +
               " bytes of shared memory");
  return {};
}

bool isCodeSegment(const fbs::Program &program, uint32_t index) {
  return index < sizeOf(program.segments()) &&
         program.segments()->Get(index)->kind() == fbs::SegmentKind::Code;
}

Status validateCubin(const fbs::GpuCubin &cubin, const fbs::Variant &variant,
                     const fbs::Program &program, const std::string &where) {
  if (!isCodeSegment(program, cubin.segment()) ||
      cubin.segment() == variant.code_segment())
    return bad(where + " has no segment for its cubin");
  // PTX is compiled for what it is for and for newer devices.
  if (cubin.capability() < variant.gpu()->capability() ||
      cubin.capability() > kMaxCapability)
    return bad(where + " has a cubin for an unknown GPU");
  if (!isText(cubin.assembler()))
    return bad(where + " has a cubin of an unknown assembler");
  return {};
}

Status validateGpu(const fbs::GpuStep &gpu, const fbs::Variant &variant,
                   const fbs::Program &program, const std::string &where) {
  const int64_t layers = program.model()->num_layers();
  if (gpu.abi_version() != SWALLOW_GPU_ABI_VERSION)
    return {ErrorCode::VersionMismatch,
            where + " has kernels for interface " +
                std::to_string(gpu.abi_version()) +
                ", this runtime has interface " +
                std::to_string(SWALLOW_GPU_ABI_VERSION) +
                "; compile the model again"};
  if (gpu.capability() == 0 || gpu.capability() > kMaxCapability ||
      gpu.ptx_version() == 0 || gpu.ptx_version() > 1000)
    return bad(where + " is for an unknown GPU");
  if (sizeOf(variant.arena()) > SWALLOW_GPU_SLOTS)
    return bad(where + " has more arena slots than kernels can name");
  if (sizeOf(gpu.groups()) == 0)
    return bad(where + " launches nothing");
  for (const fbs::GpuLaunchGroup *group : *gpu.groups()) {
    const bool once = group->layer_begin() == -1;
    if (!once && (group->layer_begin() < 0 ||
                  group->layer_end() <= group->layer_begin() ||
                  group->layer_end() > layers))
      return bad(where + " launches kernels for layers that are not there");
    for (size_t i = 0; i < sizeOf(group->launches()); ++i)
      SWALLOW_TRY(validateLaunch(
          *group->launches()->Get(static_cast<flatbuffers::uoffset_t>(i)),
          where + ": launch " + std::to_string(i)));
  }
  if (gpu.cubin())
    return validateCubin(*gpu.cubin(), variant, program, where);
  return {};
}

Status validateVariant(const fbs::Variant &variant, const fbs::Program &program,
                       const std::string &where) {
  if (!isText(variant.name()))
    return bad(where + " has no name");
  if (!areTexts(variant.features()) || !areTexts(variant.stages()))
    return bad(where + " has a feature or stage without a name");
  if (!isCodeSegment(program, variant.code_segment()))
    return bad(where + " has no code segment");
  if (!isPlan(variant.arena_size()))
    return bad(where + " has a malformed arena size");
  for (size_t i = 0; i < sizeOf(variant.arena()); ++i) {
    const fbs::ArenaSlot &slot =
        *variant.arena()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (!isText(slot.name()))
      return bad(where + " has an arena slot without a name");
    std::string name = where + ": arena slot " + slot.name()->str();
    if (!isPlan(slot.offset()) || !isPlan(slot.size()))
      return bad(name + " has a malformed offset or size");
    if (!fits(slot.offset(), slot.size(), variant.arena_size()))
      return bad(name + " reaches past the arena's end");
  }
  for (size_t i = 0; i < sizeOf(variant.brgemms()); ++i)
    SWALLOW_TRY(validateBrgemm(
        *variant.brgemms()->Get(static_cast<flatbuffers::uoffset_t>(i)),
        where + ": matrix product " + std::to_string(i)));
  if (variant.gpu())
    return validateGpu(*variant.gpu(), variant, program, where);
  return {};
}

} // namespace

Status validation::validateVariants(const fbs::Program &program) {
  if (sizeOf(program.variants()) == 0)
    return bad("the program has no code for any target");
  std::set<std::string_view> names;
  for (size_t i = 0; i < program.variants()->size(); ++i) {
    const fbs::Variant &variant =
        *program.variants()->Get(static_cast<flatbuffers::uoffset_t>(i));
    std::string where = "variant " + std::to_string(i);
    if (isText(variant.name()))
      where = "variant " + variant.name()->str();
    SWALLOW_TRY(validateVariant(variant, program, where));
    if (!names.insert(variant.name()->string_view()).second)
      return bad(where + " is there twice");
  }
  return {};
}

Result<CodeImage> swallow::validateCode(const fbs::Program &program,
                                        size_t index,
                                        std::span<const uint8_t> image) {
  const fbs::Variant &variant =
      *program.variants()->Get(static_cast<flatbuffers::uoffset_t>(index));
  const std::string where = "variant " + variant.name()->str();
  if (variant.gpu()) {
    // The driver reads it, and says what is wrong with it.
    if (image.empty())
      return bad(where + " has no PTX");
    return CodeImage{0, image.size()};
  }
  Result<CodeImage> code = checkCodeImage(image);
  if (!code)
    return bad(where + ": " + code.error().message);
  if (!code->contains(variant.step_offset()))
    return bad(where + ": the step function lies outside its code");
  return *code;
}

Status swallow::validateCubin(const fbs::Program &program, size_t index,
                              std::span<const uint8_t> image) {
  Status status = checkCubinImage(image);
  if (status)
    return {};
  const fbs::Variant &variant =
      *program.variants()->Get(static_cast<flatbuffers::uoffset_t>(index));
  return bad("variant " + variant.name()->str() +
             ": its cubin: " + status.error().message);
}
