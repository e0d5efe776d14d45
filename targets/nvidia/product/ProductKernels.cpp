//===- ProductKernels.cpp - linear, gated MLP and LM head -----------------===//

#include "targets/nvidia/product/Product.h"

#include "dialects/swallow/SplitProduct.h"
#include "targets/nvidia/LikeliestToken.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

static double epsOf(std::optional<APFloat> eps) {
  return eps ? eps->convertToDouble() : 0.0;
}

/// Calls body(row in tile, column in unit, column of the result) for the first
/// `width` columns of a unit, which are as many of the result, as far as it has
/// them: shared out among the threads, where `width` is all of a unit, as
/// Product::ownResults says.
static void
forEachResult(KernelFrame &f, const Tile &tile, int64_t width, int64_t columns,
              function_ref<void(Value row, Value inUnit, Value column)> body) {
  GpuBuilder &k = f.k;
  k.loop(k.thread(), k.mul(tile.rows, width), tile.threads, [&](Value index) {
    Value row = k.div(index, width), inUnit = k.rem(index, width);
    Value column = k.add(k.mul(tile.unit, width), inUnit);
    if (columns % width == 0)
      return body(row, inUnit, column);
    k.ifThen(k.lessThan(column, k.i32(static_cast<int32_t>(columns))),
             [&] { body(row, inUnit, column); });
  });
}

/// An element of the tile, bias added.
static Value resultAt(KernelFrame &f, const Tile &tile, Value bias, Value row,
                      Value column) {
  GpuBuilder &k = f.k;
  Value at = k.add(k.mul(row, tile.stride), column);
  Value x = k.load(k.f32Type(), k.offset(tile.data, k.mul(at, 4)));
  if (!bias)
    return x;
  return k.addf(
      x, k.loadConstant(k.f32Type(), k.offset(bias, k.mul(column, 4)), 4));
}

void swallow::nvidia::emitKernels(StepEmitter &step, FusedLinearOp op) {
  WeightOp weight = step.weightOf(op.getWeight());
  const int64_t nBlock = weight.getPackedLayout().nBlock;
  Product product{op, op.getInput(), weight, op.getNorm(), epsOf(op.getEps())};
  product.ownResults = true;
  if (!op.getNorm())
    product.pieces = SplitProduct::of(weight.getPackedLayout()).pieces();
  emitProduct(step, product, [&](KernelFrame &f, const Tile &tile) {
    GpuBuilder &k = f.k;
    Rows result = f.rowsOf(op.getResult());
    Value bias = biasOfUnit(f, op.getBias(), tile.unit, tile.columns);
    forEachResult(
        f, tile, nBlock, result.columns,
        [&](Value row, Value inUnit, Value column) {
          Value x = resultAt(f, tile, bias, row, inUnit);
          Value at = k.mul(column, sizeOf(result.element));
          Value index = k.add(tile.row0, row);
          if (op.getResidual()) {
            Rows residual = f.rowsOf(op.getResidual());
            Value before = f.row(residual.base, index, residual.stride());
            x = k.addf(k.loadElement(k.offset(before, at), residual.element),
                       x);
          }
          Value to = f.row(result.base, index, result.stride());
          k.storeElement(x, k.offset(to, at), result.element);
        });
  });
}

void swallow::nvidia::emitKernels(StepEmitter &step, GatedMlpOp op) {
  WeightOp weight = step.weightOf(op.getWeight());
  const int64_t nBlock = weight.getPackedLayout().nBlock;
  Product product{op, op.getInput(), weight, op.getNorm(), epsOf(op.getEps())};
  product.unitBlocks = 2;
  emitProduct(step, product, [&](KernelFrame &f, const Tile &tile) {
    GpuBuilder &k = f.k;
    Rows result = f.rowsOf(op.getResult());
    Value bias = biasOfUnit(f, op.getBias(), tile.unit, tile.columns);
    forEachResult(
        f, tile, nBlock, result.columns,
        [&](Value row, Value inUnit, Value column) {
          Value gate = resultAt(f, tile, bias, row, inUnit);
          Value up = resultAt(f, tile, bias, row, k.add(inUnit, nBlock));
          // gate / (1 + e^-gate), e^-gate as a power of 2: log2(e).
          Value power = k.exp2(k.mulf(gate, k.f32(-1.44269504088896341f)));
          Value silu = k.mulf(gate, k.reciprocal(k.addf(power, k.f32(1.0f))));
          Value to = f.row(result.base, k.add(tile.row0, row), result.stride());
          k.storeElement(k.mulf(silu, up),
                         k.offset(to, k.mul(column, sizeOf(result.element))),
                         result.element);
        });
  });
}

void swallow::nvidia::emitKernels(StepEmitter &step, FusedLmHeadOp op) {
  WeightOp weight = step.weightOf(op.getWeight());
  const int64_t vocab =
      cast<RankedTensorType>(op.getResult().getType()).getDimSize(1);
  Product product{op, op.getInput(), weight, op.getNorm(), epsOf(op.getEps())};
  product.selectRows = true;
  // Quantised rows are made of what f32 has of them.
  product.prepared = !isQuantized(weight.getPackedLayout().element);
  // There are blocks enough for any GPU, and two of them share the row.
  product.unitBlocks = weight.getPackedLayout().totalBlocks() % 2 == 0 ? 2 : 1;
  emitProduct(step, product, [&](KernelFrame &f, const Tile &tile) {
    GpuBuilder &k = f.k;
    Value logits = f.pointer(Arg::Logits);
    Value lane = k.lane();
    Value first = k.mul(tile.unit, tile.columns);
    Value count = k.min(k.i32(static_cast<int32_t>(tile.columns)),
                        k.sub(k.i32(static_cast<int32_t>(vocab)), first));
    // A warp takes a row, to find the likeliest of its tokens with it.
    k.loop(k.warp(), tile.rows, tile.threads / kWarp, [&](Value inTile) {
      Value row = k.add(tile.row0, inTile);
      Value to = f.row(logits, row, vocab * 4);
      LikeliestToken best = noToken(k);
      for (int64_t begin = 0; begin < tile.columns; begin += kWarp) {
        Value inUnit = k.add(lane, begin), token = k.add(first, inUnit);
        auto store = [&]() -> GpuBuilder::Values {
          Value x = resultAt(f, tile, Value(), inTile, inUnit);
          k.store(x, k.offset(to, k.mul(token, 4)));
          return {x};
        };
        const bool all =
            vocab % tile.columns == 0 && begin + kWarp <= tile.columns;
        Value logit = all ? store()[0]
                          : k.ifThenElse(k.lessThan(inUnit, count), k.f32Type(),
                                         store, [&]() -> GpuBuilder::Values {
                                           return {best.logit};
                                         })[0];
        best = likelier(k, best, {logit, token});
      }
      raiseLikeliest(f, row, best);
    });
  });
}
