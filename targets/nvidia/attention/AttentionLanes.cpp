//===- AttentionLanes.cpp - attention with scalar arithmetic --------------===//
//
// A lane is a position while scores are computed, since the keys of 32
// positions lie side by side (runtime/packing/KvLayout.h), and features while
// values are summed.
//
//===----------------------------------------------------------------------===//

#include "targets/nvidia/attention/AttentionSplit.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

namespace {

constexpr int64_t kTokens = KvBlockLayout::tokens;

class LaneAttention final : public WarpAttention {
public:
  explicit LaneAttention(const AttentionRow &row)
      : r(row), f(row.f), k(row.f.k), kv(row.kv), heads(row.heads),
        parts((kv.headDim + kWarp - 1) / kWarp) {}

  /// The queries of the block in shared memory, rounded where the products with
  /// the stored keys are.
  void emitQueries() override {
    q = f.shared("queries", heads * kv.headDim * 4);
    Rows queries = f.rowsOf(r.op.getQuery());
    Value from = k.offset(f.row(queries.base, r.row, queries.stride()),
                          k.mul(r.firstHead, kv.headDim * 4));
    k.loop(r.thread, k.i32(static_cast<int32_t>(heads * kv.headDim)),
           r.warps * kWarp, [&](Value i) {
             Value at = k.mul(i, 4);
             Value x = k.load(k.f32Type(), k.offset(from, at));
             if (kv.factors() != Element::F32)
               x = k.roundTo(x, kv.factors());
             k.store(x, k.offset(q, at));
           });
    factors = f.shared("factors", r.warps * heads * kTokens * 4);
    k.barrier();
  }

  /// Of each head the maximum, the sum and the weighted features of the lane.
  Values initialState() override {
    Values state(heads, k.f32(kNoScore));
    state.append(heads * (1 + parts), k.zero());
    return state;
  }

  /// Adds KV block `block` to what the warp has.
  Values emitBlock(Value block, Value id, ValueRange state) override {
    Value base = kv.headInBlock(f, id, r.kvHead);
    Value token = k.add(k.mul(block, kTokens), r.lane);
    // Which positions the row sees, and how many places of the block have been
    // written: others hold anything.
    Value last = k.add(r.position, 1);
    Value seen = k.lessThan(token, last);
    if (kv.window > 0)
      seen =
          k.andi(seen, arith::CmpIOp::create(k.ops(), arith::CmpIPredicate::sge,
                                             token, r.begin));
    Value written = k.min(k.sub(last, k.mul(block, kTokens)), k.i32(kTokens));

    Values scores = emitScores(base, seen);
    Value valueScale;
    if (kv.hasScales())
      valueScale = loadScale(base, kv.valueScalesOffset(), seen);
    Values next(state.begin(), state.end());
    Values corrections;
    for (int64_t h = 0; h < heads; ++h) {
      Value &maximum = next[h], &sum = next[heads + h];
      Value larger = k.maxf(maximum, k.warpMax(scores[h]));
      Value correction = k.exp2(k.subf(maximum, larger));
      Value factor =
          k.select(seen, k.exp2(k.subf(scores[h], larger)), k.zero());
      sum = k.fma(sum, correction, k.warpSum(factor));
      maximum = larger;
      corrections.push_back(correction);
      if (kv.factors() != Element::F32)
        factor = k.roundTo(factor, kv.factors());
      // A value's scale goes with its factor.
      if (kv.hasScales())
        factor = k.mulf(factor, valueScale);
      k.store(factor, factorAt(h, r.lane));
    }
    k.warpBarrier();
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t p = 0; p < parts; ++p) {
        Value &x = next[2 * heads + h * parts + p];
        x = k.mulf(x, corrections[h]);
      }
    next = emitValues(base, written, next);
    k.warpBarrier(); // the factors have been read
    return next;
  }

  void storeState(ValueRange state, Value states, Value outputs) override {
    for (int64_t h = 0; h < heads; ++h) {
      k.ifThen(k.equal(r.lane, k.i32(0)), [&] {
        Value to = k.offset(states, h * 8);
        k.store(state[static_cast<size_t>(h)], to);
        k.store(state[static_cast<size_t>(heads + h)], k.offset(to, 4));
      });
      for (int64_t p = 0; p < parts; ++p)
        k.store(state[static_cast<size_t>(2 * heads + h * parts + p)],
                k.offset(outputs, k.add(k.mul(r.lane, 4),
                                        (h * outputStride() + p * kWarp) * 4)));
    }
  }
  int64_t outputStride() override { return parts * kWarp; }

private:
  /// One element of the KV pool as f32.
  Value loadKv(Value ptr) {
    ImplicitLocOpBuilder &b = k.ops();
    switch (kv.element) {
    case KvElement::F32:
      return k.load(k.f32Type(), ptr);
    case KvElement::BF16:
      return k.loadElement(ptr, Element::BF16);
    case KvElement::F16:
      return arith::ExtFOp::create(b, k.f32Type(),
                                   k.load(b.getF16Type(), ptr, 2));
    case KvElement::I8:
      return k.toFloat(arith::ExtSIOp::create(b, k.i32Type(),
                                              k.load(b.getI8Type(), ptr, 1)));
    }
    llvm_unreachable("the elements above are all");
  }

  /// The elements of a pair that lies together, or one.
  Values loadTogether(Value ptr) {
    if (kv.pairing() == 1)
      return {loadKv(ptr)};
    Value pair = k.load(k.i32Type(), ptr);
    return {k.lowHalf(pair, Element::BF16), k.highHalf(pair, Element::BF16)};
  }

  /// The scale of the lane's position, 0 where it is not seen: a place that has
  /// not been written may hold anything.
  Value loadScale(Value base, int64_t offset, Value seen) {
    Value at = k.offset(base, k.add(k.mul(r.lane, 4), offset));
    return k.ifThenElse(
        seen, k.f32Type(), [&] { return Values{k.load(k.f32Type(), at)}; },
        [&] { return Values{k.zero()}; })[0];
  }

  Value factorAt(int64_t head, Value token) {
    Value at = k.add(k.mul(k.add(k.mul(r.warp, heads), head), kTokens), token);
    return k.offset(factors, k.mul(at, 4));
  }

  /// The lane's position times each head's query, times scale and log2(e).
  Values emitScores(Value base, Value seen) {
    const int64_t g = kv.pairing(), bytes = kv.elementBytes();
    Value from = k.offset(base, k.mul(r.lane, g * bytes));
    Values sums(heads, k.zero());
    // A place that has not been written is not read.
    sums = k.ifThenElse(
        seen, TypeRange(ValueRange(sums)),
        [&] {
          return k.loop(
              k.i32(0), k.i32(static_cast<int32_t>(kv.headDim / g)), 1, sums,
              [&](Value i, ValueRange in) {
                Values keys =
                    loadTogether(k.offset(from, k.mul(i, kTokens * g * bytes)));
                Values out(in.begin(), in.end());
                for (int64_t h = 0; h < heads; ++h)
                  for (auto [j, key] : llvm::enumerate(keys)) {
                    Value at =
                        k.add(k.mul(i, g * 4),
                              h * kv.headDim * 4 + static_cast<int64_t>(j) * 4);
                    out[h] = k.fma(k.load(k.f32Type(), k.offset(q, at)), key,
                                   out[h]);
                  }
                return out;
              });
        },
        [&] { return sums; });
    Value scale = k.f32(scoreScale(r.op));
    if (kv.hasScales())
      scale = k.mulf(scale, loadScale(base, kv.keyScalesOffset(), seen));
    for (Value &sum : sums)
      sum = k.select(seen, k.mulf(sum, scale), k.f32(kNoScore));
    return sums;
  }

  /// Adds factors times values of the block's first `written` places.
  Values emitValues(Value base, Value written, ValueRange state) {
    const int64_t g = kv.pairing(), bytes = kv.elementBytes();
    Value values = k.offset(base, kv.valuesOffset());
    Values sums(state.drop_front(static_cast<size_t>(2 * heads)));
    sums = k.loop(k.i32(0), written, g, sums, [&](Value token, ValueRange in) {
      Values out(in.begin(), in.end());
      Values weights; // [heads][g]
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t j = 0; j < g; ++j)
          weights.push_back(k.load(k.f32Type(), factorAt(h, k.add(token, j))));
      for (int64_t p = 0; p < parts; ++p) {
        Value feature = k.add(r.lane, p * kWarp);
        if ((p + 1) * kWarp > kv.headDim) // lanes beyond repeat the last
          feature = k.min(feature, k.i32(static_cast<int32_t>(kv.headDim - 1)));
        Value at = k.add(k.mul(token, kv.paddedDim()), k.mul(feature, g));
        Values pair = loadTogether(k.offset(values, k.mul(at, bytes)));
        if (g == 2) // the second of the last pair may not be written
          pair[1] =
              k.select(k.lessThan(k.add(token, 1), written), pair[1], k.zero());
        for (int64_t h = 0; h < heads; ++h)
          for (int64_t j = 0; j < g; ++j)
            out[h * parts + p] =
                k.fma(weights[h * g + j], pair[j], out[h * parts + p]);
      }
      return out;
    });
    Values next(state.begin(), state.begin() + 2 * heads);
    next.append(sums);
    return next;
  }

  AttentionRow r;
  KernelFrame &f;
  GpuBuilder &k;
  const KvGeometry &kv;
  int64_t heads;
  int64_t parts; ///< features of a head that a lane sums
  Value q, factors;
};

} // namespace

std::unique_ptr<WarpAttention>
swallow::nvidia::createLaneAttention(const AttentionRow &row) {
  return std::make_unique<LaneAttention>(row);
}
