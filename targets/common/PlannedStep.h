//===- PlannedStep.h - what emitters ask of the planned step ----*- C++ -*-===//
//
// A planned module says of every op of its step where its results and
// workspaces lie, and of every weight how it is packed. The emitters of all
// targets read it through this.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_COMMON_PLANNEDSTEP_H
#define SWALLOW_TARGETS_COMMON_PLANNEDSTEP_H

#include "dialects/swallow/SwallowDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

#include <string>

namespace swallow {

class PlannedStep {
public:
  /// `planned` has been through the planning passes.
  explicit PlannedStep(mlir::ModuleOp planned)
      : planned(planned), symbols(planned) {}

  mlir::ModuleOp plannedModule() { return planned; }

  /// The slot numbered on `op` as its result, or its workspace whose name
  /// starts with `prefix`; -1 with a diagnostic when there is none.
  int64_t resultSlot(mlir::Operation *op);
  int64_t workspaceSlot(mlir::Operation *op, llvm::StringRef prefix);
  /// The slot that holds an activation; -1 with a diagnostic.
  int64_t slotOf(mlir::Value activation);
  /// Null for -1, what the above give after a diagnostic.
  SlotAttr slotAttr(int64_t index);
  /// The element type in which an activation is stored.
  mlir::Type storedType(mlir::Value activation);
  WeightOp weightOf(mlir::Value loaded);
  /// "layers.o_proj" as "o_proj", the stem of a kernel's name.
  std::string stageName(mlir::Operation *op);

  /// Emits an error; emission goes on to the end of the kernel and then fails.
  void complain(mlir::Operation *op, const llvm::Twine &message);
  bool hasComplained() const { return complained; }

protected:
  /// What a walk over the step meets.
  struct Visitor {
    /// A fused op; its weights are planned, and all of the layer of the loop
    /// around it.
    llvm::function_ref<mlir::LogicalResult(mlir::Operation *)> stage;
    /// A loop over layers [begin, end); `body` visits what is in it.
    llvm::function_ref<mlir::LogicalResult(
        int64_t begin, int64_t end,
        llvm::function_ref<mlir::LogicalResult()> body)>
        layers;
  };
  /// Visits the ops of @step in order, through loops and calls. Fails with a
  /// diagnostic on what has no place in a planned step; `target` is whose
  /// kernels it names there.
  mlir::LogicalResult visit(llvm::StringRef target, const Visitor &visitor);
  mlir::func::FuncOp stepFunction();

private:
  mlir::LogicalResult visitBlock(mlir::Block &block, llvm::StringRef target,
                                 const Visitor &visitor);
  mlir::LogicalResult checkPlanned(mlir::Operation *op);

  mlir::ModuleOp planned;
  mlir::SymbolTable symbols;
  bool complained = false;
  mlir::Value layerIndex; ///< of the loop being visited
};

} // namespace swallow

#endif // SWALLOW_TARGETS_COMMON_PLANNEDSTEP_H
