//===- LogProbs.h - log probabilities of the model's own logits -*- C++ -*-===//
//
// What vLLM calls raw_logprobs: the log-softmax of the logits before any
// processor, here in double precision.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_GENERATION_LOGPROBS_H
#define SWALLOW_RUNTIME_GENERATION_LOGPROBS_H

#include <cstdint>
#include <span>
#include <vector>

namespace swallow {

struct TokenLogProb {
  int32_t token;
  double logprob; // natural logarithm
};

/// Log probabilities of one row. Allocates only when `alternatives` grows.
class LogProbs {
public:
  /// For a row of logits, some of them finite: those of `token` and of the
  /// `alternatives` most likely.
  void compute(std::span<const float> logits, int32_t token,
               int32_t alternatives);

  double logprob() const { return logprob_; }
  /// 1 for the most likely; of equal ones the lower id comes first.
  int64_t rank() const { return rank_; }
  /// Most likely first, then by id; fewer than asked for if the vocabulary is
  /// smaller.
  std::span<const TokenLogProb> top() const { return top_; }

private:
  double logprob_ = 0;
  int64_t rank_ = 0;
  std::vector<TokenLogProb> top_;
  std::vector<int32_t> heap_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_GENERATION_LOGPROBS_H
