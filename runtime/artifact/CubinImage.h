//===- CubinImage.h - machine code for a GPU --------------------*- C++ -*-===//
//
// A cubin is an ELF image for CUDA devices. The driver, which loads it, takes
// an address and no size: what it loads must lie in the image.
//
// Structures: System V ABI, chapter 4 (object files).
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_ARTIFACT_CUBINIMAGE_H
#define SWALLOW_RUNTIME_ARTIFACT_CUBINIMAGE_H

#include "runtime/support/Result.h"

#include <cstdint>
#include <span>

namespace swallow {

/// Checks that `image` is a 64-bit ELF image for CUDA devices whose headers
/// and segments lie in it; what sections and code say is the driver's to judge.
/// Fails with Corrupt, without naming a file.
Status checkCubinImage(std::span<const uint8_t> image);

} // namespace swallow

#endif // SWALLOW_RUNTIME_ARTIFACT_CUBINIMAGE_H
