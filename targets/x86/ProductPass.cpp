//===- ProductPass.cpp - many rows times several blocks -------------------===//

#include "targets/x86/ProductPass.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

/// Where the results of a pass's unit begin.
static Value resultsOfUnit(KernelBuilder &k, const Units &units,
                           Value tileScratch, Value inPass) {
  return k.offset(tileScratch,
                  k.mul(inPass, kLargeGroupRows * units.columns() * 4));
}

void swallow::x86::forEachBlockOfPass(
    KernelFrame &frame, const Units &units, const Piece &piece,
    Value weightBase, int64_t blockBytes, Value tileScratch, int64_t inputs,
    int64_t chunk,
    function_ref<void(Value, Value, Value, int64_t, bool)> body) {
  KernelBuilder &k = frame.k;
  Value first =
      k.offset(weightBase, k.mul(k.mul(piece.unit, units.blocks), blockBytes));
  forEachChunk(
      k, inputs, chunk, [&](Value index, int64_t count, bool accumulate) {
        k.loop(k.i64(0), k.mul(piece.units, units.blocks), 1,
               [&](Value inPass) {
                 Value results = resultsOfUnit(k, units, tileScratch,
                                               k.div(inPass, units.blocks));
                 body(k.offset(first, k.mul(inPass, blockBytes)),
                      k.offset(results, k.mul(k.rem(inPass, units.blocks),
                                              units.nBlock * 4)),
                      index, count, accumulate);
               });
      });
}

void swallow::x86::finishPass(
    KernelFrame &frame, const Units &units, const Piece &piece,
    Value tileScratch,
    function_ref<void(KernelFrame &, const Tile &)> epilogue) {
  KernelBuilder &k = frame.k;
  k.loop(k.i64(0), piece.units, 1, [&](Value inPass) {
    epilogue(frame,
             {piece.row0, piece.rows, k.add(piece.unit, inPass),
              resultsOfUnit(k, units, tileScratch, inPass), units.columns()});
  });
}
