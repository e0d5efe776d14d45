//===- KvAddress.h - where keys and values lie on the GPU -------*- C++ -*-===//

#ifndef SWALLOW_TARGETS_NVIDIA_ATTENTION_KVADDRESS_H
#define SWALLOW_TARGETS_NVIDIA_ATTENTION_KVADDRESS_H

#include "targets/nvidia/StepEmitter.h"

#include "runtime/packing/KvLayout.h"

namespace swallow::nvidia {

/// Blocks of the KV pool as kernels address them.
struct KvGeometry : KvBlockLayout {
  int64_t window = 0; ///< 0: none

  KvGeometry(KvType kv, KvElement element);

  /// What queries and weights are rounded to; F32: not at all.
  Element factors() const;

  /// Where `head` of block `block` (counted from position 0) of a sequence
  /// begins, in the frame's layer.
  mlir::Value headBase(KernelFrame &frame, mlir::Value sequence,
                       mlir::Value block, mlir::Value head) const;
  /// The same in two steps: the number of a block in the pool, and where the
  /// head begins in it.
  mlir::Value blockId(KernelFrame &frame, mlir::Value sequence,
                      mlir::Value block) const;
  mlir::Value headInBlock(KernelFrame &frame, mlir::Value id,
                          mlir::Value head) const;
};

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_ATTENTION_KVADDRESS_H
