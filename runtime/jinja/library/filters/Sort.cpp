//===- Sort.cpp - Python's sort -------------------------------------------===//
//
// Up to 63 values go as in Python, a run and then binary insertion, so that
// values that cannot be compared fail on the same pair; more are merged.
//
//===----------------------------------------------------------------------===//

#include "runtime/jinja/library/filters/Filters.h"
#include "runtime/jinja/value/Exceptions.h"
#include "runtime/jinja/value/Operators.h"

#include <algorithm>
#include <numeric>

namespace swallow::jinja {

namespace {

class Sorter {
public:
  Sorter(const std::vector<Value> &keys, Unordered unordered, Environment &env)
      : keys_(keys), unordered_(unordered), env_(env), order_(keys.size()) {
    std::iota(order_.begin(), order_.end(), size_t{0});
  }

  Result<std::vector<size_t>> sort(bool reverse) {
    // Reversed before and after, equal keys come out in their own order.
    if (reverse)
      std::ranges::reverse(order_);
    if (order_.size() > 1)
      SWALLOW_TRY(order_.size() < smallSort ? insert() : merge());
    if (reverse)
      std::ranges::reverse(order_);
    return std::move(order_);
  }

private:
  static constexpr size_t smallSort = 64;

  Result<bool> less(size_t left, size_t right) {
    Result<bool> below =
        compare(CompareOp::Less, keys_[left], keys_[right], env_);
    if (!below && unordered_ == Unordered::ByType &&
        isException(below.error(), "TypeError"))
      return keys_[left].typeName() < keys_[right].typeName();
    return below;
  }

  /// Sorts order_ by insertion after the run that it starts with.
  Status insert() {
    SWALLOW_ASSIGN(bool descending, less(order_[1], order_[0]));
    size_t run = 2;
    for (; run < order_.size(); ++run) {
      SWALLOW_ASSIGN(bool below, less(order_[run], order_[run - 1]));
      if (below != descending)
        break;
    }
    if (descending)
      std::reverse(order_.begin(), order_.begin() + static_cast<long>(run));
    for (; run < order_.size(); ++run) {
      size_t low = 0;
      size_t high = run;
      while (low < high) {
        size_t middle = low + (high - low) / 2;
        SWALLOW_ASSIGN(bool below, less(order_[run], order_[middle]));
        if (below)
          high = middle;
        else
          low = middle + 1;
      }
      std::rotate(order_.begin() + static_cast<long>(low),
                  order_.begin() + static_cast<long>(run),
                  order_.begin() + static_cast<long>(run) + 1);
    }
    return {};
  }

  Status merge() {
    std::vector<size_t> merged(order_.size());
    for (size_t width = 1; width < order_.size(); width *= 2) {
      for (size_t start = 0; start < order_.size(); start += 2 * width) {
        size_t middle = std::min(start + width, order_.size());
        size_t end = std::min(start + 2 * width, order_.size());
        size_t left = start;
        size_t right = middle;
        for (size_t out = start; out < end; ++out) {
          bool takeRight = left == middle;
          if (!takeRight && right < end) {
            SWALLOW_ASSIGN(takeRight, less(order_[right], order_[left]));
          }
          merged[out] = takeRight ? order_[right++] : order_[left++];
        }
      }
      order_.swap(merged);
    }
    return {};
  }

  const std::vector<Value> &keys_;
  Unordered unordered_;
  Environment &env_;
  std::vector<size_t> order_;
};

} // namespace

Status sortBy(std::vector<Value> &values, const std::vector<Value> &keys,
              bool reverse, Environment &env, Unordered unordered) {
  SWALLOW_TRY(env.budget.reserve(values.size(), 4 * sizeof(size_t)));
  SWALLOW_ASSIGN(std::vector<size_t> order,
                 Sorter(keys, unordered, env).sort(reverse));
  std::vector<Value> sorted;
  sorted.reserve(values.size());
  for (size_t index : order)
    sorted.push_back(std::move(values[index]));
  values = std::move(sorted);
  return {};
}

} // namespace swallow::jinja
