//===- AttentionTensor.cpp - attention on tensor cores --------------------===//

#include "targets/nvidia/AttentionTensor.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

bool TensorAttention::fits(const KvGeometry &kv) {
  return kvRoundsFactors(kv.element) && kv.headDim <= 256;
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

void TensorAttention::emitQueries(Value step, ArrayRef<Value> rows,
                                  ArrayRef<Value> valid, Value to) {
  // Registers 0 and 1 are dimensions 2 q and the next of both halves, 2 and 3
  // those 8 behind.
  Values words;
  for (int64_t part = 0; part < 2; ++part)
    for (int64_t half = 0; half < halves; ++half) {
      Value d = k.add(k.add(k.mul(step, 16), k.mul(q, 2)), part * 8);
      Value isThere = valid[half];
      if (kv.headDim % 16 != 0)
        isThere = k.andi(
            isThere, k.lessThan(d, k.i32(static_cast<int32_t>(kv.headDim))));
      words.push_back(k.ifThenElse(
          isThere, k.i32Type(),
          [&] {
            Value pair = k.load(k.vectorOf(k.f32Type(), 2),
                                k.offset(rows[half], k.mul(d, 4)), 8);
            return Values{k.packBf16(k.extract(pair, 0), k.extract(pair, 1))};
          },
          [&] { return Values{k.i32(0)}; })[0]);
    }
  Value at = k.add(k.mul(step, stepBytes()), k.mul(lane, halves * 8));
  k.store(k.vector(words), k.offset(to, at), halves * 8);
}

//===----------------------------------------------------------------------===//
// KV blocks
//===----------------------------------------------------------------------===//

TensorAttention::Values TensorAttention::initialState() {
  Values state(halves, k.f32(kNoScore));
  state.append(halves + fragments.valueGroups() * 16, k.zero());
  return state;
}

/// Registers of the products of four tiles, [tile][4].
TensorAttention::Values TensorAttention::scores(Value base, Value queries) {
  Values sums(16, k.zero());
  Value mine = k.offset(queries, k.mul(lane, halves * 8));
  for (int64_t step = 0; step < querySteps(); ++step) {
    Value loaded = k.load(k.vectorOf(k.i32Type(), 2 * halves),
                          k.offset(mine, step * stepBytes()), halves * 8);
    Values a;
    for (int64_t i = 0; i < 4; ++i)
      a.push_back(halves == 2  ? k.extract(loaded, i)
                  : i % 2 == 0 ? k.extract(loaded, i / 2)
                               : k.i32(0));
    Values low = fragments.keys(base, step * 8);
    Values high = fragments.keys(base, step * 8 + 4);
    for (int64_t t = 0; t < 4; ++t) {
      ValueRange c = ValueRange(sums).slice(t * 4, 4);
      Values d = k.mma(a, {low[t], high[t]}, c);
      llvm::copy(d, sums.begin() + t * 4);
    }
  }
  return sums;
}

TensorAttention::Values
TensorAttention::emitBlock(Value base, Value token, Value written,
                           const Seen &seen, Value queries, ValueRange state) {
  const int64_t groups = fragments.valueGroups();
  Values next(state.begin(), state.end());
  // The eight positions of the lane: c = 4 e + t is register e of tile t.
  Value first = k.mul(q, 8);
  Values products = scores(base, queries);
  llvm::SmallVector<Values> values; // [4 j + i][tile]
  auto loadValues = [&](int64_t j) {
    for (int64_t i = 0; i < 4; ++i)
      values.push_back(fragments.values(base, i, j));
  };
  if (preloads)
    for (int64_t j = 0; j < groups; ++j)
      loadValues(j);
  Values keyScales, valueScales;
  if (kv.hasScales()) {
    keyScales = fragments.scales(base, /*ofValues=*/false);
    valueScales = fragments.scales(base, /*ofValues=*/true);
  }

  // Places that have not been written hold anything.
  Value rest = k.sub(written, first);
  auto isWritten = [&](int64_t c) {
    return k.lessThan(k.i32(static_cast<int32_t>(c)), rest);
  };
  Value none = k.f32(-std::numeric_limits<float>::infinity());
  Values weights[2]; // packed: register i holds positions 2 i and 2 i + 1
  Values corrections;
  for (int64_t half = 0; half < halves; ++half) {
    Value position = k.add(token, first);
    Value end = k.sub(seen.end[half], position), begin;
    if (!seen.begin.empty())
      begin = k.sub(seen.begin[half], position);
    Values score;
    Value largest;
    for (int64_t c = 0; c < 8; ++c) {
      Value x = products[(c % 4) * 4 + 2 * half + c / 4];
      Value factor = k.f32(scale);
      if (kv.hasScales())
        factor = k.mulf(factor, keyScales[c]);
      Value number = k.i32(static_cast<int32_t>(c));
      Value isSeen = k.lessThan(number, end);
      if (begin)
        isSeen = k.andi(isSeen, arith::CmpIOp::create(k.ops(),
                                                      arith::CmpIPredicate::sge,
                                                      number, begin));
      score.push_back(k.select(isSeen, k.mulf(x, factor), none));
      largest = c == 0 ? score[c] : k.maxNumber(largest, score[c]);
    }
    for (int64_t mask : {1, 2})
      largest = k.maxNumber(largest, k.shuffleXor(largest, mask));
    Value &maximum = next[half], &sum = next[halves + half];
    largest = k.maxNumber(largest, maximum);
    Value correction = k.exp2(k.subf(maximum, largest));
    maximum = largest;
    corrections.push_back(correction);
    Value added;
    for (Value &x : score) {
      x = k.exp2(k.subf(x, largest));
      added = added ? k.addf(added, x) : x;
    }
    sum = k.fma(sum, correction, added);
    // A value's scale goes with its weight, and is rounded with it.
    if (kv.hasScales())
      for (int64_t c = 0; c < 8; ++c)
        score[c] =
            k.select(isWritten(c), k.mulf(score[c], valueScales[c]), k.zero());
    for (int64_t i = 0; i < 4; ++i)
      weights[half].push_back(k.packBf16(score[2 * i], score[2 * i + 1]));
  }
  if (halves == 1)
    weights[1] = Values(4, k.i32(0));

  // Weights of 0 do not make up for values that are no numbers.
  Values masks;
  for (int64_t i = 0; i < 4; ++i)
    masks.push_back(
        k.select(isWritten(2 * i + 1), k.i32(-1),
                 k.select(isWritten(2 * i), k.i32(0xffff), k.i32(0))));
  for (int64_t j = 0; j < groups; ++j) {
    if (!preloads)
      loadValues(j);
    for (int64_t t = 0; t < 4; ++t) {
      Values c(4, k.zero());
      for (int64_t half = 0; half < halves; ++half)
        for (int64_t e = 0; e < 2; ++e)
          c[2 * half + e] =
              k.mulf(next[outputAt(half, j, t, e)], corrections[half]);
      for (int64_t step = 0; step < 2; ++step) {
        const int64_t low = 2 * step, high = low + 1;
        c = k.mma({weights[0][low], weights[1][low], weights[0][high],
                   weights[1][high]},
                  {k.andi(values[4 * j + low][t], masks[low]),
                   k.andi(values[4 * j + high][t], masks[high])},
                  c);
      }
      llvm::copy(c, next.begin() + outputAt(0, j, t, 0));
    }
  }
  return next;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

Value TensorAttention::maximum(ValueRange state, int64_t half) const {
  return state[static_cast<size_t>(half)];
}
Value TensorAttention::sum(ValueRange state, int64_t half) {
  Value sum = state[static_cast<size_t>(halves + half)];
  for (int64_t mask : {1, 2})
    sum = k.addf(sum, k.shuffleXor(sum, mask));
  return sum;
}

void TensorAttention::forEachOutput(
    ValueRange state, int64_t half, int64_t width,
    function_ref<void(Value, ValueRange)> store) {
  // The lane's features of group j are 32 j + 8 q + 4 e + t.
  for (int64_t j = 0; j < fragments.valueGroups(); ++j)
    for (int64_t from = 0; from < 8; from += width) {
      Values some;
      for (int64_t i = from; i < from + width; ++i)
        some.push_back(state[outputAt(half, j, i % 4, i / 4)]);
      store(k.add(k.mul(q, 8), j * 32 + from), some);
    }
}

//===----------------------------------------------------------------------===//
// A row of the step by the warps of a block
//===----------------------------------------------------------------------===//

namespace {

/// The queries are the heads of the block, the same for all warps.
class TensorRowAttention final : public WarpAttention {
public:
  explicit TensorRowAttention(const AttentionRow &row)
      : r(row), k(row.f.k), halves(row.heads > 8 ? 2 : 1),
        tensor(k, row.kv, scoreScale(row.op), KvFragments::Place::Global,
               halves, row.lane),
        n(k.div(row.lane, 4)) {}

  void emitQueries() override {
    queries = r.f.shared("queries", tensor.queryBytes());
    Rows from = r.f.rowsOf(r.op.getQuery());
    Value first = k.offset(r.f.row(from.base, r.row, from.stride()),
                           k.mul(r.firstHead, r.kv.headDim * 4));
    Values rows, valid;
    for (int64_t half = 0; half < halves; ++half) {
      rows.push_back(
          k.offset(first, k.mul(k.add(n, half * 8), r.kv.headDim * 4)));
      valid.push_back(isHead(half));
    }
    k.loop(r.warp, k.i32(static_cast<int32_t>(tensor.querySteps())), r.warps,
           [&](Value step) { tensor.emitQueries(step, rows, valid, queries); });
    k.barrier();
  }

  Values initialState() override { return tensor.initialState(); }

  Values emitBlock(Value block, ValueRange state) override {
    Value token = k.mul(block, KvBlockLayout::tokens);
    Value end = k.add(r.position, 1);
    TensorAttention::Seen seen;
    seen.end.assign(halves, end);
    if (r.kv.window > 0)
      seen.begin.assign(halves, r.begin);
    Value base = r.kv.headBase(r.f, r.sequence, block, r.kvHead);
    return tensor.emitBlock(base, token, k.sub(end, token), seen, queries,
                            state);
  }

  void storeState(ValueRange state, Value states, Value outputs) override {
    for (int64_t half = 0; half < halves; ++half) {
      Value maximum = tensor.maximum(state, half);
      Value sum = tensor.sum(state, half);
      Value head = k.add(n, half * 8);
      k.ifThen(isHead(half), [&] {
        k.ifThen(k.equal(k.rem(r.lane, 4), k.i32(0)), [&] {
          k.store(k.vector({maximum, sum}), k.offset(states, k.mul(head, 8)),
                  8);
        });
        Value to = k.offset(outputs, k.mul(head, outputStride() * 4));
        tensor.forEachOutput(
            state, half, 4, [&](Value feature, ValueRange some) {
              k.storeElements(some, k.offset(to, k.mul(feature, 4)),
                              Element::F32);
            });
      });
    }
  }
  /// 4 more than whole rows of banks: two heads side by side share none.
  int64_t outputStride() override { return roundUp(r.kv.headDim, 32) + 4; }

private:
  Value isHead(int64_t half) {
    return k.lessThan(k.add(n, half * 8), k.i32(static_cast<int32_t>(r.heads)));
  }

  AttentionRow r;
  GpuBuilder &k;
  int64_t halves;
  TensorAttention tensor;
  Value n, queries;
};

} // namespace

std::unique_ptr<WarpAttention>
swallow::nvidia::createTensorAttention(const AttentionRow &row) {
  return std::make_unique<TensorRowAttention>(row);
}
