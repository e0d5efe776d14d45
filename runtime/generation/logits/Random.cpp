#include "runtime/generation/logits/Random.h"

namespace swallow {

static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;

uint64_t CounterRandom::nextBits() {
  state_ += kGolden;
  return mix(state_);
}

CounterRandom CounterRandom::stream(uint64_t seed, uint64_t index) {
  if (index == 0)
    return CounterRandom(seed);
  return CounterRandom(mix(mix(seed + kGolden) + index));
}

} // namespace swallow
