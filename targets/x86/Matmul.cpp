//===- Matmul.cpp - products by a packed weight ---------------------------===//

#include "targets/x86/Matmul.h"

#include "targets/x86/Streams.h"
#include "targets/x86/TiledProduct.h"
#include "targets/x86/quant/QuantProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

/// kSmallRows of a weight that tiles load from where it lies: with more rows
/// they wait for it less than matrix-vector code does.
static constexpr int64_t kSmallRowsBesideTiles = 4;

Units swallow::x86::unitsOf(WeightOp weight, int64_t blocksPerUnit) {
  PackedLayout layout = weight.getPackedLayout();
  return {layout.totalBlocks() / blocksPerUnit, blocksPerUnit, layout.nBlock};
}

Value swallow::x86::biasOfUnit(KernelFrame &frame, Value bias, Value unit,
                               int64_t columns) {
  if (!bias)
    return {};
  Value base = frame.weight(frame.step.weightOf(bias));
  return frame.k.offset(base, frame.k.mul(unit, columns * 4));
}

//===----------------------------------------------------------------------===//
// Preparing the input
//===----------------------------------------------------------------------===//

Value swallow::x86::emitRmsScale(KernelBuilder &k, Value src, Element source,
                                 int64_t columns, double eps) {
  // Rows are padded with zeros to 16 columns, so whole vectors do. Two sums
  // hide the latency of the multiply-add.
  int64_t padded = roundUp(columns, 16);
  int64_t width = 2 * k.lanes();
  int64_t whole = padded / width * width;
  auto square = [&](Value at, Value sum) {
    Value x = k.loadVector(k.offset(src, k.mul(at, sizeOf(source))), source);
    return k.fma(x, x, sum);
  };
  KernelBuilder::Values sums = {k.zero(), k.zero()};
  sums =
      k.loop(k.i64(0), k.i64(whole), width, sums, [&](Value at, ValueRange in) {
        return KernelBuilder::Values{square(at, in[0]),
                                     square(k.add(at, k.lanes()), in[1])};
      });
  if (whole < padded)
    sums[0] = square(k.i64(whole), sums[0]);
  Value sum = k.reduceAdd(k.addf(sums[0], sums[1]));
  Value mean = k.divf(sum, k.f32(static_cast<float>(columns)));
  Value root = k.sqrtf(k.addf(mean, k.f32(static_cast<float>(eps))));
  return k.splat(k.divf(k.f32(1.0f), root));
}

void swallow::x86::forEachChunk(KernelBuilder &k, int64_t inputs, int64_t chunk,
                                function_ref<void(Value, int64_t, bool)> body) {
  int64_t whole = inputs / chunk, tail = inputs % chunk;
  if (whole > 0) {
    body(k.i64(0), chunk, false);
    k.loop(k.i64(1), k.i64(whole), 1,
           [&](Value index) { body(index, chunk, true); });
  }
  if (tail > 0)
    body(k.i64(whole), tail, whole > 0);
}

void swallow::x86::forEachRowVector(KernelBuilder &k, Value src, Element source,
                                    int64_t columns, int64_t padded,
                                    Value scale, Value weight,
                                    function_ref<void(Value, Value)> store) {
  auto load = [&](Value at, int64_t count) {
    Value x = k.loadVector(k.offset(src, k.mul(at, sizeOf(source))), source,
                           k.lanes(), count);
    if (!scale)
      return x;
    return k.mulf(k.mulf(x, scale),
                  k.loadVector(k.offset(weight, k.mul(at, 4)), Element::F32,
                               k.lanes(), count));
  };
  int64_t whole = columns / k.lanes() * k.lanes();
  k.loop(k.i64(0), k.i64(whole), k.lanes(),
         [&](Value at) { store(load(at, k.lanes()), at); });
  for (int64_t at = whole; at < padded; at += k.lanes())
    store(at < columns ? load(k.i64(at), columns - at) : k.zero(), k.i64(at));
}

LLVM::LLVMFuncOp swallow::x86::prepareRowHelper(StepEmitter &step,
                                                int64_t columns, Element source,
                                                InputForm form, bool norm,
                                                double eps) {
  std::string name = (norm ? "rms_norm_row_" : "round_row_") +
                     std::to_string(columns) +
                     (source == Element::F32 ? "_f32" : "_bf16") +
                     (form.element == Element::BF16   ? "_to_bf16"
                      : form.rounded == Element::BF16 ? "_to_rounded"
                      : form.rounded == Element::F16  ? "_to_rounded_f16"
                                                      : "_to_f32");
  if (norm)
    name += "_eps" + std::to_string(llvm::bit_cast<uint64_t>(eps));
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  return step.helper(
      name, {ptr, ptr, ptr}, [&](KernelBuilder &k, ValueRange arguments) {
        Value src = arguments[0], weight = arguments[1], dst = arguments[2];
        Value scale;
        if (norm)
          scale = emitRmsScale(k, src, source, columns, eps);
        forEachRowVector(k, src, source, columns, roundUp(columns, 16), scale,
                         weight, [&](Value x, Value at) {
                           step.storeInput(
                               k, form, x,
                               k.offset(dst, k.mul(at, sizeOf(form.element))),
                               k.lanes());
                         });
      });
}

void swallow::x86::forEachInputRow(KernelFrame &frame, const Product &product,
                                   const Rows &source, Value begin, Value end,
                                   function_ref<void(Value, Value)> body) {
  KernelBuilder &k = frame.k;
  k.loop(begin, end, 1, [&](Value row) {
    Value from = product.selectRows ? frame.element(Arg::LogitRows, row) : row;
    body(row, k.offset(source.base, k.mul(from, source.stride())));
  });
}

/// The rows to multiply, in the form that products take: the activation
/// itself, or rows prepared from it. Few rows are prepared by every thread for
/// itself, which costs less than a barrier; many are shared out. Without
/// `small`, rows are known to be few.
static Rows prepareInput(KernelFrame &frame, const Product &product, Value rows,
                         Value small) {
  KernelBuilder &k = frame.k;
  StepEmitter &step = frame.step;
  Rows source = step.rowsOf(frame, product.input);
  InputForm form = step.inputForm(product.weight);
  bool ready = isStoredAsProductInput(product.input) || !form.rounds();
  if (!product.norm && !product.selectRows && ready)
    return source;

  Rows prepared{{}, source.columns, form.element};
  Value own = frame.slot(step.workspaceSlot(product.op, "row_scratch"));
  Value weight =
      product.norm ? frame.weight(step.weightOf(product.norm)) : source.base;
  auto prepare = prepareRowHelper(step, source.columns, source.element, form,
                                  static_cast<bool>(product.norm), product.eps);
  auto prepareRows = [&](Value begin, Value end, Value destination) {
    forEachInputRow(
        frame, product, source, begin, end, [&](Value row, Value from) {
          frame.call(prepare,
                     {from, weight,
                      k.offset(destination, k.mul(row, prepared.stride()))});
        });
  };
  if (!small) {
    prepareRows(k.i64(0), rows, own);
    prepared.base = own;
    return prepared;
  }
  Value shared = frame.slot(step.workspaceSlot(product.op, "norm"));
  k.ifThenElse(
      small, [&] { prepareRows(k.i64(0), rows, own); },
      [&] {
        frame.forEachRun(rows, [&](Value begin, Value end) {
          prepareRows(begin, end, shared);
        });
        frame.barrier();
      });
  prepared.base = k.select(small, own, shared);
  return prepared;
}

//===----------------------------------------------------------------------===//
// Many rows: oneDNN's micro-kernels
//===----------------------------------------------------------------------===//

/// lanes() pairs of bf16 or f16 as f32: the first of each, and the second.
static std::pair<Value, Value> loadPairs(KernelBuilder &k, Value ptr,
                                         Element weight) {
  if (weight == Element::F16) {
    auto [first, second] = k.loadHalves(ptr);
    return {k.orderOfHalves(first), k.orderOfHalves(second)};
  }
  Value pairs = k.load(k.i32Vector(k.lanes()), ptr, 4);
  return {k.firstOfPairs(pairs), k.secondOfPairs(pairs)};
}

/// Spreads pairs of bf16 or f16 [k/2][nBlock][2] to f32 [k][nBlock].
static LLVM::LLVMFuncOp unpackHelper(StepEmitter &step, Element weight,
                                     int64_t nBlock) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  return step.helper(
      std::string(weight == Element::BF16 ? "unpack_bf16_n" : "unpack_f16_n") +
          std::to_string(nBlock),
      {ptr, ptr, i64}, [&](KernelBuilder &k, ValueRange arguments) {
        k.loop(k.i64(0), arguments[2], 1, [&](Value pair) {
          Value src = k.offset(arguments[0], k.mul(pair, nBlock * 4));
          Value dst = k.offset(arguments[1], k.mul(pair, nBlock * 8));
          for (int64_t v = 0; v < nBlock; v += k.lanes()) {
            auto [even, odd] = loadPairs(k, k.offset(src, v * 4), weight);
            k.store(even, k.offset(dst, v * 4), 4);
            k.store(odd, k.offset(dst, (nBlock + v) * 4), 4);
          }
        });
      });
}

namespace {
/// One unit times one group of rows.
struct GroupProduct {
  KernelFrame &frame;
  const Product &product;
  const Units &units;
  Rows input;
  Value weightBase, tileScratch, panelScratch;
  Element weight;
  bool unpacks;
  int64_t paddedCols, blockBytes;

  void emit(Value unit, Value row0, Value tiles) {
    KernelBuilder &k = frame.k;
    Value firstBlock = k.mul(unit, units.blocks);
    k.loop(k.i64(0), k.i64(units.blocks), 1, [&](Value inUnit) {
      Value block =
          k.offset(weightBase, k.mul(k.add(firstBlock, inUnit), blockBytes));
      Value c = k.offset(tileScratch, k.mul(inUnit, units.nBlock * 4));
      forEachChunk(k, paddedCols, kChunkCols,
                   [&](Value chunk, int64_t cols, bool accumulate) {
                     emitChunk(block, c, k.mul(chunk, kChunkCols), cols,
                               accumulate, row0, tiles);
                   });
    });
  }

  void emitChunk(Value block, Value c, Value firstCol, int64_t cols,
                 bool accumulate, Value row0, Value tiles) {
    KernelBuilder &k = frame.k;
    StepEmitter &step = frame.step;
    Value panel =
        k.offset(block, k.mul(firstCol, units.nBlock * sizeOf(weight)));
    if (unpacks) {
      frame.call(unpackHelper(step, weight, units.nBlock),
                 {panel, panelScratch, k.i64(cols / 2)});
      panel = panelScratch;
    }
    auto forEachTile = [&](function_ref<void(Value a, Value tileC)> body) {
      k.loop(k.i64(0), tiles, 1, [&](Value tile) {
        Value row = k.add(row0, k.mul(tile, kTileRows));
        Value a =
            k.offset(input.base, k.add(k.mul(row, input.stride()),
                                       k.mul(firstCol, sizeOf(input.element))));
        body(a, k.offset(c, k.mul(tile, kTileRows * units.columns() * 4)));
      });
    };
    Element weightElement = unpacks ? Element::F32 : weight;
    int64_t kernel = step.brgemm({kTileRows, units.nBlock, cols,
                                  input.stride() / sizeOf(input.element),
                                  units.nBlock, units.columns(), input.element,
                                  weightElement, accumulate});
    forEachTile(
        [&](Value a, Value tileC) { frame.brgemm(kernel, a, panel, tileC); });
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// The product
//===----------------------------------------------------------------------===//

void swallow::x86::forEachPiece(KernelFrame &frame, const Units &units,
                                Value rows, bool large, int64_t most,
                                function_ref<void(const Piece &)> body) {
  KernelBuilder &k = frame.k;
  Value groupRows = k.i64(kGroupRows);
  if (large)
    groupRows =
        k.select(k.lessThan(k.mul(frame.threads, 2), k.i64(units.count)),
                 k.i64(kLargeGroupRows), groupRows);
  // Of larger pieces, too, each thread should have nearly four.
  Value perPiece = k.i64(1);
  for (int64_t count = 2; count <= most; count *= 2)
    perPiece = k.select(
        k.lessThan(k.mul(frame.threads, 4 * count - 1), k.i64(units.count)),
        k.i64(count), perPiece);
  Value groups = k.div(k.add(k.add(rows, groupRows), -1), groupRows);
  Value passes = k.div(k.add(k.add(perPiece, -1), units.count), perPiece);
  frame.forEachRun(k.mul(groups, passes), [&](Value begin, Value end) {
    k.loop(begin, end, 1, [&](Value piece) {
      Value unit = k.mul(k.div(piece, groups), perPiece);
      Value row0 = k.mul(k.rem(piece, groups), groupRows);
      Value count = k.min(k.sub(rows, row0), groupRows);
      body({unit, k.min(perPiece, k.sub(k.i64(units.count), unit)), row0, count,
            k.div(k.add(count, kTileRows - 1), kTileRows)});
    });
  });
}

static void emitRows(KernelFrame &frame, const Product &product,
                     const Units &units, Value rows,
                     function_ref<void(KernelFrame &, const Tile &)> epilogue) {
  KernelBuilder &k = frame.k;
  StepEmitter &step = frame.step;
  PackedLayout layout = [&] {
    WeightOp weight = product.weight;
    return weight.getPackedLayout();
  }();
  if (isQuantized(layout.element))
    return emitQuantizedProduct(frame, product, units, rows, epilogue);
  const Element weight = elementOf(layout.element);

  const bool tiles = step.variant().amx && weight == Element::BF16;
  const int64_t fewRows = tiles ? kSmallRowsBesideTiles : kSmallRows;
  Value small = k.lessThan(rows, k.i64(fewRows + 1));
  Value weightBase = frame.weight(product.weight);
  Value tileScratch =
      frame.slot(step.workspaceSlot(product.op, "tile_scratch"));

  auto emitSmall = [&](const Rows &input) {
    emitSmallUnits(
        frame, units, rows, fewRows, weightBase, layout.blockBytes(),
        tileScratch,
        [&](int64_t m, Value, Value block, Value c, const Streams &streams) {
          auto gemv = gemvHelper(
              step, m, layout.cols, units.nBlock, weight, input.element,
              input.stride() / sizeOf(input.element), units.columns());
          frame.call(gemv, {input.base, block, c, streams.count,
                            streams.blockStride, streams.resultStride});
        },
        epilogue);
  };
  if (tiles)
    return k.ifThenElse(
        small, [&] { emitSmall(prepareInput(frame, product, rows, Value())); },
        [&] { emitTiledProduct(frame, product, units, rows, epilogue); });

  Rows input = prepareInput(frame, product, rows, small);
  auto emitLarge = [&] {
    bool unpacks = weight != input.element;
    Value panelScratch =
        unpacks ? frame.slot(step.workspaceSlot(product.op, "panel_scratch"))
                : tileScratch;
    GroupProduct group{frame,
                       product,
                       units,
                       input,
                       weightBase,
                       tileScratch,
                       panelScratch,
                       weight,
                       unpacks,
                       layout.paddedCols(),
                       layout.blockBytes()};
    forEachPiece(frame, units, rows, /*large=*/false, /*most=*/1,
                 [&](const Piece &piece) {
                   group.emit(piece.unit, piece.row0, piece.tiles);
                   epilogue(frame, {piece.row0, piece.rows, piece.unit,
                                    tileScratch, units.columns()});
                 });
  };
  k.ifThenElse(small, [&] { emitSmall(input); }, emitLarge);
}

void swallow::x86::emitProduct(
    KernelFrame &frame, const Product &product, const Units &units,
    function_ref<void(KernelFrame &, const Tile &)> epilogue) {
  KernelBuilder &k = frame.k;
  if (!product.selectRows)
    return emitRows(frame, product, units, frame.integer(Arg::NumTokens),
                    epilogue);
  // A step may want no logits at all.
  Value rows = frame.integer(Arg::NumLogits);
  k.ifThen(k.lessThan(k.i64(0), rows),
           [&] { emitRows(frame, product, units, rows, epilogue); });
}
