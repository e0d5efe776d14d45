/*===- GpuAbi.h - the interface between runtime and GPU kernels ---*- C -*-===*
 *
 * A step on a GPU is a list of kernel launches that the artifact names. Every
 * kernel takes the same two parameters, by value: a SwallowGpuArgs and the
 * layer (int32_t). All pointers are device addresses. Nothing in them changes
 * between steps but the counts, so that the launches of a step can be recorded
 * once and replayed.
 *
 * The emitters (targets/nvidia) address fields by their index, so a change here
 * is a change of SWALLOW_GPU_ABI_VERSION and of targets/nvidia/StepEmitter.h.
 * Every field is 8 bytes wide for that reason.
 *
 *===----------------------------------------------------------------------===*/

#ifndef SWALLOW_RUNTIME_ABI_GPUABI_H
#define SWALLOW_RUNTIME_ABI_GPUABI_H

#include <stdint.h>

/* Recorded in the artifact; the loader refuses any other number. */
#define SWALLOW_GPU_ABI_VERSION 3

/* Slots of the arena that kernels can name. */
#define SWALLOW_GPU_SLOTS 32

typedef struct SwallowGpuArgs {
  int64_t
      num_tokens; /* as in SwallowStepArgs (StepAbi.h), down to kv_element */
  int64_t num_logits;
  uint64_t token_ids;
  uint64_t positions;
  uint64_t sequences;
  uint64_t logit_rows;
  uint64_t logits;
  uint64_t block_tables;
  int64_t block_table_stride;
  uint64_t kv;
  int64_t kv_layer_stride;
  int64_t kv_element;
  uint64_t weights; /* 256-byte aligned */
  /* [num_logits] u64, written by the step: of each row of logits the largest
     number and the lowest token that has it, as
       bits << 32 | (0xffffffff - token)
     where `bits` are those of the number (+0 for -0), all inverted where the
     sign is set, else the sign alone: unsigned integers in the order of the
     numbers. 0 where no logit is a number above minus infinity. */
  uint64_t likeliest;
  /* Where each arena slot begins, a multiple of 64. A slot whose size does not
     depend on the session's is all zeros before the first step. */
  uint64_t slots[SWALLOW_GPU_SLOTS];
} SwallowGpuArgs;

#endif /* SWALLOW_RUNTIME_ABI_GPUABI_H */
