//===- Gemv.cpp - a few rows times one packed weight block ----------------===//
//
// C[m][n] = sum_k A[m][k] B[k][n] for blocks of nBlock output features, B
// packed as in runtime/packing/PackedLayout.h. Weights are read once and are
// what the time goes into; each load feeds m rows. The order of a row's sums
// does not depend on how many rows and blocks go with it.
//
//===----------------------------------------------------------------------===//

#include "targets/x86/Streams.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {

/// How far ahead of the loads the cache is asked, in bytes of a stream, where
/// there is one and where there are several: prefetching by the hardware ends
/// at each page.
constexpr int64_t kPrefetchAlone = 4096, kPrefetchBeside = 1024;

/// Steps of a visit to a stream: what a vector of columns reads of it before
/// the next stream's turn.
constexpr int64_t kVisitSteps = 2;

class GemvEmitter {
public:
  GemvEmitter(KernelBuilder &k, ValueRange arguments, int64_t m, int64_t cols,
              int64_t nBlock, bool bf16Weight, bool bf16Input, int64_t lda,
              int64_t ldc)
      : k(k), a(arguments[0]), m(m), cols(cols), nBlock(nBlock),
        bf16Weight(bf16Weight), bf16Input(bf16Input), lda(lda),
        ahead(Streams::ahead(k, arguments[3], kPrefetchAlone, kPrefetchBeside)),
        sums(k, arguments[1], arguments[2],
             {arguments[3], arguments[4], arguments[5]}, m, nBlock, ldc) {}

  void emit() {
    sums.clear();
    int64_t whole = steps() / kVisitSteps * kVisitSteps;
    k.loop(k.i64(0), k.i64(whole), kVisitSteps,
           [&](Value step) { emitSteps(step, kVisitSteps); });
    if (whole < steps())
      emitSteps(k.i64(whole), steps() - whole);
  }

private:
  using Values = KernelBuilder::Values;

  /// Steps are inputs (f32 weights) or pairs of inputs (bf16 weights).
  int64_t steps() const { return bf16Weight ? roundUp(cols, 2) / 2 : cols; }
  int64_t stepBytes() const { return nBlock * 4; }

  void emitSteps(Value first, int64_t count) {
    Value at = k.mul(first, stepBytes());
    // Of the input one or two elements of 4 bytes, or a pair of 2.
    Value input = k.offset(a, k.mul(first, bf16Weight && !bf16Input ? 8 : 4));
    sums.add([&](int64_t vector, Value block) {
      int64_t column = vector * k.lanes() * 4;
      Value weights = k.offset(k.offset(block, at), column);
      Values terms;
      for (int64_t step = 0; step < count; ++step) {
        Value line = k.offset(weights, step * stepBytes());
        if (column % 64 == 0)
          k.prefetch(k.offset(line, ahead));
        if (!bf16Weight)
          emitF32(line, k.offset(input, step * 4), terms);
        else if (bf16Input)
          emitDot(line, k.offset(input, step * 4), terms);
        else
          emitSplit(line, k.offset(input, step * 8), terms);
      }
      SmallVector<StreamLoop::Term> result;
      for (Value term : terms)
        result.push_back({term});
      return result;
    });
  }

  /// Row `row` of the input, as f32 in every lane.
  Value inputOf(Value input, int64_t row, int64_t offset = 0) {
    return k.splat(
        k.load(k.f32Type(), k.offset(input, row * lda * 4 + offset)));
  }

  void addProduct(Values &terms, int64_t row, Value weight, Value input) {
    if (row == static_cast<int64_t>(terms.size()))
      terms.push_back(k.mulf(weight, input));
    else
      terms[row] = k.fma(weight, input, terms[row]);
  }

  void emitF32(Value line, Value input, Values &terms) {
    Value w = k.loadVector(line, Element::F32);
    for (int64_t row = 0; row < m; ++row)
      addProduct(terms, row, w, inputOf(input, row));
  }

  /// vdpbf16ps: both products of a pair are added to one f32 lane.
  void emitDot(Value line, Value input, Values &terms) {
    Value w = k.load(k.i32Vector(k.lanes()), line, 4);
    for (int64_t row = 0; row < m; ++row) {
      Value x = k.splat(
          k.load(k.ops().getI32Type(), k.offset(input, row * lda * 2), 4));
      if (row == static_cast<int64_t>(terms.size()))
        terms.push_back(k.zero());
      terms[row] = k.dotBf16(terms[row], w, x);
    }
  }

  /// bf16 pairs as two f32.
  void emitSplit(Value line, Value input, Values &terms) {
    Value pair = k.load(k.i32Vector(k.lanes()), line, 4);
    Value even = k.firstOfPairs(pair), odd = k.secondOfPairs(pair);
    for (int64_t row = 0; row < m; ++row) {
      addProduct(terms, row, even, inputOf(input, row));
      addProduct(terms, row, odd, inputOf(input, row, 4));
    }
  }

  KernelBuilder &k;
  Value a;
  int64_t m, cols, nBlock;
  bool bf16Weight, bf16Input;
  int64_t lda;
  Value ahead;
  StreamLoop sums;
};

} // namespace

LLVM::LLVMFuncOp swallow::x86::gemvHelper(StepEmitter &step, int64_t m,
                                          int64_t cols, int64_t nBlock,
                                          bool bf16Weight, Element input,
                                          int64_t lda, int64_t ldc) {
  std::string name = "gemv_m" + std::to_string(m) + "_k" +
                     std::to_string(cols) + "_n" + std::to_string(nBlock) +
                     (bf16Weight ? "_bf16" : "_f32") +
                     (input == Element::BF16 ? "_bf16" : "_f32") + "_lda" +
                     std::to_string(lda) + "_ldc" + std::to_string(ldc);
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  return step.helper(name, {ptr, ptr, ptr, i64, i64, i64},
                     [&](KernelBuilder &k, ValueRange arguments) {
                       GemvEmitter(k, arguments, m, cols, nBlock, bf16Weight,
                                   input == Element::BF16, lda, ldc)
                           .emit();
                     });
}
