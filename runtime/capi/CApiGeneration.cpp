//===- CApiGeneration.cpp - swallow_generation.h --------------------------===//

#include "runtime/capi/CApiSession.h"
#include "runtime/generation/Defaults.h"
#include "runtime/generation/Generator.h"

using namespace swallow;
using namespace swallow::capi;

struct swallow_generation {
  std::shared_ptr<const Artifact> artifact;   // holds the tokenizer's table
  std::optional<Result<Tokenizer>> tokenizer; // opened when text is wanted
  std::optional<Generator> generator;
  std::vector<swallow_token_logprob> top; // of the last event
};

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

/// The checkpoint's options: in C++, and in C with what their arrays point to.
struct swallow::capi::DefaultOptions {
  GenerationOptions options;
  std::vector<swallow_sequence_bias> sequenceBias;
  std::vector<const char *> stop;
  swallow_generation_options c;
};

/// All but arrays; the struct's arrays are empty.
static swallow_generation_options toC(const GenerationOptions &o) {
  swallow_generation_options value{};
  value.seed = o.seed;
  value.n = o.n;
  value.do_sample = o.doSample;
  value.repetition_penalty = o.repetitionPenalty;
  value.frequency_penalty = o.frequencyPenalty;
  value.presence_penalty = o.presencePenalty;
  value.no_repeat_ngram_size = o.noRepeatNgramSize;
  value.min_length = o.minLength;
  value.min_tokens = o.minTokens;
  value.forced_bos_token_id = o.forcedBosTokenId;
  value.remove_invalid_values = o.removeInvalidValues;
  value.decay_penalty_start = o.decayPenaltyStart;
  value.decay_penalty_factor = o.decayPenaltyFactor;
  value.temperature = o.temperature;
  value.top_h = o.topH;
  value.top_k = o.topK;
  value.top_p = o.topP;
  value.min_p = o.minP;
  value.typical_p = o.typicalP;
  value.epsilon_cutoff = o.epsilonCutoff;
  value.eta_cutoff = o.etaCutoff;
  value.max_tokens = o.maxTokens;
  value.max_length = o.maxLength;
  value.ignore_eos = o.ignoreEos;
  value.detokenize = o.detokenize;
  value.skip_special_tokens = o.skipSpecialTokens;
  value.logprobs = o.logprobs;
  value.prompt_logprobs = o.promptLogprobs;
  return value;
}

static swallow_status fromC(const swallow_generation_options &c,
                            GenerationOptions &o) {
  for (auto [name, array, count] :
       {std::tuple<const char *, const void *, size_t>{
            "logit_bias", c.logit_bias, c.num_logit_bias},
        {"sequence_bias", c.sequence_bias, c.num_sequence_bias},
        {"forced_eos_token_ids", c.forced_eos_token_ids,
         c.num_forced_eos_token_ids},
        {"suppress_tokens", c.suppress_tokens, c.num_suppress_tokens},
        {"begin_suppress_tokens", c.begin_suppress_tokens,
         c.num_begin_suppress_tokens},
        {"eos_token_ids", c.eos_token_ids, c.num_eos_token_ids},
        {"stop_token_ids", c.stop_token_ids, c.num_stop_token_ids},
        {"stop", c.stop, c.num_stop}})
    if (!array && count > 0)
      return fail(Error{ErrorCode::InvalidArgument,
                        std::string(name) + " is NULL: it must have " +
                            std::to_string(count) + " entries"});
  auto copy = [](std::vector<int32_t> &out, const int32_t *ids, size_t count) {
    out.assign(ids, ids + count);
  };
  for (size_t i = 0; i < c.num_logit_bias; ++i)
    o.logitBias.push_back({c.logit_bias[i].token, c.logit_bias[i].bias});
  for (size_t i = 0; i < c.num_sequence_bias; ++i) {
    const swallow_sequence_bias &entry = c.sequence_bias[i];
    if (!entry.ids && entry.count > 0)
      return fail("sequence_bias has ids NULL: it must have tokens");
    o.sequenceBias.push_back(
        {{entry.ids, entry.ids + entry.count}, entry.bias});
  }
  copy(o.forcedEosTokenIds, c.forced_eos_token_ids, c.num_forced_eos_token_ids);
  copy(o.suppressTokens, c.suppress_tokens, c.num_suppress_tokens);
  copy(o.beginSuppressTokens, c.begin_suppress_tokens,
       c.num_begin_suppress_tokens);
  copy(o.eosTokenIds, c.eos_token_ids, c.num_eos_token_ids);
  copy(o.stopTokenIds, c.stop_token_ids, c.num_stop_token_ids);
  for (size_t i = 0; i < c.num_stop; ++i) {
    if (!c.stop[i])
      return fail("stop has a NULL: it must have strings");
    o.stop.emplace_back(c.stop[i]);
  }

  o.seed = c.seed;
  o.n = c.n;
  o.doSample = c.do_sample;
  o.repetitionPenalty = c.repetition_penalty;
  o.frequencyPenalty = c.frequency_penalty;
  o.presencePenalty = c.presence_penalty;
  o.noRepeatNgramSize = c.no_repeat_ngram_size;
  o.minLength = c.min_length;
  o.minTokens = c.min_tokens;
  o.forcedBosTokenId = c.forced_bos_token_id;
  o.removeInvalidValues = c.remove_invalid_values;
  o.decayPenaltyStart = c.decay_penalty_start;
  o.decayPenaltyFactor = c.decay_penalty_factor;
  o.temperature = c.temperature;
  o.topH = c.top_h;
  o.topK = c.top_k;
  o.topP = c.top_p;
  o.minP = c.min_p;
  o.typicalP = c.typical_p;
  o.epsilonCutoff = c.epsilon_cutoff;
  o.etaCutoff = c.eta_cutoff;
  o.maxTokens = c.max_tokens;
  o.maxLength = c.max_length;
  o.ignoreEos = c.ignore_eos;
  o.detokenize = c.detokenize;
  o.skipSpecialTokens = c.skip_special_tokens;
  o.logprobs = c.logprobs;
  o.promptLogprobs = c.prompt_logprobs;
  return SWALLOW_OK;
}

void swallow_generation_options_init(swallow_generation_options *options,
                                     size_t struct_size) {
  options->struct_size = struct_size;
  (void)fillStruct(options, toC({}));
}

const DefaultOptions &swallow_artifact::defaultOptions() const {
  std::call_once(defaultsOnce_, [this] {
    auto made = std::make_shared<DefaultOptions>();
    made->options = swallow::defaultOptions(artifact->program().generation());
    const GenerationOptions &o = made->options;
    swallow_generation_options &c = made->c;
    c = toC(o);
    auto point = [](const int32_t *&ids, size_t &count,
                    const std::vector<int32_t> &from) {
      ids = from.data();
      count = from.size();
    };
    for (const SequenceBias &entry : o.sequenceBias)
      made->sequenceBias.push_back(
          {entry.ids.data(), entry.ids.size(), entry.bias});
    c.sequence_bias = made->sequenceBias.data();
    c.num_sequence_bias = made->sequenceBias.size();
    point(c.forced_eos_token_ids, c.num_forced_eos_token_ids,
          o.forcedEosTokenIds);
    point(c.suppress_tokens, c.num_suppress_tokens, o.suppressTokens);
    point(c.begin_suppress_tokens, c.num_begin_suppress_tokens,
          o.beginSuppressTokens);
    point(c.eos_token_ids, c.num_eos_token_ids, o.eosTokenIds);
    for (const std::string &stop : o.stop)
      made->stop.push_back(stop.c_str());
    c.stop = made->stop.data();
    c.num_stop = made->stop.size();
    defaults_ = std::move(made);
  });
  return *defaults_;
}

swallow_status
swallow_generation_options_from_artifact(const swallow_artifact *artifact,
                                         swallow_generation_options *options,
                                         size_t struct_size) {
  return guard([&] {
    options->struct_size = struct_size;
    return fillStruct(options, artifact->defaultOptions().c);
  });
}

//===----------------------------------------------------------------------===//
// Generations
//===----------------------------------------------------------------------===//

const char *swallow_finish_reason_name(swallow_finish_reason reason) {
  switch (reason) {
  case SWALLOW_FINISH_STOP:
    return "stop";
  case SWALLOW_FINISH_LENGTH:
    return "length";
  case SWALLOW_FINISH_ABORT:
    return "abort";
  default:
    return "";
  }
}

swallow_status swallow_generation_create(const swallow_artifact *artifact,
                                         swallow_session *session,
                                         swallow_generation **out) {
  if (!artifact || !session || !out)
    return fail("swallow_generation_create: a NULL argument");
  return guard([&] {
    auto handle = std::make_unique<swallow_generation>();
    handle->artifact = artifact->artifact;
    handle->tokenizer = artifact->tokenizer();
    const Result<Tokenizer> &tokenizer = *handle->tokenizer;
    handle->generator.emplace(*session->session,
                              tokenizer.ok() ? &*tokenizer : nullptr);
    *out = handle.release();
    return swallow_status(SWALLOW_OK);
  });
}

void swallow_generation_destroy(swallow_generation *generation) {
  delete generation;
}

swallow_status
swallow_generation_start(swallow_generation *generation,
                         const swallow_generation_options *options,
                         const int32_t *ids, size_t count) {
  return guard([&] {
    GenerationOptions parsed;
    if (options) {
      swallow_generation_options value = toC({});
      if (swallow_status status = readStruct(options, value))
        return status;
      if (swallow_status status = fromC(value, parsed))
        return status;
    } else {
      parsed = defaultOptions(generation->artifact->program().generation());
    }
    if (parsed.detokenize && !generation->tokenizer->ok())
      return fail(generation->tokenizer->error());
    return finish(
        generation->generator->start(std::move(parsed), {ids, count}));
  });
}

static swallow_status fillEvent(swallow_generation *generation,
                                const GenerationEvent &event,
                                swallow_generation_event *out) {
  swallow_generation_event value{};
  value.kind = static_cast<swallow_event_kind>(event.kind);
  value.index = event.index;
  value.token = event.token;
  value.position = event.position;
  value.text = event.text.data() ? event.text.data() : "";
  value.text_size = event.text.size();
  value.finish_reason = static_cast<swallow_finish_reason>(event.finish);
  value.stopped_by_eos = event.stoppedByEos;
  value.stop_token = event.stopToken;
  if (event.stopString >= 0)
    value.stop_string = generation->generator->options()
                            .stop[static_cast<size_t>(event.stopString)]
                            .c_str();
  value.context_full = event.contextFull;
  value.logprob = event.logprob;
  value.rank = event.rank;
  generation->top.clear();
  for (const TokenLogProb &entry : event.topLogprobs)
    generation->top.push_back({entry.token, entry.logprob});
  value.top_logprobs = generation->top.data();
  value.num_top_logprobs = generation->top.size();
  value.prompt_tokens = event.promptTokens;
  value.prompt_reused = event.promptReused;
  value.prompt_done = event.promptDone;
  return fillStruct(out, value);
}

swallow_status swallow_generation_next(swallow_generation *generation,
                                       swallow_generation_event *event) {
  return guard([&] {
    // Before anything happens: an event must not be lost.
    if (event->struct_size < sizeof(size_t))
      return fail("struct_size is not set");
    Result<GenerationEvent> next = generation->generator->next();
    if (!next.ok())
      return fail(next.error());
    return fillEvent(generation, *next, event);
  });
}

swallow_status swallow_generation_abort(swallow_generation *generation,
                                        int64_t index) {
  return guard([&] { return finish(generation->generator->abort(index)); });
}

int64_t swallow_generation_context_used(const swallow_generation *generation) {
  return generation->generator->contextUsed();
}
