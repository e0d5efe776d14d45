//===- QuantGemv.cpp - few rows times a quantised block -------------------===//
//
// The codes are read once, in order, and multiplied by the bytes of every row.
// The products of a group are summed in integers, beginning with what the
// offset of the unsigned codes adds, then scaled by the column's scale of the
// group; two groups together are scaled by the row's.
//
//===----------------------------------------------------------------------===//

#include "targets/x86/quant/QuantCodes.h"
#include "targets/x86/quant/QuantProduct.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {

/// How far ahead of the loads the cache is asked, in bytes.
constexpr int64_t kPrefetchBytes = 4096;

class QuantGemv {
public:
  QuantGemv(KernelBuilder &k, ValueRange arguments, int64_t m,
            const PackedLayout &layout, int64_t stride)
      : k(k), codes(k, layout), rows(arguments[0]), block(arguments[1]),
        groups(arguments[2]), c(arguments[3]), ldc(arguments[4]), m(m),
        stride(stride) {}

  void emit() {
    // So many columns at a time that the sums stay in registers.
    int64_t budget = k.variant().registers == 32 ? 16 : 4;
    int64_t width = codes.vectors();
    while (width > 1 && m * width > budget)
      width = width % 2 == 0 ? width / 2 : 1;
    for (int64_t v = 0; v < codes.vectors(); v += width)
      emitPass(v, std::min(width, codes.vectors() - v));
  }

private:
  using Values = KernelBuilder::Values;

  void emitPass(int64_t first, int64_t width) {
    Value base = k.offset(block, kQuantHeaderBytes);
    Values acc(m * width, k.zero());
    Value pairs = k.div(groups, 2);
    acc = k.loop(k.i64(0), pairs, 1, acc, [&](Value pair, ValueRange in) {
      Values sums(in);
      emitGroups(base, pair, 2, first, width, sums);
      return sums;
    });
    // An odd group at the end: a loop of one round or none.
    acc = k.loop(k.mul(pairs, 2), groups, 1, acc, [&](Value, ValueRange in) {
      Values sums(in);
      emitGroups(base, pairs, 1, first, width, sums);
      return sums;
    });
    Value scale = k.splat(k.load(k.f32Type(), block));
    for (int64_t row = 0; row < m; ++row)
      for (int64_t v = 0; v < width; ++v)
        k.storeVector(k.mulf(acc[row * width + v], scale),
                      k.offset(k.offset(c, k.mul(ldc, row * 4)),
                               (first + v) * k.lanes() * 4),
                      Element::F32);
  }

  /// Groups 2 * pair and, for a count of 2, the one after it.
  void emitGroups(Value base, Value pair, int64_t count, int64_t first,
                  int64_t width, Values &acc) {
    Value group = k.offset(base, k.mul(pair, 2 * codes.groupBytes()));
    if (first == 0 && count == 2)
      for (int64_t at = 0; at < count * codes.groupBytes(); at += 64)
        k.prefetch(k.offset(group, kPrefetchBytes + at));
    Value record = k.offset(rows, k.mul(pair, QuantizedRecords::kBytes));
    for (int64_t v = 0; v < width; ++v) {
      Values parts(m);
      for (int64_t half = 0; half < count; ++half) {
        Value at = k.offset(group, half * codes.groupBytes());
        auto quads = codes.quads(at, first + v);
        Value scales = codes.scales(at, first + v);
        for (int64_t row = 0; row < m; ++row) {
          Value sum =
              k.toFloat(sumOf(k.offset(record, row * stride), half, quads));
          parts[row] =
              half == 0 ? k.mulf(sum, scales) : k.fma(sum, scales, parts[row]);
        }
      }
      for (int64_t row = 0; row < m; ++row) {
        Value scale = k.load(
            k.f32Type(),
            k.offset(record, row * stride + QuantizedRecords::kScaleOffset));
        Value &sum = acc[row * width + v];
        sum = k.fma(parts[row], k.splat(scale), sum);
      }
    }
  }

  Value sumOf(Value record, int64_t half, const std::array<Value, 4> &quads) {
    ImplicitLocOpBuilder &b = k.ops();
    auto splatI32At = [&](int64_t at) {
      return k.splat(k.load(b.getI32Type(), k.offset(record, at)));
    };
    Value sum = splatI32At(QuantizedRecords::kStartsOffset + half * 4);
    for (int64_t quad = 0; quad < 4; ++quad)
      sum = k.dot(sum, quads[quad],
                  k.bitcast(k.i8Vector(4 * k.lanes()),
                            splatI32At(half * kQuantGroup + quad * 4)),
                  codes.wide());
    return sum;
  }

  KernelBuilder &k;
  QuantCodes codes;
  Value rows, block, groups, c, ldc;
  int64_t m, stride;
};

} // namespace

LLVM::LLVMFuncOp swallow::x86::quantGemvHelper(StepEmitter &step, int64_t m,
                                               const PackedLayout &layout,
                                               int64_t stride) {
  std::string name = "quant_gemv_m" + std::to_string(m) + "_n" +
                     std::to_string(layout.nBlock) + "_i" +
                     std::to_string(packedElementBits(layout.element));
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  return step.helper(name, {ptr, ptr, i64, ptr, i64},
                     [&](KernelBuilder &k, ValueRange arguments) {
                       QuantGemv(k, arguments, m, layout, stride).emit();
                     });
}
