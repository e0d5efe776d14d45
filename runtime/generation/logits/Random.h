//===- Random.h - random numbers from a counter -----------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_GENERATION_LOGITS_RANDOM_H
#define SWALLOW_RUNTIME_GENERATION_LOGITS_RANDOM_H

#include <cstdint>

namespace swallow {

/// Uniform numbers from a counter: the i-th draw of a seed is a function of
/// (seed, i). SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom
/// number generators", OOPSLA 2014).
class CounterRandom {
public:
  explicit CounterRandom(uint64_t seed) : state_(seed) {}

  /// The generator of sample `index` of a request: stream 0 is the seed's own,
  /// the others start at places that a hash of (seed, index) chooses.
  static CounterRandom stream(uint64_t seed, uint64_t index);

  uint64_t nextBits();
  /// In [0, 1), 53 bits.
  double nextUniform() { return double(nextBits() >> 11) * 0x1p-53; }

private:
  uint64_t state_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_GENERATION_LOGITS_RANDOM_H
