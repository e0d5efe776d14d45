//===- KvAddress.h - where keys and values lie ------------------*- C++ -*-===//

#ifndef SWALLOW_TARGETS_X86_KVADDRESS_H
#define SWALLOW_TARGETS_X86_KVADDRESS_H

#include "targets/x86/StepEmitter.h"

namespace swallow::x86 {

/// The layout that -swallow-plan-kv fixed: [block]{K,V}[head][32][head_dim].
struct KvGeometry {
  int64_t heads, headDim, window, blockTokens;
  Element element;

  explicit KvGeometry(KvType kv);
  int64_t rowBytes() const { return headDim * sizeOf(element); }
  int64_t headBytes() const { return blockTokens * rowBytes(); }
  int64_t planeBytes() const { return heads * headBytes(); }
  int64_t blockBytes() const { return 2 * planeBytes(); }

  /// Start of this layer's pool block that holds logical block `block` of
  /// `sequence`.
  mlir::Value blockBase(KernelFrame &frame, mlir::Value sequence,
                        mlir::Value block) const;
};

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_KVADDRESS_H
