//===- Validation.h - whether a program makes sense -------------*- C++ -*-===//
//
// What the loader checks after FlatBuffers' own verifier: that every number
// which anybody uses as a size, an index or an address is one. The writer runs
// the same checks before it packs weights. All functions fail with Corrupt
// unless said otherwise; messages name the table, not the file.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_ARTIFACT_VALIDATION_H
#define SWALLOW_RUNTIME_ARTIFACT_VALIDATION_H

#include "runtime/artifact/CodeImage.h"
#include "runtime/artifact/program_generated.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <span>
#include <vector>

namespace swallow {

/// Structure of a FlatBuffer that may be anything: bounds, depth, number of
/// tables, strings that end. `bytes` is 16-byte aligned.
Result<const fbs::Program *> verifyProgram(std::span<const uint8_t> bytes);

/// Segments lie one after the other, each at the next multiple of 4096, and
/// end exactly `bytes` after the segment base; at most one of each kind but
/// Code, hashes as the schema says.
Status validateSegments(const fbs::Program &program, uint64_t bytes);

/// Everything else that can be told without a segment's bytes. Fails with
/// VersionMismatch for another step ABI. Needs validateSegments.
Status validateProgram(const fbs::Program &program);

/// The image of variant `index`: `image` is the bytes of its code segment.
Result<CodeImage> validateCode(const fbs::Program &program, size_t index,
                               std::span<const uint8_t> image);

/// The cubin of variant `index`, which has one: `image` is the bytes of its
/// segment.
Status validateCubin(const fbs::Program &program, size_t index,
                     std::span<const uint8_t> image);

} // namespace swallow

#endif // SWALLOW_RUNTIME_ARTIFACT_VALIDATION_H
