#include "runtime/engine/StepProgram.h"

#include "runtime/device/LoadedCode.h"

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

Result<size_t> chooseVariant(const Artifact &artifact,
                             std::string_view wanted) {
  if (wanted.empty())
    if (const char *environment = std::getenv("SWALLOW_VARIANT"))
      wanted = environment;
  return selectVariant(variantNeeds(artifact), CpuFeatures::host(), wanted,
                       artifact.path());
}

Result<StepProgram> loadStep(std::shared_ptr<const Artifact> artifact,
                             size_t variant) {
  const fbs::Program &program = artifact->program();
  struct Owner {
    std::shared_ptr<const Artifact> artifact;
    LoadedCode code;
  };
  auto owner = std::make_shared<Owner>();
  StepProgram step;
  step.model = program.model();
  step.kv = program.kv();
  step.variant =
      program.variants()->Get(static_cast<flatbuffers::uoffset_t>(variant));
  step.weights = artifact->weights();
  step.tables = &program;
  Artifact::Code code = artifact->code(variant);
  SWALLOW_ASSIGN(owner->code,
                 LoadedCode::map(artifact->fd(), code.fileOffset, code.bytes,
                                 step.variant->step_offset(),
                                 artifact->path()));
  step.step = owner->code.step();
  // The first step reads all of them: let the disk begin now.
  if (!step.weights.empty())
    madvise(const_cast<uint8_t *>(step.weights.data()), step.weights.size(),
            MADV_WILLNEED);
  owner->artifact = std::move(artifact);
  step.owner = std::move(owner);
  return step;
}

} // namespace swallow
