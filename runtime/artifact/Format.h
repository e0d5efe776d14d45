//===- Format.h - the bytes around the program ------------------*- C++ -*-===//
//
// A .swallow file is
//
//   prefix    64 bytes, below
//   program   a FlatBuffer (program.fbs), then zeros up to the segment base
//   segments  in the order of Program.segments, each at the first multiple of
//             4096 after the one before it, gaps filled with zeros; the file
//             ends with the last byte of the last segment
//
// docs/artifact-format.md tells the whole story.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_ARTIFACT_FORMAT_H
#define SWALLOW_RUNTIME_ARTIFACT_FORMAT_H

#include "runtime/support/Hash.h"

#include <array>
#include <cstdint>
#include <span>

namespace swallow::format {

inline constexpr uint64_t kPrefixBytes = 64;
inline constexpr uint64_t kAlignment = 4096;     // of segments
inline constexpr uint64_t kWeightAlignment = 64; // of tensors in a segment
inline constexpr std::array<uint8_t, 8> kMagic = {'S', 'W', 'A', 'L',
                                                  'L', 'O', 'W', 0};
/// A reader takes its own major version up to its own minor one. Major 0 is
/// before any release and promises nothing: the minor must be equal too.
inline constexpr uint32_t kMajor = 0;
inline constexpr uint32_t kMinor = 4;

/// More is no program: FlatBuffers end at 2 GiB, and a program is metadata.
inline constexpr uint64_t kMaxProgramBytes = uint64_t(1) << 30;

/// The prefix, all fields little-endian, at the byte offsets given.
struct Prefix {
  uint32_t major = kMajor;               // 8 (after the magic)
  uint32_t minor = kMinor;               // 12
  uint64_t programOffset = kPrefixBytes; // 16, always 64 in this version
  uint64_t programSize = 0;              // 24, bytes
  uint64_t segmentBase = 0;              // 32, where segment offsets count from
  uint64_t fileSize = 0;                 // 40, bytes
  Hash128 hash = {};                     // 48, see hashProgram
};

std::array<uint8_t, kPrefixBytes> encodePrefix(const Prefix &prefix);
/// Reads any 64 bytes; the magic and the values are the caller's to check.
Prefix decodePrefix(std::span<const uint8_t, kPrefixBytes> bytes);

/// XXH3-128 of the prefix's first 48 bytes and the program: no bit of either
/// can change unnoticed.
Hash128 hashProgram(const Prefix &prefix, std::span<const uint8_t> program);

inline constexpr uint64_t alignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

} // namespace swallow::format

#endif // SWALLOW_RUNTIME_ARTIFACT_FORMAT_H
