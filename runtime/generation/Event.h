//===- Event.h - what happens while text is generated -----------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_GENERATION_EVENT_H
#define SWALLOW_RUNTIME_GENERATION_EVENT_H

#include "runtime/generation/LogProbs.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace swallow {

/// swallow_event_kind and swallow_finish_reason.
enum class EventKind : int32_t {
  Prompt = 0,
  PromptToken = 1,
  Token = 2,
  End = 3,
  Done = 4
};
enum class FinishReason : int32_t { None = 0, Stop = 1, Length = 2, Abort = 3 };

/// swallow_generation_event in C++; the header has the meaning of each. Views
/// are valid until the next call with the same generator.
struct GenerationEvent {
  EventKind kind = EventKind::Done;
  int64_t index = 0;
  int32_t token = -1;
  int64_t position = 0;
  std::string_view text;
  FinishReason finish = FinishReason::None;
  bool stoppedByEos = false;
  int32_t stopToken = -1;
  int32_t stopString = -1; // index in GenerationOptions::stop
  bool contextFull = false;
  double logprob = 0;
  int64_t rank = 0; // 0: no log probabilities
  std::span<const TokenLogProb> topLogprobs;
  int64_t promptTokens = 0;
  int64_t promptReused = 0;
  int64_t promptDone = 0;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_GENERATION_EVENT_H
