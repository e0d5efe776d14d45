//===- StepLiveness.h - when each activation of a step is live --*- C++ -*-===//

#ifndef SWALLOW_PASSES_ARENA_STEPLIVENESS_H
#define SWALLOW_PASSES_ARENA_STEPLIVENESS_H

#include "dialects/swallow/SwallowDialect.h"

#include "llvm/ADT/MapVector.h"

#include <utility>
#include <vector>

namespace swallow {

/// The ops of a step in the order in which they run, loops taken once and
/// calls followed, and the activations that they write and read.
///
/// Time counts ops. An activation is live in the closed interval [begin, end],
/// from the op that writes it to the last one that reads it: an op's result
/// and its operands are live together, since all threads work on an op at
/// once. What a loop reads from outside is live until the loop ends.
struct StepLiveness {
  struct Activation {
    /// The SSA value that first names it.
    mlir::Value value;
    int begin = 0, end = 0;
    std::vector<mlir::OpOperand *> reads;
    /// The activation that the op reads only as its residual, element by
    /// element where it writes this one, and so may be overwritten by it; -1:
    /// none.
    int residual = -1;
    /// Activations whose content this one takes over unchanged: what enters a
    /// loop, what leaves it.
    std::vector<int> copies;
  };
  struct Event {
    mlir::Operation *op;
    int time;
    /// The activation that is operand 0; -1 when it is none.
    int input;
  };

  std::vector<Activation> activations;
  /// Every SSA value of activation type except the logits -> the activations
  /// that it stands for, one per call of its function.
  llvm::MapVector<mlir::Value, std::vector<int>> named;
  /// Pairs that a loop or a call forces into one place.
  std::vector<std::pair<int, int>> joined;
  std::vector<Event> events;
  /// First and last time of each loop.
  std::vector<std::pair<int, int>> loops;

  /// The last time at which something written at `begin` must still be there
  /// so that it can be read at `time`.
  int endOfRead(int begin, int time) const;

  /// Whether `a` and `b` need different places.
  bool conflict(int a, int b) const;

  /// Fails, with an error on the op, for recursion, for functions without a
  /// body and for regions other than those of scf.for.
  static mlir::FailureOr<StepLiveness> compute(mlir::func::FuncOp step);
};

/// Whether `value` is an activation that lives in the arena: a
/// tensor<?xNxf32> that is not the result of an LM head.
bool isArenaActivation(mlir::Value value);

} // namespace swallow

#endif // SWALLOW_PASSES_ARENA_STEPLIVENESS_H
