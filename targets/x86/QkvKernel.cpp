//===- QkvKernel.cpp - Q/K/V projection, RoPE and KV append ---------------===//
//
// A unit of work is one head: its projection is rotated (queries and keys) and
// goes to the query rows or straight into the KV blocks while it is in cache.
//
//===----------------------------------------------------------------------===//

#include "targets/x86/KvAddress.h"
#include "targets/x86/Matmul.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {
class QkvEpilogue {
public:
  QkvEpilogue(KernelFrame &frame, FusedQkvOp op, const Tile &tile,
              const Rows &queries, const Rows &rope)
      : f(frame), k(frame.k), op(op), tile(tile), queries(queries), rope(rope),
        kvHeads(op.getKv().getType().getHeads()),
        headDim(op.getKv().getType().getHeadDim()), half(headDim / 2) {
    bias = biasOfUnit(f, op.getBias(), tile.unit, tile.columns);
  }

  void emit() {
    int64_t queryHeads = queries.columns / headDim;
    k.loop(k.i64(0), tile.rows, 1, [&](Value r) {
      row = k.add(tile.row0, r);
      data = k.offset(tile.data, k.mul(r, tile.columns * 4));
      k.ifThenElse(
          k.lessThan(tile.unit, k.i64(queryHeads)),
          [&] {
            Value at = k.add(k.mul(row, queries.stride()),
                             k.mul(tile.unit, headDim * 4));
            emitRotated(k.offset(queries.base, at));
          },
          [&] {
            Value head = k.sub(tile.unit, k.i64(queryHeads));
            k.ifThenElse(
                k.lessThan(head, k.i64(kvHeads)),
                [&] {
                  emitRotated(data);
                  emitAppend(head, /*value=*/false);
                },
                [&] {
                  emitBias();
                  emitAppend(k.sub(head, k.i64(kvHeads)), /*value=*/true);
                });
          });
    });
  }

private:
  void emitAppend(Value head, bool value) {
    Value position = f.element(Arg::Positions, row);
    Value sequence = f.element(Arg::Sequences, row);
    forKvElement(f, [&](KvElement element) {
      KvGeometry kv(op.getKv().getType(), element);
      Value base = kv.headBase(f, sequence, k.div(position, kv.tokens), head);
      f.call(appendHelper(f.step, kv, value),
             {data, base, k.rem(position, kv.tokens)});
    });
  }

  /// Columns [column, column + count) of the head, bias added.
  Value projected(int64_t column, int64_t count) {
    Value x = k.loadVector(k.offset(data, column * 4), Element::F32, k.lanes(),
                           count);
    if (!bias)
      return x;
    return k.addf(x, k.loadVector(k.offset(bias, column * 4), Element::F32,
                                  k.lanes(), count));
  }

  void forEachVector(int64_t columns,
                     function_ref<void(int64_t column, int64_t count)> body) {
    for (int64_t column = 0; column < columns; column += k.lanes())
      body(column, std::min(k.lanes(), columns - column));
  }

  /// (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin) with x2 half a head on.
  void emitRotated(Value destination) {
    Value table = k.offset(rope.base, k.mul(row, rope.stride()));
    forEachVector(half, [&](int64_t i, int64_t count) {
      auto angle = [&](int64_t at) {
        return k.loadVector(k.offset(table, at * 4), Element::F32, k.lanes(),
                            count);
      };
      Value cos = angle(i), sin = angle(half + i);
      Value x1 = projected(i, count), x2 = projected(half + i, count);
      Value y1 = k.subf(k.mulf(x1, cos), k.mulf(x2, sin));
      Value y2 = k.addf(k.mulf(x2, cos), k.mulf(x1, sin));
      k.storeVector(y1, k.offset(destination, i * 4), Element::F32, count);
      k.storeVector(y2, k.offset(destination, (half + i) * 4), Element::F32,
                    count);
    });
  }

  void emitBias() {
    if (bias)
      forEachVector(headDim, [&](int64_t i, int64_t count) {
        k.storeVector(projected(i, count), k.offset(data, i * 4), Element::F32,
                      count);
      });
  }

  KernelFrame &f;
  KernelBuilder &k;
  FusedQkvOp op;
  const Tile &tile;
  const Rows &queries, &rope;
  int64_t kvHeads, headDim, half;
  Value bias, row, data;
};
} // namespace

void swallow::x86::emitFusedQkv(KernelFrame &frame, FusedQkvOp op) {
  StepEmitter &step = frame.step;
  WeightOp weight = step.weightOf(op.getWeight());
  int64_t headDim = op.getKv().getType().getHeadDim();
  int64_t blocksPerHead = (headDim + weight.getPackedLayout().nBlock - 1) /
                          weight.getPackedLayout().nBlock;
  Units units = unitsOf(weight, blocksPerHead);
  Rows queries = step.rowsOf(frame, op.getResult());
  Rows rope{frame.slot(step.workspaceSlot(op, "rope")), headDim, Element::F32};
  Product product{op, op.getInput(), weight, op.getNorm(),
                  op.getEps() ? op.getEps()->convertToDouble() : 0.0};
  emitProduct(frame, product, units, [&](KernelFrame &f, const Tile &tile) {
    QkvEpilogue(f, op, tile, queries, rope).emit();
  });
}
