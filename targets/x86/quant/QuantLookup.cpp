//===- QuantLookup.cpp - a row of a quantised table -----------------------===//

#include "targets/x86/quant/QuantProduct.h"

#include "runtime/packing/QuantFormat.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {

/// One output feature of a packed block, input by input.
class LookupEmitter {
public:
  LookupEmitter(StepEmitter &step, KernelBuilder &k, const PackedLayout &layout,
                Value table, Value id, Value dst)
      : k(k), b(k.ops()), layout(layout), dst(dst),
        column(k.rem(id, layout.nBlock)) {
    block =
        k.offset(table, k.mul(k.div(id, layout.nBlock), layout.blockBytes()));
    if (layout.element == PackedElement::I4) {
      SmallVector<float> values(kInt4Levels.begin(), kInt4Levels.end());
      levels = step.constantArray(k, "int4_levels", values);
    }
  }

  void emit() {
    Value blockScale = k.load(k.f32Type(), block);
    int64_t whole = layout.cols / kQuantGroup;
    k.loop(k.i64(0), k.i64(whole), 1,
           [&](Value g) { emitGroup(g, kQuantGroup, blockScale); });
    if (int64_t rest = layout.cols % kQuantGroup)
      emitGroup(k.i64(whole), rest, blockScale);
    for (int64_t at = layout.cols; at < roundUp(layout.cols, 16); ++at)
      k.store(k.f32(0.0f), k.offset(dst, at * 4));
  }

private:
  Value byteAt(Value ptr) {
    return arith::ExtUIOp::create(b, b.getI32Type(),
                                  k.load(b.getI8Type(), ptr, 1));
  }
  Value bits(Value byte, int64_t shift, int32_t mask) {
    Value moved = shift == 0 ? byte
                             : arith::ShRUIOp::create(
                                   b, byte, k.i32(static_cast<int32_t>(shift)));
    return arith::AndIOp::create(b, moved, k.i32(mask));
  }

  void emitGroup(Value g, int64_t count, Value blockScale) {
    Value group = k.offset(
        block, k.add(k.mul(g, quantGroupBytes(layout.element, layout.nBlock)),
                     kQuantHeaderBytes));
    Value c = arith::SIToFPOp::create(
        b, k.f32Type(), k.load(b.getI8Type(), k.offset(group, column), 1));
    Value scale = k.mulf(k.mulf(c, k.absf(c)), blockScale);
    Value planes = k.offset(k.offset(group, layout.nBlock), k.mul(column, 4));
    Value to = k.offset(dst, k.mul(g, kQuantGroup * 4));
    for (int64_t input = 0; input < count; ++input)
      k.store(k.mulf(level(planes, input), scale), k.offset(to, input * 4));
  }

  Value level(Value planes, int64_t input) {
    int64_t planeBytes = layout.nBlock * 4, quad = input / 4, byte = input % 4;
    if (layout.element == PackedElement::I8)
      return centred(byteAt(k.offset(planes, quad * planeBytes + byte)));
    Value low = bits(byteAt(k.offset(planes, quad / 2 * planeBytes + byte)),
                     quad % 2 * 4, 15);
    if (layout.element == PackedElement::I4) {
      Value index = arith::ExtUIOp::create(b, k.i64Type(), low);
      return k.load(k.f32Type(), k.offset(levels, k.mul(index, 4)));
    }
    Value high =
        bits(byteAt(k.offset(planes, 2 * planeBytes + byte)), 2 * quad, 3);
    return centred(
        arith::OrIOp::create(b, low, arith::ShLIOp::create(b, high, k.i32(4))));
  }

  Value centred(Value code) {
    return arith::SIToFPOp::create(
        b, k.f32Type(),
        arith::SubIOp::create(
            b, code, k.i32(static_cast<int32_t>(quantOffset(layout.element)))));
  }

  KernelBuilder &k;
  ImplicitLocOpBuilder &b;
  const PackedLayout &layout;
  Value dst, column, block, levels;
};

} // namespace

void swallow::x86::emitQuantizedTableRow(StepEmitter &step, KernelBuilder &k,
                                         const PackedLayout &layout,
                                         Value table, Value id, Value dst) {
  LookupEmitter(step, k, layout, table, id, dst).emit();
}
