//===- Format.cpp - the bytes around the program --------------------------===//

#include "runtime/artifact/Format.h"

#include <algorithm>

using namespace swallow;
using namespace swallow::format;

template <typename T> static void put(uint8_t *to, T value) {
  for (size_t i = 0; i < sizeof(T); ++i)
    to[i] = static_cast<uint8_t>(value >> (8 * i));
}

template <typename T> static T get(const uint8_t *from) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<T>(from[i]) << (8 * i);
  return value;
}

static constexpr size_t kHashOffset = 48;

std::array<uint8_t, kPrefixBytes>
swallow::format::encodePrefix(const Prefix &prefix) {
  std::array<uint8_t, kPrefixBytes> bytes;
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  put(&bytes[8], prefix.major);
  put(&bytes[12], prefix.minor);
  put(&bytes[16], prefix.programOffset);
  put(&bytes[24], prefix.programSize);
  put(&bytes[32], prefix.segmentBase);
  put(&bytes[40], prefix.fileSize);
  std::copy(prefix.hash.begin(), prefix.hash.end(),
            bytes.begin() + kHashOffset);
  return bytes;
}

Prefix
swallow::format::decodePrefix(std::span<const uint8_t, kPrefixBytes> bytes) {
  Prefix prefix;
  prefix.major = get<uint32_t>(&bytes[8]);
  prefix.minor = get<uint32_t>(&bytes[12]);
  prefix.programOffset = get<uint64_t>(&bytes[16]);
  prefix.programSize = get<uint64_t>(&bytes[24]);
  prefix.segmentBase = get<uint64_t>(&bytes[32]);
  prefix.fileSize = get<uint64_t>(&bytes[40]);
  std::copy(bytes.begin() + kHashOffset, bytes.end(), prefix.hash.begin());
  return prefix;
}

Hash128 swallow::format::hashProgram(const Prefix &prefix,
                                     std::span<const uint8_t> program) {
  const std::array<uint8_t, kPrefixBytes> bytes = encodePrefix(prefix);
  Hasher hasher;
  hasher.update(std::span(bytes).first(kHashOffset));
  hasher.update(program);
  return hasher.finish();
}
