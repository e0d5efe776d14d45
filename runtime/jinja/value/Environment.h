//===- Environment.h - what one rendering shares ----------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_VALUE_ENVIRONMENT_H
#define SWALLOW_RUNTIME_JINJA_VALUE_ENVIRONMENT_H

#include "runtime/jinja/value/Budget.h"
#include "runtime/jinja/value/Objects.h"

#include <functional>
#include <vector>

namespace swallow::jinja {

/// A moment as a local calendar shows it.
struct LocalTime {
  int64_t seconds = 0; // since 1970-01-01T00:00:00 UTC
  int32_t microseconds = 0;
  int32_t zoneOffset = 0; // seconds east of UTC
};

/// The moment of the call, in the process's time zone.
LocalTime localTimeNow();

/// One rendering: its budget, its clock and its mutable objects. Every value
/// made during it must be gone before it is. Not thread-safe.
class Environment {
public:
  explicit Environment(const Budget::Limits &limits = {}) : budget(limits) {}
  ~Environment();
  Environment(const Environment &) = delete;
  Environment &operator=(const Environment &) = delete;

  /// Keeps an object that could end up in a cycle (a namespace, a macro's
  /// closure) and clears it when the rendering is over.
  void adopt(Ref<CustomObject> object);

  Budget budget;
  /// Set by `{% autoescape true %}`; off elsewhere.
  bool autoescape = false;
  /// What strftime_now() reads.
  std::function<LocalTime()> clock = localTimeNow;
  /// Where the `random` filter's choices start: jinja2 draws from Python's
  /// generator, so that no seed could give the same ones.
  uint64_t randomSeed = 0;
  /// Set by raise_exception(): its message is shown as it is.
  bool raised = false;

private:
  std::vector<Ref<CustomObject>> adopted_;
};

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_VALUE_ENVIRONMENT_H
