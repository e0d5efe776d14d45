//===- ScalarBuilder.h - loops and scalars of kernel emitters ---*- C++ -*-===//
//
// What the kernel emitters of all targets share: a thin layer over the arith,
// scf and LLVM dialects with which an emitter reads like its loop nest. Memory
// is addressed by byte offsets from !llvm.ptr, whose address space an offset
// keeps. Constants take the integer type of what they are combined with, so
// that a target counts in i64 or in i32 as it likes. Every method creates ops
// at the builder's insertion point.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_COMMON_SCALARBUILDER_H
#define SWALLOW_TARGETS_COMMON_SCALARBUILDER_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace swallow {

inline int64_t roundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

class ScalarBuilder {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;

  ScalarBuilder(mlir::OpBuilder &builder, mlir::Location loc);

  mlir::ImplicitLocOpBuilder &ops() { return b; }

  //===--- types ------------------------------------------------------------//
  mlir::Type ptrType(unsigned addressSpace = 0);
  mlir::Type f32Type() { return b.getF32Type(); }
  mlir::Type i32Type() { return b.getI32Type(); }
  mlir::Type i64Type() { return b.getI64Type(); }

  //===--- scalars ----------------------------------------------------------//
  Value i64(int64_t value);
  Value i32(int32_t value);
  Value f32(float value);
  /// `value` in an integer type.
  Value integer(mlir::Type type, int64_t value);
  Value add(Value lhs, Value rhs);
  Value add(Value lhs, int64_t rhs);
  Value sub(Value lhs, Value rhs);
  Value mul(Value lhs, Value rhs);
  Value mul(Value lhs, int64_t rhs);
  /// Quotient and remainder of non-negative integers.
  Value div(Value lhs, Value rhs);
  Value div(Value lhs, int64_t rhs);
  Value rem(Value lhs, Value rhs);
  Value rem(Value lhs, int64_t rhs);
  Value min(Value lhs, Value rhs);
  Value max(Value lhs, Value rhs);
  Value andi(Value lhs, Value rhs);
  Value ori(Value lhs, Value rhs);
  Value lessThan(Value lhs, Value rhs);
  Value equal(Value lhs, Value rhs);
  Value select(Value condition, Value ifTrue, Value ifFalse);

  //===--- memory -----------------------------------------------------------//
  /// `base` + `bytes`.
  Value offset(Value base, Value bytes);
  Value offset(Value base, int64_t bytes);
  Value load(mlir::Type type, Value ptr, int64_t alignment = 4);
  void store(Value value, Value ptr, int64_t alignment = 4);

  //===--- numbers, and vectors of them -------------------------------------//
  Value fma(Value a, Value b, Value c);
  Value addf(Value lhs, Value rhs);
  Value subf(Value lhs, Value rhs);
  Value mulf(Value lhs, Value rhs);
  Value divf(Value lhs, Value rhs);
  Value maxf(Value lhs, Value rhs);
  Value sqrtf(Value value);
  Value absf(Value value);
  Value intrinsic(llvm::StringRef name, mlir::Type result,
                  mlir::ValueRange operands);
  void intrinsic(llvm::StringRef name, mlir::ValueRange operands);

  //===--- control flow -----------------------------------------------------//
  void loop(Value lower, Value upper, int64_t step,
            llvm::function_ref<void(Value iv)> body);
  /// Carries values: `body` returns them for the next iteration.
  Values loop(Value lower, Value upper, int64_t step, mlir::ValueRange init,
              llvm::function_ref<Values(Value iv, mlir::ValueRange)> body);
  /// `body` with `first`, then with what it returns, as long as that is less
  /// than `limit`; returns the first that is not.
  Value loopWhileLess(Value first, Value limit,
                      llvm::function_ref<Value(Value at)> body);
  void ifThen(Value condition, llvm::function_ref<void()> then);
  void ifThenElse(Value condition, llvm::function_ref<void()> then,
                  llvm::function_ref<void()> otherwise);
  /// Carries values of `types` out of the branch that is taken.
  Values ifThenElse(Value condition, mlir::TypeRange types,
                    llvm::function_ref<Values()> then,
                    llvm::function_ref<Values()> otherwise);

protected:
  mlir::ImplicitLocOpBuilder b;
};

} // namespace swallow

#endif // SWALLOW_TARGETS_COMMON_SCALARBUILDER_H
