#include "runtime/generation/logits/Candidates.h"

#include "runtime/engine/Likeliest.h"
#include "runtime/generation/logits/PortableMath.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

namespace swallow {

constexpr float kNever = -std::numeric_limits<float>::infinity();

/// The sum of term(0), ..., term(count - 1) in an order that depends on nothing
/// but `count`, and that vectors of any width can follow.
template <typename Term> static double sumOf(size_t count, Term term) {
  constexpr size_t kLanes = 8;
  double lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane)
      lanes[lane] += term(i + lane);
  for (size_t lane = 0; i < count; ++i, ++lane)
    lanes[lane] += term(i);
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
         ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

void Candidates::assign(std::span<const float> row, double temperature) {
  weighted_ = false;
  // How many are left differs from token to token.
  weights_.reserve(row.size());
  order_.reserve(row.size());
  scratch_.reserve(row.size());
  ids_.resize(row.size());
  logits_.resize(row.size());
  float largest = row[static_cast<size_t>(argmax(row))];
  auto divisor = static_cast<float>(temperature);
  if (std::isfinite(largest / divisor)) {
    for (size_t id = 0; id < row.size(); ++id)
      logits_[id] = row[id] / divisor;
  } else {
    // So cold that quotients overflow: the same distribution, relative to its
    // largest logit.
    for (size_t id = 0; id < row.size(); ++id)
      logits_[id] =
          static_cast<float>((double(row[id]) - double(largest)) / temperature);
  }
  size_t left = 0, kept = 0;
  for (float logit : logits_)
    left += logit > kNever; // false for NaN
  if (left == row.size()) {
    std::iota(ids_.begin(), ids_.end(), 0);
    return;
  }
  for (size_t id = 0; id < row.size(); ++id) {
    ids_[kept] = static_cast<int32_t>(id);
    logits_[kept] = logits_[id];
    kept += logits_[id] > kNever;
  }
  ids_.resize(kept);
  logits_.resize(kept);
}

float Candidates::largest() const {
  return logits_[static_cast<size_t>(argmax(logits_))];
}

void Candidates::weigh() {
  if (weighted_)
    return;
  weighted_ = true;
  maximum_ = largest();
  weights_.resize(logits_.size());
  const float *logits = logits_.data();
  double *weights = weights_.data();
  auto maximum = double(maximum_);
  for (size_t i = 0; i < logits_.size(); ++i)
    weights[i] = portableExp(double(logits[i]) - maximum);
  total_ = sumOf(weights_.size(), [&](size_t i) { return weights[i]; });
}

template <typename Keep> void Candidates::filter(Keep keep) {
  size_t kept = 0;
  double total = 0;
  for (size_t i = 0; i < ids_.size(); ++i) {
    if (!keep(i))
      continue;
    ids_[kept] = ids_[i];
    logits_[kept] = logits_[i];
    if (weighted_) {
      weights_[kept] = weights_[i];
      total += weights_[i];
    }
    ++kept;
  }
  ids_.resize(kept);
  logits_.resize(kept);
  weights_.resize(weighted_ ? kept : 0);
  total_ = total;
}

void Candidates::keepOrdered(size_t begin, size_t end) {
  auto first = order_.begin() + static_cast<ptrdiff_t>(begin);
  auto last = order_.begin() + static_cast<ptrdiff_t>(end);
  std::sort(first, last);
  filter([&](size_t i) {
    if (first == last || *first != i)
      return false;
    ++first;
    return true;
  });
}

template <typename Distance, typename Nearer, typename IsEnough>
double Candidates::sortNear(Distance distance, Nearer nearer,
                            IsEnough isEnough) {
  // Bins as wide as a 64th of a unit of the logits: in each of a large
  // vocabulary's are a few hundred at most, unless it is all but flat.
  constexpr size_t kBins = 4096;
  auto binOf = [&](double d) {
    return d * 64 < kBins - 1 ? static_cast<size_t>(d * 64) : kBins - 1;
  };
  bins_.assign(kBins, 0);
  for (size_t i = 0; i < ids_.size(); ++i)
    if (double d = distance(i); d >= 0)
      bins_[binOf(d)] += double(probability(i));
  double sum = 0;
  size_t bin = 0;
  for (; bin + 1 < kBins && !isEnough(sum + bins_[bin]); ++bin)
    sum += bins_[bin];
  // Rounding may leave less than enough: then it ends with the last of all.
  while (bin > 0 && bins_[bin] == 0)
    sum -= bins_[--bin];
  order_.clear();
  for (size_t i = 0; i < ids_.size(); ++i)
    if (double d = distance(i); d >= 0 && binOf(d) == bin)
      order_.push_back(static_cast<uint32_t>(i));
  std::sort(order_.begin(), order_.end(), [&](uint32_t a, uint32_t b) {
    return nearer(a, b) || (!nearer(b, a) && a < b);
  });
  return sum;
}

float Candidates::entropy() const {
  double logTotal = portableLog(total_), sum = 0;
  for (size_t i = 0; i < ids_.size(); ++i)
    if (float p = probability(i); p > 0)
      sum -= double(p) * double(logProbability(i, logTotal));
  return static_cast<float>(sum);
}

void Candidates::topK(int32_t k) {
  auto count = static_cast<size_t>(k);
  if (count == 0 || count >= logits_.size())
    return;
  float threshold;
  if (count <= logits_.size() / 16) {
    // The smallest of the largest so far is at the top of a heap; most logits
    // are compared with it and no more.
    scratch_.assign(logits_.begin(),
                    logits_.begin() + static_cast<ptrdiff_t>(count));
    std::make_heap(scratch_.begin(), scratch_.end(), std::greater<>());
    for (size_t i = count; i < logits_.size(); ++i) {
      if (logits_[i] <= scratch_.front())
        continue;
      std::pop_heap(scratch_.begin(), scratch_.end(), std::greater<>());
      scratch_.back() = logits_[i];
      std::push_heap(scratch_.begin(), scratch_.end(), std::greater<>());
    }
    threshold = scratch_.front();
  } else {
    scratch_ = logits_;
    auto kth = scratch_.begin() + (k - 1);
    std::nth_element(scratch_.begin(), kth, scratch_.end(), std::greater<>());
    threshold = *kth;
  }
  filter([&](size_t i) { return logits_[i] >= threshold; });
}

void Candidates::topH(double share) {
  // transformers looks no further than this.
  constexpr size_t kConsidered = 100;
  auto likelier = [&](uint32_t a, uint32_t b) {
    return logits_[a] != logits_[b] ? logits_[a] > logits_[b] : a < b;
  };
  order_.resize(ids_.size());
  for (size_t i = 0; i < order_.size(); ++i)
    order_[i] = static_cast<uint32_t>(i);
  size_t considered = std::min(kConsidered, order_.size());
  std::partial_sort(order_.begin(),
                    order_.begin() + static_cast<ptrdiff_t>(considered),
                    order_.end(), likelier);
  keepOrdered(0, considered);
  weigh();
  double logTotal = portableLog(total_);
  auto bound = static_cast<float>(entropy() * static_cast<float>(share));
  order_.resize(ids_.size());
  for (size_t i = 0; i < order_.size(); ++i)
    order_[i] = static_cast<uint32_t>(i);
  std::sort(order_.begin(), order_.end(), likelier);
  double sum = 0;
  size_t kept = 0;
  for (; kept < order_.size(); ++kept) {
    float p = probability(order_[kept]);
    sum -= double(p * logProbability(order_[kept], logTotal));
    if (kept > 0 && (p == 0 || static_cast<float>(sum) > bound))
      break;
  }
  keepOrdered(0, kept);
}

void Candidates::topP(double p) {
  if (p >= 1)
    return;
  weigh();
  // transformers sorts the other way and drops a token if the sum up to it is
  // at most 1 - p. The sum up to it is all of it without those above.
  auto dropped = static_cast<float>(1 - p);
  double all =
      sumOf(ids_.size(), [&](size_t i) { return double(probability(i)); });
  // n tokens of at most (1 - p) / n can only be dropped: the others, a few of a
  // large vocabulary, are all that has to be ordered. The margin is for
  // rounding.
  double negligible = 0.999 * (1 - p) / double(ids_.size()) * total_;
  auto distance = [&](size_t i) {
    return weights_[i] >= negligible ? double(maximum_) - double(logits_[i])
                                     : -1;
  };
  auto isEnough = [&](double above) {
    return static_cast<float>(all - above) <= dropped;
  };
  double above = sortNear(
      distance, [&](uint32_t a, uint32_t b) { return logits_[a] > logits_[b]; },
      isEnough);
  // The likeliest stays even where p is 0.
  bool isFirst = logits_[order_.front()] == maximum_;
  uint32_t last = order_.front();
  for (uint32_t i : order_) {
    if (!std::exchange(isFirst, false) && isEnough(above))
      break;
    above += double(probability(i));
    last = i;
  }
  float threshold = logits_[last];
  filter([&](size_t i) {
    return logits_[i] > threshold || (logits_[i] == threshold && i <= last);
  });
}

void Candidates::minP(double p) {
  if (p <= 0)
    return;
  weigh();
  // The most likely weighs e^0.
  auto bound = static_cast<float>(p) * static_cast<float>(1 / total_);
  filter([&](size_t i) { return probability(i) >= bound; });
}

void Candidates::typicalP(double mass) {
  if (mass >= 1)
    return;
  weigh();
  float expected = entropy();
  double logTotal = portableLog(total_);
  scratch_.resize(ids_.size());
  for (size_t i = 0; i < ids_.size(); ++i)
    scratch_[i] = std::fabs(-logProbability(i, logTotal) - expected);
  auto isEnough = [&](double sum) {
    return static_cast<float>(sum) >= static_cast<float>(mass);
  };
  double sum = sortNear(
      [&](size_t i) { return double(scratch_[i]); },
      [&](uint32_t a, uint32_t b) { return scratch_[a] < scratch_[b]; },
      isEnough);
  float threshold = std::numeric_limits<float>::infinity();
  for (uint32_t i : order_) {
    sum += double(probability(i));
    if (isEnough(sum)) {
      threshold = scratch_[i];
      break;
    }
  }
  filter([&](size_t i) { return scratch_[i] <= threshold; });
}

void Candidates::epsilonCutoff(double epsilon) {
  if (epsilon <= 0)
    return;
  weigh();
  auto bound = static_cast<float>(epsilon);
  float most = largest();
  filter(
      [&](size_t i) { return probability(i) >= bound || logits_[i] == most; });
}

void Candidates::etaCutoff(double epsilon) {
  if (epsilon <= 0)
    return;
  weigh();
  auto bound = static_cast<float>(epsilon);
  auto decay = static_cast<float>(portableExp(-double(entropy())));
  bound = std::min(bound, std::sqrt(bound) * decay);
  float most = largest();
  filter(
      [&](size_t i) { return probability(i) >= bound || logits_[i] == most; });
}

int32_t Candidates::draw(double uniform) {
  weigh();
  double target = uniform * total_, sum = 0;
  size_t drawn = 0;
  for (size_t i = 0; i < ids_.size(); ++i) {
    if (weights_[i] > 0)
      drawn = i; // where rounding makes target equal to the last sum
    sum += weights_[i];
    if (target < sum)
      break;
  }
  return ids_[drawn];
}

std::span<const double> Candidates::probabilities() {
  weigh();
  probabilities_.resize(weights_.size());
  for (size_t i = 0; i < weights_.size(); ++i)
    probabilities_[i] = weights_[i] / total_;
  return probabilities_;
}

} // namespace swallow
