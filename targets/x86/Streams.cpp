//===- Streams.cpp - few rows times several blocks side by side -----------===//

#include "targets/x86/Streams.h"

#include "dialects/swallow/ProductRows.h"
#include "runtime/abi/StepAbi.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

void swallow::x86::chooseRows(KernelFrame &frame, Value rows, int64_t most,
                              function_ref<void(int64_t)> kernel) {
  KernelBuilder &k = frame.k;
  std::function<void(int64_t)> choose = [&](int64_t m) {
    if (m == most)
      return kernel(m);
    k.ifThenElse(
        k.lessThan(rows, k.i64(m + 1)), [&] { kernel(m); },
        [&] { choose(2 * m); });
  };
  choose(1);
}

constexpr int64_t kMostStreams = SWALLOW_MAX_READ_STREAMS;
static_assert(kMostStreams * kSmallRows <= kGroupRows &&
                  kMostStreams * QuantizedRecords::kMostRows <= kLargeGroupRows,
              "tile_scratch has room for the results of all streams");

void swallow::x86::emitSmallUnits(
    KernelFrame &frame, const Units &units, Value rows, int64_t mostRows,
    Value weightBase, int64_t blockBytes, Value tileScratch,
    function_ref<void(int64_t, Value, Value, Value, const Streams &)> gemv,
    function_ref<void(KernelFrame &, const Tile &)> epilogue) {
  KernelBuilder &k = frame.k;
  const int64_t unitBytes = units.blocks * blockBytes;
  const int64_t resultBytes = mostRows * units.columns() * 4;
  auto resultsOf = [&](Value place) {
    return k.offset(tileScratch, k.mul(place, resultBytes));
  };
  // The share is cut into as many ranges as there are streams, so that each
  // stream is one piece of memory; what is left are neighbours.
  auto [begin, end] = frame.share(k.i64(units.count));
  Value share = k.sub(end, begin);
  Value most = frame.integer(Arg::ReadStreams);
  Value turns = k.div(share, most);
  Value left = k.rem(share, most);
  Value leftTurns = k.min(left, k.i64(1));
  k.loop(k.i64(0), k.add(turns, leftTurns), 1, [&, begin = begin](Value turn) {
    Value whole = k.lessThan(turn, turns);
    Value unit = k.add(begin, k.select(whole, turn, k.mul(turns, most)));
    Value count = k.select(whole, most, left);
    Value apart = k.select(whole, turns, k.i64(1));
    auto unitAt = [&](Value place) { return k.add(unit, k.mul(place, apart)); };
    auto blockOf = [&](Value unit, int64_t inUnit) {
      return k.offset(k.offset(weightBase, k.mul(unit, unitBytes)),
                      inUnit * blockBytes);
    };
    Streams streams{count, k.mul(apart, unitBytes), k.i64(resultBytes)};
    auto emitOnePass = [&] {
      chooseRows(frame, rows, std::min(mostRows, kSmallRows), [&](int64_t m) {
        for (int64_t block = 0; block < units.blocks; ++block)
          gemv(m, k.i64(0), blockOf(unit, block),
               k.offset(tileScratch, block * units.nBlock * 4), streams);
      });
    };
    // Block by block, which stays in the cache for the next rows.
    auto emitPasses = [&] {
      Streams one{k.i64(1), k.i64(0), k.i64(0)};
      k.loop(k.i64(0), count, 1, [&](Value place) {
        for (int64_t block = 0; block < units.blocks; ++block)
          k.loop(k.i64(0), rows, kSmallRows, [&](Value row0) {
            Value c =
                k.offset(resultsOf(place), k.mul(row0, units.columns() * 4));
            chooseRows(frame, k.sub(rows, row0), kSmallRows, [&](int64_t m) {
              gemv(m, row0, blockOf(unitAt(place), block),
                   k.offset(c, block * units.nBlock * 4), one);
            });
          });
      });
    };
    if (mostRows > kSmallRows)
      k.ifThenElse(k.lessThan(rows, k.i64(kSmallRows + 1)), emitOnePass,
                   emitPasses);
    else
      emitOnePass();
    k.loop(k.i64(0), count, 1, [&](Value place) {
      epilogue(frame, {k.i64(0), rows, unitAt(place), resultsOf(place),
                       units.columns()});
    });
  });
}

void StreamLoop::forEachStream(function_ref<void(Value, Value)> body) {
  k.loop(k.i64(0), streams.count, 1, [&](Value stream) {
    body(k.offset(block, k.mul(stream, streams.blockStride)),
         k.offset(results, k.mul(stream, streams.resultStride)));
  });
}

Value StreamLoop::at(Value results, int64_t row, int64_t vector) const {
  return k.offset(results, (row * ldc + vector * k.lanes()) * 4);
}

void StreamLoop::clear() {
  forEachStream([&](Value, Value results) {
    for (int64_t row = 0; row < m; ++row)
      for (int64_t v = 0; v < vectors; ++v)
        k.storeVector(k.zero(), at(results, row, v), Element::F32);
  });
}

void StreamLoop::add(function_ref<SmallVector<Term>(int64_t, Value)> visit) {
  for (int64_t v = 0; v < vectors; ++v)
    forEachStream([&](Value block, Value results) {
      SmallVector<Term> terms = visit(v, block);
      for (int64_t row = 0; row < m; ++row) {
        Value place = at(results, row, v);
        Value sum = k.loadVector(place, Element::F32);
        auto [term, factor] = terms[row];
        k.storeVector(factor ? k.fma(term, factor, sum) : k.addf(sum, term),
                      place, Element::F32);
      }
    });
}

void StreamLoop::finish(function_ref<Value(Value, Value)> result) {
  forEachStream([&](Value block, Value results) {
    for (int64_t row = 0; row < m; ++row)
      for (int64_t v = 0; v < vectors; ++v) {
        Value place = at(results, row, v);
        k.storeVector(result(k.loadVector(place, Element::F32), block), place,
                      Element::F32);
      }
  });
}
