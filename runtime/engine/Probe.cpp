#include "runtime/engine/Probe.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace swallow {

/// What storing keys and values so may add to the mean error of the logits,
/// relative to their root mean square.
static float kvTolerance(KvElement element) {
  switch (element) {
  case KvElement::F32:
    return 0;
  case KvElement::F16:
    return 0.002f;
  case KvElement::BF16:
    return 0.01f;
  case KvElement::I8:
    return 0.02f;
  }
  return 0;
}

static Result<ProbeResult> compare(Session &session, const fbs::Probe &probe,
                                   SequenceId sequence) {
  const auto &ids = *probe.token_ids();
  const auto &expected = *probe.logits();
  size_t vocab = static_cast<size_t>(session.vocabSize());
  size_t rowsPerStep = static_cast<size_t>(std::min(
      session.memoryPlan().maxStepTokens, session.memoryPlan().maxLogitRows));

  double sum = 0;
  std::vector<StepRow> rows;
  for (size_t begin = 0; begin < ids.size(); begin += rowsPerStep) {
    size_t end = std::min<size_t>(begin + rowsPerStep, ids.size());
    rows.clear();
    for (size_t i = begin; i < end; ++i)
      rows.push_back(
          {sequence, ids.Get(static_cast<flatbuffers::uoffset_t>(i)), true});
    SWALLOW_TRY(session.step(rows));
    for (size_t i = begin; i < end; ++i) {
      std::span<const float> got =
          session.logits(static_cast<int64_t>(i - begin));
      for (size_t j = 0; j < vocab; ++j)
        sum += std::fabs(
            double(got[j]) -
            expected.Get(static_cast<flatbuffers::uoffset_t>(i * vocab + j)));
    }
  }
  ProbeResult result;
  result.tokens = ids.size();
  result.meanAbsError = sum / (double(ids.size()) * double(vocab));
  result.relativeError = result.meanAbsError / probe.logit_rms();
  result.tolerance =
      std::max(probe.tolerance(), kvTolerance(session.memoryPlan().kvElement));
  return result;
}

Result<ProbeResult> runProbe(Session &session, const fbs::Probe &probe) {
  if (!probe.token_ids() || probe.token_ids()->size() == 0 || !probe.logits())
    return Error{ErrorCode::InvalidArgument, "the artifact has no probe"};
  SWALLOW_ASSIGN(SequenceId sequence, session.createSequence());
  Result<ProbeResult> result = compare(session, probe, sequence);
  SWALLOW_TRY(session.removeSequence(sequence));
  return result;
}

} // namespace swallow
