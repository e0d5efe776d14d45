#include "runtime/generation/Generator.h"

#include <algorithm>

namespace swallow {

Generator::~Generator() {
  for (SequenceId sequence : sequences_)
    (void)session_.removeSequence(sequence);
}

//===----------------------------------------------------------------------===//
// Starting
//===----------------------------------------------------------------------===//

static Status checkPrompt(std::span<const int32_t> prompt, int64_t vocabSize,
                          int64_t contextLength) {
  if (prompt.empty())
    return {ErrorCode::InvalidArgument, "a prompt needs at least one token"};
  for (int32_t token : prompt)
    if (token < 0 || token >= vocabSize)
      return {ErrorCode::InvalidToken, "token id " + std::to_string(token) +
                                           " is outside the vocabulary of " +
                                           std::to_string(vocabSize)};
  if (static_cast<int64_t>(prompt.size()) > contextLength)
    return {ErrorCode::ContextExceeded,
            "the prompt has " + std::to_string(prompt.size()) +
                " tokens, the context " + std::to_string(contextLength)};
  return {};
}

static Status checkRoom(int64_t n, const MemoryPlan &plan) {
  for (auto [name, most] : {std::pair{"max_sequences", plan.maxSequences},
                            std::pair{"max_logit_rows", plan.maxLogitRows},
                            std::pair{"max_step_tokens", plan.maxStepTokens}})
    if (n > most)
      return {ErrorCode::OutOfRange, "n is " + std::to_string(n) +
                                         ": the session has " + name + " " +
                                         std::to_string(most)};
  return {};
}

Status Generator::start(GenerationOptions options,
                        std::span<const int32_t> prompt) {
  const MemoryPlan &plan = session_.memoryPlan();
  SWALLOW_TRY(checkPrompt(prompt, session_.vocabSize(), plan.contextLength));
  if (options.detokenize && !tokenizer_)
    return {ErrorCode::InvalidArgument,
            "detokenize is true: there is no tokenizer"};
  auto length = static_cast<int64_t>(prompt.size());
  // The last token of a text never has to be read, so it may lie one beyond the
  // context.
  SWALLOW_ASSIGN(Request request,
                 Request::create(std::move(options), tokenizer_,
                                 session_.vocabSize(), length,
                                 plan.contextLength - length + 1));
  int64_t n = request.options->n;
  SWALLOW_TRY(checkRoom(n, plan));
  SWALLOW_TRY(takeSequences(n));

  // Nothing fails from here on.
  samples_.clear(); // they refer to the request
  request_ = std::make_unique<const Request>(std::move(request));
  prompt_.assign(prompt.begin(), prompt.end());
  promptReused_ = reusable(prompt);
  promptDone_ = promptReused_;
  held_.reserve(static_cast<size_t>(plan.contextLength));
  held_.resize(static_cast<size_t>(promptReused_));
  SWALLOW_TRY(session_.truncateSequence(sequences_[0], promptReused_));
  for (int64_t i = 0; i < n; ++i)
    samples_.push_back(std::make_unique<Sample>(*request_, prompt, i));
  rows_.reserve(static_cast<size_t>(plan.maxStepTokens));
  events_.clear();
  events_.reserve(static_cast<size_t>(n + plan.maxLogitRows + 1));
  nextEvent_ = 0;
  state_ = State::Prompt;
  return {};
}

Status Generator::takeSequences(int64_t n) {
  auto wanted = static_cast<size_t>(n), had = sequences_.size();
  while (sequences_.size() < wanted) {
    Result<SequenceId> created = session_.createSequence();
    if (!created.ok()) {
      for (; sequences_.size() > had; sequences_.pop_back())
        SWALLOW_TRY(session_.removeSequence(sequences_.back()));
      return created.error();
    }
    sequences_.push_back(*created);
  }
  for (; sequences_.size() > wanted; sequences_.pop_back())
    SWALLOW_TRY(session_.removeSequence(sequences_.back()));
  for (size_t i = 1; i < wanted; ++i)
    SWALLOW_TRY(session_.truncateSequence(sequences_[i], 0));
  return {};
}

int64_t Generator::reusable(std::span<const int32_t> prompt) const {
  // Log probabilities of the prompt need the logits of all of it.
  if (request_->options->promptLogprobs >= 0)
    return 0;
  // The last token has to be read for its logits.
  std::span<const int32_t> before = prompt.first(prompt.size() - 1);
  auto [end, unused] =
      std::mismatch(before.begin(), before.end(), held_.begin(), held_.end());
  int64_t common = end - before.begin();
  bool ring = session_.program().kv->window() > 0;
  return ring && common < static_cast<int64_t>(held_.size()) ? 0 : common;
}

Status Generator::abort(int64_t index) {
  if (index < -1 || index >= static_cast<int64_t>(samples_.size()))
    return {ErrorCode::InvalidArgument,
            "there is no sample " + std::to_string(index)};
  for (size_t i = 0; i < samples_.size(); ++i)
    if ((index == -1 || i == static_cast<size_t>(index)) &&
        std::exchange(samples_[i]->running, false))
      samples_[i]->aborted = true;
  if (state_ == State::Prompt && numRunning() == 0)
    state_ = State::Generating;
  return {};
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

int64_t Generator::numRunning() const {
  return std::count_if(samples_.begin(), samples_.end(),
                       [](const auto &sample) { return sample->running; });
}

StepOutput Generator::neededOutput() const {
  const bool logits =
      std::any_of(samples_.begin(), samples_.end(), [](const auto &sample) {
        return sample->running && sample->completion.needsLogits();
      });
  return logits ? StepOutput::Logits : StepOutput::Likeliest;
}

void Generator::queue(GenerationEvent event) {
  event.promptTokens = static_cast<int64_t>(prompt_.size());
  event.promptReused = promptReused_;
  event.promptDone = promptDone_;
  events_.push_back(event);
}

Result<GenerationEvent> Generator::next() {
  if (nextEvent_ == events_.size()) {
    events_.clear();
    nextEvent_ = 0;
    Status status = proceed();
    if (!status.ok()) {
      events_.clear();
      state_ = State::Failed;
      return status.error();
    }
  }
  return events_[nextEvent_++];
}

Status Generator::proceed() {
  if (state_ == State::Idle)
    return {ErrorCode::InvalidArgument, "no generation has been started"};
  if (state_ == State::Failed)
    return {ErrorCode::InvalidArgument,
            "the generation has failed and must be started again"};
  for (const auto &sample : samples_)
    if (std::exchange(sample->aborted, false))
      queue(sample->completion.end(FinishReason::Abort));
  if (!events_.empty())
    return {};
  if (state_ == State::Prompt)
    return readPrompt();
  if (numRunning() > 0)
    return stepSamples();
  queue({});
  return {};
}

Status Generator::readPrompt() {
  const MemoryPlan &plan = session_.memoryPlan();
  bool all = request_->options->promptLogprobs >= 0;
  int64_t most = all ? std::min(plan.maxStepTokens, plan.maxLogitRows)
                     : plan.maxStepTokens;
  auto length = static_cast<int64_t>(prompt_.size());
  int64_t begin = promptDone_, end = std::min(begin + most, length);
  rows_.clear();
  for (int64_t i = begin; i < end; ++i)
    rows_.push_back({sequences_[0], prompt_[static_cast<size_t>(i)],
                     all || i + 1 == length});
  SWALLOW_TRY(session_.step(rows_, all ? StepOutput::Logits : neededOutput()));
  held_.insert(held_.end(), prompt_.begin() + begin, prompt_.begin() + end);
  promptDone_ = end;

  if (all)
    queuePromptTokens(begin, end);
  GenerationEvent event;
  event.kind = EventKind::Prompt;
  event.position = end - 1;
  queue(event);
  if (end < length)
    return {};
  state_ = State::Generating;
  return startSamples();
}

void Generator::queuePromptTokens(int64_t begin, int64_t end) {
  // The logits at a position are about the token after it.
  auto length = static_cast<int64_t>(prompt_.size());
  promptLogprobs_.resize(
      std::max(promptLogprobs_.size(), static_cast<size_t>(end - begin)));
  for (int64_t i = begin; i < std::min(end, length - 1); ++i) {
    GenerationEvent event;
    event.kind = EventKind::PromptToken;
    event.token = prompt_[static_cast<size_t>(i + 1)];
    event.position = i + 1;
    LogProbs &logprobs = promptLogprobs_[static_cast<size_t>(i - begin)];
    logprobs.compute(session_.logits(i - begin), event.token,
                     request_->options->promptLogprobs);
    event.logprob = logprobs.logprob();
    event.rank = logprobs.rank();
    event.topLogprobs = logprobs.top();
    queue(event);
  }
}

// All samples begin with the same logits. Those that go on get a sequence of
// their own, in the place that was kept for it.
Status Generator::startSamples() {
  int64_t row = session_.numLogits() - 1;
  for (size_t i = 0; i < samples_.size(); ++i) {
    Sample &sample = *samples_[i];
    if (!sample.running)
      continue;
    if (request_->limit == 0) {
      sample.running = false;
      queue(sample.completion.end(FinishReason::Length));
      continue;
    }
    SWALLOW_TRY(accept(sample, row));
    if (i == 0 || !sample.running)
      continue;
    SWALLOW_TRY(session_.removeSequence(sequences_[i]));
    SWALLOW_ASSIGN(sequences_[i], session_.forkSequence(sequences_[0]));
  }
  return {};
}

Status Generator::stepSamples() {
  rows_.clear();
  for (size_t i = 0; i < samples_.size(); ++i)
    if (samples_[i]->running)
      rows_.push_back({sequences_[i], samples_[i]->last, true});
  SWALLOW_TRY(session_.step(rows_, neededOutput()));
  if (samples_[0]->running)
    held_.push_back(samples_[0]->last);
  int64_t row = 0;
  for (const auto &sample : samples_)
    if (sample->running)
      SWALLOW_TRY(accept(*sample, row++));
  return {};
}

Status Generator::accept(Sample &sample, int64_t row) {
  Completion &completion = sample.completion;
  SWALLOW_ASSIGN(GenerationEvent event,
                 completion.needsLogits()
                     ? completion.accept(session_.logits(row))
                     : completion.accept(session_.likeliest(row)));
  sample.last = event.token;
  sample.running = !completion.finished();
  queue(event);
  return {};
}

int64_t Generator::contextUsed() const {
  int64_t longest = 0;
  for (SequenceId sequence : sequences_)
    if (Result<int64_t> length = session_.sequenceLength(sequence); length.ok())
      longest = std::max(longest, *length);
  return longest;
}

} // namespace swallow
