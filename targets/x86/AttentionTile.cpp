//===- AttentionTile.cpp - the arithmetic of attention --------------------===//

#include "targets/x86/AttentionTile.h"
#include "targets/x86/Tiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {
using Values = KernelBuilder::Values;
constexpr int64_t kTokens = KvBlockLayout::tokens;

/// A vector of f32, f16 or int8 as f32.
Value loadKvFloats(KernelBuilder &k, KvElement element, Value at) {
  ImplicitLocOpBuilder &b = k.ops();
  if (element == KvElement::F32)
    return k.load(k.f32Vector(k.lanes()), at, 4);
  if (element == KvElement::F16)
    return arith::ExtFOp::create(
        b, k.f32Vector(k.lanes()),
        k.load(VectorType::get({k.lanes()}, b.getF16Type()), at, 2));
  return k.toFloat(k.loadBytes(at));
}

/// One step along the sum of a product of factor rows by keys or values, whose
/// block is a matrix of `columns` lanes: up to two of its inner rows, and the
/// same elements of the factors.
class PanelStep {
public:
  PanelStep(KernelBuilder &k, KvElement element, bool dots, int64_t columns)
      : k(k), b(k.ops()), element(element), dots(dots), columns(columns) {}

  /// Inner rows of a step.
  int64_t depth() const { return dots || element == KvElement::BF16 ? 2 : 1; }
  int64_t factorBytes() const { return dots ? 2 : 4; }
  /// Bytes of one lane in a row of the block, two for a pair of bf16.
  int64_t laneBytes() const {
    return element == KvElement::F32 || element == KvElement::BF16 ? 4
           : element == KvElement::F16                             ? 2
                                                                   : 1;
  }
  /// Bytes of the block that a step reads, all columns together.
  int64_t bytes() const {
    int64_t rows = element == KvElement::BF16 ? 1 : depth();
    return rows * columns * laneBytes();
  }

  /// sums[row * vectors + v] += factors[row][step] * block[step][v]. `block` is
  /// the step's first lane, `factors` row 0's first element of the step. With
  /// `firstOnly` the second inner row counts as zero.
  void emit(Value block, Value factors, int64_t factorStride, int64_t m,
            int64_t vectors, Values &sums, bool firstOnly = false) {
    SmallVector<Value> first, second;
    for (int64_t v = 0; v < vectors; ++v) {
      Value at = k.offset(block, v * k.lanes() * laneBytes());
      if (dots) {
        first.push_back(loadKvPairs(k, element, columns, at, firstOnly));
      } else if (element == KvElement::BF16) {
        Value pairs = k.load(k.i32Vector(k.lanes()), at, 4);
        first.push_back(k.firstOfPairs(pairs));
        second.push_back(k.secondOfPairs(pairs));
      } else {
        first.push_back(loadKvFloats(k, element, at));
      }
    }
    for (int64_t row = 0; row < m; ++row) {
      Value factor = k.offset(factors, row * factorStride);
      if (dots) {
        Value x = k.splat(k.load(b.getI32Type(), factor, 4));
        for (int64_t v = 0; v < vectors; ++v) {
          Value &sum = sums[row * vectors + v];
          sum = k.dotBf16(sum, first[v], x);
        }
        continue;
      }
      for (int64_t half = 0; half < (firstOnly ? 1 : depth()); ++half) {
        Value x = k.splat(k.load(k.f32Type(), k.offset(factor, half * 4)));
        for (int64_t v = 0; v < vectors; ++v) {
          Value &sum = sums[row * vectors + v];
          sum = k.fma(half ? second[v] : first[v], x, sum);
        }
      }
    }
  }

private:
  KernelBuilder &k;
  ImplicitLocOpBuilder &b;
  KvElement element;
  bool dots;
  int64_t columns;
};

/// Prefetches the cache lines that begin within `bytes` from `ptr`.
void prefetchLines(KernelBuilder &k, Value ptr, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += 64)
    k.prefetch(k.offset(ptr, at));
}
} // namespace

Value swallow::x86::tableEntry(KernelBuilder &k, Value table, Value index) {
  return k.load(k.ptrType(), k.offset(table, k.mul(index, 8)), 8);
}

Value swallow::x86::loadKvPairs(KernelBuilder &k, KvElement element,
                                int64_t columns, Value at, bool firstOnly) {
  auto ints = k.i32Vector(k.lanes());
  if (element == KvElement::BF16) {
    Value pairs = k.load(ints, at, 4);
    return firstOnly ? k.andi(pairs, k.splatI32(0xffff)) : pairs;
  }
  // bf16 holds them exactly.
  auto bits = [&](Value x) { return k.bitcast(ints, x); };
  Value low = k.shru(bits(loadKvFloats(k, element, at)), 16);
  if (firstOnly)
    return low;
  Value high = k.andi(bits(loadKvFloats(k, element, k.offset(at, columns))),
                      k.splatI32(static_cast<int32_t>(0xffff0000u)));
  return k.ori(low, high);
}

AttentionTile::AttentionTile(StepEmitter &step, const KvGeometry &kv,
                             float scale, bool manyRows)
    : step(step), kv(kv), scale(scale),
      tiled(manyRows && step.variant().amx && kv.factors() == KvElement::BF16),
      rowsAtOnce(tiled                            ? 2 * kTileDim
                 : step.variant().registers == 32 ? 8
                                                  : 4) {}

int64_t AttentionTile::minRows() const { return tiled ? kTileDim : 1; }

int64_t AttentionTile::queryFeatures() const {
  return tiled ? roundUp(kv.headDim, tileInputs(Element::BF16))
               : kv.paddedDim();
}

std::string AttentionTile::name(const char *what, int64_t m) const {
  return std::string("attention_") + what + "_" + kv.suffix() +
         (m ? "_m" + std::to_string(m) : "");
}

void AttentionTile::storeFactors(KernelBuilder &k, ArrayRef<Value> vectors,
                                 Value ptr) const {
  for (; dots() && vectors.size() >= 2; vectors = vectors.drop_front(2)) {
    k.store(k.packBf16(vectors[0], vectors[1]), ptr, 2);
    ptr = k.offset(ptr, 2 * k.lanes() * factorBytes());
  }
  for (Value x : vectors) {
    if (!dots() && kv.factors() == KvElement::BF16)
      x = k.roundToBf16(x);
    if (kv.factors() == KvElement::F16)
      x = k.roundToF16(x);
    k.storeVector(x, ptr, dots() ? Element::BF16 : Element::F32);
    ptr = k.offset(ptr, k.lanes() * factorBytes());
  }
}

LLVM::LLVMFuncOp AttentionTile::scores(int64_t m) {
  if (tiled)
    return tiledScores(m);
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  return step.helper(
      name("scores", m), {ptr, ptr, ptr, i64, i64},
      [&](KernelBuilder &k, ValueRange arguments) {
        Value q = arguments[0], table = arguments[1], s = arguments[2];
        PanelStep panel(k, kv.element, dots(), kTokens);
        int64_t steps = kv.headDim / panel.depth();
        // Two vectors of positions at a time: with maxRows() rows all there is
        // room for.
        int64_t vectors = 2;
        k.loop(arguments[3], arguments[4], 1, [&](Value index) {
          Value block = tableEntry(k, table, index);
          // Its values come next.
          Value ahead = k.offset(block, kv.valuesOffset());
          Value out = k.offset(s, k.mul(index, kTokens * 4));
          for (int64_t v = 0; v < kTokens / k.lanes(); v += vectors) {
            Values sums(m * vectors, k.zero());
            Value lanes = k.offset(block, v * k.lanes() * panel.laneBytes());
            sums = k.loop(
                k.i64(0), k.i64(steps), 1, sums, [&](Value i, ValueRange in) {
                  Values next(in);
                  Value at = k.mul(i, panel.bytes());
                  if (v == 0)
                    prefetchLines(k, k.offset(ahead, at), panel.bytes());
                  panel.emit(
                      k.offset(lanes, at),
                      k.offset(q, k.mul(i, panel.depth() * factorBytes())),
                      queryStride(), m, vectors, next);
                  return next;
                });
            for (int64_t row = 0; row < m; ++row)
              for (int64_t i = 0; i < vectors; ++i)
                k.storeVector(
                    sums[row * vectors + i],
                    k.offset(out, row * kScoreStride + (v + i) * k.lanes() * 4),
                    Element::F32);
          }
        });
      });
}

LLVM::LLVMFuncOp AttentionTile::softmax(bool masked) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  auto emit = [&](KernelBuilder &k, ValueRange arguments) {
    Value s = arguments[0], p = arguments[1], state = arguments[2];
    Value table = arguments[3], first = arguments[4], end = arguments[5];
    ImplicitLocOpBuilder &b = k.ops();
    int64_t lanes = k.lanes(), perBlock = kTokens / lanes;
    auto splatInt = [&](Value x) {
      return k.splat(arith::TruncIOp::create(b, b.getI32Type(), x));
    };
    // Scores times this are exponents of 2. It is positive, so that the highest
    // score is found before, and the others are scaled as it is subtracted.
    const float toExponent = scale * 1.44269504f;
    Value factor = k.splat(toExponent, lanes);
    Value hidden = k.splat(kMasked / toExponent, lanes);
    Value begin32, end32, iota;
    if (masked) {
      begin32 = splatInt(arguments[6]);
      end32 = splatInt(arguments[7]);
      SmallVector<int32_t> numbers(lanes);
      for (int64_t i = 0; i < lanes; ++i)
        numbers[i] = static_cast<int32_t>(i);
      iota = arith::ConstantOp::create(
          b, DenseElementsAttr::get(k.i32Vector(lanes), ArrayRef(numbers)));
    }
    /// Lanes of the chunk's positions from `position` on that are visible.
    auto visible = [&](Value position) -> Value {
      Value number = arith::AddIOp::create(b, splatInt(position), iota);
      return arith::AndIOp::create(
          b,
          arith::CmpIOp::create(b, arith::CmpIPredicate::sge, number, begin32),
          arith::CmpIOp::create(b, arith::CmpIPredicate::slt, number, end32));
    };

    Values highest =
        k.loop(first, end, 1, {hidden}, [&](Value index, ValueRange in) {
          Value position = k.mul(index, kTokens), most = in[0];
          Value scales;
          if (kv.hasScales())
            scales =
                k.offset(tableEntry(k, table, index), kv.keyScalesOffset());
          for (int64_t v = 0; v < perBlock; ++v) {
            Value at = k.offset(s, k.add(k.mul(position, 4), v * lanes * 4));
            Value x = k.loadVector(at, Element::F32);
            if (kv.hasScales())
              x = k.mulf(x, k.loadVector(k.offset(scales, v * lanes * 4),
                                         Element::F32));
            if (masked)
              x = k.select(visible(k.add(position, v * lanes)), x, hidden);
            if (kv.hasScales() || masked)
              k.storeVector(x, at, Element::F32);
            most = k.maxf(most, x);
          }
          return Values{most};
        });
    Value old = k.load(k.f32Type(), state);
    Value maximum =
        k.maxf(old, k.mulf(k.reduceMax(highest[0]), k.f32(toExponent)));
    Value below = k.splat(k.subf(k.f32(0.0f), maximum));
    bool precise = kv.factors() == KvElement::F32;
    Values total =
        k.loop(first, end, 1, {k.zero()}, [&](Value index, ValueRange in) {
          Value position = k.mul(index, kTokens), sum = in[0];
          Value scales;
          if (kv.hasScales())
            scales =
                k.offset(tableEntry(k, table, index), kv.valueScalesOffset());
          Values weights;
          for (int64_t v = 0; v < perBlock; ++v) {
            Value at = k.add(position, v * lanes);
            Value x = k.loadVector(k.offset(s, k.mul(at, 4)), Element::F32);
            Value weight = k.exp2(k.fma(x, factor, below), precise);
            sum = k.addf(sum, weight);
            // A value's scale goes into its weight. That of a position nobody
            // has written may be anything.
            if (kv.hasScales()) {
              weight =
                  k.mulf(weight, k.loadVector(k.offset(scales, v * lanes * 4),
                                              Element::F32));
              if (masked)
                weight = k.select(visible(at), weight, k.zero());
            }
            weights.push_back(weight);
          }
          storeFactors(k, weights, k.offset(p, k.mul(position, factorBytes())));
          return Values{sum};
        });
    // Precise, which is 1 for a maximum that stays: what a row makes of a chunk
    // of which it sees nothing must be nothing.
    Value correction = k.exp2(k.splat(k.subf(old, maximum)), /*precise=*/true);
    Value scalar = vector::ExtractOp::create(b, correction, int64_t(0));
    Value sum = k.load(k.f32Type(), k.offset(state, kSumOffset));
    k.store(k.addf(k.mulf(sum, scalar), k.reduceAdd(total[0])),
            k.offset(state, kSumOffset));
    k.store(maximum, state);
    k.store(scalar, k.offset(state, kCorrectionOffset));
  };
  return step.helper(name(masked ? "softmax_masked" : "softmax", 0),
                     {ptr, ptr, ptr, ptr, i64, i64, i64, i64}, emit);
}

LLVM::LLVMFuncOp AttentionTile::values(int64_t m) {
  if (tiled)
    return tiledValues(m);
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  auto emit = [&](KernelBuilder &k, ValueRange arguments) {
    Value p = arguments[0], table = arguments[1], out = arguments[2];
    Value state = arguments[3], first = arguments[4], end = arguments[5];
    PanelStep panel(k, kv.element, dots(), kv.paddedDim());
    int64_t depth = panel.depth();
    // As many vectors of a row at a time as registers allow, and as divide it.
    int64_t all = kv.paddedDim() / k.lanes();
    int64_t vectors = std::min(all, 2 * rowsAtOnce / m);
    while (all % vectors != 0)
      --vectors;
    Value endBlock = k.div(k.add(end, kTokens - 1), kTokens);
    k.loop(k.i64(0), k.i64(all), vectors, [&](Value v) {
      Value lanes = k.mul(v, k.lanes() * panel.laneBytes());
      Value columns = k.offset(out, k.mul(v, k.lanes() * 4));
      auto output = [&](int64_t row, int64_t i) {
        return k.offset(columns, row * outputStride() + i * k.lanes() * 4);
      };
      Values sums;
      for (int64_t row = 0; row < m; ++row) {
        Value correction = k.splat(
            k.load(k.f32Type(),
                   k.offset(state, row * kStateBytes + kCorrectionOffset)));
        for (int64_t i = 0; i < vectors; ++i)
          sums.push_back(
              k.mulf(k.loadVector(output(row, i), Element::F32), correction));
      }
      auto advance = [&](Value block, Value inBlock, Value position,
                         Values &next, bool firstOnly) {
        Value at = k.add(k.mul(inBlock, panel.bytes()), lanes);
        panel.emit(k.offset(block, k.add(at, kv.valuesOffset())),
                   k.offset(p, k.mul(position, factorBytes())), weightStride(),
                   m, vectors, next, firstOnly);
        return at;
      };
      sums = k.loop(first, endBlock, 1, sums, [&](Value index, ValueRange in) {
        Value block = tableEntry(k, table, index);
        // The keys of the next chunk.
        Value ahead = tableEntry(k, table, k.add(index, kBlocks));
        Value start = k.mul(index, kTokens);
        Value count = k.min(k.sub(end, start), k.i64(kTokens));
        return k.loop(k.i64(0), k.div(count, depth), 1, in,
                      [&](Value i, ValueRange carried) {
                        Values next(carried);
                        Value at =
                            advance(block, i, k.add(start, k.mul(i, depth)),
                                    next, false);
                        prefetchLines(k, k.offset(ahead, at),
                                      vectors * k.lanes() * panel.laneBytes());
                        return next;
                      });
      });
      // The last of an odd number; what lies beside it may be anything.
      if (depth == 2)
        sums = k.loop(k.div(end, 2), k.div(k.add(end, 1), 2), 1, sums,
                      [&](Value pair, ValueRange in) {
                        Values next(in);
                        Value block =
                            tableEntry(k, table, k.div(pair, kTokens / 2));
                        advance(block, k.rem(pair, kTokens / 2), k.mul(pair, 2),
                                next, true);
                        return next;
                      });
      for (int64_t row = 0; row < m; ++row)
        for (int64_t i = 0; i < vectors; ++i)
          k.storeVector(sums[row * vectors + i], output(row, i), Element::F32);
    });
  };
  return step.helper(name("values", m), {ptr, ptr, ptr, ptr, i64, i64}, emit);
}
