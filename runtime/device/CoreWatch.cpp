#include "runtime/device/CoreWatch.h"

#include <algorithm>
#include <numeric>

namespace swallow {

CoreWatch::CoreWatch(int threads)
    : threads_(threads), waited_(static_cast<size_t>(threads)) {}

void CoreWatch::startWindow() {
  window_ = {};
  std::fill(waited_.begin(), waited_.end(), 0);
}

void CoreWatch::enter(State state, int leftOut) {
  state_ = state;
  // The thread that comes or goes has to wake up or to fall asleep.
  skip_ = leftOut != leftOut_;
  leftOut_ = leftOut;
  suspected_ = false;
  startWindow();
}

void CoreWatch::hold() {
  holdNs_ = std::min(nextHold_ * window_.ns, kLongestHoldNs);
  nextHold_ = std::min(2 * nextHold_, kLastHold);
}

int CoreWatch::late() const {
  // In All, the only state that asks, every thread takes part.
  const int64_t waited = std::reduce(waited_.begin(), waited_.end());
  const double ofEach = static_cast<double>(waited) / (threads_ - 1);
  if (ofEach < kLoss * static_cast<double>(window_.ns))
    return ThreadTeam::kNobody;
  return static_cast<int>(std::min_element(waited_.begin(), waited_.end()) -
                          waited_.begin());
}

void CoreWatch::endWindow() {
  const double speed = window_.stepsPerNs();
  switch (state_) {
  case State::All: {
    const int found = late();
    // Twice, since a core may be taken for a moment.
    if (found != ThreadTeam::kNobody && suspected_ && holdNs_ <= 0) {
      speed_ = speed;
      without_ = found;
      return enter(State::Trial, without_);
    }
    suspected_ = found != ThreadTeam::kNobody;
    if (!suspected_)
      nextHold_ = kFirstHold;
    return startWindow();
  }
  case State::Trial:
    if (speed <= kGain * speed_) {
      hold();
      return enter(State::All, ThreadTeam::kNobody);
    }
    nextHold_ = kFirstHold;
    hold();
    return enter(State::Without, without_);
  case State::Without:
    speed_ = speed;
    if (holdNs_ <= 0)
      return enter(State::Probe, ThreadTeam::kNobody);
    return startWindow();
  case State::Probe:
    if (speed < speed_) {
      hold();
      return enter(State::Without, without_);
    }
    nextHold_ = kFirstHold;
    return enter(State::All, ThreadTeam::kNobody);
  }
}

void CoreWatch::record(int64_t rows, int64_t ns,
                       std::span<const int64_t> waited) {
  if (threads_ == 1)
    return;
  holdNs_ = std::max<int64_t>(holdNs_ - ns, 0);
  if (rows != rows_) {
    // Speeds are those of a number of rows: what was being tried is undecided.
    rows_ = rows;
    // Nor can a decision be looked at again where no number lasts.
    if (state_ == State::Trial || (state_ == State::Without && holdNs_ <= 0))
      enter(State::All, ThreadTeam::kNobody);
    else if (state_ == State::Probe)
      enter(State::Without, without_);
    else
      enter(state_, leftOut_);
    // This step ran as the state before would have it.
    return;
  }
  if (skip_) {
    skip_ = false;
    return;
  }
  ++window_.steps;
  window_.ns += ns;
  for (size_t i = 0; i < waited.size(); ++i)
    waited_[i] += waited[i];
  if (window_.ns >= kWindowNs && window_.steps >= kWindowSteps)
    endWindow();
}

} // namespace swallow
