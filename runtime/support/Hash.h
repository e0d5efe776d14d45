//===- Hash.h - content hashes ----------------------------------*- C++ -*-===//
//
// XXH3-128: detects corruption at memory speed. It is not a signature: it does
// not protect against somebody who crafts a file.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_SUPPORT_HASH_H
#define SWALLOW_RUNTIME_SUPPORT_HASH_H

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace swallow {

/// The canonical (big-endian) bytes of an XXH3-128 hash.
using Hash128 = std::array<uint8_t, 16>;

Hash128 hashBytes(std::span<const uint8_t> bytes);

/// 32 lower-case hexadecimal digits.
std::string toHex(const Hash128 &hash);

/// Hashes a stream piece by piece; equal to hashBytes of the concatenation.
class Hasher {
public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher &) = delete;
  Hasher &operator=(const Hasher &) = delete;
  void update(std::span<const uint8_t> bytes);
  Hash128 finish() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_SUPPORT_HASH_H
