//===- AttentionTensor.cpp - attention on tensor cores --------------------===//

#include "targets/nvidia/attention/AttentionTensor.h"

#include <algorithm>
#include <limits>

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

bool TensorAttention::fits(const KvGeometry &kv, KvFragments::Place place) {
  const int64_t most = place == KvFragments::Place::Staged ? 256 : 224;
  return kv.factors() != Element::F32 && kv.headDim <= most;
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
    for (int64_t half = 0; half < 2; ++half) {
      if (half >= halves) {
        words.push_back(k.i32(0));
        continue;
      }
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
            return Values{k.packPair(k.extract(pair, 0), k.extract(pair, 1),
                                     kv.factors())};
          },
          [&] { return Values{k.i32(0)}; })[0]);
    }
  Value at = k.add(k.mul(step, kStepBytes), k.mul(lane, 16));
  k.store(k.vector(words), k.offset(to, at), 16);
}

//===----------------------------------------------------------------------===//
// KV blocks
//===----------------------------------------------------------------------===//

TensorAttention::Values TensorAttention::initialState() {
  Values state(halves, k.f32(kNoScore));
  state.append(halves + fragments.valueGroups() * 16, k.zero());
  return state;
}

/// Registers of the products of four tiles, [tile][4]; `keys` gives those of
/// a step and its first or second register.
TensorAttention::Values
TensorAttention::products(function_ref<Values(int64_t step, int64_t part)> keys,
                          Value queries) {
  Values sums(16, k.zero());
  Value mine = k.offset(queries, k.mul(lane, 16));
  for (int64_t step = 0; step < querySteps(); ++step) {
    Value loaded = k.load(k.vectorOf(k.i32Type(), 4),
                          k.offset(mine, step * kStepBytes), 16);
    Values a;
    for (int64_t i = 0; i < 4; ++i)
      a.push_back(k.extract(loaded, i));
    Values low = keys(step, 0), high = keys(step, 1);
    for (int64_t t = 0; t < 4; ++t) {
      ValueRange c = ValueRange(sums).slice(t * 4, 4);
      Values d = k.mma(a, {low[t], high[t]}, c, kv.factors());
      llvm::copy(d, sums.begin() + t * 4);
    }
  }
  return sums;
}

void TensorAttention::loadValues(Value base, int64_t j,
                                 SmallVectorImpl<Values> &values) {
  for (int64_t i = 0; i < 4; ++i)
    values.push_back(fragments.values(base, i, j));
}

TensorAttention::Values
TensorAttention::emitBlock(Value base, Value token, Value written,
                           const Seen &seen, Value queries, ValueRange state) {
  Block block{base, token, written, {}, {}};
  auto keys = [&](int64_t step, int64_t part) {
    return fragments.keys(base, step * 8 + part * 4);
  };
  if (preloads) {
    SmallVector<Values> loaded;
    for (int64_t i = 0; i < 2 * querySteps(); ++i)
      loaded.push_back(keys(i / 2, i % 2));
    for (int64_t j = 0; j < fragments.valueGroups(); ++j)
      loadValues(base, j, block.values);
    block.products = products(
        [&](int64_t step, int64_t part) { return loaded[2 * step + part]; },
        queries);
  } else {
    block.products = products(keys, queries);
  }
  // Most blocks are seen as a whole, and nothing in them needs a mask.
  Value end = k.add(token, KvBlockLayout::tokens - 1);
  Value isWhole = k.lessThan(end, seen.wholeEnd);
  if (seen.wholeBegin)
    isWhole = k.andi(isWhole, k.lessThan(seen.wholeBegin, k.add(token, 1)));
  return k.ifThenElse(
      isWhole, TypeRange(state), [&] { return add(block, nullptr, state); },
      [&] { return add(block, &seen, state); });
}

/// The weights of a half, packed: register i holds columns 2 i and 2 i + 1 of
/// the lane's eight. The maximum and the sum in `state` become those with the
/// block; `correction` is for what was there before.
TensorAttention::Values TensorAttention::weigh(const Block &block,
                                               const Seen *seen, int64_t half,
                                               Values &state,
                                               Value &correction) {
  Values keyScales, valueScales;
  if (kv.hasScales()) {
    keyScales = fragments.scales(block.base, /*ofValues=*/false);
    valueScales = fragments.scales(block.base, /*ofValues=*/true);
  }
  Value first = k.add(block.token, fragments.firstColumn()), end, begin;
  if (seen) {
    end = k.sub(seen->end[half], first);
    if (!seen->begin.empty())
      begin = k.sub(seen->begin[half], first);
  }
  Value none = k.f32(-std::numeric_limits<float>::infinity());
  Values score;
  Value largest;
  for (int64_t c = 0; c < 8; ++c) {
    const KvFragments::Column column = fragments.column(c);
    Value x = block.products[registerAt(half, column.tile, column.part)];
    Value factor = k.f32(scale);
    if (kv.hasScales())
      factor = k.mulf(factor, keyScales[c]);
    x = k.mulf(x, factor);
    Value number = k.i32(static_cast<int32_t>(column.number));
    if (end)
      x = k.select(k.lessThan(number, end), x, none);
    if (begin)
      x = k.select(k.lessThan(number, begin), none, x);
    score.push_back(x);
    largest = c == 0 ? x : k.maxNumber(largest, x);
  }
  for (int64_t mask : {1, 2})
    largest = k.maxNumber(largest, k.shuffleXor(largest, mask));
  Value &maximum = state[half], &sum = state[halves + half];
  largest = k.maxNumber(largest, maximum);
  correction = k.exp2(k.subf(maximum, largest));
  maximum = largest;
  Value added;
  for (Value &x : score) {
    x = k.exp2(k.subf(x, largest));
    added = added ? k.addf(added, x) : x;
  }
  sum = k.fma(sum, correction, added);
  // A value's scale goes with its weight, and is rounded with it; those of
  // places that have not been written may be anything.
  for (int64_t c = 0; c < 8 && kv.hasScales(); ++c) {
    score[c] = k.mulf(score[c], valueScales[c]);
    if (end)
      score[c] = k.select(k.lessThan(k.i32(static_cast<int32_t>(c)), end),
                          score[c], k.zero());
  }
  Values packed;
  for (int64_t i = 0; i < 4; ++i)
    packed.push_back(
        k.packFitting(score[2 * i], score[2 * i + 1], kv.factors()));
  return packed;
}

/// `seen` is null where the block is seen as a whole.
TensorAttention::Values
TensorAttention::add(const Block &block, const Seen *seen, ValueRange state) {
  Values next(state);
  Values weights[2], corrections(halves);
  for (int64_t half = 0; half < halves; ++half)
    weights[half] = weigh(block, seen, half, next, corrections[half]);
  if (halves == 1)
    weights[1] = Values(4, k.i32(0));
  // Weights of 0 do not make up for values that are no numbers.
  Values masks;
  if (seen) {
    Value rest = k.sub(block.written, fragments.firstColumn());
    auto isWritten = [&](int64_t c) {
      return k.lessThan(k.i32(static_cast<int32_t>(fragments.column(c).number)),
                        rest);
    };
    for (int64_t i = 0; i < 4; ++i)
      masks.push_back(
          k.select(isWritten(2 * i + 1), k.i32(-1),
                   k.select(isWritten(2 * i), k.i32(0xffff), k.i32(0))));
  }
  for (int64_t j = 0; j < fragments.valueGroups(); ++j) {
    SmallVector<Values> values;
    if (block.values.empty())
      loadValues(block.base, j, values);
    else
      llvm::append_range(values,
                         ArrayRef<Values>(block.values).slice(4 * j, 4));
    for (int64_t i = 0; i < 4 && seen; ++i)
      for (Value &word : values[i])
        word = k.andi(word, masks[i]);
    for (int64_t t = 0; t < 4; ++t) {
      const size_t at = outputAt(0, 4 * j + t, 0);
      Values c(ValueRange(next).slice(at, 4));
      for (int64_t i = 0; i < 2 * halves; ++i)
        c[i] = k.mulf(c[i], corrections[i / 2]);
      for (int64_t i = 0; i < 4; i += 2)
        c = k.mma({weights[0][i], weights[1][i], weights[0][i + 1],
                   weights[1][i + 1]},
                  {values[i][t], values[i + 1][t]}, c, kv.factors());
      llvm::copy(c, next.begin() + at);
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
  width = std::min(width, fragments.columnsTogether());
  for (int64_t j = 0; j < fragments.valueGroups(); ++j)
    for (int64_t from = 0; from < 8; from += width) {
      const int64_t feature = j * 32 + fragments.column(from).number;
      if (feature >= kv.paddedDim())
        continue;
      Values some;
      for (int64_t i = from; i < from + width; ++i) {
        const KvFragments::Column column = fragments.column(i);
        some.push_back(state[outputAt(half, 4 * j + column.tile, column.part)]);
      }
      store(k.add(fragments.firstColumn(), feature), some);
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

  Values emitBlock(Value block, Value id, ValueRange state) override {
    Value token = k.mul(block, KvBlockLayout::tokens);
    Value end = k.add(r.position, 1);
    TensorAttention::Seen seen;
    seen.end.assign(halves, end);
    seen.wholeEnd = end;
    if (r.kv.window > 0) {
      seen.begin.assign(halves, r.begin);
      seen.wholeBegin = r.begin;
    }
    Value base = r.kv.headInBlock(r.f, id, r.kvHead);
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
