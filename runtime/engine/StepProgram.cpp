#include "runtime/engine/StepProgram.h"

#include "runtime/cuda/Selection.h"
#include "runtime/device/LoadedCode.h"

#include <algorithm>
#include <cstdlib>
#include <sys/mman.h>

namespace swallow {

std::vector<VariantNeeds> variantNeeds(const Artifact &artifact) {
  std::vector<VariantNeeds> needs;
  if (const auto *variants = artifact.program().variants())
    for (const fbs::Variant *variant : *variants) {
      VariantNeeds need;
      need.name = variant->name()->str();
      if (variant->features())
        for (const flatbuffers::String *feature : *variant->features())
          need.features.push_back(feature->str());
      needs.push_back(std::move(need));
    }
  return needs;
}

namespace {

bool isForGpu(const Artifact &artifact, size_t variant) {
  return artifact.program()
             .variants()
             ->Get(static_cast<flatbuffers::uoffset_t>(variant))
             ->gpu() != nullptr;
}

/// The variants for GPUs, or those for CPUs, by their index.
std::vector<size_t> variantsFor(const Artifact &artifact, bool gpu) {
  std::vector<size_t> indices;
  for (size_t i = 0; i < artifact.program().variants()->size(); ++i)
    if (isForGpu(artifact, i) == gpu)
      indices.push_back(i);
  return indices;
}

Result<size_t> chooseCpuVariant(const Artifact &artifact,
                                std::string_view wanted) {
  const std::vector<VariantNeeds> all = variantNeeds(artifact);
  const std::vector<size_t> indices = variantsFor(artifact, /*gpu=*/false);
  std::vector<VariantNeeds> needs;
  std::string names;
  for (const VariantNeeds &need : all)
    names += (names.empty() ? "" : ", ") + need.name;
  needs.reserve(indices.size());
  for (size_t index : indices)
    needs.push_back(all[index]);
  const bool known =
      wanted.empty() || std::any_of(all.begin(), all.end(), [&](const auto &n) {
        return n.name == wanted;
      });
  if (!known) // names all that there are
    return selectVariant(all, CpuFeatures::host(), wanted, artifact.path());
  if (needs.empty())
    return {ErrorCode::WrongMachine,
            artifact.path() + ": has no code for CPUs: it has " + names};
  SWALLOW_ASSIGN(size_t chosen, selectVariant(needs, CpuFeatures::host(),
                                              wanted, artifact.path()));
  return indices[chosen];
}

/// The variant for the device `choice` means, among `indices`.
Result<CodeChoice> chooseGpu(const Artifact &artifact,
                             const cuda::DeviceChoice &choice,
                             std::span<const size_t> indices) {
  GpuChoice gpu;
  SWALLOW_ASSIGN(gpu.driver, cuda::Driver::open());
  SWALLOW_ASSIGN(std::vector<cuda::DeviceInfo> devices,
                 cuda::listDevices(*gpu.driver));
  SWALLOW_ASSIGN(gpu.device, cuda::findDevice(choice, devices));
  using Kind = cuda::DeviceCode::Kind;
  std::vector<cuda::DeviceCode> codes;
  std::vector<size_t> owners; // of each code: its variant
  for (size_t index : indices) {
    const fbs::GpuStep &step =
        *artifact.program()
             .variants()
             ->Get(static_cast<flatbuffers::uoffset_t>(index))
             ->gpu();
    auto add = [&](uint32_t capability, Kind kind) {
      codes.push_back({static_cast<int>(capability), false, kind});
      owners.push_back(index);
    };
    add(step.capability(), Kind::Ptx);
    if (step.cubin())
      add(step.cubin()->capability(), Kind::Cubin);
  }
  Result<size_t> chosen = cuda::selectCode(codes, gpu.device);
  if (!chosen)
    return {chosen.error().code,
            artifact.path() + ": " + chosen.error().message};
  return CodeChoice{owners[*chosen], std::move(gpu),
                    codes[*chosen].kind == Kind::Cubin, ""};
}

/// `given`, or what the environment variable says.
std::string_view orEnvironment(std::string_view given, const char *variable) {
  if (given.empty())
    if (const char *environment = std::getenv(variable))
      return environment;
  return given;
}

/// The index of the GPU variant that `wanted` names; none when it names none.
std::optional<size_t> namedGpuVariant(const Artifact &artifact,
                                      std::string_view wanted) {
  const std::vector<VariantNeeds> needs = variantNeeds(artifact);
  for (size_t i = 0; i < needs.size(); ++i)
    if (needs[i].name == wanted && isForGpu(artifact, i))
      return i;
  return std::nullopt;
}

} // namespace

Result<CodeChoice> chooseCode(const Artifact &artifact,
                              std::string_view variant,
                              std::string_view device) {
  variant = orEnvironment(variant, "SWALLOW_VARIANT");
  device = orEnvironment(device, "SWALLOW_DEVICE");
  const bool automatic = device.empty() || device == "auto";
  cuda::DeviceChoice choice{cuda::DeviceChoice::Kind::Cuda, 0};
  if (!automatic) {
    SWALLOW_ASSIGN(choice, cuda::parseDevice(device));
  }
  const bool cpu = choice.kind == cuda::DeviceChoice::Kind::Cpu;
  auto onCpu = [&]() -> Result<CodeChoice> {
    SWALLOW_ASSIGN(size_t index, chooseCpuVariant(artifact, variant));
    return CodeChoice{index, std::nullopt, false, ""};
  };
  if (!variant.empty()) {
    std::optional<size_t> named = namedGpuVariant(artifact, variant);
    if (named && !cpu)
      return chooseGpu(artifact, choice, std::span(&*named, 1));
    if (!named && !automatic && !cpu)
      return {ErrorCode::InvalidArgument,
              "variant " + std::string(variant) +
                  " is not for a GPU, and the device is to be " +
                  std::string(device)};
    return onCpu();
  }
  if (cpu)
    return onCpu();
  const std::vector<size_t> indices = variantsFor(artifact, /*gpu=*/true);
  if (indices.empty()) {
    if (automatic)
      return onCpu();
    return {ErrorCode::WrongMachine,
            artifact.path() + ": has no code for GPUs; compile it with -target "
                              "sm_90, say"};
  }
  Result<CodeChoice> gpu = chooseGpu(artifact, choice, indices);
  if (gpu || !automatic)
    return gpu;
  Result<CodeChoice> fallback = onCpu();
  if (!fallback)
    return gpu;
  fallback->notice = "the CPU runs, and not a GPU: " + gpu.error().message;
  return fallback;
}

std::string missingFor(const Artifact &artifact, size_t variant) {
  if (!isForGpu(artifact, variant))
    return missingFeatures(variantNeeds(artifact)[variant],
                           CpuFeatures::host());
  Result<CodeChoice> gpu = chooseGpu(
      artifact, {cuda::DeviceChoice::Kind::Cuda, 0}, std::span(&variant, 1));
  return gpu ? "" : "a GPU that can be used (" + gpu.error().message + ")";
}

Result<StepProgram> loadStep(std::shared_ptr<const Artifact> artifact,
                             CodeChoice choice) {
  const fbs::Program &program = artifact->program();
  struct Owner {
    std::shared_ptr<const Artifact> artifact;
    LoadedCode code;
  };
  auto owner = std::make_shared<Owner>();
  StepProgram step;
  step.model = program.model();
  step.kv = program.kv();
  step.variant = program.variants()->Get(
      static_cast<flatbuffers::uoffset_t>(choice.variant));
  step.weights = artifact->weights();
  step.tables = &program;
  step.file = artifact->file();
  Artifact::Code code = artifact->code(choice.variant);
  if (choice.gpu) {
    step.gpu = std::move(choice.gpu);
    step.ptx = {reinterpret_cast<const char *>(code.bytes.data()),
                code.bytes.size()};
    if (choice.cubin)
      step.cubin = artifact->cubin(choice.variant);
  } else {
    SWALLOW_ASSIGN(owner->code,
                   LoadedCode::map(artifact->fd(), code.fileOffset, code.bytes,
                                   step.variant->step_offset(),
                                   artifact->path()));
    step.step = owner->code.step();
    // The first step reads all of them: let the disk begin now, and what is
    // not in memory yet come in pages as large as the file system has them.
    if (const MappedFile *file = artifact->file())
      file->adviseLargePages();
    if (!step.weights.empty())
      madvise(const_cast<uint8_t *>(step.weights.data()), step.weights.size(),
              MADV_WILLNEED);
  }
  owner->artifact = std::move(artifact);
  step.owner = std::move(owner);
  return step;
}

} // namespace swallow
