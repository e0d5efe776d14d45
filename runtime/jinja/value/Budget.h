//===- Budget.h - what one rendering may use --------------------*- C++ -*-===//
//
// A template is a program that somebody else wrote. Everything that it can
// make large, the memory of its values and the work done on them, is charged
// here, so that rendering ends in bounded time and memory whatever it says.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_JINJA_VALUE_BUDGET_H
#define SWALLOW_RUNTIME_JINJA_VALUE_BUDGET_H

#include "runtime/support/Result.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace swallow::jinja {

/// Not thread-safe: one rendering runs on one thread. Values that were made
/// with a budget must be gone before it is.
class Budget {
public:
  struct Limits {
    /// Of all values alive at one time, the rendered text included.
    size_t bytes = size_t{1} << 29;
    /// One for each expression, item or 64 bytes of text that is handled: a
    /// few hundred million a second.
    uint64_t steps = 500'000'000;
  };

  Budget() = default;
  explicit Budget(const Limits &limits) : limits_(limits) {}
  Budget(const Budget &) = delete;
  Budget &operator=(const Budget &) = delete;

  /// Charges work. Fails for good once the steps are used up, once living
  /// values exceed the bytes, or after fail(). To be called for every node
  /// that is evaluated and for every item of a loop.
  Status step(uint64_t count = 1) {
    if (stepsUsed_ + count <= limits_.steps && bytesUsed_ <= limits_.bytes &&
        failure_.ok()) {
      stepsUsed_ += count;
      return {};
    }
    return exhausted();
  }
  /// The work of reading or copying `bytes` of text.
  Status stepBytes(size_t bytes) { return step(1 + bytes / 64); }

  /// Asks before something large is made: fails where `bytes` more would not
  /// fit. Charges the work of filling them, not the memory itself.
  Status reserve(size_t bytes);
  /// reserve(count * size) without overflow.
  Status reserve(size_t count, size_t size);

  /// Values call these as they are made and destroyed. Taking cannot fail,
  /// so a single value may overrun; the next step() reports it.
  void take(size_t bytes) { bytesUsed_ += bytes; }
  void give(size_t bytes) { bytesUsed_ -= bytes; }

  /// Makes the next step() fail with `error` (the first one stays).
  void fail(Error error);

  size_t bytesUsed() const { return bytesUsed_; }
  uint64_t stepsUsed() const { return stepsUsed_; }
  const Limits &limits() const { return limits_; }

private:
  Status exhausted();

  Limits limits_;
  size_t bytesUsed_ = 0;
  uint64_t stepsUsed_ = 0;
  Status failure_;
};

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_VALUE_BUDGET_H
