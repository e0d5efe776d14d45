//===- TileStream.cpp - few rows times a weight that is unpacked ----------===//

#include "targets/x86/TileStream.h"

#include "targets/x86/Tiles.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

void swallow::x86::emitTileStream(
    KernelFrame &frame, const Units &units, Value rows, Value tileScratch,
    const TileStream &stream,
    function_ref<void(KernelFrame &, const Tile &)> epilogue) {
  KernelBuilder &k = frame.k;
  const int64_t across = units.nBlock / kTileDim;
  const int64_t tilesOfUnit = units.blocks * stream.chunks * across;
  auto share = frame.share(k.i64(units.count));
  Value begin = share.first;
  Value count = k.mul(k.sub(share.second, begin), tilesOfUnit);
  Value none = k.i64(0);
  auto columnsOf = [&](Value number) {
    Value chunk = k.div(number, across);
    Value column = k.mul(k.rem(number, across), kTileDim);
    Value inShare = k.div(chunk, stream.chunks);
    Value inUnit = k.rem(inShare, units.blocks);
    Value c = k.add(k.mul(inUnit, units.nBlock * 4), k.mul(column, 4));
    return TileColumns{k.rem(number, 2), column, k.rem(chunk, stream.chunks),
                       k.add(k.mul(begin, units.blocks), inShare),
                       k.offset(tileScratch, c)};
  };
  auto withTileRows = [&](function_ref<void(int64_t)> body) {
    k.ifThenElse(
        k.lessThan(rows, k.i64(kTileDim + 1)), [&] { body(kTileDim); },
        [&] { body(kTileRows); });
  };
  k.ifThen(k.lessThan(none, count), [&] { stream.unpack(columnsOf(none)); });
  k.loop(k.i64(1), k.add(count, 1), 1, [&](Value number) {
    TileColumns last = columnsOf(k.add(number, -1));
    k.ifThenElse(
        k.lessThan(number, count),
        [&] {
          TileColumns next = columnsOf(number);
          withTileRows([&](int64_t tileRows) {
            stream.unpackAndMultiply(next, last, tileRows);
          });
        },
        [&] {
          withTileRows(
              [&](int64_t tileRows) { stream.multiply(last, tileRows); });
        });
    if (stream.finish)
      stream.finish(last);
    k.ifThen(k.equal(k.rem(number, tilesOfUnit), none), [&] {
      Value unit = k.add(begin, k.add(k.div(number, tilesOfUnit), -1));
      epilogue(frame, {none, rows, unit, tileScratch, units.columns()});
    });
  });
}
