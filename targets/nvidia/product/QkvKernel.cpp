//===- QkvKernel.cpp - Q/K/V projection, RoPE and KV append ---------------===//
//
// A unit is a head. Its columns lie in shared memory when the product is done:
// a warp takes a row, rotates it there if it is of a query or a key, and writes
// it to the query rows or into the row's KV block.
//
//===----------------------------------------------------------------------===//

#include "targets/nvidia/attention/KvAddress.h"
#include "targets/nvidia/product/Product.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

namespace {

class QkvEpilogue {
public:
  QkvEpilogue(KernelFrame &frame, FusedQkvOp op, const Tile &tile)
      : f(frame), k(frame.k), op(op), tile(tile),
        queries(frame.rowsOf(op.getResult())),
        kvHeads(op.getKv().getType().getHeads()),
        headDim(op.getKv().getType().getHeadDim()), half(headDim / 2) {
    bias = biasOfUnit(f, op.getBias(), tile.unit, tile.columns);
  }

  void emit() {
    lane = k.lane();
    const auto queryHeads = static_cast<int32_t>(queries.columns / headDim);
    const auto keyHeads = static_cast<int32_t>(kvHeads);
    k.loop(k.warp(), tile.rows, tile.threads / kWarp, [&](Value r) {
      row = k.add(tile.row0, r);
      data = k.offset(tile.data, k.mul(r, tile.stride * 4));
      if (bias)
        forEachColumn(headDim, [&](Value i) {
          Value b = k.loadConstant(k.f32Type(), k.offset(bias, k.mul(i, 4)), 4);
          Value at = k.offset(data, k.mul(i, 4));
          k.store(k.addf(k.load(k.f32Type(), at), b), at);
        });
      Value isRotated = k.lessThan(tile.unit, k.i32(queryHeads + keyHeads));
      k.ifThen(isRotated, [&] {
        k.warpBarrier();
        emitRotation();
      });
      k.warpBarrier();
      k.ifThenElse(
          k.lessThan(tile.unit, k.i32(queryHeads)), [&] { emitQuery(); },
          [&] {
            Value head = k.sub(tile.unit, k.i32(queryHeads));
            k.ifThenElse(
                k.lessThan(head, k.i32(keyHeads)),
                [&] { emitAppend(head, /*value=*/false); },
                [&] {
                  emitAppend(k.sub(head, k.i32(keyHeads)), /*value=*/true);
                });
          });
    });
  }

private:
  /// Columns of the row, shared out among the lanes.
  void forEachColumn(int64_t count, function_ref<void(Value)> body) {
    k.loop(lane, k.i32(static_cast<int32_t>(count)), kWarp, body);
  }
  Value column(Value i) {
    return k.load(k.f32Type(), k.offset(data, k.mul(i, 4)));
  }

  /// (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin) with x2 half a head on. The
  /// products are rounded one by one, as transformers does.
  void emitRotation() {
    const int64_t rowBytes = roundUp(headDim * 4, 64);
    Value table =
        f.row(f.slot(f.step.workspaceSlot(op, "rope")), row, rowBytes);
    forEachColumn(half, [&](Value i) {
      Value at = k.mul(i, 4);
      Value cos = k.load(k.f32Type(), k.offset(table, at));
      Value sin = k.load(k.f32Type(), k.offset(table, k.add(at, half * 4)));
      Value first = k.offset(data, at), second = k.offset(first, half * 4);
      Value x1 = k.load(k.f32Type(), first), x2 = k.load(k.f32Type(), second);
      k.store(k.subf(k.mulf(x1, cos), k.mulf(x2, sin)), first);
      k.store(k.addf(k.mulf(x2, cos), k.mulf(x1, sin)), second);
    });
  }

  void emitQuery() {
    Value to = k.offset(f.row(queries.base, row, queries.stride()),
                        k.mul(tile.unit, headDim * 4));
    forEachColumn(headDim, [&](Value i) {
      k.store(column(i), k.offset(to, k.mul(i, 4)));
    });
  }

  void emitAppend(Value head, bool value) {
    Value position = f.element(Arg::Positions, row);
    Value sequence = f.element(Arg::Sequences, row);
    Value chosen = f.count(Arg::KvElement);
    for (KvElement element : kKvElements) {
      Value isThis = k.equal(chosen, k.i32(static_cast<int32_t>(element)));
      k.ifThen(isThis, [&] {
        KvGeometry kv(op.getKv().getType(), element);
        Value base = kv.headBase(f, sequence,
                                 k.div(position, KvBlockLayout::tokens), head);
        emitAppend(kv, base, k.rem(position, KvBlockLayout::tokens), value);
      });
    }
  }

  /// Stores the row at place `token` of a block, as KvLayout.h has it.
  void emitAppend(const KvGeometry &kv, Value base, Value token, bool value) {
    Value inverse;
    if (kv.hasScales())
      inverse = emitScale(kv, base, token, value);
    const int64_t g = kv.pairing(), bytes = kv.elementBytes();
    forEachColumn(headDim, [&](Value i) {
      Value at; // in elements
      if (value)
        at = k.add(k.mul(k.add(k.mul(k.div(token, g), kv.paddedDim()), i), g),
                   k.rem(token, g));
      else
        at = k.add(
            k.mul(k.add(k.mul(k.div(i, g), KvBlockLayout::tokens), token), g),
            k.rem(i, g));
      Value to = k.offset(
          base, k.add(k.mul(at, bytes), value ? kv.valuesOffset() : 0));
      storeNarrow(kv.element, column(i), inverse, to);
    });
  }

  /// One scale per position and head: the largest magnitude becomes 127.
  Value emitScale(const KvGeometry &kv, Value base, Value token, bool value) {
    auto largest =
        k.loop(lane, k.i32(static_cast<int32_t>(headDim)), kWarp, {k.zero()},
               [&](Value i, ValueRange in) {
                 return GpuBuilder::Values{k.maxf(in[0], k.absf(column(i)))};
               });
    Value scale = k.mulf(k.warpMax(largest[0]), k.f32(1.0f / 127.0f));
    Value place = k.add(k.mul(token, 4),
                        value ? kv.valueScalesOffset() : kv.keyScalesOffset());
    k.ifThen(k.equal(lane, k.i32(0)),
             [&] { k.store(scale, k.offset(base, place)); });
    Value isZero = arith::CmpFOp::create(k.ops(), arith::CmpFPredicate::OEQ,
                                         scale, k.zero());
    return k.select(isZero, k.zero(), k.reciprocal(scale));
  }

  void storeNarrow(KvElement element, Value x, Value inverse, Value to) {
    ImplicitLocOpBuilder &b = k.ops();
    switch (element) {
    case KvElement::F32:
      return k.store(x, to);
    case KvElement::BF16:
      return k.storeElement(x, to, Element::BF16);
    case KvElement::F16:
      return k.store(arith::TruncFOp::create(b, b.getF16Type(), x), to, 2);
    case KvElement::I8: {
      Value whole = LLVM::RintOp::create(b, k.mulf(x, inverse));
      Value integer = arith::FPToSIOp::create(b, k.i32Type(), whole);
      return k.store(arith::TruncIOp::create(b, b.getI8Type(), integer), to, 1);
    }
    }
  }

  KernelFrame &f;
  GpuBuilder &k;
  FusedQkvOp op;
  const Tile &tile;
  Rows queries;
  int64_t kvHeads, headDim, half;
  Value bias, lane, row, data;
};

} // namespace

void swallow::nvidia::emitKernels(StepEmitter &step, FusedQkvOp op) {
  WeightOp weight = step.weightOf(op.getWeight());
  const int64_t headDim = op.getKv().getType().getHeadDim();
  const int64_t nBlock = weight.getPackedLayout().nBlock;
  Product product{op, op.getInput(), weight, op.getNorm(),
                  op.getEps() ? op.getEps()->convertToDouble() : 0.0};
  product.unitBlocks = (headDim + nBlock - 1) / nBlock;
  emitProduct(step, product, [&](KernelFrame &f, const Tile &tile) {
    QkvEpilogue(f, op, tile).emit();
  });
}
