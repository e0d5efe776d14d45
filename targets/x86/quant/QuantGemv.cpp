//===- QuantGemv.cpp - few rows times a quantised block -------------------===//
//
// The codes of each block are read once and multiplied by the bytes of every
// row. The products of a group are summed in integers, beginning with
// what the offset of the unsigned codes adds, then scaled by the column's scale
// of the group; two groups together are scaled by the row's.
//
//===----------------------------------------------------------------------===//

#include "targets/x86/Streams.h"
#include "targets/x86/quant/QuantCodes.h"
#include "targets/x86/quant/QuantProduct.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {

/// How far ahead of the loads the cache is asked, in rounds of two groups of a
/// stream, where there is one and where there are several.
constexpr int64_t kRoundsAlone = 4, kRoundsBeside = 1;

class QuantGemv {
public:
  QuantGemv(KernelBuilder &k, ValueRange arguments, int64_t m,
            const PackedLayout &layout, int64_t stride, int64_t ldc)
      : k(k), codes(k, layout), rows(arguments[0]), groups(arguments[2]), m(m),
        stride(stride),
        ahead(Streams::ahead(k, arguments[4],
                             2 * kRoundsAlone * codes.groupBytes(),
                             2 * kRoundsBeside * codes.groupBytes())),
        sums(k, arguments[1], arguments[3],
             {arguments[4], arguments[5], arguments[6]}, m, layout.nBlock,
             ldc) {}

  void emit() {
    sums.clear();
    Value pairs = k.div(groups, 2);
    k.loop(k.i64(0), pairs, 1, [&](Value pair) { emitGroups(pair, 2); });
    // An odd group at the end: a loop of one round or none.
    k.loop(k.mul(pairs, 2), groups, 1, [&](Value) { emitGroups(pairs, 1); });
    sums.finish([&](Value sum, Value block) {
      return k.mulf(sum, k.splat(k.load(k.f32Type(), block)));
    });
  }

private:
  using Values = KernelBuilder::Values;

  /// Groups 2 * pair and, for a count of 2, the one after it, of all streams.
  void emitGroups(Value pair, int64_t count) {
    Value record = k.offset(rows, k.mul(pair, recordBytes(k.variant())));
    Value at = k.add(k.mul(pair, 2 * codes.groupBytes()), kQuantHeaderBytes);
    sums.add([&](int64_t vector, Value block) {
      Value group = k.offset(block, at);
      if (count == 2)
        emitPrefetch(group, vector);
      return emitVector(group, record, count, vector);
    });
  }

  /// One vector of columns of `count` groups of a block, for all rows.
  SmallVector<StreamLoop::Term> emitVector(Value group, Value record,
                                           int64_t count, int64_t vector) {
    Values parts(m);
    for (int64_t half = 0; half < count; ++half) {
      Value at = k.offset(group, half * codes.groupBytes());
      auto quads = codes.quads(at, vector);
      Value scales = codes.scales(at, vector);
      for (int64_t row = 0; row < m; ++row) {
        Value sum =
            k.toFloat(sumOf(k.offset(record, row * stride), half, quads));
        parts[row] =
            half == 0 ? k.mulf(sum, scales) : k.fma(sum, scales, parts[row]);
      }
    }
    SmallVector<StreamLoop::Term> terms;
    for (int64_t row = 0; row < m; ++row) {
      Value scale = k.load(
          k.f32Type(),
          k.offset(record, row * stride + QuantizedRecords::kScaleOffset));
      terms.push_back({parts[row], k.splat(scale)});
    }
    return terms;
  }

  /// Asks for the lines of two groups, a share of them with each vector of
  /// columns: the core has room for few requests at a time.
  void emitPrefetch(Value group, int64_t vector) {
    const int64_t lines = (2 * codes.groupBytes() + 63) / 64;
    for (int64_t i = lines * vector / codes.vectors();
         i < lines * (vector + 1) / codes.vectors(); ++i)
      k.prefetch(k.offset(k.offset(group, ahead), i * 64));
  }

  Value sumOf(Value record, int64_t half, const std::array<Value, 4> &quads) {
    ImplicitLocOpBuilder &b = k.ops();
    auto splatI32At = [&](int64_t at) {
      return k.splat(k.load(b.getI32Type(), k.offset(record, at)));
    };
    auto inputs = [&](int64_t quad) {
      return k.bitcast(k.i8Vector(4 * k.lanes()),
                       splatI32At(half * kQuantGroup + quad * 4));
    };
    if (!k.variant().vnni()) {
      constexpr int64_t starts = QuantizedRecords::kStartsOffset;
      return codes.sumByWords(
          quads, {inputs(0), inputs(1), inputs(2), inputs(3)},
          {splatI32At(starts + half * 8), splatI32At(starts + half * 8 + 4)});
    }
    Value sum = splatI32At(QuantizedRecords::kStartsOffset + half * 4);
    for (int64_t quad = 0; quad < 4; ++quad)
      sum = k.dot(sum, quads[quad], inputs(quad));
    return sum;
  }

  KernelBuilder &k;
  QuantCodes codes;
  Value rows, groups;
  int64_t m, stride;
  Value ahead;
  StreamLoop sums;
};

} // namespace

LLVM::LLVMFuncOp swallow::x86::quantGemvHelper(StepEmitter &step, int64_t m,
                                               const PackedLayout &layout,
                                               int64_t stride, int64_t ldc) {
  std::string name = "quant_gemv_m" + std::to_string(m) + "_n" +
                     std::to_string(layout.nBlock) + "_i" +
                     std::to_string(packedElementBits(layout.element)) +
                     "_ldc" + std::to_string(ldc);
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  return step.helper(name, {ptr, ptr, i64, ptr, i64, i64, i64},
                     [&](KernelBuilder &k, ValueRange arguments) {
                       QuantGemv(k, arguments, m, layout, stride, ldc).emit();
                     });
}
