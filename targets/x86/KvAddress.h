//===- KvAddress.h - where keys and values lie ------------------*- C++ -*-===//

#ifndef SWALLOW_TARGETS_X86_KVADDRESS_H
#define SWALLOW_TARGETS_X86_KVADDRESS_H

#include "runtime/packing/KvLayout.h"
#include "targets/x86/StepEmitter.h"

namespace swallow::x86 {

/// The KV memory of a planned op, for one of the elements in which a session
/// may store it.
struct KvGeometry : KvBlockLayout {
  int64_t window;

  KvGeometry(KvType kv, KvElement element);

  /// What queries and weights are rounded to before they are multiplied by keys
  /// and values.
  KvElement factors() const { return kvFactors(element); }

  /// Start of a head of this layer's pool block that holds logical block
  /// `block` of `sequence`.
  mlir::Value headBase(KernelFrame &frame, mlir::Value sequence,
                       mlir::Value block, mlir::Value head) const;

  /// What tells helpers of different geometries apart: "bf16_2x64".
  std::string suffix() const;
};

/// Calls `body` at run time for the element in which the session stores keys
/// and values; emitted once per element.
void forKvElement(KernelFrame &frame,
                  llvm::function_ref<void(KvElement element)> body);

/// append(row: ptr, head: ptr, position: i64): stores a head's row of f32 as
/// the key or value of a position in the block whose head starts at `head`. The
/// row is readable in whole vectors.
mlir::LLVM::LLVMFuncOp appendHelper(StepEmitter &step, const KvGeometry &kv,
                                    bool value);

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_KVADDRESS_H
