/*===- swallow_rt.h - the C API of Swallow's runtime ----------------*- C
 * -*-===*
 *
 * Opens a compiled model (a .swallow file) and runs it:
 *
 *   swallow_artifact *model;
 *   if (swallow_artifact_open("model.swallow", &model) != SWALLOW_OK)
 *     puts(swallow_error_message());
 *   swallow_session_options options;
 *   swallow_session_options_init(&options, sizeof(options));
 *   swallow_session *session;
 *   swallow_session_create(model, &options, &session);
 *   int64_t sequence;
 *   swallow_sequence_create(session, &sequence);
 *   swallow_prefill(session, sequence, ids, count);
 *   const float *logits;
 *   swallow_logits(session, 0, &logits);
 *
 * Errors. A function that can fail returns a swallow_status; the message of
 * the last failure on the calling thread is in swallow_error_message(). After a
 * failure outputs are unchanged, and so is the object, unless said otherwise.
 *
 * Threads. An artifact is immutable: any number of threads may use one at a
 * time. A session, a sampler and a text stream are each used by one thread at a
 * time; different ones are independent. A session starts its own worker
 * threads.
 *
 * Ownership. What an artifact, session or stream returns a pointer to belongs
 * to it; the comment says how long it lasts. Only swallow_string_free frees
 * what swallow_artifact_inspect and swallow_devices return. A session keeps
 * what it needs of its artifact alive: they can be closed in either order.
 * Every destroy function accepts NULL.
 *
 * Evolution. Structs that the caller fills begin with struct_size, set by their
 * init function to the size that the caller was compiled with: later versions
 * append fields, and what a caller does not know keeps its default.
 *
 * Opening an artifact and making a session executes native code from the file:
 * trust it like a program.
 *
 *===------------------------------------------------------------------------===*/

#ifndef SWALLOW_RT_H
#define SWALLOW_RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t swallow_status;
enum {
  SWALLOW_OK = 0,
  /* 1xx: what the caller asked for. */
  SWALLOW_INVALID_ARGUMENT = 100,
  SWALLOW_OUT_OF_RANGE = 101,
  /* 2xx: files. */
  SWALLOW_FILE_NOT_FOUND = 200,
  SWALLOW_FILE_UNREADABLE = 201,
  /* 4xx: artifacts. */
  SWALLOW_NOT_AN_ARTIFACT = 400,
  SWALLOW_VERSION_MISMATCH = 401,
  SWALLOW_CORRUPT = 402,
  SWALLOW_WRONG_MACHINE = 403,
  SWALLOW_PROBE_MISMATCH = 404,
  /* 5xx: running. */
  SWALLOW_CONTEXT_EXCEEDED = 500,
  SWALLOW_INVALID_TOKEN = 501,
  SWALLOW_OUT_OF_MEMORY = 502,
  SWALLOW_DEVICE_ERROR = 503,
  /* 9xx: a defect of Swallow itself. */
  SWALLOW_INTERNAL = 900
};

/* One line, without a newline, about the last failure on the calling thread;
 * "" before the first. Valid until the next failure on this thread. */
const char *swallow_error_message(void);

/* The runtime's version, "0.1.0". */
const char *swallow_version(void);

/*--- Artifacts --------------------------------------------------------------*/

typedef struct swallow_artifact swallow_artifact;

/* Maps the file and checks structure and hashes (the weights' are left to
 * swallow_artifact_verify_weights). Reads no weights. */
swallow_status swallow_artifact_open(const char *path, swallow_artifact **out);
void swallow_artifact_close(swallow_artifact *artifact);

/* Hashes every weight on `threads` threads (0: all available). `progress` may
 * be NULL; it gets bytes done and bytes in all, from one thread at a time. */
swallow_status swallow_artifact_verify_weights(
    const swallow_artifact *artifact, int32_t threads,
    void (*progress)(void *context, uint64_t done, uint64_t total),
    void *context);

typedef struct swallow_model_info {
  size_t struct_size; /* in: sizeof(swallow_model_info) */
  /* Both strings live as long as the artifact. */
  const char *architecture;     /* "LlamaForCausalLM" */
  const char *compiler_version; /* of swallowc */
  int64_t vocab_size;
  int64_t hidden_size;
  int64_t num_layers;
  int64_t max_context;  /* tokens, the model's own limit */
  int64_t window;       /* tokens a query sees, 0: all */
  int64_t probe_tokens; /* of the probe inside, 0: none */
  /* The weights are not those of a trained model: they are computed from a seed
   * when a session is made. */
  bool synthetic_weights;
  int64_t checkpoint_layers; /* num_layers, or more: the rest was left out */
} swallow_model_info;

swallow_status swallow_artifact_model_info(const swallow_artifact *artifact,
                                           swallow_model_info *info);

/* What generation_config.json of the checkpoint says, transformers' defaults
 * where it says nothing. */
typedef struct swallow_generation_defaults {
  size_t struct_size;
  int32_t bos_token_id;         /* -1: none */
  const int32_t *eos_token_ids; /* [num_eos_token_ids], live as the artifact */
  size_t num_eos_token_ids;
  bool do_sample;
  float temperature;
  int32_t top_k; /* 0: off */
  float top_p;
  float min_p;
  float typical_p;
  float repetition_penalty;
  int32_t max_new_tokens; /* -1: not set */
} swallow_generation_defaults;

swallow_status
swallow_artifact_generation_defaults(const swallow_artifact *artifact,
                                     swallow_generation_defaults *defaults);

/* The code variants, of CPUs most capable first, then of GPUs. `name` lives as
 * long as the artifact. `missing` (may be NULL) gets the CPU features that this
 * machine lacks, or why no GPU of it runs the variant, "" when it can run it,
 * valid until the next call on this thread. */
size_t swallow_artifact_num_variants(const swallow_artifact *artifact);
swallow_status swallow_artifact_variant(const swallow_artifact *artifact,
                                        size_t index, const char **name,
                                        const char **missing);

/*--- Text -------------------------------------------------------------------*/

/* Encodes `size` bytes of UTF-8. Writes the number of ids to `count` and, when
 * they fit into `capacity`, the ids to `ids`; otherwise nothing is written to
 * `ids` and the call still succeeds, so a caller can ask for the size first. */
swallow_status swallow_encode(const swallow_artifact *artifact,
                              const char *text, size_t size,
                              bool add_special_tokens, int32_t *ids,
                              size_t capacity, size_t *count);

/* Decodes ids; `text` gets `size` bytes of UTF-8 (not terminated) under the
 * same rule about `capacity`. */
swallow_status swallow_decode(const swallow_artifact *artifact,
                              const int32_t *ids, size_t count,
                              bool skip_special_tokens, char *text,
                              size_t capacity, size_t *size);

/* Text while it is generated: whole characters as soon as they are certain. */
typedef struct swallow_text_stream swallow_text_stream;

swallow_status swallow_text_stream_create(const swallow_artifact *artifact,
                                          bool skip_special_tokens,
                                          swallow_text_stream **out);
/* Adds a token; `text` gets `size` bytes (often 0), valid until the next call
 * with this stream. */
swallow_status swallow_text_stream_append(swallow_text_stream *stream,
                                          int32_t id, const char **text,
                                          size_t *size);
/* Ends the text: what was still waiting. The stream is then as new. */
swallow_status swallow_text_stream_finish(swallow_text_stream *stream,
                                          const char **text, size_t *size);
void swallow_text_stream_destroy(swallow_text_stream *stream);

/*--- Sessions ---------------------------------------------------------------*/

/* For context_length: as much as fits into memory. */
#define SWALLOW_CONTEXT_AUTO (-1)

typedef struct swallow_session_options {
  size_t struct_size;
  /* Tokens that a sequence may reach: 0 (default) means 4096 or the model's
   * limit, whichever is less; SWALLOW_CONTEXT_AUTO. */
  int64_t context_length;
  int64_t max_sequences;   /* default 1 */
  int64_t max_step_tokens; /* rows of one step, default 512 */
  int64_t max_logit_rows;  /* rows of one step that may want logits; default 0:
                              max_sequences */
  int32_t threads;         /* default 0: physical cores available */
  const char *variant;     /* code variant; default NULL: the environment
                              variable SWALLOW_VARIANT, or the best that runs */
  int64_t memory_limit;    /* bytes that the session may allocate; default 0:
                              what the machine has available */
  bool profile;            /* time the stages of a step, default false */
  /* Weights in memory of the session, in huge pages where the system has them,
   * instead of the mapped file; default false. Each such session has a copy.
   * Synthetic weights are always in memory. */
  bool huge_pages;
  const char *kv_cache; /* how keys and values are stored: "f32", "bf16",
                           "f16" or "int8"; default NULL: the artifact's
                           dtype */
  /* Where steps run: "cpu", "cuda", "cuda:1", or "auto": a GPU where the
   * artifact has code for one that is there, else the CPU. Default NULL: the
   * environment variable SWALLOW_DEVICE, or auto. On a GPU huge_pages plays no
   * part, and memory_limit is of its memory. */
  const char *device;
  /* While swallow_session_create copies weights to a GPU: bytes done and bytes
   * in all, on the thread that called it; default NULL. */
  void (*weights_progress)(void *context, uint64_t done, uint64_t total);
  void *weights_progress_context;
} swallow_session_options;

void swallow_session_options_init(swallow_session_options *options,
                                  size_t struct_size);

/* What a session allocates, in bytes. */
typedef struct swallow_memory_plan {
  size_t struct_size;
  int64_t context_length;
  int64_t max_sequences;
  int64_t max_step_tokens;
  int64_t max_logit_rows;
  int32_t threads;
  int64_t kv_blocks;              /* in the pool */
  int64_t kv_blocks_per_sequence; /* at full length */
  uint64_t kv_bytes;
  uint64_t arena_bytes;   /* activations */
  uint64_t logits_bytes;  /* on a GPU with 8 bytes more for each row */
  uint64_t batch_bytes;   /* block tables and the description of a step */
  uint64_t total_bytes;   /* the four above and weights_allocated_bytes */
  uint64_t weights_bytes; /* mapped from the file, shared, not in the total */
  uint64_t weights_allocated_bytes; /* weights_bytes where they are in memory of
                                       the session, otherwise 0 */
  const char *kv_cache; /* "f32", ...: lives as long as the program */
} swallow_memory_plan;

/* The plan that swallow_session_create would allocate with these options.
 * Nothing is allocated; OUT_OF_MEMORY if it would not fit. */
swallow_status swallow_memory_plan_query(const swallow_artifact *artifact,
                                         const swallow_session_options *options,
                                         swallow_memory_plan *plan);

typedef struct swallow_session swallow_session;

/* Takes memory, starts threads, generates micro-kernels, or loads kernels and
 * weights on a GPU. WRONG_MACHINE when no variant runs here, naming what is
 * needed and what is there; DEVICE_ERROR when a GPU or its driver fails. */
swallow_status swallow_session_create(const swallow_artifact *artifact,
                                      const swallow_session_options *options,
                                      swallow_session **out);
void swallow_session_destroy(swallow_session *session);

swallow_status swallow_session_memory_plan(const swallow_session *session,
                                           swallow_memory_plan *plan);
/* The name of the code variant in use; lives as long as the session. */
const char *swallow_session_variant(const swallow_session *session);
/* Where it runs: "cpu", or "cuda:0 (NVIDIA H200)"; what of the variant runs
 * there, for people to read: "native code", or of a GPU's "cubin of ptxas
 * 13.0.88" or the PTX that the driver has compiled; and a line for the user
 * where the device or its code is not what the artifact was made for, or "".
 * They live as long as the session. */
const char *swallow_session_device(const swallow_session *session);
const char *swallow_session_code(const swallow_session *session);
const char *swallow_session_notice(const swallow_session *session);

/* A sequence is a growing list of tokens with their keys and values. Ids are
 * never used twice in a session. OUT_OF_RANGE when there are max_sequences. */
swallow_status swallow_sequence_create(swallow_session *session,
                                       int64_t *sequence);
swallow_status swallow_sequence_remove(swallow_session *session,
                                       int64_t sequence);
swallow_status swallow_sequence_length(const swallow_session *session,
                                       int64_t sequence, int64_t *length);
/* Forgets all tokens from `length` on. Models with a sliding window overwrite
 * old keys, so only length 0 is possible there (INVALID_ARGUMENT). */
swallow_status swallow_sequence_truncate(swallow_session *session,
                                         int64_t sequence, int64_t length);
/* A new sequence that holds what `sequence` holds; the keys and values are
 * copied, so either can go on without the other. OUT_OF_RANGE when there are
 * max_sequences. The logits of the last step stay. */
swallow_status swallow_sequence_fork(swallow_session *session, int64_t sequence,
                                     int64_t *fork);

typedef struct swallow_row {
  int64_t sequence;
  int32_t token;
  bool wants_logits;
} swallow_row;

/* Appends each row's token to its sequence, in order; rows of several sequences
 * may be mixed in any way. Then the rows that want logits have them, in order,
 * until the next step. Everything is checked before anything changes:
 * INVALID_TOKEN, CONTEXT_EXCEEDED, OUT_OF_RANGE (more rows than
 * max_step_tokens or max_logit_rows), OUT_OF_MEMORY (no KV block is left). */
swallow_status swallow_step(swallow_session *session, const swallow_row *rows,
                            size_t num_rows);
/* The same for greedy generation: afterwards there are the likeliest tokens of
 * those rows, and no logits. From a GPU that copies 8 bytes for a row. */
swallow_status swallow_step_likeliest(swallow_session *session,
                                      const swallow_row *rows, size_t num_rows);

/* Appends `count` tokens to one sequence in as many steps as it takes; the last
 * token's logits are row 0 afterwards. Everything is checked first. */
swallow_status swallow_prefill(swallow_session *session, int64_t sequence,
                               const int32_t *ids, size_t count);

/* The `index`th row of logits of the last step, [vocab_size]. Valid until the
 * next step. OUT_OF_RANGE when there is no such row; INVALID_ARGUMENT when the
 * last step left no logits: swallow_step_likeliest, or greedy generation. */
swallow_status swallow_logits(const swallow_session *session, size_t index,
                              const float **logits);
/* The token with the largest logit of that row, the first of equal ones, and
 * that logit, after a step of either kind. NaN counts as less than anything; -1
 * and minus infinity where no logit is above that. OUT_OF_RANGE as above. */
swallow_status swallow_likeliest(const swallow_session *session, size_t index,
                                 int32_t *token, float *logit);

/* Time spent in stage `index` of compiled code on the calling thread since the
 * session began, if options.profile was set; on a GPU, in kernel `index` by the
 * device's clock. `name` lives as long as the session. OUT_OF_RANGE past the
 * last stage. */
swallow_status swallow_session_stage_time(const swallow_session *session,
                                          size_t index, const char **name,
                                          double *seconds, uint64_t *calls);

/* What the machine can do at best on the session's threads, or on its GPU,
 * measured when it is asked for; takes some milliseconds and a pass over the
 * weights. */
typedef struct swallow_machine_limits {
  size_t struct_size;
  /* Over the weights; of a GPU what copies within its memory read and write, 0
   * where there is no room for one. */
  double read_bytes_per_second;
  /* Multiplications and additions of `instruction`, the one that this variant
   * multiplies most weights with; 0 and "" where none is known. */
  double operations_per_second;
  const char *instruction; /* "vdpbf16ps zmm"; never freed */
  /* Of a GPU: operations_per_second is nominal, that of its multiprocessors and
   * clock, not measured; and its memory by clock and width, 0 where the driver
   * does not name them. */
  bool on_gpu;
  double nominal_read_bytes_per_second;
  /* Of a GPU: all memory, and what no process has taken of it. */
  uint64_t device_memory_bytes;
  uint64_t device_memory_free_bytes;
} swallow_machine_limits;

/* Also the errors of a GPU's driver. */
swallow_status swallow_session_machine_limits(swallow_session *session,
                                              swallow_machine_limits *limits);

/*--- Sampling ---------------------------------------------------------------*/

typedef struct swallow_sampling_options {
  size_t struct_size;
  float temperature; /* 0: the most likely token; default 1 */
  int32_t top_k;     /* 0: off (default) */
  float top_p;       /* 1: off (default) */
  uint64_t seed;     /* default 0 */
} swallow_sampling_options;

void swallow_sampling_options_init(swallow_sampling_options *options,
                                   size_t struct_size);

/* Draws tokens as transformers does: temperature, then top_k, then top_p. The
 * same seed and logits give the same tokens on every machine. */
typedef struct swallow_sampler swallow_sampler;

swallow_status swallow_sampler_create(const swallow_sampling_options *options,
                                      swallow_sampler **out);
/* `logits` is [vocab_size] and is not changed. INVALID_ARGUMENT when none of
 * them is a number. */
swallow_status swallow_sample(swallow_sampler *sampler, const float *logits,
                              size_t vocab_size, int32_t *token);
void swallow_sampler_destroy(swallow_sampler *sampler);

/*--- Looking inside ---------------------------------------------------------*/

typedef struct swallow_probe_result {
  size_t struct_size;
  int64_t tokens;        /* compared; 0: the artifact has no probe */
  double mean_abs_error; /* of all logits */
  double relative_error; /* mean_abs_error / logit_rms */
  double tolerance;      /* bound on relative_error */
} swallow_probe_result;

/* Replays the probe with a sequence of its own (one must be free) and compares
 * its logits with those of the reference evaluator. PROBE_MISMATCH when they
 * differ by more than the tolerance; `result` (may be NULL) is filled then
 * too. */
swallow_status swallow_session_verify_probe(swallow_session *session,
                                            swallow_probe_result *result);

/* Everything about the artifact as JSON, with the memory plan for `options`
 * (NULL: the defaults) on this machine: what `swallow-rt inspect --json`
 * prints. Keys are added, never renamed. The caller frees `json` with
 * swallow_string_free. */
swallow_status swallow_artifact_inspect(const swallow_artifact *artifact,
                                        const swallow_session_options *options,
                                        char **json);
/* The CPU, the GPUs that this process may use and their driver as JSON: what
 * `swallow-rt devices --json` prints. Without a driver it says why. The caller
 * frees `json` with swallow_string_free. */
swallow_status swallow_devices(char **json);
void swallow_string_free(char *string);

#ifdef __cplusplus
}
#endif

#include "swallow_generation.h"

/* Conversations to prompts. */
#include "swallow_chat.h"

#endif /* SWALLOW_RT_H */
