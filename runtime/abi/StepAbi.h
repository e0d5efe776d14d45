/*===- StepAbi.h - the interface between runtime and compiled code -*- C -*-===*
 *
 * A compiled model is one function, the step. The runtime fills a
 * SwallowStepArgs and the threads of the team call the step with it; the
 * threads meet at services->barrier and return together. Compiled code imports
 * nothing: whatever it cannot do itself comes through SwallowServices.
 *
 * The emitters (targets/x86) address fields by their index in these structs,
 * so a change here is a change of SWALLOW_ABI_VERSION and of
 * targets/x86/StepEmitter.h. Every field is 8 bytes wide for that reason.
 *
 *===----------------------------------------------------------------------===*/

#ifndef SWALLOW_RUNTIME_ABI_STEPABI_H
#define SWALLOW_RUNTIME_ABI_STEPABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Recorded in the artifact; the loader refuses any other number. */
#define SWALLOW_ABI_VERSION 4

/* Tokens in one KV block. */
#define SWALLOW_KV_BLOCK_TOKENS 32

/* How a session stores keys and values; runtime/packing/KvLayout.h describes a
 * block of each kind. */
#define SWALLOW_KV_F32 0
#define SWALLOW_KV_BF16 1
#define SWALLOW_KV_F16 2
#define SWALLOW_KV_I8 3

/* Rows of a prefill tile: activation buffers hold max_step_tokens rounded up
 * to a multiple of this ("tokens" in the memory plan's affine expressions), so
 * that a tile's tail reads and writes rows nobody uses. */
#define SWALLOW_TILE_ROWS 32

#define SWALLOW_MAX_READ_STREAMS 8

/* What compiled code may ask of the runtime. All functions are called by a
 * team thread inside a step with the `context` of the same table. */
typedef struct SwallowServices {
  void *context;
  /* Returns when all threads of the step have called it; orders memory. */
  void (*barrier)(void *context, int64_t thread);
  /* Executes the oneDNN micro-kernel `index` of the variant's list (program.fbs
   * Brgemm): C[M][N] (f32) = or += A[M][K] x B, with the leading dimensions and
   * types recorded there. Thread-safe; every thread passes its own number. */
  void (*brgemm)(void *context, int64_t thread, int64_t index, const void *a,
                 const void *b, float *c);
  /* NULL unless profiling. Called at the end of stage `stage` (an index into
   * the variant's stage names) of layer `layer` (-1 outside the layers). */
  void (*trace)(void *context, int64_t thread, int64_t stage, int64_t layer);
  /* Returns 0, 1, 2 and so on, each number to one thread: calls are counted
   * anew at the beginning of a step and behind every barrier, so that between
   * two barriers there may be one place that claims. Threads deal out work so
   * where a piece takes long enough for a core to be taken away. Which thread
   * gets which number is nobody's promise. Orders no memory. */
  int64_t (*claim)(void *context, int64_t thread);
} SwallowServices;

typedef struct SwallowStepArgs {
  int64_t num_tokens; /* n: rows of this step, 1 .. max_step_tokens */
  int64_t num_logits; /* rows that want logits, 0 .. n */
  /* [n], each in [0, vocab_size): the runtime has checked them. */
  const int32_t *token_ids;
  const int32_t *positions;  /* [n], position of the token in its sequence */
  const int32_t *sequences;  /* [n], row of block_tables */
  const int32_t *logit_rows; /* [num_logits], indices into the n rows */
  float *logits;             /* [num_logits][vocab_size], row-major */
  /* [sequences][block_table_stride]: entry (p / 32) % block_table_stride of a
   * row names the pool block that holds position p. For full attention the
   * stride is the number of blocks of the context; for a sliding window it is
   * the length of the ring. */
  const int32_t *block_tables;
  int64_t block_table_stride;
  /* The KV pool, 64-byte aligned: [layer][block], a block being laid out as
   * runtime/packing/KvLayout.h says for kv_element. */
  uint8_t *kv;
  int64_t kv_layer_stride; /* bytes between layers */
  int64_t kv_element;      /* SWALLOW_KV_F32, ... */
  const uint8_t *weights;  /* base of the weights segment, 64-byte aligned */
  uint8_t *arena;          /* 64-byte aligned */
  /* [number of arena slots]: byte offset of each slot from `arena`, the
   * memory plan's affine expressions evaluated for this session. */
  const int64_t *arena_offsets;
  const SwallowServices *services;
  /* Pieces of a weight that a thread reads side by side in a step of few rows,
   * 1 .. SWALLOW_MAX_READ_STREAMS: what this machine reads fastest. Results do
   * not depend on it. */
  int64_t read_streams;
} SwallowStepArgs;

/* `num_threads` threads call this with the same arguments; `thread` is in
 * [0, num_threads). */
typedef void (*SwallowStepFn)(const SwallowStepArgs *args, int64_t thread,
                              int64_t num_threads);

#ifdef __cplusplus
}
#endif

#endif /* SWALLOW_RUNTIME_ABI_STEPABI_H */
