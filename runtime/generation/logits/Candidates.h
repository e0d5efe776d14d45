//===- Candidates.h - the tokens that sampling chooses from -----*- C++ -*-===//
//
// What is left of the vocabulary, narrowed by one function for each of
// transformers' warpers (generation/logits_process.py). There, probabilities
// are single precision and sums of them too, and a token on the edge of a
// threshold is in or out by a comparison of such numbers; here they are
// computed in double and rounded to single where transformers compares, so that
// exact ties fall the same way. At least one token always stays.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_GENERATION_LOGITS_CANDIDATES_H
#define SWALLOW_RUNTIME_GENERATION_LOGITS_CANDIDATES_H

#include <cstdint>
#include <span>
#include <vector>

namespace swallow {

/// Ids in ascending order, each with its logit. Allocates only when the
/// vocabulary grows.
class Candidates {
public:
  /// All tokens of `row` above minus infinity (not NaN), their logits divided
  /// by `temperature`. At least one must be a finite number.
  void assign(std::span<const float> row, double temperature);

  size_t size() const { return ids_.size(); }
  std::span<const int32_t> ids() const { return ids_; }

  /// Potraka et al., "Top-H decoding", 2025: of the 100 most likely, those
  /// whose entropy sums to at most `share` of these tokens' entropy.
  void topH(double share);

  /// The `k` most likely, and all that are as likely as the last of them.
  void topK(int32_t k);

  /// Holtzman et al., "The curious case of neural text degeneration", 2019:
  /// the most likely whose probabilities reach `p`. Of equally likely ones on
  /// the edge, lower ids stay.
  void topP(double p);

  /// Nguyen et al., "Turning up the heat: min-p sampling", 2024: those with at
  /// least `p` times the probability of the most likely.
  void minP(double p);

  /// Meister et al., "Locally typical sampling", 2022: those whose information
  /// is closest to the entropy and whose probabilities reach `mass`.
  void typicalP(double mass);

  /// Hewitt et al., "Truncation sampling as language model desmoothing", 2022:
  /// those with at least the probability `epsilon`, and the same with
  /// min(epsilon, sqrt(epsilon) * e^-entropy).
  void epsilonCutoff(double epsilon);
  void etaCutoff(double epsilon);

  /// The token where the running sum of probabilities, in order of ids, passes
  /// `uniform`, which is in [0, 1).
  int32_t draw(double uniform);

  /// The probability of each candidate, in order of ids; valid until the next
  /// call of another function.
  std::span<const double> probabilities();

private:
  /// Computes weights_, maximum_ and total_ where they are not yet.
  void weigh();
  /// The largest logit that is left.
  float largest() const;
  /// The probability of candidate `i`, as single precision has it.
  float probability(size_t i) const {
    return static_cast<float>(weights_[i] / total_);
  }
  /// Leaves the candidates for which keep(i) holds.
  template <typename Keep> void filter(Keep keep);
  /// The same for those whose positions are in order_[begin, end).
  void keepOrdered(size_t begin, size_t end);
  /// Leaves in order_, sorted by nearer(i, j) and then by position, those
  /// candidates among which, going from the nearest of all outwards, the sum of
  /// probabilities becomes enough; returns what those before them sum up to.
  /// Candidates of a negative distance(i) do not count.
  template <typename Distance, typename Nearer, typename IsEnough>
  double sortNear(Distance distance, Nearer nearer, IsEnough isEnough);
  /// The logarithm of the probability of candidate `i`.
  float logProbability(size_t i, double logTotal) const {
    return static_cast<float>(double(logits_[i]) - double(maximum_) - logTotal);
  }
  /// -sum of p ln p.
  float entropy() const;

  std::vector<int32_t> ids_;
  std::vector<float> logits_;
  std::vector<double> weights_; // e^(logit - maximum_), if weighted_
  bool weighted_ = false;
  float maximum_ = 0;
  double total_ = 0; // of weights_
  std::vector<uint32_t> order_;
  std::vector<double> bins_;
  std::vector<float> scratch_;
  std::vector<double> probabilities_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_GENERATION_LOGITS_CANDIDATES_H
