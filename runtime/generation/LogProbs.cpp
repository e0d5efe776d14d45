#include "runtime/generation/LogProbs.h"

#include "runtime/engine/Likeliest.h"
#include "runtime/generation/logits/PortableMath.h"

#include <algorithm>
#include <cmath>

namespace swallow {

void LogProbs::compute(std::span<const float> logits, int32_t token,
                       int32_t alternatives) {
  // NaN is less than anything, as in argmax.
  auto at = [&](int32_t id) {
    float logit = logits[static_cast<size_t>(id)];
    return std::isnan(logit) ? -INFINITY : logit;
  };
  auto count = static_cast<int32_t>(logits.size());
  auto maximum = double(at(static_cast<int32_t>(argmax(logits))));
  double total = 0;
  for (int32_t id = 0; id < count; ++id)
    total += portableExp(double(at(id)) - maximum);
  double logTotal = portableLog(total);
  auto logprob = [&](int32_t id) {
    return double(at(id)) - maximum - logTotal;
  };
  auto likelier = [&](int32_t a, int32_t b) {
    return at(a) != at(b) ? at(a) > at(b) : a < b;
  };

  logprob_ = logprob(token);
  rank_ = 1;
  // Of the `alternatives` most likely so far, the least likely is at the top.
  heap_.clear();
  heap_.reserve(static_cast<size_t>(alternatives));
  for (int32_t id = 0; id < count; ++id) {
    rank_ += at(id) > at(token) || (at(id) == at(token) && id < token);
    if (heap_.size() < static_cast<size_t>(alternatives)) {
      heap_.push_back(id);
      std::push_heap(heap_.begin(), heap_.end(), likelier);
    } else if (alternatives > 0 && likelier(id, heap_.front())) {
      std::pop_heap(heap_.begin(), heap_.end(), likelier);
      heap_.back() = id;
      std::push_heap(heap_.begin(), heap_.end(), likelier);
    }
  }
  std::sort_heap(heap_.begin(), heap_.end(), likelier);
  top_.clear();
  top_.reserve(heap_.capacity());
  for (int32_t id : heap_)
    top_.push_back({id, logprob(id)});
}

} // namespace swallow
