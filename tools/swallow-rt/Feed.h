//===- Feed.h - tokens through a session, in pieces -------------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_FEED_H
#define SWALLOW_TOOLS_SWALLOW_RT_FEED_H

#include "tools/swallow-rt/Support.h"

/// Of one sequence, [position][vocabulary].
using LogitRows = std::vector<std::vector<float>>;

/// A session and the size of its model's vocabulary.
struct Feeder {
  swallow_session *session;
  size_t vocab;
};

/// A row of logits of the last step. The token that the device has chosen of
/// them must be the first of the largest (CommandError): generation relies on
/// it where it does not ask for logits.
std::vector<float> logitsOf(const Feeder &feeder, size_t row);

/// Feeds the same ids to `copies` sequences of their own, which are removed
/// afterwards, `chunk` ids of each in a step. Copy s begins s steps after copy
/// 0 and the rows of a step take turns, so that neighbouring rows belong to
/// different sequences at different positions. Returns, for each copy, the
/// logits of the last `kept` ids. The session has room for copies * chunk rows
/// in a step, and as many with logits unless fewer are kept.
std::vector<LogitRows> feedCopies(const Feeder &feeder,
                                  const std::vector<int32_t> &ids, size_t chunk,
                                  size_t copies, size_t kept);

#endif // SWALLOW_TOOLS_SWALLOW_RT_FEED_H
