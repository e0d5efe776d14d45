//===- AttentionKernel.cpp - attention over paged keys and values ---------===//
//
// A block computes the query heads of one KV head for one row of the step. Its
// warps take the row's KV blocks in turn: a lane is a position while scores are
// computed, since the keys of 32 positions lie side by side
// (runtime/packing/KvLayout.h), and features while values are summed. Softmax
// is the online form (Milakov and Gimelshein, "Online normalizer calculation
// for softmax", 2018); what the warps have is combined at the end, in their
// order.
//
//===----------------------------------------------------------------------===//

#include "targets/nvidia/KvAddress.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

namespace {

constexpr int64_t kWarps = 4;
constexpr int64_t kTokens = KvBlockLayout::tokens;
/// Most query heads that go over the keys together.
constexpr int64_t kMostHeads = 8;
/// Scores below this are none: what a maximum starts from.
constexpr float kMinusInfinity = -1e30f;

/// How the query heads of a KV head are shared out to blocks.
struct HeadGroups {
  int64_t heads;  ///< of a block
  int64_t groups; ///< blocks of a KV head
};
HeadGroups headGroups(int64_t perKvHead) {
  int64_t heads = std::min(perKvHead, kMostHeads);
  while (perKvHead % heads != 0)
    --heads;
  return {heads, perKvHead / heads};
}

class AttentionEmitter {
  using Values = GpuBuilder::Values;

public:
  AttentionEmitter(KernelFrame &frame, AttentionOp op, const KvGeometry &kv,
                   HeadGroups groups)
      : f(frame), k(frame.k), op(op), kv(kv), heads(groups.heads),
        groups(groups.groups), queries(frame.rowsOf(op.getQuery())),
        result(frame.rowsOf(op.getResult())),
        parts((kv.headDim + kWarp - 1) / kWarp) {}

  void emit() {
    thread = k.thread();
    lane = k.lane();
    warp = k.warp();
    row = k.blockY();
    kvHead = k.div(k.blockX(), groups);
    position = f.element(Arg::Positions, row);
    sequence = f.element(Arg::Sequences, row);
    emitQueries();

    Value first = k.i32(0), begin = k.i32(0);
    if (kv.window > 0) {
      begin = k.max(k.add(position, 1 - kv.window), k.i32(0));
      first = k.div(begin, kTokens);
    }
    Value end = k.add(k.div(position, kTokens), 1);
    // Of each head the maximum, the sum and the weighted features of the lane.
    Values state(heads, k.f32(kMinusInfinity));
    state.append(heads * (1 + parts), k.zero());
    state = k.loop(k.add(first, warp), end, kWarps, state,
                   [&](Value block, ValueRange in) {
                     return emitBlock(block, begin, in);
                   });
    combine(state);
  }

private:
  /// The number of the block's first query head.
  Value firstHead() { return k.mul(k.blockX(), heads); }

  /// The queries of the block in shared memory, rounded where the products with
  /// the stored keys are.
  void emitQueries() {
    q = f.shared("queries", heads * kv.headDim * 4);
    Value from = k.offset(f.row(queries.base, row, queries.stride()),
                          k.mul(firstHead(), kv.headDim * 4));
    k.loop(thread, k.i32(static_cast<int32_t>(heads * kv.headDim)),
           kWarps * kWarp, [&](Value i) {
             Value at = k.mul(i, 4);
             Value x = k.load(k.f32Type(), k.offset(from, at));
             if (kvRoundsFactors(kv.element))
               x = k.roundToBf16(x);
             k.store(x, k.offset(q, at));
           });
    factors = f.shared("factors", kWarps * heads * kTokens * 4);
    k.barrier();
  }

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
    return {k.lowBf16(pair), k.highBf16(pair)};
  }

  /// Adds KV block `block` to what the warp has.
  Values emitBlock(Value block, Value begin, ValueRange state) {
    Value base = kv.headBase(f, sequence, block, kvHead);
    Value token = k.add(k.mul(block, kTokens), lane);
    // Which positions the row sees, and how many places of the block have been
    // written: others hold anything.
    Value last = k.add(position, 1);
    Value seen = k.lessThan(token, last);
    if (kv.window > 0)
      seen =
          k.andi(seen, arith::CmpIOp::create(k.ops(), arith::CmpIPredicate::sge,
                                             token, begin));
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
      if (kvRoundsFactors(kv.element))
        factor = k.roundToBf16(factor);
      // A value's scale goes with its factor.
      if (kv.hasScales())
        factor = k.mulf(factor, valueScale);
      k.store(factor, factorAt(h, lane));
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

  /// The scale of the lane's position, 0 where it is not seen: a place that has
  /// not been written may hold anything.
  Value loadScale(Value base, int64_t offset, Value seen) {
    Value at = k.offset(base, k.add(k.mul(lane, 4), offset));
    return k.ifThenElse(
        seen, k.f32Type(), [&] { return Values{k.load(k.f32Type(), at)}; },
        [&] { return Values{k.zero()}; })[0];
  }

  Value factorAt(int64_t head, Value token) {
    Value at = k.add(k.mul(k.add(k.mul(warp, heads), head), kTokens), token);
    return k.offset(factors, k.mul(at, 4));
  }

  /// The lane's position times each head's query, times scale and log2(e).
  Values emitScores(Value base, Value seen) {
    const int64_t g = kv.pairing(), bytes = kv.elementBytes();
    Value from = k.offset(base, k.mul(lane, g * bytes));
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
    Value scale = k.f32(static_cast<float>(op.getScale().convertToDouble() *
                                           1.44269504088896341));
    if (kv.hasScales())
      scale = k.mulf(scale, loadScale(base, kv.keyScalesOffset(), seen));
    for (Value &sum : sums)
      sum = k.select(seen, k.mulf(sum, scale), k.f32(kMinusInfinity));
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
        Value feature = k.add(lane, p * kWarp);
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

  /// Adds up what the warps have and stores the row's heads.
  void combine(ValueRange state) {
    const int64_t stride = parts * kWarp * 4; // features of a head
    Value states = f.shared("states", kWarps * heads * 2 * 4);
    Value outputs = f.shared("outputs", kWarps * heads * stride);
    for (int64_t h = 0; h < heads; ++h) {
      Value index = k.add(k.mul(warp, heads), h);
      k.ifThen(k.equal(lane, k.i32(0)), [&] {
        Value to = k.offset(states, k.mul(index, 8));
        k.store(state[static_cast<size_t>(h)], to);
        k.store(state[static_cast<size_t>(heads + h)], k.offset(to, 4));
      });
      for (int64_t p = 0; p < parts; ++p)
        k.store(state[static_cast<size_t>(2 * heads + h * parts + p)],
                k.offset(outputs, k.add(k.mul(index, stride),
                                        k.mul(k.add(lane, p * kWarp), 4))));
    }
    k.barrier();
    Value to =
        k.offset(f.row(result.base, row, result.stride()),
                 k.mul(firstHead(), kv.headDim * sizeOf(result.element)));
    k.loop(thread, k.i32(static_cast<int32_t>(heads * kv.headDim)),
           kWarps * kWarp, [&](Value i) {
             Value h = k.div(i, kv.headDim), feature = k.rem(i, kv.headDim);
             auto stateAt = [&](int64_t w, int64_t field) {
               Value at = k.mul(k.add(h, w * heads), 8);
               return k.load(k.f32Type(),
                             k.offset(states, k.add(at, field * 4)));
             };
             Value largest = stateAt(0, 0);
             for (int64_t w = 1; w < kWarps; ++w)
               largest = k.maxf(largest, stateAt(w, 0));
             Value sum = k.zero(), output = k.zero();
             for (int64_t w = 0; w < kWarps; ++w) {
               Value factor = k.exp2(k.subf(stateAt(w, 0), largest));
               sum = k.fma(stateAt(w, 1), factor, sum);
               Value at =
                   k.add(k.mul(k.add(h, w * heads), stride), k.mul(feature, 4));
               output = k.fma(k.load(k.f32Type(), k.offset(outputs, at)),
                              factor, output);
             }
             k.storeElement(k.mulf(output, k.reciprocal(sum)),
                            k.offset(to, k.mul(i, sizeOf(result.element))),
                            result.element);
           });
  }

  KernelFrame &f;
  GpuBuilder &k;
  AttentionOp op;
  const KvGeometry &kv;
  int64_t heads, groups;
  Rows queries, result;
  int64_t parts; ///< features of a head that a lane sums
  Value thread, lane, warp, row, kvHead, position, sequence, q, factors;
};

} // namespace

void swallow::nvidia::emitKernels(StepEmitter &step, AttentionOp op) {
  for (KvElement element : kKvElements) {
    KvGeometry kv(op.getKv().getType(), element);
    const int64_t queryHeads =
        cast<RankedTensorType>(op.getQuery().getType()).getDimSize(1) /
        kv.headDim;
    HeadGroups groups = headGroups(queryHeads / kv.heads);
    LaunchShape shape;
    shape.threads = kWarps * kWarp;
    shape.gridX = kv.heads * groups.groups;
    shape.rows = GridRows::Tokens;
    shape.kvElement = static_cast<int64_t>(element);
    step.launch("attention_" + std::string(kvElementName(element)),
                op->getLoc(), shape, [&](KernelFrame &frame) {
                  AttentionEmitter(frame, op, kv, groups).emit();
                });
  }
}
