//===- QuantProduct.cpp - products by a quantised weight ------------------===//

#include "targets/x86/quant/QuantProduct.h"

#include "targets/x86/Tiles.h"
#include "targets/x86/quant/QuantCodes.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {

class QuantizedProduct {
  static constexpr int64_t kMostRows = QuantizedRecords::kMostRows;

public:
  using Epilogue = function_ref<void(KernelFrame &, const Tile &)>;

  QuantizedProduct(KernelFrame &frame, const Product &product,
                   const Units &units, Value rows, Epilogue epilogue)
      : f(frame), k(frame.k), step(frame.step), product(product), units(units),
        rows(rows), epilogue(epilogue), layout([&] {
          WeightOp weight = product.weight;
          return weight.getPackedLayout();
        }()),
        source(step.rowsOf(frame, product.input)), chunks{layout.cols} {
    weightBase = f.weight(product.weight);
    tileScratch = slot("tile_scratch");
    norm = product.norm ? f.weight(step.weightOf(product.norm)) : source.base;
  }

  void emit() {
    k.ifThenElse(
        k.lessThan(rows, k.i64(kMostRows + 1)), [&] { emitSmall(); },
        [&] {
          if (step.variant().vnni)
            emitLargeBytes();
          else
            emitLargeFloats();
        });
  }

private:
  Value slot(StringRef name) {
    return f.slot(step.workspaceSlot(product.op, name));
  }
  bool hasNorm() const { return static_cast<bool>(product.norm); }
  /// Tiles multiply signed bytes; oneDNN's u8 x s8 wants an offset.
  bool isUnsigned() const { return !step.variant().amx; }

  Value blockOf(Value unit, Value inUnit) {
    Value index = k.add(k.mul(unit, units.blocks), inUnit);
    return k.offset(weightBase, k.mul(index, layout.blockBytes()));
  }
  Value columnsOf(Value inUnit) {
    return k.offset(tileScratch, k.mul(inUnit, units.nBlock * 4));
  }

  void prepareRows(LLVM::LLVMFuncOp prepare, Value begin, Value end,
                   Value destination, int64_t stride) {
    forEachInputRow(f, product, source, begin, end, [&](Value row, Value from) {
      f.call(prepare, {from, norm, k.offset(destination, k.mul(row, stride))});
    });
  }

  /// Every thread quantises the few rows for itself: 8 cost less than a
  /// barrier, and 24 a few percent of their product on few cores. With many
  /// cores, sharing them out behind a barrier would pay from some number on.
  void emitSmall() {
    int64_t index = step.workspaceSlot(product.op, "row_scratch");
    Value own = f.slot(index);
    // All products of the step use one stride, so that they share kernels.
    SlotAttr attr = step.slotAttr(index);
    int64_t stride = attr ? attr.getSize().getPerThread() / kMostRows : 0;
    prepareRows(quantizeSmallRowHelper(step, layout.cols, source.element,
                                       quantOffset(layout.element), hasNorm(),
                                       product.eps),
                k.i64(0), rows, own, stride);
    emitSmallUnits(
        f, units, rows, kMostRows, weightBase, layout.blockBytes(), tileScratch,
        [&](int64_t m, Streams streams, Value row0, Value block, Value c) {
          f.call(quantGemvHelper(step, m, layout, stride, streams),
                 {k.offset(own, k.mul(row0, stride)), block,
                  k.i64(layout.paddedCols() / kQuantGroup), c});
        },
        epilogue);
  }

  /// Calls body(unit, first row, rows, tiles of them) for this thread's share
  /// of units and groups of rows, and the epilogue after it.
  void forEachPiece(function_ref<void(Value, Value, Value)> body) {
    // Large groups, unless that leaves threads without work.
    Value enough = k.lessThan(k.mul(f.threads, 2), k.i64(units.count));
    Value groupRows =
        k.select(enough, k.i64(kQuantizedGroupRows), k.i64(kGroupRows));
    Value groups = k.div(k.add(k.add(rows, groupRows), -1), groupRows);
    auto [begin, end] = f.share(k.mul(groups, units.count));
    k.loop(begin, end, 1, [&](Value piece) {
      Value unit = k.div(piece, groups);
      Value row0 = k.mul(k.rem(piece, groups), groupRows);
      Value count = k.min(k.sub(rows, row0), groupRows);
      Value tiles = k.div(k.add(count, kTileRows - 1), kTileRows);
      body(unit, row0, tiles);
      epilogue(f, {row0, count, unit, tileScratch, units.columns()});
    });
  }

  void emitLargeBytes() {
    Value codes = slot("norm");
    Value padded =
        k.mul(k.div(k.add(rows, kTileRows - 1), kTileRows), kTileRows);
    Value scales = k.offset(
        codes, k.mul(padded, chunks.chunks() * QuantizedChunks::kInputs));
    auto [begin, end] = f.share(rows);
    auto quantize =
        quantizeLargeRowHelper(step, layout.cols, source.element, isUnsigned(),
                               hasNorm(), product.eps);
    forEachInputRow(f, product, source, begin, end, [&](Value row, Value from) {
      f.call(quantize,
             {from, norm, k.offset(codes, k.mul(row, QuantizedChunks::kInputs)),
              k.offset(scales, k.mul(row, 4)), padded});
    });
    f.barrier();
    Value panel = slot("panel_scratch"), sums = slot("sum_scratch");
    constexpr int64_t chunk = QuantizedChunks::kInputs;
    constexpr int64_t chunkGroups = chunk / kQuantGroup;
    int64_t groups = layout.paddedCols() / kQuantGroup;
    int64_t whole = groups / chunkGroups, tail = groups % chunkGroups;
    if (step.variant().amx)
      emitTileConfig(f);
    forEachPiece([&](Value unit, Value row0, Value tiles) {
      k.loop(k.i64(0), k.i64(units.blocks), 1, [&](Value inUnit) {
        Value block = blockOf(unit, inUnit), c = columnsOf(inUnit);
        auto emitChunk = [&](Value index, int64_t present, bool accumulate) {
          Value first =
              k.offset(block, k.add(k.mul(index, chunkGroups * groupBytes()),
                                    kQuantHeaderBytes));
          f.call(unpackBytesHelper(step, layout, present),
                 {block, first, panel});
          k.loop(k.i64(0), tiles, 1, [&](Value tile) {
            Value row = k.add(k.mul(index, padded),
                              k.add(row0, k.mul(tile, kTileRows)));
            emitTile(k.offset(codes, k.mul(row, QuantizedChunks::kInputs)),
                     k.offset(scales, k.mul(row, 4)), panel, sums,
                     k.offset(c, k.mul(tile, kTileRows * units.columns() * 4)),
                     accumulate);
          });
        };
        // The first chunk overwrites C, the others add to it.
        if (whole > 0) {
          emitChunk(k.i64(0), chunkGroups, false);
          k.loop(k.i64(1), k.i64(whole), 1,
                 [&](Value index) { emitChunk(index, chunkGroups, true); });
        }
        if (tail > 0)
          emitChunk(k.i64(whole), tail, whole > 0);
      });
    });
    if (step.variant().amx)
      emitTileRelease(f);
  }

  int64_t groupBytes() const {
    return quantGroupBytes(layout.element, layout.nBlock);
  }

  void emitTile(Value rowCodes, Value rowScales, Value panel, Value sums,
                Value c, bool accumulate) {
    constexpr int64_t chunk = QuantizedChunks::kInputs;
    if (step.variant().amx)
      f.call(tileProductHelper(step, Element::S8, chunk, units.nBlock, chunk,
                               units.nBlock, /*accumulate=*/false),
             {rowCodes, panel, sums});
    else
      f.brgemm(step.brgemm({kTileRows, units.nBlock, chunk, chunk, units.nBlock,
                            units.nBlock, Element::U8, Element::S8,
                            /*accumulate=*/false}),
               rowCodes, panel, sums);
    f.call(scaleSumsHelper(step, units.nBlock, isUnsigned(), accumulate),
           {sums, panel, rowScales, c, k.i64(units.columns())});
  }

  /// Without integer products of many rows the panels are widened to f32, and
  /// inputs stay what they are.
  void emitLargeFloats() {
    Rows input = source;
    if (hasNorm() || product.selectRows || source.element != Element::F32) {
      input = {slot("norm"), layout.cols, Element::F32};
      auto [begin, end] = f.share(rows);
      prepareRows(prepareRowHelper(step, layout.cols, source.element,
                                   InputForm{}, hasNorm(), product.eps),
                  begin, end, input.base, input.stride());
      f.barrier();
    }
    Value panel = slot("panel_scratch");
    // Beyond its columns the input may hold anything.
    int64_t whole = layout.cols / kChunkCols, tail = layout.cols % kChunkCols;
    forEachPiece([&](Value unit, Value row0, Value tiles) {
      k.loop(k.i64(0), k.i64(units.blocks), 1, [&](Value inUnit) {
        Value block = blockOf(unit, inUnit), c = columnsOf(inUnit);
        auto emitChunk = [&](Value index, int64_t cols, bool accumulate) {
          Value first = k.offset(
              block,
              k.add(k.mul(index, kChunkCols / kQuantGroup * groupBytes()),
                    kQuantHeaderBytes));
          f.call(unpackFloatsHelper(step, layout),
                 {block, first, panel,
                  k.i64(roundUp(cols, kQuantGroup) / kQuantGroup)});
          int64_t kernel = step.brgemm(
              {kTileRows, units.nBlock, cols, input.stride() / 4, units.nBlock,
               units.columns(), Element::F32, Element::F32, accumulate});
          k.loop(k.i64(0), tiles, 1, [&](Value tile) {
            Value row = k.add(row0, k.mul(tile, kTileRows));
            Value a = k.offset(input.base, k.add(k.mul(row, input.stride()),
                                                 k.mul(index, kChunkCols * 4)));
            f.brgemm(kernel, a, panel,
                     k.offset(c, k.mul(tile, kTileRows * units.columns() * 4)));
          });
        };
        if (whole > 0) {
          emitChunk(k.i64(0), kChunkCols, false);
          k.loop(k.i64(1), k.i64(whole), 1,
                 [&](Value index) { emitChunk(index, kChunkCols, true); });
        }
        if (tail > 0)
          emitChunk(k.i64(whole), tail, whole > 0);
      });
    });
  }

  KernelFrame &f;
  KernelBuilder &k;
  StepEmitter &step;
  const Product &product;
  const Units &units;
  Value rows;
  Epilogue epilogue;
  PackedLayout layout;
  Rows source;
  QuantizedChunks chunks;
  Value weightBase, tileScratch, norm;
};

} // namespace

void swallow::x86::emitQuantizedProduct(
    KernelFrame &frame, const Product &product, const Units &units, Value rows,
    function_ref<void(KernelFrame &, const Tile &)> epilogue) {
  QuantizedProduct(frame, product, units, rows, epilogue).emit();
}
