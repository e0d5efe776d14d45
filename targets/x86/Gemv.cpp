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
              int64_t nBlock, Element weight, Element input, int64_t lda,
              int64_t ldc)
      : k(k), a(arguments[0]), m(m), cols(cols), nBlock(nBlock),
        weightElement(weight), inputElement(input), lda(lda),
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
    if (weightElement == Element::F16)
      sums.finish([&](Value sum, Value) { return k.orderOfHalves(sum); });
  }

private:
  using Values = KernelBuilder::Values;

  /// Steps are inputs (f32 weights) or pairs of inputs (bf16 and f16 weights).
  int64_t stepInputs() const { return weightElement == Element::F32 ? 1 : 2; }
  int64_t steps() const { return roundUp(cols, stepInputs()) / stepInputs(); }
  int64_t stepBytes() const { return nBlock * 4; }

  void emitSteps(Value first, int64_t count) {
    Value at = k.mul(first, stepBytes());
    const int64_t inputBytes = stepInputs() * sizeOf(inputElement);
    Value inputs = k.offset(a, k.mul(first, inputBytes));
    sums.add([&](int64_t vector, Value block) {
      int64_t column = vector * k.lanes() * 4;
      Value weights = k.offset(k.offset(block, at), column);
      Values terms;
      for (int64_t step = 0; step < count; ++step) {
        Value line = k.offset(weights, step * stepBytes());
        if (column % 64 == 0)
          k.prefetch(k.offset(line, ahead));
        Value input = k.offset(inputs, step * inputBytes);
        if (weightElement == Element::F32)
          emitF32(line, input, terms);
        else if (inputElement == Element::BF16)
          emitDot(line, input, terms);
        else
          emitSplit(line, input, terms);
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

  /// Pairs as two f32. What f16 are converted to is in an order of its own,
  /// in which sums stay until the end.
  void emitSplit(Value line, Value input, Values &terms) {
    auto [even, odd] = [&]() -> std::pair<Value, Value> {
      if (weightElement == Element::F16)
        return k.loadHalves(line);
      Value pair = k.load(k.i32Vector(k.lanes()), line, 4);
      return {k.firstOfPairs(pair), k.secondOfPairs(pair)};
    }();
    for (int64_t row = 0; row < m; ++row) {
      addProduct(terms, row, even, inputOf(input, row));
      addProduct(terms, row, odd, inputOf(input, row, 4));
    }
  }

  KernelBuilder &k;
  Value a;
  int64_t m, cols, nBlock;
  Element weightElement, inputElement;
  int64_t lda;
  Value ahead;
  StreamLoop sums;
};

} // namespace

LLVM::LLVMFuncOp swallow::x86::gemvHelper(StepEmitter &step, int64_t m,
                                          int64_t cols, int64_t nBlock,
                                          Element weight, Element input,
                                          int64_t lda, int64_t ldc) {
  auto suffix = [](Element element) {
    return element == Element::F32    ? "_f32"
           : element == Element::BF16 ? "_bf16"
                                      : "_f16";
  };
  std::string name = "gemv_m" + std::to_string(m) + "_k" +
                     std::to_string(cols) + "_n" + std::to_string(nBlock) +
                     suffix(weight) + suffix(input) + "_lda" +
                     std::to_string(lda) + "_ldc" + std::to_string(ldc);
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  return step.helper(name, {ptr, ptr, ptr, i64, i64, i64},
                     [&](KernelBuilder &k, ValueRange arguments) {
                       GemvEmitter(k, arguments, m, cols, nBlock, weight, input,
                                   lda, ldc)
                           .emit();
                     });
}
