//===- CoreWatch.h - which thread a team does without -----------*- C++ -*-===//
//
// A step of few rows meets at a barrier every fraction of a millisecond. When
// another process takes the core of one thread, for milliseconds at a time, all
// others wait for it, and a team of any size runs at half its speed. With one
// thread less the team loses only its share, and the system runs the others on
// other cores. Which is better is measured: where threads wait for each other
// for long, the one that waits least is left out for some steps, and stays so
// if they were faster; from time to time some steps take it in again.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_DEVICE_COREWATCH_H
#define SWALLOW_RUNTIME_DEVICE_COREWATCH_H

#include "runtime/device/ThreadTeam.h"

#include <cstdint>
#include <span>
#include <vector>

namespace swallow {

/// Says which thread of a team the next step should leave out. Knows no clock:
/// its time is that of the steps it is told of. For one thread at a time.
class CoreWatch {
public:
  /// Steps are compared by the mean of at least so much time and so many steps:
  /// several times as long as schedulers take a core away for.
  static constexpr int64_t kWindowNs = 20'000'000;
  static constexpr int kWindowSteps = 4;
  /// The part of the time that threads spend waiting for the last, beyond which
  /// less of them are tried.
  static constexpr double kLoss = 0.15;
  /// How much faster the others have to be.
  static constexpr double kGain = 1.03;
  /// How long a decision holds, in times of the steps that led to it, and how
  /// long at most if it is confirmed again and again; the time doubles.
  static constexpr int64_t kFirstHold = 8, kLastHold = 64;
  static constexpr int64_t kLongestHoldNs = 20'000'000'000;

  /// For a team of `threads`; of one, nobody is ever left out.
  explicit CoreWatch(int threads);

  /// The thread to leave out of the next step, or ThreadTeam::kNobody.
  int leftOut() const { return leftOut_; }

  /// A step of `rows` rows ran without leftOut() and took `ns`; threads that
  /// took part waited `waited` nanoseconds each, by their numbers in the run.
  /// For steps whose work is mostly divided beforehand: where it is claimed, a
  /// thread that is late takes less of it. Does not allocate.
  void record(int64_t rows, int64_t ns, std::span<const int64_t> waited);

private:
  enum class State {
    All,     // nobody is left out
    Trial,   // is the team faster without the thread?
    Without, // it is
    Probe,   // is it still?
  };
  /// Steps of as many rows, run alike.
  struct Window {
    int64_t steps = 0, ns = 0;
    double stepsPerNs() const {
      return static_cast<double>(steps) / static_cast<double>(ns);
    }
  };

  void enter(State state, int leftOut);
  void startWindow();
  void endWindow();
  void hold();
  /// The thread that waited least in the window, if threads waited for at least
  /// kLoss of the time.
  int late() const;

  const int threads_;
  State state_ = State::All;
  int leftOut_ = ThreadTeam::kNobody;
  int64_t rows_ = 0;
  Window window_;
  std::vector<int64_t> waited_;       // in the window, by thread
  bool skip_ = false;                 // the first step after a change
  bool suspected_ = false;            // some thread was late in the last window
  int without_ = ThreadTeam::kNobody; // of Trial, Without and Probe
  double speed_ = 0;                  // before the trial or probe
  int64_t holdNs_ = 0;                // how long no other decision is tried
  int64_t nextHold_ = kFirstHold;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_DEVICE_COREWATCH_H
