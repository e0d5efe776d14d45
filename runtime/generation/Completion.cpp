#include "runtime/generation/Completion.h"

#include <algorithm>

namespace swallow {

Result<Request> Request::create(GenerationOptions options,
                                const Tokenizer *tokenizer, int64_t vocabSize,
                                int64_t promptLength, int64_t contextLeft) {
  SWALLOW_TRY(validateOptions(options, vocabSize));
  Request request;
  request.limit = contextLeft;
  auto bound = [&](int64_t tokens) {
    request.contextLimits = tokens > contextLeft;
    request.limit = std::min(tokens, contextLeft);
  };
  request.contextLimits = true;
  if (options.maxTokens >= 0)
    bound(options.maxTokens);
  else if (options.maxLength >= 0) {
    if (options.maxLength <= promptLength)
      return Error{ErrorCode::InvalidArgument,
                   "max_length is " + std::to_string(options.maxLength) +
                       ": it must be more than the prompt's " +
                       std::to_string(promptLength) + " tokens"};
    bound(options.maxLength - promptLength);
  }
  request.vocabSize = vocabSize;
  if (options.detokenize)
    request.tokenizer = tokenizer;
  if (!options.stop.empty()) {
    request.stopStrings = std::make_shared<const StopAutomaton>(options.stop);
    for (size_t i = 0; i < options.stop.size(); ++i) {
      std::optional<int32_t> token = options.skipSpecialTokens
                                         ? tokenizer->findToken(options.stop[i])
                                         : std::nullopt;
      if (token && tokenizer->isSpecial(*token))
        request.stopTokens.emplace_back(*token, static_cast<int32_t>(i));
    }
  }
  request.options =
      std::make_shared<const GenerationOptions>(std::move(options));
  return request;
}

Completion::Completion(const Request &request, std::span<const int32_t> prompt,
                       int64_t index)
    : request_(request), index_(index),
      sampler_(request.options,
               {prompt, request.limit, request.vocabSize, index}),
      matcher_(request.stopStrings) {
  if (request.tokenizer)
    decoder_.emplace(*request.tokenizer, request.options->skipSpecialTokens);
}

static bool contains(const std::vector<int32_t> &tokens, int32_t token) {
  return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
}

bool Completion::mayStop() const {
  const TokenHistory &history = sampler_.history();
  return history.numGenerated() > request_.options->minTokens &&
         history.length() > request_.options->minLength;
}

bool Completion::endsBy(int32_t token, GenerationEvent &event) const {
  const GenerationOptions &o = *request_.options;
  event.stoppedByEos = !o.ignoreEos && contains(o.eosTokenIds, token);
  if (event.stoppedByEos || contains(o.stopTokenIds, token)) {
    event.stopToken = token;
    return true;
  }
  for (auto [stopToken, string] : request_.stopTokens)
    if (stopToken == token && mayStop()) {
      event.stopString = string;
      return true;
    }
  return false;
}

void Completion::addText(std::string_view text, GenerationEvent &event) {
  int32_t string = matcher_.append(text, mayStop(), text_);
  if (string < 0)
    return;
  // The text was over before anything else could end it.
  textEnds_ = true;
  finish_ = FinishReason::Stop;
  event.stopString = string;
  event.stopToken = -1;
  event.stoppedByEos = false;
  event.contextFull = false;
}

void Completion::flushText(GenerationEvent &event) {
  if (textEnds_)
    return;
  if (decoder_)
    addText(decoder_->finish(), event);
  matcher_.finish(text_);
}

Result<GenerationEvent> Completion::accept(std::span<const float> logits) {
  SWALLOW_ASSIGN(int32_t token, sampler_.sample(logits));
  GenerationEvent event = append(token);
  if (request_.options->logprobs >= 0) {
    logprobs_.compute(logits, token, request_.options->logprobs);
    event.logprob = logprobs_.logprob();
    event.rank = logprobs_.rank();
    event.topLogprobs = logprobs_.top();
  }
  return event;
}

bool Completion::needsLogits() const {
  return sampler_.needsLogits() || request_.options->logprobs >= 0;
}

Result<GenerationEvent> Completion::accept(const Likeliest &likeliest) {
  SWALLOW_ASSIGN(int32_t token, sampler_.sample(likeliest));
  return append(token);
}

GenerationEvent Completion::append(int32_t token) {
  GenerationEvent event;
  event.kind = EventKind::Token;
  event.index = index_;
  event.token = token;
  event.position = sampler_.history().length() - 1;
  text_.clear();
  if (endsBy(token, event))
    finish_ = FinishReason::Stop;
  else if (decoder_)
    addText(decoder_->append(token), event);
  if (!finished() && sampler_.history().numGenerated() >= request_.limit) {
    finish_ = FinishReason::Length;
    event.contextFull = request_.contextLimits;
  }
  if (finished())
    flushText(event);
  event.finish = finish_;
  event.text = text_;
  return event;
}

GenerationEvent Completion::end(FinishReason reason) {
  GenerationEvent event;
  event.kind = EventKind::End;
  event.index = index_;
  event.position = sampler_.history().length();
  text_.clear();
  finish_ = reason;
  flushText(event);
  event.finish = finish_;
  event.text = text_;
  return event;
}

} // namespace swallow
