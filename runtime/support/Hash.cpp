//===- Hash.cpp - content hashes ------------------------------------------===//

#include "runtime/support/Hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

using namespace swallow;

static Hash128 canonical(XXH128_hash_t hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  Hash128 out;
  std::copy(std::begin(bytes.digest), std::end(bytes.digest), out.begin());
  return out;
}

Hash128 swallow::hashBytes(std::span<const uint8_t> bytes) {
  return canonical(XXH3_128bits(bytes.data(), bytes.size()));
}

std::string swallow::toHex(const Hash128 &hash) {
  static const char digits[] = "0123456789abcdef";
  std::string out;
  for (uint8_t byte : hash) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

struct alignas(64) Hasher::State {
  XXH3_state_t xxh;
};

Hasher::Hasher() : state_(std::make_unique<State>()) {
  XXH3_128bits_reset(&state_->xxh);
}
Hasher::~Hasher() = default;

void Hasher::update(std::span<const uint8_t> bytes) {
  XXH3_128bits_update(&state_->xxh, bytes.data(), bytes.size());
}

Hash128 Hasher::finish() const {
  return canonical(XXH3_128bits_digest(&state_->xxh));
}
