//===- Generator.h - a request on a session, step by step -------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_GENERATION_GENERATOR_H
#define SWALLOW_RUNTIME_GENERATION_GENERATOR_H

#include "runtime/engine/Session.h"
#include "runtime/generation/Completion.h"

#include <memory>
#include <span>
#include <vector>

namespace swallow {

/// Generates the samples of one request after another: reads the prompt in
/// pieces, once for all samples, then extends all that run with each step. The
/// sequence of sample 0 stays for the next request, which reads only what it
/// does not begin with. Other users of the session may make steps between
/// calls. For one thread at a time.
class Generator {
public:
  /// Both must outlive it. Without a tokenizer requests must not want text.
  Generator(Session &session, const Tokenizer *tokenizer)
      : session_(session), tokenizer_(tokenizer) {}
  ~Generator();
  Generator(const Generator &) = delete;
  Generator &operator=(const Generator &) = delete;

  /// Begins a request; what ran is dropped. Nothing is computed yet. Errors:
  /// InvalidArgument (options, an empty prompt), InvalidToken,
  /// ContextExceeded, OutOfRange (not enough sequences, logit rows or rows of
  /// a step in the session); nothing has changed then.
  Status start(GenerationOptions options, std::span<const int32_t> prompt);

  /// What happens next, after at most one step. Done when all samples have
  /// ended. After an error only start() helps.
  Result<GenerationEvent> next();

  /// Ends sample `index`, or all for -1, with FinishReason::Abort.
  /// InvalidArgument if there is no such sample.
  Status abort(int64_t index);

  /// The options of the request.
  const GenerationOptions &options() const { return *request_->options; }
  bool started() const { return request_ != nullptr; }

  /// Tokens in the longest of its sequences.
  int64_t contextUsed() const;

private:
  enum class State { Idle, Prompt, Generating, Failed };

  struct Sample {
    Sample(const Request &request, std::span<const int32_t> prompt,
           int64_t index)
        : completion(request, prompt, index) {}

    Completion completion;
    int32_t last = 0;     // its newest token, not yet in its sequence
    bool running = true;  // false: no more steps
    bool aborted = false; // its End event is still to come
  };

  /// Makes sequences_ `n`; as before if that fails.
  Status takeSequences(int64_t n);
  /// How much of the prompt sequences_[0] has and can keep.
  int64_t reusable(std::span<const int32_t> prompt) const;
  int64_t numRunning() const;
  /// What the samples that run need of a step.
  StepOutput neededOutput() const;

  /// Queues at least one event.
  Status proceed();
  Status readPrompt();
  void queuePromptTokens(int64_t begin, int64_t end);
  Status startSamples();
  Status stepSamples();
  /// Hands what a sample needs of a row of logits to it.
  Status accept(Sample &sample, int64_t row);
  void queue(GenerationEvent event);

  Session &session_;
  const Tokenizer *tokenizer_;
  State state_ = State::Idle;

  std::vector<SequenceId> sequences_; // of each sample
  std::vector<int32_t> held_;         // the tokens of sequences_[0]

  std::unique_ptr<const Request> request_;
  std::vector<int32_t> prompt_;
  int64_t promptReused_ = 0, promptDone_ = 0;
  std::vector<std::unique_ptr<Sample>> samples_;

  std::vector<StepRow> rows_;
  std::vector<GenerationEvent> events_; // of the last step
  size_t nextEvent_ = 0;
  std::vector<LogProbs> promptLogprobs_; // of the last step's rows
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_GENERATION_GENERATOR_H
