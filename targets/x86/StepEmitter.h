//===- StepEmitter.h - what the kernel emitters share -----------*- C++ -*-===//
//
// A StepEmitter builds the module of one code variant: the step function, one
// kernel function per fused op of the planned IR, and the helpers they call.
// Every kernel is
//
//   llvm.func @name(args: ptr, layer: i64, thread: i64, threads: i64)
//
// and runs SPMD: each thread calls it with its own number and takes its share,
// which is fixed where pieces are short and claimed piece by piece where they
// are long, so that a core that is slow or taken away for a while gets less.
// A KernelFrame is such a function while it is being emitted.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_X86_STEPEMITTER_H
#define SWALLOW_TARGETS_X86_STEPEMITTER_H

#include "targets/common/PlannedStep.h"
#include "targets/x86/KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace swallow::x86 {

/// Field numbers of SwallowStepArgs and SwallowServices
/// (runtime/abi/StepAbi.h); every field is 8 bytes.
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
  Arena,
  ArenaOffsets,
  Services,
  ReadStreams,
};
enum class Service : int64_t { Context, Barrier, Brgemm, Trace, Claim };

/// Up to this many rows share one pass over the weights without oneDNN.
constexpr int64_t kSmallRows = 8;
/// Rows of one micro-kernel call, and of one piece of work in a large step.
constexpr int64_t kTileRows = 32;
constexpr int64_t kGroupRows = 128;
/// The same where panels of the weight are unpacked first.
constexpr int64_t kLargeGroupRows = 512;
/// Runs that a thread claims at least, if there are as many pieces and all
/// claim alike: what a thread has left to do when the others are through is a
/// fraction of its work, yet neighbours, which share what is in the cache,
/// mostly stay together.
constexpr int64_t kRunsPerThread = 32;
/// Inputs that one micro-kernel call reduces over; an even number.
constexpr int64_t kChunkCols = 512;

/// How the inputs of a product are stored, and to what they are rounded before,
/// which is the same or, where they are kept as f32, another element.
struct InputForm {
  Element element = Element::F32;
  Element rounded = Element::F32;
  bool rounds() const { return rounded != Element::F32; }
};

/// One oneDNN micro-kernel of the variant (program.fbs, Brgemm). U8 x S8 gives
/// i32, everything else f32.
struct BrgemmKey {
  int64_t m, n, k, lda, ldb, ldc;
  Element a, b;
  bool accumulate;
  auto operator<=>(const BrgemmKey &) const = default;
};

/// Where the rows of an activation lie.
struct Rows {
  mlir::Value base; ///< pointer to row 0
  int64_t columns = 0;
  Element element = Element::F32;
  int64_t stride() const { return rowStride(columns, element); }
};

class StepEmitter;

/// A kernel function while it is being emitted.
class KernelFrame {
public:
  KernelFrame(StepEmitter &step, KernelBuilder &k, mlir::Value args,
              mlir::Value layer, mlir::Value thread, mlir::Value threads)
      : step(step), k(k), args(args), layer(layer), thread(thread),
        threads(threads) {}

  StepEmitter &step;
  KernelBuilder &k;
  mlir::Value args, layer, thread, threads;

  /// A field of SwallowStepArgs: integers as i64, pointers as ptr.
  mlir::Value integer(Arg arg);
  mlir::Value pointer(Arg arg);
  /// args.<array>[index] of an i32 array, as i64.
  mlir::Value element(Arg array, mlir::Value index);
  /// Start of an arena slot; of a per-thread slot, this thread's part.
  mlir::Value slot(int64_t index);
  /// Start of a weight, of the frame's layer when it is per layer.
  mlir::Value weight(WeightOp op);
  /// This thread's contiguous share [first, second) of `total` pieces.
  std::pair<mlir::Value, mlir::Value> share(mlir::Value total);
  /// The next number of those that the team's threads claim: 0, 1, 2 and so on,
  /// anew behind every barrier, so that between two barriers there may be one
  /// place that claims.
  mlir::Value claim();
  /// Calls `body` for each run [begin, end) of `total` pieces that this thread
  /// claims; claims as claim() does.
  void
  forEachRun(mlir::Value total,
             llvm::function_ref<void(mlir::Value begin, mlir::Value end)> body);
  void barrier();
  void brgemm(int64_t index, mlir::Value a, mlir::Value b, mlir::Value c);
  mlir::LLVM::CallOp call(mlir::LLVM::LLVMFuncOp callee,
                          mlir::ValueRange arguments);

private:
  mlir::Value field(mlir::Value base, int64_t index, mlir::Type type);
  mlir::LLVM::CallOp callService(Service service, mlir::ValueRange arguments,
                                 mlir::Type result = {});
};

class StepEmitter : public PlannedStep {
public:
  /// `planned` has been through the planning passes; `out` is an empty module.
  StepEmitter(mlir::ModuleOp planned, mlir::ModuleOp out,
              const Variant &variant);

  /// Emits everything; fails with a diagnostic on the op that cannot be.
  mlir::LogicalResult emit();

  const Variant &variant() const { return target; }
  mlir::ModuleOp module() { return out; }

  /// How the input of a product with `weight` is stored.
  InputForm inputForm(WeightOp weight) const;
  /// Stores a vector of a matrix product's input.
  void storeInput(KernelBuilder &k, InputForm form, mlir::Value vector,
                  mlir::Value ptr, int64_t count);

  /// Stores a vector of an op's result: as a product's input where only
  /// products read it.
  void storeResult(KernelBuilder &k, mlir::Value result, mlir::Value vector,
                   mlir::Value ptr, int64_t count);

  /// Rows of a value: `element` follows from its producer.
  Rows rowsOf(KernelFrame &frame, mlir::Value value);
  Element elementOf(mlir::Value value);

  /// Index of a micro-kernel, added when new.
  int64_t brgemm(const BrgemmKey &key);
  /// Index of a stage name, added when new.
  int64_t stage(llvm::StringRef name);

  /// A kernel function of the standard signature; `body` fills it.
  mlir::LLVM::LLVMFuncOp kernel(llvm::StringRef name, mlir::Location loc,
                                llvm::function_ref<void(KernelFrame &)> body);
  /// A helper function, emitted once per name.
  mlir::LLVM::LLVMFuncOp
  helper(llvm::StringRef name, llvm::ArrayRef<mlir::Type> argumentTypes,
         llvm::function_ref<void(KernelBuilder &, mlir::ValueRange)> body);
  /// A private array of floats, emitted once per name; returns its address.
  mlir::Value constantArray(KernelBuilder &k, llvm::StringRef name,
                            llvm::ArrayRef<float> values);

private:
  mlir::LogicalResult emitStep();
  mlir::LogicalResult emitStage(mlir::Operation *op, KernelFrame &frame);
  std::string uniqueName(llvm::StringRef stem);

  mlir::ModuleOp out;
  const Variant &target;
  std::vector<BrgemmKey> brgemms;
  std::vector<std::string> stages;
  llvm::StringMap<mlir::LLVM::LLVMFuncOp> helpers;
  llvm::StringMap<mlir::LLVM::GlobalOp> arrays;
  llvm::StringMap<int> names;
};

//===----------------------------------------------------------------------===//
// One emitter per op, each in its own file. They fill the frame of the op's
// kernel; `op`'s slots and weights have been planned.
//===----------------------------------------------------------------------===//

void emitEmbedding(KernelFrame &frame, EmbeddingOp op);
void emitFusedQkv(KernelFrame &frame, FusedQkvOp op);
void emitAttention(KernelFrame &frame, AttentionOp op);
void emitFusedLinear(KernelFrame &frame, FusedLinearOp op);
void emitGatedMlp(KernelFrame &frame, GatedMlpOp op);
void emitFusedLmHead(KernelFrame &frame, FusedLmHeadOp op);
/// The step's result when it is selected rows of an activation: copies them.
void emitSelectRows(KernelFrame &frame, SelectRowsOp op);

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_STEPEMITTER_H
