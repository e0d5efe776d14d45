/*===- swallow_generation.h - text from a prompt, token by token ---*- C -*-===*
 *
 * Part of swallow_rt.h, which includes it: include that one.
 *
 *   swallow_generation_options options;
 *   swallow_generation_options_from_artifact(model, &options, sizeof(options));
 *   options.max_tokens = 200;
 *   options.stop = (const char *[]){"\n\n"};
 *   options.num_stop = 1;
 *   swallow_generation *generation;
 *   swallow_generation_create(model, session, &generation);
 *   swallow_generation_start(generation, &options, ids, count);
 *   swallow_generation_event event = {.struct_size = sizeof(event)};
 *   while (swallow_generation_next(generation, &event) == SWALLOW_OK &&
 *          event.kind != SWALLOW_EVENT_DONE)
 *     fwrite(event.text, 1, event.text_size, stdout);
 *   swallow_generation_destroy(generation);
 *
 * Settings mean what they mean to transformers' generate(), and are applied in
 * its order; docs/generation.md has the formulas. Real numbers are double, so
 * that 0.9 is the 0.9 of generation_config.json.
 *
 *===------------------------------------------------------------------------===*/

#ifndef SWALLOW_GENERATION_H
#define SWALLOW_GENERATION_H

/* Not for use alone: swallow_rt.h ends with this file. */
#include "swallow_rt.h"

#ifdef __cplusplus
extern "C" {
#endif

/*--- Options ----------------------------------------------------------------*/

/* Added to the logit of `token`. */
typedef struct swallow_logit_bias {
  int32_t token; /* of the vocabulary, each at most once */
  double bias;   /* finite, or -INFINITY: never */
} swallow_logit_bias;

/* Added to the logit of the last id whenever the ids before it are the end of
 * the text: transformers' sequence_bias; with -INFINITY its bad_words_ids. */
typedef struct swallow_sequence_bias {
  const int32_t *ids; /* [count], of the vocabulary */
  size_t count;       /* at least 1 */
  double bias;        /* finite, or -INFINITY: never */
} swallow_sequence_bias;

/* Everything that a request can ask for. A value outside its range is refused
 * by swallow_generation_start with INVALID_ARGUMENT, naming option, value and
 * range. In the order in which they are applied. Arrays may be NULL where their
 * number is 0, are read by swallow_generation_start, and not kept. */
typedef struct swallow_generation_options {
  size_t struct_size;

  /* What is generated. */
  uint64_t seed; /* default 0. Sample i of a seed draws the same tokens from the
                    same logits on every machine, whatever n and the threads */
  int64_t n;     /* independent samples of one prompt, which is read once: 1
                    (default) to the session's max_sequences; 1 when greedy */
  bool do_sample; /* default false: greedy, the first of the largest logits */

  /* Applied to greedy and sampled generation alike. */
  const swallow_logit_bias *logit_bias;
  size_t num_logit_bias;
  const swallow_sequence_bias *sequence_bias;
  size_t num_sequence_bias;
  double repetition_penalty; /* > 0; default 1: off. Over prompt and generated
                                tokens: positive logits are divided by it,
                                negative ones multiplied */
  double frequency_penalty;  /* -2 to 2; default 0: off. Times how often the
                                token was generated, subtracted */
  double presence_penalty;   /* -2 to 2; default 0: off. Subtracted where the
                                token was generated at all */
  int32_t no_repeat_ngram_size; /* >= 0; default 0: off. No n-gram of this size
                                   comes twice, the prompt included */
  int64_t min_length; /* >= 0; default 0. No end (below) before prompt and
                         generated tokens are this many */
  int64_t min_tokens; /* >= 0; default 0. No EOS, stop token or stop string
                         before this many tokens were generated */
  int32_t
      forced_bos_token_id; /* the second token of a text; default -1: none */
  const int32_t *forced_eos_token_ids; /* one of these is the last token that
                                          max_tokens allows; default none */
  size_t num_forced_eos_token_ids;
  bool remove_invalid_values; /* default false: NaN becomes 0, infinities become
                                 the largest numbers */
  int64_t decay_penalty_start;    /* exponential_decay_length_penalty: from this
                                     generated token on (>= 0) ... */
  double decay_penalty_factor;    /* ... EOS becomes likelier by this factor per
                                     token; > 0; default 1: off */
  const int32_t *suppress_tokens; /* never generated; default none */
  size_t num_suppress_tokens;
  const int32_t
      *begin_suppress_tokens; /* never generated first; default none */
  size_t num_begin_suppress_tokens;

  /* Applied only when sampling (do_sample, and temperature above 0). At least
   * the most likely token always stays. */
  double temperature; /* >= 0; default 1. Divides logits; 0: greedy */
  double top_h;       /* 0 to 1; default 0: off. Of the 100 most likely tokens,
                         those within this share of their entropy */
  int32_t top_k; /* >= 0; default 0: off. The k most likely and their ties */
  double top_p;  /* 0 to 1; default 1: off. The most likely whose probabilities
                    reach this sum */
  double min_p; /* 0 to 1; default 0: off. Those with at least this share of the
                   most likely one's probability */
  double typical_p; /* above 0, to 1; default 1: off. The most typical whose
                       probabilities reach this sum */
  double epsilon_cutoff; /* 0 to below 1; default 0: off. Those of at least this
                            probability */
  double eta_cutoff; /* 0 to below 1; default 0: off. The same with a bound that
                        falls with the entropy */

  /* Where a sample ends, whichever comes first. */
  int64_t max_tokens; /* >= 0, or -1 (default): no bound but the context */
  int64_t max_length; /* of prompt and generated tokens; >= 1, or -1 (default):
                         none. max_tokens wins where both are set */
  const int32_t *eos_token_ids; /* default none */
  size_t num_eos_token_ids;
  bool ignore_eos; /* default false: true leaves EOS a token like any other */
  const int32_t *stop_token_ids; /* in addition to EOS; default none */
  size_t num_stop_token_ids;
  const char *const *stop; /* UTF-8, none empty; the text ends before the first
                              of them to be complete; default none */
  size_t num_stop;

  /* What events carry. */
  bool detokenize;          /* default true; false: no text and no stop strings,
                               and the artifact's tokenizer is not needed */
  bool skip_special_tokens; /* in the text; default true */
  int32_t logprobs;         /* log probabilities of each token and of this many
                               most likely ones: 0 to 1024; default -1: none */
  int32_t prompt_logprobs;  /* the same for the prompt's tokens but the first;
                               default -1: none. Reads the prompt
                               max_logit_rows tokens at a time */
} swallow_generation_options;

/* Sets all to the defaults above. */
void swallow_generation_options_init(swallow_generation_options *options,
                                     size_t struct_size);

/* The defaults above under what the checkpoint's generation_config.json says
 * (and transformers' top_k 50 where it says nothing). Arrays belong to the
 * artifact and live as long. do_sample is the config's: a caller that lets its
 * user choose a temperature sets do_sample as well. */
swallow_status
swallow_generation_options_from_artifact(const swallow_artifact *artifact,
                                         swallow_generation_options *options,
                                         size_t struct_size);

/*--- Events -----------------------------------------------------------------*/

typedef int32_t swallow_event_kind;
enum {
  /* A part of the prompt was read; `prompt_done` of `prompt_tokens`. The last
   * such event of a prompt has both equal. */
  SWALLOW_EVENT_PROMPT = 0,
  /* With prompt_logprobs: `token` at `position` of the prompt, >= 1. */
  SWALLOW_EVENT_PROMPT_TOKEN = 1,
  /* Sample `index` got a token. */
  SWALLOW_EVENT_TOKEN = 2,
  /* Sample `index` ended without another token (aborted, or max_tokens 0);
   * `text` is what was still waiting. */
  SWALLOW_EVENT_END = 3,
  /* Nothing is left to do. */
  SWALLOW_EVENT_DONE = 4
};

/* Why a sample ended, in vLLM's and OpenAI's words. */
typedef int32_t swallow_finish_reason;
enum {
  SWALLOW_FINISH_NONE = 0, /* it has not */
  SWALLOW_FINISH_STOP = 1, /* "stop": EOS, a stop token or a stop string */
  SWALLOW_FINISH_LENGTH =
      2,                   /* "length": max_tokens, max_length or the context */
  SWALLOW_FINISH_ABORT = 3 /* "abort": swallow_generation_abort */
};

typedef struct swallow_token_logprob {
  int32_t token;
  double logprob; /* natural logarithm, of the model's own distribution: before
                     any option above */
} swallow_token_logprob;

/* Pointers are valid until the next call with the same generation. */
typedef struct swallow_generation_event {
  size_t struct_size; /* in: sizeof(swallow_generation_event) */
  swallow_event_kind kind;
  int64_t index;    /* of the sample, 0 to n - 1 */
  int32_t token;    /* -1: none */
  int64_t position; /* of the token, counted from the prompt's first */

  /* Text that became certain: whole characters, not terminated, often empty. A
   * sample's pieces together are exactly its text. What could be the beginning
   * of a stop string waits. EOS, stop tokens and stop strings are no text. */
  const char *text;
  size_t text_size;

  swallow_finish_reason finish_reason;
  bool stopped_by_eos;     /* STOP by an EOS id */
  int32_t stop_token;      /* STOP by EOS or a stop token: its id; else -1 */
  const char *stop_string; /* STOP by a stop string: that one; else NULL */
  bool context_full;       /* LENGTH since the session's context is full */

  /* With logprobs, for kinds with a token; else num_top_logprobs is 0 and
   * rank 0. */
  double logprob; /* of `token` */
  int64_t rank;   /* of `token`: 1 is the likeliest */
  const swallow_token_logprob *top_logprobs; /* most likely first, then by id */
  size_t num_top_logprobs;

  int64_t prompt_tokens; /* of this start */
  int64_t prompt_reused; /* of them, those that the sequence already held */
  int64_t prompt_done;   /* of them, those that are read (reused included) */
} swallow_generation_event;

/* "stop", "length", "abort", or "" for NONE. */
const char *swallow_finish_reason_name(swallow_finish_reason reason);

/*--- Generations ------------------------------------------------------------*/

/* One request at a time, on sequences of a session that it takes when it
 * starts. Used by one thread at a time, which then also uses the session. Any
 * number of generations may share a session (each takes n of max_sequences):
 * their calls may be mixed in any order, and no result depends on it. */
typedef struct swallow_generation swallow_generation;

/* Takes no sequence yet. The session must outlive the generation; the artifact
 * need not. */
swallow_status swallow_generation_create(const swallow_artifact *artifact,
                                         swallow_session *session,
                                         swallow_generation **out);

/* Begins with a prompt of `count` ids (at least 1); nothing is computed yet.
 * May be called again at any time, and what ran then ends: the sequence that
 * sample 0 has filled is kept, and as much of it as the new prompt begins with
 * is not computed again, so that a turn of a conversation costs its new tokens
 * only. (A sequence of a model with a sliding window cannot be cut back: there
 * all of it must be the prompt's beginning, or the prompt is read from its
 * first token.) `options` NULL: the artifact's.
 * INVALID_ARGUMENT: an option outside its range. INVALID_TOKEN: an id outside
 * the vocabulary. CONTEXT_EXCEEDED: the prompt alone is longer than the
 * context. OUT_OF_RANGE: not enough sequences or logit rows in the session.
 * After a failure the generation is as it was. */
swallow_status
swallow_generation_start(swallow_generation *generation,
                         const swallow_generation_options *options,
                         const int32_t *ids, size_t count);

/* The next event. Computes at most one step of the model, so between calls a
 * caller can do other things, abort, or start anew. Events of one step come in
 * the order of samples. DONE when all samples have ended, and from then on.
 * After an error (OUT_OF_MEMORY, or INVALID_ARGUMENT when options leave no
 * token to choose) the generation has to be started again. */
swallow_status swallow_generation_next(swallow_generation *generation,
                                       swallow_generation_event *event);

/* Ends sample `index` (-1: all that still run) with reason ABORT; next then
 * yields an END event for each with its waiting text. An unfinished prompt is
 * read no further. */
swallow_status swallow_generation_abort(swallow_generation *generation,
                                        int64_t index);

/* Tokens that the sequences of this generation hold in the session: of sample
 * 0, the longest when several run. */
int64_t swallow_generation_context_used(const swallow_generation *generation);

/* Gives its sequences back to the session. */
void swallow_generation_destroy(swallow_generation *generation);

#ifdef __cplusplus
}
#endif

#endif /* SWALLOW_GENERATION_H */
