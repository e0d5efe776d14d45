//===- AttentionKernel.cpp - attention over paged keys and values ---------===//
//
// Rows of a step that follow each other in one sequence form tiles. A tile and
// a KV head are a piece of work: the queries of all its rows and of all heads
// that share the KV head go over the keys together, chunk by chunk, so that a
// chunk is read from memory once for all of them. Softmax is the online form
// (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018):
// a running maximum and sum, the output corrected when the maximum grows.
//
// In a small step the chunks of a piece are split as well, so that one long
// sequence keeps all threads busy: each split leaves its output, maximum and
// sum, which are combined behind a barrier. Where tiles and splits begin
// depends on the rows alone, and so does the order of every sum.
//
//===----------------------------------------------------------------------===//

#include "targets/x86/AttentionPiece.h"
#include "targets/x86/Tiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {
/// Chunks of a split, unless that makes more splits than are kept apart.
constexpr int64_t kSplitChunks = 2;
constexpr int64_t kChunk = AttentionTile::kChunk;
/// Softmax takes the highest score for the highest exponent, and what it
/// divides by the scale must stay finite.
constexpr double kLeastScale = 1e-6;

class AttentionEmitter {
public:
  AttentionEmitter(KernelFrame &frame, const AttentionPlan &plan)
      : plan(plan), kv(plan.kv), f(frame), k(frame.k) {}

  void emit() {
    Value small =
        k.lessThan(f.integer(Arg::NumTokens), k.i64(plan.sizes.splitRows + 1));
    k.ifThenElse(small, [&] { emitSplit(); }, [&] { emitWhole(); });
  }

private:
  struct Tile {
    Value row0, rows; ///< of the step
    Value firstChunk, endChunk;
    Value perSplit, splits; ///< chunks of a split, and how many there are
  };

  Value ceilDiv(Value a, Value b) { return k.div(k.add(k.add(a, b), -1), b); }

  Tile describe(Value row0, Value rows) {
    Tile t{row0, rows, k.i64(0), {}, {}, {}};
    Value position = f.element(Arg::Positions, row0);
    if (kv.window > 0)
      t.firstChunk =
          k.div(k.max(k.add(position, 1 - kv.window), k.i64(0)), kChunk);
    t.endChunk = k.add(k.div(k.add(k.add(position, rows), -1), kChunk), 1);
    Value chunks = k.sub(t.endChunk, t.firstChunk);
    t.perSplit = k.max(ceilDiv(chunks, k.i64(plan.sizes.maxSplits)),
                       k.i64(kSplitChunks));
    t.splits = ceilDiv(chunks, t.perSplit);
    return t;
  }

  /// The step's tiles in order, with a number carried from one to the next.
  Value forEachTile(Value init,
                    function_ref<Value(const Tile &, Value carried)> body) {
    return forEachTile(ValueRange{init},
                       [&](const Tile &t, ValueRange carried) {
                         return KernelBuilder::Values{body(t, carried[0])};
                       })[0];
  }

  KernelBuilder::Values forEachTile(
      ValueRange init,
      function_ref<KernelBuilder::Values(const Tile &, ValueRange)> body) {
    Value n = f.integer(Arg::NumTokens);
    Value last = k.add(n, -1);
    KernelBuilder::Values first = {k.i64(0)};
    first.append(init.begin(), init.end());
    KernelBuilder::Values results =
        k.loop(k.i64(0), n, 1, first, [&](Value row, ValueRange in) {
          Value start = in[0];
          ValueRange carried = in.drop_front();
          Value count = k.sub(k.add(row, 1), start);
          Value next = k.min(k.add(row, 1), last);
          auto differsBy = [&](Arg array, int64_t step) {
            return k.equal(k.add(f.element(array, row), step),
                           f.element(array, next));
          };
          Value goesOn = differsBy(Arg::Sequences, 0);
          for (Value condition :
               {differsBy(Arg::Positions, 1), k.lessThan(row, last),
                k.lessThan(count, k.i64(plan.sizes.tileRows))})
            goesOn = arith::AndIOp::create(k.ops(), goesOn, condition);
          return k.ifThenElse(
              goesOn, in.getTypes(), [&] { return KernelBuilder::Values(in); },
              [&] {
                KernelBuilder::Values next = {k.add(row, 1)};
                next.append(body(describe(start, count), carried));
                return next;
              });
        });
    results.erase(results.begin());
    return results;
  }

  void callPiece(const Tile &t, Value head, Value chunk, Value endChunk,
                 Value split, bool manyRows) {
    forKvElement(f, [&](KvElement element) {
      f.call(
          attentionPiece(AttentionPlan(plan.step, plan.op, element, manyRows)),
          {f.args, f.layer, f.thread, t.row0, t.rows, head, chunk, endChunk,
           split});
    });
  }

  /// Threads claim pieces in the order of tiles: under a causal mask later rows
  /// cost more.
  void emitWhole() {
    bool tiles = plan.step.variant().amx;
    if (tiles)
      emitTileConfig(f);
    // What is carried is the number of the tile's first piece, and the one that
    // this thread has claimed.
    KernelBuilder::Values init = {k.i64(0), f.claim()};
    forEachTile(init, [&](const Tile &t, ValueRange carried) {
      Value first = carried[0], end = k.add(first, kv.heads);
      Value claimed = k.loopWhileLess(carried[1], end, [&](Value piece) {
        callPiece(t, k.sub(piece, first), t.firstChunk, t.endChunk, k.i64(-1),
                  /*manyRows=*/true);
        return f.claim();
      });
      return KernelBuilder::Values{end, claimed};
    });
    if (tiles)
      emitTileRelease(f);
  }

  /// A thread's splits are neighbours, so that what it prefetches behind one is
  /// what it reads next.
  void emitSplit() {
    Value pieces =
        forEachTile(k.i64(0), [&](const Tile &t, Value sum) -> Value {
          return k.add(sum, k.mul(t.splits, kv.heads));
        });
    // Short contexts have nothing to combine; all threads see that alike.
    Value most = forEachTile(k.i64(0), [&](const Tile &t, Value most) -> Value {
      return k.max(most, t.splits);
    });
    Value whole = k.lessThan(most, k.i64(2));
    Value begin, end;
    std::tie(begin, end) = f.share(pieces);
    forEachTile(k.i64(0), [&](const Tile &t, Value base) -> Value {
      Value count = k.mul(t.splits, kv.heads);
      Value low = k.max(k.sub(begin, base), k.i64(0));
      Value high = k.min(k.sub(end, base), count);
      k.loop(low, high, 1, [&](Value piece) {
        Value split = k.rem(piece, t.splits);
        Value chunk = k.add(t.firstChunk, k.mul(split, t.perSplit));
        callPiece(t, k.div(piece, t.splits), chunk,
                  k.min(k.add(chunk, t.perSplit), t.endChunk),
                  k.select(whole, k.i64(-1), split), /*manyRows=*/false);
      });
      return k.add(base, count);
    });
    k.ifThenElse(
        whole, [] {},
        [&] {
          f.barrier();
          emitCombination();
        });
  }

  void emitCombination() {
    Value begin, end;
    std::tie(begin, end) =
        f.share(k.mul(f.integer(Arg::NumTokens), plan.heads));
    forEachTile(k.i64(0), [&](const Tile &t, Value base) -> Value {
      Value after = k.add(base, k.mul(t.rows, plan.heads));
      k.loop(k.max(begin, base), k.min(end, after), 1,
             [&](Value query) { emitCombined(query, t.splits); });
      return after;
    });
  }

  void emitCombined(Value query, Value splits) {
    auto state = [&](Value split, int64_t offset) {
      return k.load(k.f32Type(), k.offset(plan.partial(f, query, split),
                                          plan.maximumOffset() + offset));
    };
    Value maximum =
        k.loop(k.i64(0), splits, 1, {k.f32(AttentionTile::kMinusInfinity)},
               [&](Value split, ValueRange in) {
                 return KernelBuilder::Values{k.maxf(in[0], state(split, 0))};
               })[0];
    KernelBuilder::Values init(plan.vectors() + 1, k.zero());
    KernelBuilder::Values sums =
        k.loop(k.i64(0), splits, 1, init, [&](Value split, ValueRange in) {
          Value weight =
              k.exp2(k.splat(k.subf(state(split, 0), maximum)), true);
          Value partial = plan.partial(f, query, split);
          KernelBuilder::Values next;
          for (int64_t v = 0; v < plan.vectors(); ++v)
            next.push_back(
                k.fma(weight,
                      k.loadVector(k.offset(partial, v * k.lanes() * 4),
                                   Element::F32),
                      in[v]));
          next.push_back(
              k.fma(weight, k.splat(state(split, 4)), in[plan.vectors()]));
          return next;
        });
    Value scale = k.divf(k.splat(1.0f, k.lanes()), sums[plan.vectors()]);
    for (int64_t v = 0; v < plan.vectors(); ++v)
      plan.storeResult(f, query, v, k.mulf(sums[v], scale));
  }

  const AttentionPlan &plan;
  const KvGeometry &kv;
  KernelFrame &f;
  KernelBuilder &k;
};
} // namespace

void swallow::x86::emitAttention(KernelFrame &frame, AttentionOp op) {
  if (!(op.getScale().convertToDouble() >= kLeastScale))
    return frame.step.complain(op, "has no kernel for a scale under 1e-6");
  // How work is dealt out does not depend on the element.
  AttentionPlan plan(frame.step, op, KvElement::F32, /*manyRows=*/false);
  AttentionEmitter(frame, plan).emit();
}
