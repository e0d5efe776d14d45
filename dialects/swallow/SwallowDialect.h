//===- SwallowDialect.h - the swallow dialect -------------------*- C++ -*-===//

#ifndef SWALLOW_DIALECTS_SWALLOW_SWALLOWDIALECT_H
#define SWALLOW_DIALECTS_SWALLOW_SWALLOWDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "runtime/packing/KvLayout.h"
#include "runtime/packing/PackedLayout.h"

#include <string>
#include <vector>

namespace swallow {
/// The memory effects of keys and values; weights and activations have none.
struct KvResource : public mlir::SideEffects::Resource::Base<KvResource> {
  llvm::StringRef getName() final { return "SwallowKv"; }
};
} // namespace swallow

#include "dialects/swallow/SwallowDialect.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/swallow/SwallowTypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/swallow/SwallowAttrs.h.inc"

#define GET_OP_CLASSES
#include "dialects/swallow/SwallowOps.h.inc"

namespace swallow {
/// The inverse frequencies of RoPE for a head of `headDim` elements (headDim /
/// 2 of them), in the arithmetic of transformers (f32 throughout), so that
/// angles are bit-equal to its own.
std::vector<float> ropeInverseFrequencies(RopeAttr rope, int64_t headDim);

/// Whether an activation is kept in the form in which matrix products read it
/// (rounded to the weights' element type): an attention or MLP result that only
/// products without a norm read.
bool isStoredAsProductInput(mlir::Value activation);

/// Where the keys and values of a block lie, stored in the type's element.
KvBlockLayout kvBlockLayout(KvType kv);

/// How attention kernels cut their work, and the memory they do it in.
struct AttentionWorkspace {
  /// Most rows of a sequence that go over the keys together, and most query
  /// rows that these are with all heads of a KV head.
  int64_t tileRows, tileQueries;
  /// Up to so many rows of a step, the keys of each are split into up to
  /// `maxSplits` pieces, whose results are combined.
  int64_t splitRows, maxSplits;
  /// A thread's queries, outputs, scores and weights, and with tiles a chunk's
  /// keys and values.
  int64_t scratchBytes;
  /// What the splits leave: of each an output of `paddedDim`, and 64 bytes.
  int64_t partialsBytes;
};
/// With `tiles` large enough also for kernels that multiply by them.
AttentionWorkspace attentionWorkspace(AttentionOp op, bool tiles);

/// Registers the dialect and those it depends on.
void registerSwallowDialects(mlir::DialectRegistry &registry);
} // namespace swallow

#endif // SWALLOW_DIALECTS_SWALLOW_SWALLOWDIALECT_H
