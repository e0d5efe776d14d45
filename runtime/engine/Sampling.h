//===- Sampling.h - from logits to the next token ---------------*- C++ -*-===//
//
// The meaning and order of the options are those of transformers' logits
// processors (generation/logits_process.py: TemperatureLogitsWarper,
// TopKLogitsWarper, TopPLogitsWarper). The arithmetic is Swallow's own, down to
// exp, so that one seed draws the same tokens on every machine.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_ENGINE_SAMPLING_H
#define SWALLOW_RUNTIME_ENGINE_SAMPLING_H

#include "runtime/support/Result.h"

#include <cstdint>
#include <span>
#include <vector>

namespace swallow {

struct SamplingOptions {
  float temperature = 1; // divides the logits; 0: take the most likely token
  int32_t topK = 0;      // keep logits not below the topK-th; 0: all
  float topP = 1;        // keep the most likely tokens that sum to topP
  uint64_t seed = 0;
};

/// Uniform numbers from a counter: the i-th draw of a seed is a function of
/// (seed, i). SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom
/// number generators", OOPSLA 2014).
class CounterRandom {
public:
  explicit CounterRandom(uint64_t seed) : state_(seed) {}

  uint64_t nextBits();
  /// In [0, 1), 53 bits.
  double nextUniform() { return double(nextBits() >> 11) * 0x1p-53; }

private:
  uint64_t state_;
};

/// The index of the largest number, the first of equal ones; NaN counts as
/// less than anything. -1 when there is no number.
int64_t argmax(std::span<const float> values);

/// Draws one token after another. Not for concurrent use. Allocates only when
/// the vocabulary grows.
class Sampler {
public:
  /// InvalidArgument unless temperature >= 0, topK >= 0 and 0 < topP <= 1.
  static Result<Sampler> create(const SamplingOptions &options);

  /// The next token for `logits` ([vocab], unchanged). Internal when none of
  /// them is finite, which only a defect can cause.
  Result<int32_t> sample(std::span<const float> logits);

private:
  explicit Sampler(const SamplingOptions &options)
      : options_(options), random_(options.seed) {}

  struct Candidate {
    float logit;
    int32_t id;
    double weight; // not normalised probability
  };

  SamplingOptions options_;
  CounterRandom random_;
  std::vector<Candidate> candidates_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_SAMPLING_H
