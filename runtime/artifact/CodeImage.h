//===- CodeImage.h - what a code segment may be -----------------*- C++ -*-===//
//
// Compiled x86 code is an ELF shared object that needs no dynamic linker: one
// read+execute load segment at virtual address 0, no relocation, no undefined
// symbol, no needed library, nothing writable. The compiler refuses a linked
// image that is anything else, and the loader, which maps that one segment
// straight from the artifact, checks the same again.
//
// Structures: System V ABI, chapter 4 (object files) and 5 (program loading).
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_ARTIFACT_CODEIMAGE_H
#define SWALLOW_RUNTIME_ARTIFACT_CODEIMAGE_H

#include "runtime/support/Result.h"

#include <cstdint>
#include <span>

namespace swallow {

/// Where the one load segment of an image lies. Virtual addresses in the image
/// count from 0, so an address is an offset from where it gets mapped.
struct CodeImage {
  uint64_t fileOffset = 0; // in the image, a multiple of 4096
  uint64_t size = 0;       // bytes, in the file and in memory

  /// Whether code may start at virtual address `offset`.
  bool contains(uint64_t offset) const { return offset < size; }
};

/// Checks an ELF image. Fails with Corrupt; the message says what is wrong, in
/// linker's words (an undefined symbol is named), without naming a file.
Result<CodeImage> checkCodeImage(std::span<const uint8_t> image);

} // namespace swallow

#endif // SWALLOW_RUNTIME_ARTIFACT_CODEIMAGE_H
