//===- TiledProduct.cpp - products of many rows in bf16 tiles -------------===//

#include "targets/x86/TiledProduct.h"

#include "targets/x86/ProductPass.h"
#include "targets/x86/TileStream.h"
#include "targets/x86/Tiles.h"
#include "targets/x86/quant/QuantProduct.h"

#include "dialects/swallow/ProductRows.h"
#include "runtime/packing/QuantFormat.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {
constexpr int64_t kStepInputs = TiledRows::kStepInputs;
constexpr int64_t kChunkInputs = TiledRows::kChunkInputs;
constexpr int64_t kChunkSteps = kChunkInputs / kStepInputs;
} // namespace

/// (src, norm weight or anything, dst, rows): one row as TiledRows describes
/// it; `dst` is where it begins in the first chunk, `rows` how many there are.
static LLVM::LLVMFuncOp tileRowHelper(StepEmitter &step, int64_t columns,
                                      Element source, bool norm, double eps) {
  std::string name = std::string(norm ? "rms_norm" : "round") + "_tiled_row_" +
                     std::to_string(columns) +
                     (source == Element::F32 ? "_f32" : "_bf16");
  if (norm)
    name += "_eps" + std::to_string(llvm::bit_cast<uint64_t>(eps));
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  return step.helper(
      name, {ptr, ptr, ptr, i64}, [&](KernelBuilder &k, ValueRange arguments) {
        Value src = arguments[0], weight = arguments[1], dst = arguments[2];
        Value chunkStride = k.mul(arguments[3], kChunkInputs * 2);
        Value scale;
        if (norm)
          scale = emitRmsScale(k, src, source, columns, eps);
        auto place = [&](Value at) {
          Value line = k.div(k.rem(at, kChunkInputs), kStepInputs);
          return k.offset(
              dst, k.add(k.add(k.mul(k.div(at, kChunkInputs), chunkStride),
                               k.mul(line, kTileStepBytes)),
                         k.mul(k.rem(at, kStepInputs), 2)));
        };
        // Zeros up to a whole chunk, which streams of tiles multiply.
        forEachRowVector(k, src, source, columns,
                         roundUp(columns, kChunkInputs), scale, weight,
                         [&](Value x, Value at) {
                           k.storeVector(x, place(at), Element::BF16);
                         });
      });
}

/// (pairs, panel): `count` pairs of inputs of a bf16 block, [pairs][nBlock][2],
/// in tile order; zeros up to a whole step.
static LLVM::LLVMFuncOp tilePanelHelper(StepEmitter &step, int64_t nBlock,
                                        int64_t count) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  return step.helper(
      "tile_panel_n" + std::to_string(nBlock) + "_p" + std::to_string(count),
      {ptr, ptr}, [&](KernelBuilder &k, ValueRange arguments) {
        auto ints = k.i32Vector(k.lanes());
        auto forEachPlace = [&](Value pair,
                                function_ref<Value(int64_t)> value) {
          for (int64_t v = 0; v < nBlock / k.lanes(); ++v)
            k.store(value(v),
                    k.offset(arguments[1], tilePanelOffset(k, nBlock, pair, v)),
                    4);
        };
        k.loop(k.i64(0), k.i64(count), 1, [&](Value pair) {
          Value row = k.offset(arguments[0], k.mul(pair, nBlock * 4));
          forEachPlace(pair, [&](int64_t v) {
            return k.load(ints, k.offset(row, v * k.lanes() * 4), 4);
          });
        });
        k.loop(k.i64(count), k.i64(roundUp(count, kStepInputs / 2)), 1,
               [&](Value pair) {
                 forEachPlace(pair, [&](int64_t) { return k.splatI32(0); });
               });
      });
}

/// (rows, b, c): C[16][nBlock] = or += 16 rows in tile order times
/// `steps` steps of B, which is in tile order or, `inPlace`, as a block lies in
/// memory. What comes behind it is asked for if `asks`.
static LLVM::LLVMFuncOp rowsTimesBlockHelper(StepEmitter &step, int64_t steps,
                                             int64_t nBlock, int64_t ldc,
                                             bool inPlace, bool asks,
                                             bool accumulate) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  std::string name = "rows_times_block_s" + std::to_string(steps) + "_n" +
                     std::to_string(nBlock) + "_ldc" + std::to_string(ldc) +
                     (inPlace ? "" : "_tiles") + (asks ? "_asks" : "") +
                     (accumulate ? "_add" : "");
  return step.helper(
      name, {ptr, ptr, ptr}, [&](KernelBuilder &k, ValueRange arguments) {
        Value rows = arguments[0], b = arguments[1], c = arguments[2];
        const int64_t tileBytes =
            inPlace ? kTileRowBytes : kTileDim * kTileRowBytes;
        TileOperand a{[&](Value step, int64_t) {
                        return k.offset(rows, k.mul(step, kTileStepBytes));
                      },
                      k.i64(kTileRowBytes)};
        TileOperand columns{
            [&](Value step, int64_t tile) {
              return k.offset(
                  k.offset(b, k.mul(step, tilePanelStepBytes(nBlock))),
                  tile * tileBytes);
            },
            k.i64(inPlace ? nBlock * 4 : kTileRowBytes)};
        if (asks)
          columns.prefetch = [&](Value step, int64_t tile) {
            Value position =
                k.offset(k.offset(b, k.mul(step, tilePanelStepBytes(nBlock))),
                         tile * kTileDim * kTileRowBytes);
            k.prefetchNextPages(position, kTileDim);
          };
        TileOperand sums{[&](Value, int64_t tile) {
                           return k.offset(c, tile * kTileDim * 4);
                         },
                         k.i64(ldc * 4)};
        emitTileSums(k, Element::BF16, 1, nBlock / kTileDim, k.i64(0),
                     k.i64(steps), a, columns, sums, accumulate);
      });
}

namespace {

class TiledProduct {
public:
  using Epilogue = function_ref<void(KernelFrame &, const Tile &)>;

  TiledProduct(KernelFrame &frame, const Product &product, const Units &units,
               Value rows, Epilogue epilogue)
      : f(frame), k(frame.k), step(frame.step), product(product), units(units),
        rows(rows), epilogue(epilogue), layout([&] {
          WeightOp weight = product.weight;
          return weight.getPackedLayout();
        }()) {
    weightBase = f.weight(product.weight);
    input = slot("norm");
    tileScratch = slot("tile_scratch");
    panel = slot("panel_scratch");
    padded = k.mul(k.div(k.add(rows, kTileRows - 1), kTileRows), kTileRows);
  }

  void emit() {
    prepareRows();
    emitTileConfig(f);
    auto emitPiece = [&](const Piece &piece) {
      forEachBlockOfPass(f, units, piece, weightBase, layout.blockBytes(),
                         tileScratch, layout.paddedCols(), kChunkInputs,
                         [&](Value block, Value c, Value chunk, int64_t inputs,
                             bool accumulate) {
                           emitChunk(piece, block, c, chunk, inputs,
                                     accumulate);
                         });
      finishPass(f, units, piece, tileScratch, epilogue);
    };
    auto emitPasses = [&] {
      forEachPiece(f, units, rows, /*large=*/true, unitsOfPass(units),
                   emitPiece);
    };
    k.ifThenElse(
        k.lessThan(rows, k.i64(kTileRows + 1)),
        [&] {
          if (isQuantized(layout.element))
            emitTileByTile();
          else
            emitInPlace();
        },
        emitPasses);
    emitTileRelease(f);
  }

private:
  /// Up to 32 rows, for which a weight is hardly read fast enough: this
  /// thread's share goes by in the order in which it lies in memory, and is
  /// multiplied as it lies there, chunk by chunk by 16 rows and by the others.
  void emitInPlace() {
    auto [begin, end] = f.share(k.i64(units.count));
    k.loop(begin, end, 1, [&](Value unit) {
      k.loop(k.i64(0), k.i64(units.blocks), 1, [&](Value inUnit) {
        Value number = k.add(k.mul(unit, units.blocks), inUnit);
        Value block = k.offset(weightBase, k.mul(number, layout.blockBytes()));
        Value c = k.offset(tileScratch, k.mul(inUnit, units.nBlock * 4));
        forEachChunk(k, layout.paddedCols(), kChunkInputs,
                     [&](Value chunk, int64_t inputs, bool accumulate) {
                       emitChunkInPlace(block, c, chunk, inputs, accumulate);
                     });
      });
      epilogue(f, {k.i64(0), rows, unit, tileScratch, units.columns()});
    });
  }

  void emitTileByTile() {
    constexpr int64_t chunkGroups = kChunkInputs / kQuantGroup;
    constexpr int64_t panelBytes = kChunkInputs * kTileDim * 2;
    const int64_t groupBytes = quantGroupBytes(layout.element, layout.nBlock);
    auto panelOf = [&](const TileColumns &at) {
      return k.offset(panel, k.mul(at.parity, panelBytes));
    };
    auto inputsOf = [&](const TileColumns &at) {
      return k.offset(input, k.mul(k.mul(at.chunk, padded), kChunkInputs * 2));
    };
    auto unpack = [&](const TileColumns &at, int64_t besideRows,
                      const TileColumns &last, bool accumulate) {
      Value block = k.offset(weightBase, k.mul(at.block, layout.blockBytes()));
      Value first =
          k.offset(block, k.add(k.mul(at.chunk, chunkGroups * groupBytes),
                                kQuantHeaderBytes));
      f.call(unpackPairTileHelper(step, layout, besideRows, units.columns(),
                                  accumulate),
             {block, first, at.column, panelOf(at),
              presentGroups(k, layout, at.chunk, chunkGroups), inputsOf(last),
              panelOf(last), last.c});
    };
    auto accumulating = [&](const TileColumns &last,
                            function_ref<void(bool)> body) {
      k.ifThenElse(
          k.equal(last.chunk, k.i64(0)), [&] { body(false); },
          [&] { body(true); });
    };
    TileStream stream;
    stream.chunks = (layout.paddedCols() + kChunkInputs - 1) / kChunkInputs;
    stream.unpack = [&](const TileColumns &next) {
      unpack(next, 0, next, false);
    };
    stream.unpackAndMultiply = [&](const TileColumns &next,
                                   const TileColumns &last, int64_t tileRows) {
      accumulating(last, [&](bool accumulate) {
        unpack(next, tileRows, last, accumulate);
      });
    };
    stream.multiply = [&](const TileColumns &last, int64_t tileRows) {
      accumulating(last, [&](bool accumulate) {
        f.call(tileProductHelper(step, Element::BF16, kChunkSteps, tileRows,
                                 kTileDim, units.columns(), accumulate),
               {inputsOf(last), panelOf(last), last.c});
      });
    };
    emitTileStream(f, units, rows, tileScratch, stream, epilogue);
  }

  void emitChunkInPlace(Value block, Value c, Value chunk, int64_t inputs,
                        bool accumulate) {
    Value b = k.offset(block, k.mul(chunk, kChunkInputs * layout.nBlock * 2));
    // A step that is not whole would be multiplied by what lies behind.
    const bool inPlace = inputs % kStepInputs == 0;
    const int64_t steps = roundUp(inputs, kStepInputs) / kStepInputs;
    if (!inPlace) {
      f.call(tilePanelHelper(step, layout.nBlock, inputs / 2), {b, panel});
      b = panel;
    }
    Value first =
        k.offset(input, k.mul(k.mul(chunk, padded), kChunkInputs * 2));
    auto multiply = [&](int64_t row, bool asks) {
      f.call(rowsTimesBlockHelper(step, steps, units.nBlock, units.columns(),
                                  inPlace, asks, accumulate),
             {k.offset(first, row * kTileRowBytes), b,
              k.offset(c, row * units.columns() * 4)});
    };
    multiply(0, /*asks=*/inPlace);
    k.ifThen(k.lessThan(k.i64(kTileDim), rows),
             [&] { multiply(kTileDim, /*asks=*/false); });
  }

  Value slot(StringRef name) {
    return f.slot(step.workspaceSlot(product.op, name));
  }

  void prepareRows() {
    Rows source = step.rowsOf(f, product.input);
    Value norm =
        product.norm ? f.weight(step.weightOf(product.norm)) : source.base;
    auto prepare = tileRowHelper(step, source.columns, source.element,
                                 static_cast<bool>(product.norm), product.eps);
    f.forEachRun(rows, [&](Value begin, Value end) {
      forEachInputRow(
          f, product, source, begin, end, [&](Value row, Value from) {
            f.call(prepare,
                   {from, norm, k.offset(input, placeOf(row)), padded});
          });
    });
    f.barrier();
  }

  /// Of a row in a chunk.
  Value placeOf(Value row) {
    Value inTile = k.rem(row, kTileRows);
    return k.add(k.mul(k.sub(row, inTile), kChunkInputs * 2),
                 k.mul(inTile, kTileRowBytes));
  }

  void emitChunk(const Piece &piece, Value block, Value c, Value chunk,
                 int64_t inputs, bool accumulate) {
    if (isQuantized(layout.element)) {
      constexpr int64_t groups = kChunkInputs / kQuantGroup;
      int64_t groupBytes = quantGroupBytes(layout.element, layout.nBlock);
      Value first = k.offset(
          block, k.add(k.mul(chunk, groups * groupBytes), kQuantHeaderBytes));
      f.call(unpackPairsHelper(step, layout, inputs / kQuantGroup,
                               /*tileOrder=*/true),
             {block, first, panel});
    } else {
      Value pairs =
          k.offset(block, k.mul(chunk, kChunkInputs * layout.nBlock * 2));
      f.call(tilePanelHelper(step, layout.nBlock, inputs / 2), {pairs, panel});
    }
    // A chunk that is not whole lies as a whole one does.
    Value rowsOfChunk =
        k.offset(input, k.add(k.mul(k.mul(chunk, padded), kChunkInputs * 2),
                              k.mul(piece.row0, kChunkInputs * 2)));
    auto multiply = tileProductHelper(
        step, Element::BF16, roundUp(inputs, kStepInputs) / kStepInputs,
        kTileRows, units.nBlock, units.columns(), accumulate);
    k.loop(k.i64(0), piece.tiles, 1, [&](Value tile) {
      f.call(multiply,
             {k.offset(rowsOfChunk, k.mul(tile, kChunkSteps * kTileStepBytes)),
              panel,
              k.offset(c, k.mul(tile, kTileRows * units.columns() * 4))});
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
  Value weightBase, input, tileScratch, panel;
  Value padded; // rows, rounded up to tiles
};

} // namespace

void swallow::x86::emitTiledProduct(
    KernelFrame &frame, const Product &product, const Units &units, Value rows,
    function_ref<void(KernelFrame &, const Tile &)> epilogue) {
  TiledProduct(frame, product, units, rows, epilogue).emit();
}
