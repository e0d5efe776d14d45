//===- Inspect.h - an artifact described ------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_INSPECT_H
#define SWALLOW_RUNTIME_ENGINE_INSPECT_H

#include "runtime/artifact/Artifact.h"
#include "runtime/engine/MemoryPlan.h"

#include <string>

namespace swallow {

/// A JSON object with everything that the artifact states about itself, which
/// of its variants this machine runs, and the memory plan for `options`
/// (without regard to whether it fits, unless the context is automatic). An
/// artifact with no variant for this machine is described as well; its plan is
/// that of its first variant. Errors: those of planMemory; InvalidArgument for
/// an unknown options.variant.
Result<std::string> inspectJson(const Artifact &artifact,
                                const SessionOptions &options);

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_INSPECT_H
