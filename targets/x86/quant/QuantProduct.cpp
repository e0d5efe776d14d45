//===- QuantProduct.cpp - products by a quantised weight ------------------===//

#include "targets/x86/quant/QuantProduct.h"

#include "targets/x86/ProductPass.h"
#include "targets/x86/Streams.h"
#include "targets/x86/TileStream.h"
#include "targets/x86/TiledProduct.h"
#include "targets/x86/Tiles.h"
#include "targets/x86/quant/QuantCodes.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {

class QuantizedProduct {
  static constexpr int64_t kMostRows = QuantizedRecords::kMostRows;
  /// Bytes of a block's part that stays in the nearest cache beside rows and
  /// sums.
  static constexpr int64_t kTileBytes = 18 << 10;
  /// Pairs of groups whose panel does.
  static constexpr int64_t kWordPairs = 4;
  static constexpr int64_t kChunkGroups =
      QuantizedChunks::kInputs / kQuantGroup;

public:
  using Epilogue = function_ref<void(KernelFrame &, const Tile &)>;

  QuantizedProduct(KernelFrame &frame, const Product &product,
                   const Units &units, Value rows, Epilogue epilogue)
      : f(frame), k(frame.k), step(frame.step), product(product), units(units),
        rows(rows), epilogue(epilogue), layout([&] {
          WeightOp weight = product.weight;
          return weight.getPackedLayout();
        }()),
        source(step.rowsOf(frame, product.input)), chunks{layout.cols},
        fewRows(mostFewRows(step.variant())) {
    weightBase = f.weight(product.weight);
    tileScratch = slot("tile_scratch");
    norm = product.norm ? f.weight(step.weightOf(product.norm)) : source.base;
  }

  void emit() {
    k.ifThenElse(
        k.lessThan(rows, k.i64(fewRows + 1)), [&] { emitSmall(); },
        [&] { emitLarge(); });
  }

private:
  void emitLarge() {
    const Variant &variant = step.variant();
    WeightOp weight = product.weight;
    Type inputs = weight.getQuantAttr().getInputs();
    if (variant.vnni() && inputs.isInteger())
      return emitLargeBytes();
    if (multipliesGroups(variant, inputs))
      return emitLargeGroups();
    if (!variant.bf16Dot)
      return emitLargePanels(Element::F32);
    if (variant.amx)
      return emitTiledProduct(f, product, units, rows, epilogue);
    emitLargePanels(Element::BF16);
  }

  Value slot(StringRef name) {
    return f.slot(step.workspaceSlot(product.op, name));
  }
  bool hasNorm() const { return static_cast<bool>(product.norm); }
  /// Tiles multiply signed bytes; oneDNN's u8 x s8 wants an offset.
  bool isUnsigned() const { return !usesTiles(); }
  bool usesTiles() const { return step.variant().amx; }

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
  /// Scratch is for kMostRows, whatever the weight's number of few rows is.
  void emitSmall() {
    int64_t index = step.workspaceSlot(product.op, "row_scratch");
    Value own = f.slot(index);
    // All products of the step use one stride, so that they share kernels.
    SlotAttr attr = step.slotAttr(index);
    int64_t stride = attr ? attr.getSize().getPerThread() / kMostRows : 0;
    prepareRows(quantizeToRecordsHelper(step, layout.cols, source.element,
                                        quantOffset(layout.element), hasNorm(),
                                        product.eps),
                k.i64(0), rows, own, stride);
    emitSmallUnits(
        f, units, rows, fewRows, weightBase, layout.blockBytes(), tileScratch,
        [&](int64_t m, Value row0, Value block, Value c,
            const Streams &streams) {
          f.call(quantGemvHelper(step, m, layout, stride, units.columns()),
                 {k.offset(own, k.mul(row0, stride)), block,
                  k.i64(layout.paddedCols() / kQuantGroup), c, streams.count,
                  streams.blockStride, streams.resultStride});
        },
        epilogue);
  }

  /// The rows of a piece, as QuantizedRecords at `own`, times a block: part by
  /// part of its inputs, each of which the nearest cache holds while all rows
  /// are multiplied by it. The last tile's missing rows are those behind it, up
  /// to a multiple of kTileRows.
  void emitGroupTiles(Value own, int64_t stride, const Piece &piece,
                      Value block, Value c) {
    const int64_t vectors = units.nBlock / k.lanes();
    // What the registers hold beside the codes of the columns.
    const int64_t atOnce =
        vectors % 2 == 0 && step.variant().registers == 32 ? 2 : 1;
    // An even number of groups, since a record has two.
    const int64_t partGroups =
        std::max<int64_t>(kTileBytes / (2 * groupBytes()), 1) * 2;
    const int64_t groups = layout.paddedCols() / kQuantGroup;
    const int64_t parts = (groups + partGroups - 1) / partGroups;
    auto multiply = quantTileHelper(step, layout, atOnce);
    Value scale = k.load(k.f32Type(), block);
    forEachChunk(
        k, groups, partGroups, [&](Value part, int64_t count, bool accumulate) {
          // Sums are scaled when they are whole.
          Value factor =
              k.select(k.equal(part, k.i64(parts - 1)), scale, k.f32(1.0f));
          Value number = k.mul(part, partGroups);
          Value first = k.offset(
              block, k.add(k.mul(number, groupBytes()), kQuantHeaderBytes));
          Value records = k.offset(
              own, k.mul(k.div(number, 2), recordBytes(step.variant())));
          k.loop(k.i64(0), piece.rows, kGroupTileRows, [&](Value row) {
            Value from =
                k.offset(records, k.mul(k.add(piece.row0, row), stride));
            Value to = k.offset(c, k.mul(row, units.columns() * 4));
            k.loop(k.i64(0), k.i64(units.nBlock), atOnce * k.lanes(),
                   [&](Value column) {
                     f.call(multiply, {from, k.i64(stride), first, column,
                                       k.i64(count), to, k.i64(units.columns()),
                                       k.i64(accumulate ? 0 : 1), factor});
                   });
          });
        });
  }

  /// As emitGroupTiles, where bytes are summed in words and the weight's levels
  /// leave room for that. Rows have unsigned codes.
  void emitWordRows(Value own, int64_t stride, const Piece &piece, Value block,
                    Value c, Value panel) {
    constexpr int64_t partGroups = 2 * kWordPairs;
    const int64_t groups = layout.paddedCols() / kQuantGroup;
    const int64_t parts = (groups + partGroups - 1) / partGroups;
    Value scale = k.load(k.f32Type(), block);
    forEachChunk(
        k, groups, partGroups, [&](Value part, int64_t count, bool accumulate) {
          // Sums are scaled when they are whole.
          Value factor =
              k.select(k.equal(part, k.i64(parts - 1)), scale, k.f32(1.0f));
          Value first =
              k.offset(block, k.add(k.mul(part, partGroups * groupBytes()),
                                    kQuantHeaderBytes));
          f.call(unpackWordsHelper(step, layout), {first, panel, k.i64(count)});
          Value records = k.offset(
              own,
              k.add(k.mul(piece.row0, stride),
                    k.mul(part, kWordPairs * recordBytes(step.variant()))));
          f.call(wordRowsHelper(step, layout),
                 {records, k.i64(stride), panel, k.i64((count + 1) / 2),
                  piece.rows, c, k.i64(units.columns()),
                  k.i64(accumulate ? 0 : 1), factor});
        });
  }
  bool sumsWords() const {
    return !step.variant().vnni() && layout.element != PackedElement::I8;
  }

  /// Groups of 32 inputs, as for few rows.
  void emitLargeGroups() {
    Value own = slot("norm"), panel = slot("panel_scratch");
    const int64_t stride = recordsOf(step.variant(), layout.cols).stride();
    std::optional<int64_t> offset;
    if (!sumsWords())
      offset = quantOffset(layout.element);
    auto quantize = quantizeToRecordsHelper(step, layout.cols, source.element,
                                            offset, hasNorm(), product.eps);
    f.forEachRun(rows, [&](Value begin, Value end) {
      prepareRows(quantize, begin, end, own, stride);
    });
    f.barrier();
    forEachPiece(
        f, units, rows, /*large=*/true, /*most=*/1, [&](const Piece &piece) {
          k.loop(k.i64(0), k.i64(units.blocks), 1, [&](Value inUnit) {
            Value block = blockOf(piece.unit, inUnit), c = columnsOf(inUnit);
            if (sumsWords())
              emitWordRows(own, stride, piece, block, c, panel);
            else
              emitGroupTiles(own, stride, piece, block, c);
          });
          finish(piece);
        });
  }

  void emitLargeBytes() {
    Value codes = slot("norm");
    Value padded =
        k.mul(k.div(k.add(rows, kTileRows - 1), kTileRows), kTileRows);
    Value scales = k.offset(
        codes, k.mul(padded, chunks.chunks() * QuantizedChunks::kInputs));
    auto quantize =
        quantizeToChunksHelper(step, layout.cols, source.element, isUnsigned(),
                               usesTiles(), hasNorm(), product.eps);
    auto quantizeRow = [&](Value row, Value from) {
      Value at = k.mul(row, QuantizedChunks::kInputs);
      if (usesTiles()) {
        Value inTile = k.rem(row, kTileRows);
        at = k.add(k.mul(k.sub(row, inTile), QuantizedChunks::kInputs),
                   k.mul(inTile, kTileRowBytes));
      }
      f.call(quantize, {from, norm, k.offset(codes, at),
                        k.offset(scales, k.mul(row, 4)), padded});
    };
    f.forEachRun(rows, [&](Value begin, Value end) {
      forEachInputRow(f, product, source, begin, end, quantizeRow);
    });
    f.barrier();
    ByteRows in{codes, scales, padded};
    if (usesTiles())
      emitTileConfig(f);
    auto emitPasses = [&] {
      forEachPiece(f, units, rows, /*large=*/true, unitsOfPass(units),
                   [&](const Piece &piece) {
                     emitChunkByChunk(piece, in);
                     finishPass(f, units, piece, tileScratch, epilogue);
                   });
    };
    if (usesTiles())
      k.ifThenElse(
          k.lessThan(rows, k.i64(kTileRows + 1)), [&] { emitTileByTile(in); },
          emitPasses);
    else
      emitPasses();
    if (usesTiles())
      emitTileRelease(f);
  }

  /// Rows as QuantizedChunks.
  struct ByteRows {
    Value codes, scales;
    Value padded; // how many, rounded up to tiles
  };
  Value codesOf(const ByteRows &in, Value chunk, Value row) {
    return k.offset(in.codes, k.mul(k.add(k.mul(chunk, in.padded), row),
                                    QuantizedChunks::kInputs));
  }
  Value scalesOf(const ByteRows &in, Value chunk, Value row) {
    return k.offset(in.scales, k.mul(k.add(k.mul(chunk, in.padded), row), 4));
  }
  Value groupsOf(Value block, Value chunk) {
    return k.offset(block, k.add(k.mul(chunk, kChunkGroups * groupBytes()),
                                 kQuantHeaderBytes));
  }

  /// In each chunk of the inputs all blocks, a panel of bytes after the other.
  void emitChunkByChunk(const Piece &piece, const ByteRows &in) {
    Value panel = slot("panel_scratch"), sums = slot("sum_scratch");
    forEachBlockOfPass(
        f, units, piece, weightBase, layout.blockBytes(), tileScratch, groups(),
        kChunkGroups,
        [&](Value block, Value c, Value chunk, int64_t present,
            bool accumulate) {
          f.call(unpackBytesHelper(step, layout, usesTiles()),
                 {block, groupsOf(block, chunk), panel, k.i64(present)});
          k.loop(k.i64(0), piece.tiles, 1, [&](Value tile) {
            Value row = k.add(piece.row0, k.mul(tile, kTileRows));
            Value to =
                k.offset(c, k.mul(tile, kTileRows * units.columns() * 4));
            multiplyTile(units.nBlock, codesOf(in, chunk, row), panel, sums,
                         kTileRows);
            scaleSums(units.nBlock, sums, panel, scalesOf(in, chunk, row),
                      k.i64(kTileRows), to, accumulate);
          });
        });
  }

  void emitTileByTile(const ByteRows &in) {
    constexpr BytePanel place{kTileDim};
    Value panels = slot("panel_scratch"), sums = slot("sum_scratch");
    auto panelOf = [&](const TileColumns &at) {
      return k.offset(panels, k.mul(at.parity, place.bytes()));
    };
    auto inputsOf = [&](const TileColumns &at) {
      return codesOf(in, at.chunk, k.i64(0));
    };
    auto unpack = [&](const TileColumns &at, int64_t besideRows,
                      const TileColumns &last) {
      Value block = k.offset(weightBase, k.mul(at.block, layout.blockBytes()));
      f.call(unpackTileHelper(step, layout, besideRows),
             {block, groupsOf(block, at.chunk), at.column, panelOf(at),
              presentGroups(k, layout, at.chunk, kChunkGroups), inputsOf(last),
              panelOf(last), sums});
    };
    TileStream stream;
    stream.chunks = (groups() + kChunkGroups - 1) / kChunkGroups;
    stream.unpack = [&](const TileColumns &next) { unpack(next, 0, next); };
    stream.unpackAndMultiply = [&](const TileColumns &next,
                                   const TileColumns &last, int64_t tileRows) {
      unpack(next, tileRows, last);
    };
    stream.multiply = [&](const TileColumns &last, int64_t tileRows) {
      multiplyTile(kTileDim, inputsOf(last), panelOf(last), sums, tileRows);
    };
    stream.finish = [&](const TileColumns &last) {
      auto scale = [&](bool accumulate) {
        scaleSums(kTileDim, sums, panelOf(last),
                  scalesOf(in, last.chunk, k.i64(0)), rows, last.c, accumulate);
      };
      k.ifThenElse(
          k.equal(last.chunk, k.i64(0)), [&] { scale(false); },
          [&] { scale(true); });
    };
    emitTileStream(f, units, rows, tileScratch, stream, epilogue);
  }

  int64_t groupBytes() const {
    return quantGroupBytes(layout.element, layout.nBlock);
  }

  int64_t groups() const { return layout.paddedCols() / kQuantGroup; }

  void multiplyTile(int64_t columns, Value rowCodes, Value panel, Value sums,
                    int64_t tileRows) {
    constexpr int64_t chunk = QuantizedChunks::kInputs;
    if (usesTiles())
      f.call(tileProductHelper(step, Element::S8,
                               chunk / tileInputs(Element::S8), tileRows,
                               columns, columns,
                               /*accumulate=*/false),
             {rowCodes, panel, sums});
    else
      f.brgemm(step.brgemm({tileRows, columns, chunk, chunk, columns, columns,
                            Element::U8, Element::S8,
                            /*accumulate=*/false}),
               rowCodes, panel, sums);
  }
  void scaleSums(int64_t columns, Value sums, Value panel, Value rowScales,
                 Value count, Value c, bool accumulate) {
    f.call(scaleSumsHelper(step, columns, isUnsigned(), accumulate),
           {sums, panel, rowScales, count, c, k.i64(units.columns())});
  }

  void finish(const Piece &piece) {
    epilogue(
        f, {piece.row0, piece.rows, piece.unit, tileScratch, units.columns()});
  }

  /// Panels widened to `element`, in which inputs are too.
  void emitLargePanels(Element element) {
    Rows input = source;
    if (hasNorm() || product.selectRows || source.element != element) {
      input = {slot("norm"), layout.cols, element};
      InputForm form{element, element};
      auto prepare = prepareRowHelper(step, layout.cols, source.element, form,
                                      hasNorm(), product.eps);
      f.forEachRun(rows, [&](Value begin, Value end) {
        prepareRows(prepare, begin, end, input.base, input.stride());
      });
      f.barrier();
    }
    Value panel = slot("panel_scratch");
    // Beyond its columns an input in f32 may hold anything; one in bf16 is
    // always prepared here, with zeros.
    int64_t cols = element == Element::F32 ? layout.cols : layout.paddedCols();
    forEachPiece(
        f, units, rows, /*large=*/true, /*most=*/1, [&](const Piece &piece) {
          k.loop(k.i64(0), k.i64(units.blocks), 1, [&](Value inUnit) {
            Value block = blockOf(piece.unit, inUnit), c = columnsOf(inUnit);
            auto emitChunk = [&](Value index, int64_t inputs, bool accumulate) {
              emitPanel(element, block, index, inputs, panel);
              int64_t kernel =
                  step.brgemm({kTileRows, units.nBlock, inputs,
                               input.stride() / sizeOf(element), units.nBlock,
                               units.columns(), element, element, accumulate});
              k.loop(k.i64(0), piece.tiles, 1, [&](Value tile) {
                Value row = k.add(piece.row0, k.mul(tile, kTileRows));
                Value a =
                    k.offset(input.base,
                             k.add(k.mul(row, input.stride()),
                                   k.mul(index, kChunkCols * sizeOf(element))));
                f.brgemm(
                    kernel, a, panel,
                    k.offset(c, k.mul(tile, kTileRows * units.columns() * 4)));
              });
            };
            forEachChunk(k, cols, kChunkCols, emitChunk);
          });
          finish(piece);
        });
  }

  void emitPanel(Element element, Value block, Value chunk, int64_t inputs,
                 Value panel) {
    int64_t groups = roundUp(inputs, kQuantGroup) / kQuantGroup;
    Value first = k.offset(
        block, k.add(k.mul(chunk, kChunkCols / kQuantGroup * groupBytes()),
                     kQuantHeaderBytes));
    if (element == Element::F32)
      f.call(unpackFloatsHelper(step, layout),
             {block, first, panel, k.i64(groups)});
    else
      f.call(unpackPairsHelper(step, layout, groups, /*tileOrder=*/false),
             {block, first, panel});
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
  int64_t fewRows; // of QuantizedRecords
  Value weightBase, tileScratch, norm;
};

} // namespace

void swallow::x86::emitQuantizedProduct(
    KernelFrame &frame, const Product &product, const Units &units, Value rows,
    function_ref<void(KernelFrame &, const Tile &)> epilogue) {
  QuantizedProduct(frame, product, units, rows, epilogue).emit();
}
