//===- Probe.h - an artifact proves itself ----------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_PROBE_H
#define SWALLOW_RUNTIME_ENGINE_PROBE_H

#include "runtime/artifact/program_generated.h"
#include "runtime/engine/Session.h"

namespace swallow {

struct ProbeResult {
  int64_t tokens = 0;       // compared
  double meanAbsError = 0;  // over all logits
  double relativeError = 0; // meanAbsError / logit_rms
  double tolerance = 0;     // bound on relativeError

  /// False for NaN as well.
  bool passed() const { return relativeError <= tolerance; }
};

/// Runs the probe's tokens through `session` in a sequence of its own, in one
/// step where its limits allow, and compares with the logits of the reference
/// evaluator. Errors: those of createSequence and step; InvalidArgument when
/// `probe` has no tokens. A mismatch is a result, not an error.
Result<ProbeResult> runProbe(Session &session, const fbs::Probe &probe);

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_PROBE_H
