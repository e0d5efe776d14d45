//===- Completion.h - one sample of a request, from its logits --*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_GENERATION_COMPLETION_H
#define SWALLOW_RUNTIME_GENERATION_COMPLETION_H

#include "runtime/generation/Event.h"
#include "runtime/generation/Sampler.h"
#include "runtime/generation/StopStrings.h"
#include "runtime/text/StreamDecoder.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace swallow {

/// What the samples of one request share.
struct Request {
  std::shared_ptr<const GenerationOptions> options;
  const Tokenizer *tokenizer = nullptr;             // null: no text
  std::shared_ptr<const StopAutomaton> stopStrings; // null: none
  /// Special tokens that are a stop string: they leave no text to find it in.
  std::vector<std::pair<int32_t, int32_t>> stopTokens; // token, stop string
  int64_t limit = 0;          // tokens that a sample may generate
  bool contextLimits = false; // and whether the context is why
  int64_t vocabSize = 0;

  /// Checks the options. `contextLeft`: tokens that may be generated until the
  /// context is full. InvalidArgument.
  static Result<Request> create(GenerationOptions options,
                                const Tokenizer *tokenizer, int64_t vocabSize,
                                int64_t promptLength, int64_t contextLeft);
};

/// Turns the rows of logits of one text into tokens, text and an end. It knows
/// nothing of sessions, so whoever makes steps can drive any number of them.
class Completion {
public:
  /// `request` must outlive it.
  Completion(const Request &request, std::span<const int32_t> prompt,
             int64_t index);

  /// Chooses the next token. The event's views are valid until the next call.
  /// Errors: those of Sampler::sample.
  Result<GenerationEvent> accept(std::span<const float> logits);
  /// Whether accept() needs the logits; if not, the likeliest token will do.
  bool needsLogits() const;
  Result<GenerationEvent> accept(const Likeliest &likeliest);

  /// Ends it without a token; an End event.
  GenerationEvent end(FinishReason reason);

  bool finished() const { return finish_ != FinishReason::None; }
  std::span<const int32_t> ids() const { return sampler_.history().ids(); }

private:
  /// What `token`, the newest of the history, does to the text.
  GenerationEvent append(int32_t token);
  /// Whether a stop string that is complete now ends the text.
  bool mayStop() const;
  /// Fills in why `token` ends the text, if it does by itself.
  bool endsBy(int32_t token, GenerationEvent &event) const;
  /// Passes text on to text_ and ends at a stop string.
  void addText(std::string_view text, GenerationEvent &event);
  /// The same for all that waits.
  void flushText(GenerationEvent &event);

  const Request &request_;
  int64_t index_;
  Sampler sampler_;
  std::optional<StreamDecoder> decoder_;
  StopMatcher matcher_;
  LogProbs logprobs_;
  std::string text_;      // of the last event
  bool textEnds_ = false; // at a stop string
  FinishReason finish_ = FinishReason::None;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_GENERATION_COMPLETION_H
