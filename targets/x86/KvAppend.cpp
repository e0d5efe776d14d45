//===- KvAppend.cpp - storing a key or a value in its block ---------------===//
//
// Keys lie with their positions side by side (runtime/packing/KvLayout.h), so
// the features of one key are stored one by one; attention reads each of them
// many times in return.
//
//===----------------------------------------------------------------------===//

#include "targets/x86/KvAddress.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {
class AppendEmitter {
public:
  AppendEmitter(KernelBuilder &k, const KvGeometry &kv, bool value, Value row,
                Value head, Value position)
      : k(k), b(k.ops()), kv(kv), value(value), row(row), head(head),
        position(position) {}

  void emit() {
    if (kv.hasScales())
      emitScale();
    if (value)
      head = k.offset(head, kv.valuesOffset());
    forEachVector([&](Value column, int64_t count) {
      Value stored = narrow(k.loadVector(k.offset(row, k.mul(column, 4)),
                                         Element::F32, k.lanes(), count));
      if (value)
        storeValue(stored, column, count);
      else
        storeKey(stored, column, count);
    });
  }

private:
  /// Whole vectors in a loop, the rest with its number of columns.
  void forEachVector(function_ref<void(Value column, int64_t count)> body) {
    int64_t whole = kv.headDim / k.lanes() * k.lanes();
    if (whole > 0)
      k.loop(k.i64(0), k.i64(whole), k.lanes(),
             [&](Value column) { body(column, k.lanes()); });
    if (whole < kv.headDim)
      body(k.i64(whole), kv.headDim - whole);
  }

  /// One scale per position and head: the largest magnitude becomes 127.
  void emitScale() {
    Value largest = k.zero();
    for (int64_t column = 0; column < kv.headDim; column += k.lanes()) {
      int64_t count = std::min(k.lanes(), kv.headDim - column);
      Value x = k.loadVector(k.offset(row, column * 4), Element::F32, k.lanes(),
                             count);
      largest = k.maxf(largest, k.maxf(x, k.subf(k.zero(), x)));
    }
    Value magnitude = k.reduceMax(largest);
    Value scale = k.mulf(magnitude, k.f32(1.0f / 127.0f));
    Value place = k.add(k.mul(position, 4),
                        value ? kv.valueScalesOffset() : kv.keyScalesOffset());
    k.store(scale, k.offset(head, place));
    Value isZero =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, scale, k.f32(0.0f));
    inverse =
        k.splat(k.select(isZero, k.f32(0.0f), k.divf(k.f32(1.0f), scale)));
  }

  /// The vector in the element's own type, bf16 and f16 as i16.
  Value narrow(Value x) {
    auto ints = [&](unsigned bits) {
      return VectorType::get({k.lanes()}, b.getIntegerType(bits));
    };
    switch (kv.element) {
    case KvElement::F32:
      return arith::BitcastOp::create(b, ints(32), x);
    case KvElement::BF16:
      return arith::TruncIOp::create(
          b, ints(16),
          arith::ShRUIOp::create(
              b, arith::BitcastOp::create(b, ints(32), k.roundToBf16(x)),
              arith::ConstantOp::create(
                  b, DenseElementsAttr::get(ints(32), int32_t(16)))));
    case KvElement::F16:
      return arith::BitcastOp::create(
          b, ints(16),
          arith::TruncFOp::create(
              b, VectorType::get({k.lanes()}, b.getF16Type()), x));
    case KvElement::I8: {
      Value whole = LLVM::RintOp::create(b, k.mulf(x, inverse));
      return arith::TruncIOp::create(
          b, ints(8), arith::FPToSIOp::create(b, ints(32), whole));
    }
    }
    llvm_unreachable("the elements above are all");
  }

  Value lane(Value vector, int64_t i) {
    return vector::ExtractOp::create(b, vector, i);
  }

  void storeKey(Value stored, Value column, int64_t count) {
    int64_t together = kv.pairing();
    if (together == 2) {
      auto pairs = VectorType::get({k.lanes() / 2}, b.getI32Type());
      stored = vector::BitCastOp::create(b, pairs, stored);
    }
    int64_t bytes = together * kv.elementBytes();
    Value place =
        k.offset(head, k.add(k.mul(k.div(column, together), kv.tokens * bytes),
                             k.mul(position, bytes)));
    for (int64_t i = 0; i < count / together; ++i)
      k.store(lane(stored, i), k.offset(place, i * kv.tokens * bytes), bytes);
  }

  void storeValue(Value stored, Value column, int64_t count) {
    int64_t bytes = kv.elementBytes(), together = kv.pairing();
    Value place =
        k.offset(head, k.add(k.mul(k.div(position, together),
                                   kv.paddedDim() * together * bytes),
                             k.add(k.mul(column, together * bytes),
                                   k.mul(k.rem(position, together), bytes))));
    // Whole vectors of contiguous values; their padding is nobody's.
    if (together == 1)
      return k.store(stored, place, bytes);
    for (int64_t i = 0; i < count; ++i)
      k.store(lane(stored, i), k.offset(place, i * together * bytes), bytes);
  }

  KernelBuilder &k;
  ImplicitLocOpBuilder &b;
  const KvGeometry &kv;
  bool value;
  Value row, head, position, inverse;
};
} // namespace

LLVM::LLVMFuncOp swallow::x86::appendHelper(StepEmitter &step,
                                            const KvGeometry &kv, bool value) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  std::string name =
      std::string(value ? "append_value_" : "append_key_") + kv.suffix();
  return step.helper(name, {ptr, ptr, i64},
                     [&](KernelBuilder &k, ValueRange v) {
                       AppendEmitter(k, kv, value, v[0], v[1], v[2]).emit();
                     });
}
