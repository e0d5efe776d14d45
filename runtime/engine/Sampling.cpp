#include "runtime/engine/Sampling.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace swallow {

uint64_t CounterRandom::nextBits() {
  state_ += 0x9e3779b97f4a7c15u;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

int64_t argmax(std::span<const float> values) {
  int64_t best = -1;
  for (size_t i = 0; i < values.size(); ++i)
    if (!std::isnan(values[i]) &&
        (best < 0 || values[i] > values[static_cast<size_t>(best)]))
      best = static_cast<int64_t>(i);
  return best;
}

/// e^x for x <= 0 in IEEE double operations alone (this file is compiled
/// without contraction), since libraries differ in the last bit: 2^n e^r with
/// |r| <= ln2/2 and the Taylor series of e^r to r^13, whose next term is below
/// 2^-55.
static double portableExp(double x) {
  if (x < -700)
    return 0; // less than any probability that a draw of 53 bits can hit
  constexpr double log2e = 1.4426950408889634;
  constexpr double ln2High = 0x1.62e42fefa0000p-1; // 33 bits: n * it is exact
  constexpr double ln2Low = 0x1.cf79abc9e3b3ap-40;
  double n = std::floor(x * log2e + 0.5);
  double r = (x - n * ln2High) - n * ln2Low;
  double sum = 1;
  for (int term = 13; term >= 1; --term)
    sum = 1 + sum * r / term;
  uint64_t exponent = static_cast<uint64_t>(static_cast<int64_t>(n) + 1023);
  return sum * std::bit_cast<double>(exponent << 52);
}

Result<Sampler> Sampler::create(const SamplingOptions &options) {
  auto refuse = [](const char *what, const std::string &got) {
    return Error{ErrorCode::InvalidArgument,
                 std::string(what) + ", not " + got};
  };
  // Written so that NaN is refused too.
  if (!(options.temperature >= 0) || std::isinf(options.temperature))
    return refuse("temperature must be 0 or more",
                  std::to_string(options.temperature));
  if (options.topK < 0)
    return refuse("top_k must be 0 (off) or more",
                  std::to_string(options.topK));
  if (!(options.topP > 0 && options.topP <= 1))
    return refuse("top_p must be in (0, 1]", std::to_string(options.topP));
  return Sampler(options);
}

Result<int32_t> Sampler::sample(std::span<const float> logits) {
  int64_t best = argmax(logits);
  if (best < 0 || !std::isfinite(logits[static_cast<size_t>(best)]))
    return Error{ErrorCode::Internal, "no logit is a finite number"};
  if (options_.temperature == 0)
    return static_cast<int32_t>(best);

  float maximum = logits[static_cast<size_t>(best)];
  candidates_.clear();
  for (size_t id = 0; id < logits.size(); ++id)
    if (!std::isnan(logits[id]))
      candidates_.push_back({logits[id], static_cast<int32_t>(id), 0});

  // Ties with the top_k-th stay, as they do in transformers. Dividing by the
  // temperature does not change which logits are the largest.
  if (options_.topK > 0 && size_t(options_.topK) < candidates_.size()) {
    auto kth = candidates_.begin() + (options_.topK - 1);
    std::nth_element(candidates_.begin(), kth, candidates_.end(),
                     [](const Candidate &a, const Candidate &b) {
                       return a.logit > b.logit;
                     });
    float threshold = kth->logit;
    std::erase_if(candidates_, [&](const Candidate &candidate) {
      return candidate.logit < threshold;
    });
  }
  // Id order, whatever the selection above did: the sum depends on it.
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate &a, const Candidate &b) { return a.id < b.id; });

  double total = 0;
  for (Candidate &candidate : candidates_) {
    candidate.weight = portableExp((double(candidate.logit) - double(maximum)) /
                                   double(options_.temperature));
    total += candidate.weight;
  }

  // Most likely first, lower ids first among equals. A heap sorts only as far
  // as the draw or top_p reaches: a few of a large vocabulary.
  auto lessLikely = [](const Candidate &a, const Candidate &b) {
    return a.logit != b.logit ? a.logit < b.logit : a.id > b.id;
  };
  std::make_heap(candidates_.begin(), candidates_.end(), lessLikely);
  auto heapEnd = candidates_.end();
  auto popMostLikely = [&] {
    std::pop_heap(candidates_.begin(), heapEnd, lessLikely);
    return *--heapEnd;
  };

  // A token stays when those more likely than it sum to less than top_p; the
  // most likely always stays.
  double kept = total;
  if (options_.topP < 1) {
    double enough = double(options_.topP) * total;
    kept = 0;
    while (heapEnd != candidates_.begin() && kept < enough)
      kept += popMostLikely().weight;
    // What was popped lies behind heapEnd.
    candidates_.erase(candidates_.begin(), heapEnd);
    std::make_heap(candidates_.begin(), candidates_.end(), lessLikely);
    heapEnd = candidates_.end();
  }

  double target = random_.nextUniform() * kept;
  double sum = 0;
  int32_t drawn = static_cast<int32_t>(best);
  while (heapEnd != candidates_.begin()) {
    Candidate candidate = popMostLikely();
    drawn = candidate.id;
    sum += candidate.weight;
    if (target < sum)
      break;
  }
  return drawn;
}

} // namespace swallow
