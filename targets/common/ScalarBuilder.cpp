//===- ScalarBuilder.cpp - loops and scalars of kernel emitters -----------===//

#include "targets/common/ScalarBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace swallow;

ScalarBuilder::ScalarBuilder(OpBuilder &builder, Location loc)
    : b(loc, builder) {}

Type ScalarBuilder::ptrType(unsigned addressSpace) {
  return LLVM::LLVMPointerType::get(b.getContext(), addressSpace);
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value ScalarBuilder::i64(int64_t value) {
  return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
}
Value ScalarBuilder::i32(int32_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
}
Value ScalarBuilder::f32(float value) {
  return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
}
Value ScalarBuilder::integer(Type type, int64_t value) {
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
}
Value ScalarBuilder::add(Value lhs, Value rhs) {
  return arith::AddIOp::create(b, lhs, rhs);
}
Value ScalarBuilder::add(Value lhs, int64_t rhs) {
  return rhs == 0 ? lhs : add(lhs, integer(lhs.getType(), rhs));
}
Value ScalarBuilder::sub(Value lhs, Value rhs) {
  return arith::SubIOp::create(b, lhs, rhs);
}
Value ScalarBuilder::mul(Value lhs, Value rhs) {
  return arith::MulIOp::create(b, lhs, rhs);
}
Value ScalarBuilder::mul(Value lhs, int64_t rhs) {
  return rhs == 1 ? lhs : mul(lhs, integer(lhs.getType(), rhs));
}
Value ScalarBuilder::div(Value lhs, Value rhs) {
  return arith::DivUIOp::create(b, lhs, rhs);
}
Value ScalarBuilder::div(Value lhs, int64_t rhs) {
  return div(lhs, integer(lhs.getType(), rhs));
}
Value ScalarBuilder::rem(Value lhs, Value rhs) {
  return arith::RemUIOp::create(b, lhs, rhs);
}
Value ScalarBuilder::rem(Value lhs, int64_t rhs) {
  return rem(lhs, integer(lhs.getType(), rhs));
}
Value ScalarBuilder::min(Value lhs, Value rhs) {
  return arith::MinSIOp::create(b, lhs, rhs);
}
Value ScalarBuilder::max(Value lhs, Value rhs) {
  return arith::MaxSIOp::create(b, lhs, rhs);
}
Value ScalarBuilder::andi(Value lhs, Value rhs) {
  return arith::AndIOp::create(b, lhs, rhs);
}
Value ScalarBuilder::ori(Value lhs, Value rhs) {
  return arith::OrIOp::create(b, lhs, rhs);
}
Value ScalarBuilder::lessThan(Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lhs, rhs);
}
Value ScalarBuilder::equal(Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lhs, rhs);
}
Value ScalarBuilder::select(Value condition, Value ifTrue, Value ifFalse) {
  return arith::SelectOp::create(b, condition, ifTrue, ifFalse);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value ScalarBuilder::offset(Value base, Value bytes) {
  return LLVM::GEPOp::create(b, base.getType(), b.getI8Type(), base,
                             ValueRange{bytes});
}
Value ScalarBuilder::offset(Value base, int64_t bytes) {
  return bytes == 0 ? base : offset(base, i64(bytes));
}
Value ScalarBuilder::load(Type type, Value ptr, int64_t alignment) {
  return LLVM::LoadOp::create(b, type, ptr, static_cast<unsigned>(alignment));
}
void ScalarBuilder::store(Value value, Value ptr, int64_t alignment) {
  LLVM::StoreOp::create(b, value, ptr, static_cast<unsigned>(alignment));
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

Value ScalarBuilder::fma(Value x, Value y, Value z) {
  return LLVM::FMAOp::create(b, x, y, z);
}
Value ScalarBuilder::addf(Value lhs, Value rhs) {
  return arith::AddFOp::create(b, lhs, rhs);
}
Value ScalarBuilder::subf(Value lhs, Value rhs) {
  return arith::SubFOp::create(b, lhs, rhs);
}
Value ScalarBuilder::mulf(Value lhs, Value rhs) {
  return arith::MulFOp::create(b, lhs, rhs);
}
Value ScalarBuilder::divf(Value lhs, Value rhs) {
  return arith::DivFOp::create(b, lhs, rhs);
}
Value ScalarBuilder::maxf(Value lhs, Value rhs) {
  // Not arith.maximumf: its NaN rules cost a blend; operands here are numbers.
  Value greater = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, lhs, rhs);
  return select(greater, lhs, rhs);
}
Value ScalarBuilder::sqrtf(Value value) {
  return LLVM::SqrtOp::create(b, value);
}
Value ScalarBuilder::absf(Value value) {
  return LLVM::FAbsOp::create(b, value);
}
Value ScalarBuilder::intrinsic(StringRef name, Type result,
                               ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, result, b.getStringAttr(name),
                                       operands)
      .getResult(0);
}
void ScalarBuilder::intrinsic(StringRef name, ValueRange operands) {
  LLVM::CallIntrinsicOp::create(b, b.getStringAttr(name), operands);
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void ScalarBuilder::loop(Value lower, Value upper, int64_t step,
                         function_ref<void(Value)> body) {
  auto forOp =
      scf::ForOp::create(b, lower, upper, integer(lower.getType(), step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(forOp.getBody()->getTerminator());
  body(forOp.getInductionVar());
}
ScalarBuilder::Values
ScalarBuilder::loop(Value lower, Value upper, int64_t step, ValueRange init,
                    function_ref<Values(Value, ValueRange)> body) {
  auto forOp =
      scf::ForOp::create(b, lower, upper, integer(lower.getType(), step), init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(forOp.getBody());
  Values next = body(forOp.getInductionVar(), forOp.getRegionIterArgs());
  scf::YieldOp::create(b, next);
  return Values(forOp.getResults());
}
Value ScalarBuilder::loopWhileLess(Value first, Value limit,
                                   function_ref<Value(Value)> body) {
  auto whileOp = scf::WhileOp::create(
      b, first.getType(), first,
      [&](OpBuilder &builder, Location loc, ValueRange at) {
        Value less = arith::CmpIOp::create(
            builder, loc, arith::CmpIPredicate::slt, at[0], limit);
        scf::ConditionOp::create(builder, loc, less, at);
      },
      [](OpBuilder &, Location, ValueRange) {});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(whileOp.getAfterBody());
  scf::YieldOp::create(b, body(whileOp.getAfterArguments()[0]));
  return whileOp.getResult(0);
}
void ScalarBuilder::ifThen(Value condition, function_ref<void()> then) {
  auto ifOp = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(ifOp.thenBlock()->getTerminator());
  then();
}
void ScalarBuilder::ifThenElse(Value condition, function_ref<void()> then,
                               function_ref<void()> otherwise) {
  auto ifOp = scf::IfOp::create(b, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(ifOp.thenBlock()->getTerminator());
  then();
  b.setInsertionPoint(ifOp.elseBlock()->getTerminator());
  otherwise();
}
ScalarBuilder::Values
ScalarBuilder::ifThenElse(Value condition, TypeRange types,
                          function_ref<Values()> then,
                          function_ref<Values()> otherwise) {
  auto ifOp = scf::IfOp::create(b, types, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  for (auto [block, body] : {std::pair(ifOp.thenBlock(), then),
                             std::pair(ifOp.elseBlock(), otherwise)}) {
    b.setInsertionPointToEnd(block);
    Values results = body();
    scf::YieldOp::create(b, results);
  }
  return Values(ifOp.getResults());
}
