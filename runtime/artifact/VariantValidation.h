//===- VariantValidation.h - whether code variants make sense ---*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ARTIFACT_VARIANTVALIDATION_H
#define SWALLOW_RUNTIME_ARTIFACT_VARIANTVALIDATION_H

#include "runtime/artifact/ValidationChecks.h"

namespace swallow::validation {

/// The part of validateProgram that looks at variants. Needs a valid model and
/// valid segments. VersionMismatch for kernels of another GPU interface.
Status validateVariants(const fbs::Program &program);

} // namespace swallow::validation

#endif // SWALLOW_RUNTIME_ARTIFACT_VARIANTVALIDATION_H
