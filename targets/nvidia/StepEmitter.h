//===- StepEmitter.h - what the GPU kernel emitters share -------*- C++ -*-===//
//
// A StepEmitter builds the module of one architecture: a kernel or more per
// fused op of the planned IR, and the list of their launches. A kernel is
//
//   llvm.func @name(args: SwallowGpuArgs by value, layer: i32)
//
// (runtime/abi/GpuAbi.h). A KernelFrame is such a function while it is being
// emitted: one thread's view of it.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_STEPEMITTER_H
#define SWALLOW_TARGETS_NVIDIA_STEPEMITTER_H

#include "targets/common/PlannedStep.h"
#include "targets/nvidia/Architecture.h"
#include "targets/nvidia/GpuBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/StringMap.h"

#include <optional>

namespace swallow::nvidia {

/// Field numbers of SwallowGpuArgs; every field is 8 bytes.
enum class Arg : int64_t {
  NumTokens,
  NumLogits,
  TokenIds,
  Positions,
  Sequences,
  LogitRows,
  Logits,
  BlockTables,
  BlockTableStride,
  Kv,
  KvLayerStride,
  KvElement,
  Weights,
  Likeliest,
  Slots,
};

/// What a launch's grid counts in y: nothing, or the rows of the step or those
/// that want logits, so many of them to a block.
enum class GridRows { None, Tokens, Logits };

/// How a kernel is launched.
struct LaunchShape {
  int64_t threads; ///< of a block, a multiple of a warp
  int64_t gridX;   ///< blocks
  GridRows rows = GridRows::None;
  int64_t rowsPerBlock = 1;
  /// Only for sessions whose keys and values have this element (StepAbi.h's
  /// SWALLOW_KV_F32, ...); -1: all.
  int64_t kvElement = -1;
  /// Only in steps with so many rows of the grid's kind.
  int64_t minRows = 1;
  std::optional<int64_t> maxRows = std::nullopt;
  /// Of KernelFrame::dynamicShared.
  int64_t sharedBytes = 0;
};

/// Where the rows of an activation lie, in global memory.
struct Rows {
  mlir::Value base; ///< pointer to row 0
  int64_t columns = 0;
  Element element = Element::F32;
  /// As passes/arena has it.
  int64_t stride() const { return roundUp(columns * sizeOf(element), 64); }
};

class StepEmitter;

class KernelFrame {
public:
  KernelFrame(StepEmitter &step, GpuBuilder &k, mlir::Value args,
              mlir::Value layer)
      : step(step), k(k), args(args), layer(layer) {}

  StepEmitter &step;
  GpuBuilder &k;
  mlir::Value args, layer;

  /// A field of SwallowGpuArgs: counts as i32, addresses as pointers to global
  /// memory.
  mlir::Value count(Arg arg);
  mlir::Value pointer(Arg arg);
  mlir::Value wide(Arg arg); ///< as i64
  /// args.<array>[index], an i32.
  mlir::Value element(Arg array, mlir::Value index);
  mlir::Value slot(int64_t index);
  /// Start of a weight, of the frame's layer when it is per layer.
  mlir::Value weight(WeightOp op);
  /// `base` + row * stride; the product is taken in 64 bits.
  mlir::Value row(mlir::Value base, mlir::Value row, int64_t stride);
  Rows rowsOf(mlir::Value activation);
  /// Shared memory of the block, of its own name.
  mlir::Value shared(llvm::StringRef name, int64_t bytes);
  /// The block's memory of the launch's sharedBytes, for what does not fit into
  /// the 48 KB that a kernel may declare.
  mlir::Value dynamicShared();
  /// Whether the block is the last of `last` + 1 to come here, by a ticket: an
  /// i32 in global memory that is 0 before and after all have come. To the
  /// last, what the others wrote before is visible. All threads take part.
  mlir::Value isLastBlock(mlir::Value ticket, mlir::Value last);
};

class StepEmitter : public PlannedStep {
public:
  /// `planned` has been through the planning passes; `out` is an empty module.
  StepEmitter(mlir::ModuleOp planned, mlir::ModuleOp out,
              const Architecture &architecture)
      : PlannedStep(planned), out(out), architecture(architecture) {}

  /// Emits everything; fails with a diagnostic on the op that cannot be.
  mlir::LogicalResult emit();

  mlir::ModuleOp module() { return out; }

  /// A kernel and its launch, behind those before; `body` fills it.
  void launch(llvm::StringRef name, mlir::Location loc,
              const LaunchShape &shape,
              llvm::function_ref<void(KernelFrame &)> body);
  /// A private array in constant memory, emitted once per name; its address as
  /// a generic pointer.
  mlir::Value constantArray(GpuBuilder &k, llvm::StringRef name,
                            llvm::ArrayRef<float> values);
  /// A variable in shared memory of the kernel being emitted.
  mlir::Value sharedVariable(GpuBuilder &k, llvm::StringRef name,
                             int64_t bytes);
  /// The shared memory whose size the launch says.
  mlir::Value dynamicSharedMemory(GpuBuilder &k);

private:
  mlir::LogicalResult emitStage(mlir::Operation *op);
  void closeGroup(int64_t layerBegin, int64_t layerEnd);

  mlir::ModuleOp out;
  const Architecture &architecture;
  std::string kernelName; ///< of the kernel being emitted
  llvm::StringMap<int> names;
  llvm::StringMap<mlir::LLVM::GlobalOp> arrays;
  mlir::LLVM::GlobalOp dynamicShared;
  /// Launches of the group being emitted, and the groups before it: what is
  /// launched once (layer -1), or for each layer of a loop.
  llvm::SmallVector<mlir::Attribute> launches, groups;
};

//===----------------------------------------------------------------------===//
// One emitter per op, each in its own file; an op becomes one launch or more.
//===----------------------------------------------------------------------===//

void emitKernels(StepEmitter &step, EmbeddingOp op);
void emitKernels(StepEmitter &step, FusedQkvOp op);
void emitKernels(StepEmitter &step, AttentionOp op);
void emitKernels(StepEmitter &step, FusedLinearOp op);
void emitKernels(StepEmitter &step, GatedMlpOp op);
void emitKernels(StepEmitter &step, FusedLmHeadOp op);
/// The step's result when it is selected rows of an activation: copies them.
void emitKernels(StepEmitter &step, SelectRowsOp op);

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_STEPEMITTER_H
