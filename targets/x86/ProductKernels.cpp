//===- ProductKernels.cpp - linear, gated MLP and LM head -----------------===//

#include "targets/x86/Matmul.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

static double epsOf(std::optional<APFloat> eps) {
  return eps ? eps->convertToDouble() : 0.0;
}

/// Calls body(row in tile, vector column in tile) for every row of the tile and
/// every vector of `columns` columns.
static void forEachVector(KernelFrame &frame, const Tile &tile, int64_t columns,
                          function_ref<void(Value row, int64_t column)> body) {
  frame.k.loop(frame.k.i64(0), tile.rows, 1, [&](Value row) {
    for (int64_t column = 0; column < columns; column += frame.k.lanes())
      body(row, column);
  });
}

static Value tileVector(KernelFrame &frame, const Tile &tile, Value row,
                        int64_t column) {
  KernelBuilder &k = frame.k;
  return k.loadVector(
      k.offset(tile.data, k.add(k.mul(row, tile.columns * 4), column * 4)),
      Element::F32);
}

/// Runs `body` where the vector at `column` of block `unit` begins inside a row
/// of `padded` columns; whether it can lie outside is known here.
static void insideRow(KernelFrame &frame, Value unit, int64_t units,
                      int64_t nBlock, int64_t column, int64_t padded,
                      function_ref<void()> body) {
  KernelBuilder &k = frame.k;
  if ((units - 1) * nBlock + column + k.lanes() <= padded)
    return body();
  Value at = k.add(k.mul(unit, nBlock), column);
  k.ifThen(k.lessThan(at, k.i64(padded)), body);
}

void swallow::x86::emitFusedLinear(KernelFrame &frame, FusedLinearOp op) {
  KernelBuilder &k = frame.k;
  WeightOp weight = frame.step.weightOf(op.getWeight());
  Units units = unitsOf(weight, 1);
  Rows result = frame.step.rowsOf(frame, op.getResult());
  int64_t padded = roundUp(result.columns, 16);
  Product product{op, op.getInput(), weight, op.getNorm(), epsOf(op.getEps())};
  emitProduct(frame, product, units, [&](KernelFrame &f, const Tile &tile) {
    Value bias = biasOfUnit(f, op.getBias(), tile.unit, tile.columns);
    Value firstColumn = k.mul(tile.unit, units.nBlock * 4);
    forEachVector(f, tile, units.nBlock, [&](Value row, int64_t column) {
      insideRow(f, tile.unit, units.count, units.nBlock, column, padded, [&] {
        Value x = tileVector(f, tile, row, column);
        if (bias)
          x = k.addf(x, k.loadVector(k.offset(bias, column * 4), Element::F32));
        Value bytes = k.add(
            k.add(k.mul(k.add(tile.row0, row), result.stride()), firstColumn),
            column * 4);
        if (op.getResidual()) {
          Rows residual = f.step.rowsOf(f, op.getResidual());
          x = k.addf(k.loadVector(k.offset(residual.base, bytes), Element::F32),
                     x);
        }
        k.storeVector(x, k.offset(result.base, bytes), Element::F32);
      });
    });
  });
}

void swallow::x86::emitGatedMlp(KernelFrame &frame, GatedMlpOp op) {
  KernelBuilder &k = frame.k;
  StepEmitter &step = frame.step;
  WeightOp weight = step.weightOf(op.getWeight());
  Units units = unitsOf(weight, 2);
  Rows result = step.rowsOf(frame, op.getResult());
  int64_t padded = roundUp(result.columns, 16);
  int64_t size = sizeOf(result.element);
  Product product{op, op.getInput(), weight, op.getNorm(), epsOf(op.getEps())};
  emitProduct(frame, product, units, [&](KernelFrame &f, const Tile &tile) {
    Value bias = biasOfUnit(f, op.getBias(), tile.unit, tile.columns);
    forEachVector(f, tile, units.nBlock, [&](Value row, int64_t column) {
      insideRow(f, tile.unit, units.count, units.nBlock, column, padded, [&] {
        auto projected = [&](int64_t at) {
          Value x = tileVector(f, tile, row, at);
          return bias ? k.addf(x, k.loadVector(k.offset(bias, at * 4),
                                               Element::F32))
                      : x;
        };
        Value gate = projected(column);
        Value up = projected(units.nBlock + column);
        Value negated = k.subf(k.zero(), gate);
        Value silu =
            k.divf(gate, k.addf(k.splat(1.0f, k.lanes()), k.exp(negated)));
        Value bytes = k.add(k.add(k.mul(k.add(tile.row0, row), result.stride()),
                                  k.mul(tile.unit, units.nBlock * size)),
                            column * size);
        step.storeResult(k, op.getResult(), k.mulf(silu, up),
                         k.offset(result.base, bytes), k.lanes());
      });
    });
  });
}

void swallow::x86::emitFusedLmHead(KernelFrame &frame, FusedLmHeadOp op) {
  KernelBuilder &k = frame.k;
  WeightOp weight = frame.step.weightOf(op.getWeight());
  Units units = unitsOf(weight, 1);
  int64_t vocab =
      cast<RankedTensorType>(op.getResult().getType()).getDimSize(1);
  int64_t lanes = k.lanes();
  int64_t whole = vocab / lanes * lanes; // columns in full vectors
  Product product{op,
                  op.getInput(),
                  weight,
                  op.getNorm(),
                  epsOf(op.getEps()),
                  /*selectRows=*/true};
  emitProduct(frame, product, units, [&](KernelFrame &f, const Tile &tile) {
    // Logit rows are not padded: the last vector of a row is stored in part.
    Value logits = f.pointer(Arg::Logits);
    forEachVector(f, tile, units.nBlock, [&](Value row, int64_t column) {
      Value x = tileVector(f, tile, row, column);
      Value at = k.add(k.mul(tile.unit, units.nBlock), column);
      Value ptr = k.offset(
          logits, k.add(k.mul(k.add(tile.row0, row), vocab * 4), k.mul(at, 4)));
      bool alwaysWhole =
          (units.count - 1) * units.nBlock + column + lanes <= whole;
      if (alwaysWhole)
        return k.storeVector(x, ptr, Element::F32);
      k.ifThenElse(
          k.lessThan(at, k.i64(whole)),
          [&] { k.storeVector(x, ptr, Element::F32); },
          [&] {
            if (whole == vocab)
              return;
            k.ifThen(k.equal(at, k.i64(whole)), [&] {
              k.storeVector(x, ptr, Element::F32, vocab - whole);
            });
          });
    });
  });
}
