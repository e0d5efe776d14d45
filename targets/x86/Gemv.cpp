//===- Gemv.cpp - a few rows times one packed weight block ----------------===//
//
// C[m][n] = sum_k A[m][k] B[k][n] for one block of nBlock output features, B
// packed as in runtime/packing/PackedLayout.h. Weights are read once, in order,
// and are what the time goes into; each load feeds m rows. The order of a row's
// sums does not depend on how many rows and blocks go with it.
//
//===----------------------------------------------------------------------===//

#include "targets/x86/Matmul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {

/// How far ahead of the loads the cache is asked, in bytes: prefetching by the
/// hardware ends at each page.
constexpr int64_t kPrefetchBytes = 2048;

/// Columns are worked off in passes of `vectors` vectors, so that the
/// accumulators of all rows and blocks leave room for the operands.
class GemvEmitter {
public:
  GemvEmitter(KernelBuilder &k, ValueRange arguments, int64_t m, int64_t cols,
              int64_t nBlock, bool bf16Weight, bool bf16Input, int64_t lda,
              Streams streams)
      : k(k), a(arguments[0]), block(arguments[1]), c(arguments[2]), m(m),
        cols(cols), nBlock(nBlock), bf16Weight(bf16Weight),
        bf16Input(bf16Input), lda(lda), streams(streams) {
    vectors = nBlock / k.lanes();
    // The same for any m and number of blocks, so that results are.
    parities = splitsPairs() ? 2 : 1;
    int64_t budget = k.variant().registers == 32 ? 16 : 8;
    while (vectors > 1 && streams.count * m * vectors * parities > budget)
      vectors = vectors % 2 == 0 ? vectors / 2 : 1;
  }

  void emit() {
    for (int64_t v = 0; v < nBlock / k.lanes(); v += vectors)
      emitPass(v);
  }

private:
  using Values = KernelBuilder::Values;

  // Accumulator (block, parity, row, vector).
  size_t at(int64_t stream, int64_t parity, int64_t row, int64_t v) const {
    return ((stream * parities + parity) * m + row) * vectors + v;
  }

  /// Steps are inputs (f32 weights) or pairs of inputs (bf16 weights).
  int64_t steps() const { return bf16Weight ? roundUp(cols, 2) / 2 : cols; }
  int64_t stepBytes() const { return nBlock * 4; }

  void emitPass(int64_t firstVector) {
    Values acc(streams.count * parities * m * vectors, k.zero());
    Value base = k.offset(block, firstVector * k.lanes() * 4);
    // A bf16 pair already feeds both parities where it is split into two f32
    // products; otherwise two steps make a round.
    int64_t round = splitsPairs() ? 1 : 2;
    int64_t whole = steps() / round * round;
    auto emitSteps = [&](Value s, int64_t count, Values &sums) {
      for (int64_t i = 0; i < streams.count; ++i)
        for (int64_t step = 0; step < count; ++step)
          emitStep(i, k.offset(base, i * blockBytes()), k.add(s, step),
                   step % parities, sums);
    };
    if (whole > 0)
      acc = k.loop(k.i64(0), k.i64(whole), round, acc,
                   [&](Value s, ValueRange in) {
                     Values next(in);
                     emitSteps(s, round, next);
                     return next;
                   });
    if (whole < steps())
      emitSteps(k.i64(whole), 1, acc);
    for (int64_t i = 0; i < streams.count; ++i)
      for (int64_t row = 0; row < m; ++row)
        for (int64_t v = 0; v < vectors; ++v) {
          Value sum = acc[at(i, 0, row, v)];
          if (parities == 2)
            sum = k.addf(sum, acc[at(i, 1, row, v)]);
          k.storeVector(sum,
                        k.offset(c, streams.offset(i, row, nBlock) +
                                        (firstVector + v) * k.lanes() * 4),
                        Element::F32);
        }
  }

  int64_t blockBytes() const { return steps() * stepBytes(); }

  bool splitsPairs() const { return bf16Weight && !bf16Input; }

  void emitStep(int64_t stream, Value base, Value s, int64_t parity,
                Values &acc) {
    Value weights = k.offset(base, k.mul(s, stepBytes()));
    for (int64_t at = 0; at < vectors * k.lanes() * 4; at += 64)
      k.prefetch(k.offset(weights, kPrefetchBytes + at));
    if (!bf16Weight)
      return emitF32(stream, weights, s, parity, acc);
    if (bf16Input)
      return emitDot(stream, weights, s, parity, acc);
    emitSplit(stream, weights, s, acc);
  }

  Value vectorAt(Value weights, int64_t v) {
    return k.offset(weights, v * k.lanes() * 4);
  }

  void emitF32(int64_t stream, Value weights, Value s, int64_t parity,
               Values &acc) {
    Values x;
    for (int64_t row = 0; row < m; ++row)
      x.push_back(k.splat(
          k.load(k.f32Type(), k.offset(a, k.add(k.mul(s, 4), row * lda * 4)))));
    for (int64_t v = 0; v < vectors; ++v) {
      Value w = k.loadVector(vectorAt(weights, v), Element::F32);
      for (int64_t row = 0; row < m; ++row) {
        Value &sum = acc[at(stream, parity, row, v)];
        sum = k.fma(w, x[row], sum);
      }
    }
  }

  /// vdpbf16ps: both products of a pair are added to one f32 lane.
  void emitDot(int64_t stream, Value weights, Value s, int64_t parity,
               Values &acc) {
    ImplicitLocOpBuilder &b = k.ops();
    auto pairs = VectorType::get({2 * k.lanes()}, b.getBF16Type());
    Values x;
    for (int64_t row = 0; row < m; ++row) {
      Value pair = k.load(b.getI32Type(),
                          k.offset(a, k.add(k.mul(s, 4), row * lda * 2)));
      x.push_back(vector::BitCastOp::create(b, pairs, k.splat(pair)));
    }
    StringRef name = k.lanes() == 16 ? "llvm.x86.avx512bf16.dpbf16ps.512"
                                     : "llvm.x86.avx512bf16.dpbf16ps.256";
    for (int64_t v = 0; v < vectors; ++v) {
      Value w = k.load(pairs, vectorAt(weights, v), 4);
      for (int64_t row = 0; row < m; ++row) {
        Value &sum = acc[at(stream, parity, row, v)];
        sum = LLVM::CallIntrinsicOp::create(b, sum.getType(),
                                            b.getStringAttr(name),
                                            ValueRange{sum, w, x[row]})
                  .getResult(0);
      }
    }
  }

  /// bf16 pairs as two f32: the lower half shifted up, the upper half masked.
  void emitSplit(int64_t stream, Value weights, Value s, Values &acc) {
    ImplicitLocOpBuilder &b = k.ops();
    auto ints = k.i32Vector(k.lanes());
    auto constant = [&](int32_t value) -> Value {
      return arith::ConstantOp::create(b, DenseElementsAttr::get(ints, value));
    };
    Values low, high;
    for (int64_t row = 0; row < m; ++row) {
      Value x = k.offset(a, k.add(k.mul(s, 8), row * lda * 4));
      low.push_back(k.splat(k.load(k.f32Type(), x)));
      high.push_back(k.splat(k.load(k.f32Type(), k.offset(x, 4))));
    }
    for (int64_t v = 0; v < vectors; ++v) {
      Value pair = k.load(ints, vectorAt(weights, v), 4);
      Value even = arith::BitcastOp::create(
          b, k.f32Vector(k.lanes()),
          arith::ShLIOp::create(b, pair, constant(16)));
      Value odd = arith::BitcastOp::create(
          b, k.f32Vector(k.lanes()),
          arith::AndIOp::create(b, pair,
                                constant(static_cast<int32_t>(0xffff0000u))));
      for (int64_t row = 0; row < m; ++row) {
        Value &first = acc[at(stream, 0, row, v)];
        first = k.fma(even, low[row], first);
        Value &second = acc[at(stream, 1, row, v)];
        second = k.fma(odd, high[row], second);
      }
    }
  }

  KernelBuilder &k;
  Value a, block, c;
  int64_t m, cols, nBlock;
  bool bf16Weight, bf16Input;
  int64_t lda;
  Streams streams;
  int64_t vectors, parities;
};

} // namespace

LLVM::LLVMFuncOp swallow::x86::gemvHelper(StepEmitter &step, int64_t m,
                                          int64_t cols, int64_t nBlock,
                                          bool bf16Weight, Element input,
                                          int64_t lda, Streams streams) {
  std::string name = "gemv_m" + std::to_string(m) + "_k" +
                     std::to_string(cols) + "_n" + std::to_string(nBlock) +
                     (bf16Weight ? "_bf16" : "_f32") +
                     (input == Element::BF16 ? "_bf16" : "_f32") + "_lda" +
                     std::to_string(lda) + streams.suffix();
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  return step.helper(name, {ptr, ptr, ptr},
                     [&](KernelBuilder &k, ValueRange arguments) {
                       GemvEmitter(k, arguments, m, cols, nBlock, bf16Weight,
                                   input == Element::BF16, lda, streams)
                           .emit();
                     });
}
