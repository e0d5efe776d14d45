//===- Defaults.h - the options that an artifact brings ---------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_GENERATION_DEFAULTS_H
#define SWALLOW_RUNTIME_GENERATION_DEFAULTS_H

#include "runtime/artifact/Artifact.h"
#include "runtime/generation/Options.h"

namespace swallow {

/// GenerationOptions as the checkpoint's generation_config.json has them;
/// `defaults` may be null.
GenerationOptions defaultOptions(const fbs::GenerationDefaults *defaults);

} // namespace swallow

#endif // SWALLOW_RUNTIME_GENERATION_DEFAULTS_H
