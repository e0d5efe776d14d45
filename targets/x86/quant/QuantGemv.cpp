//===- QuantGemv.cpp - few rows times a quantised block -------------------===//
//
// The codes of each block are read once, in order, and multiplied by the bytes
// of every row. The products of a group are summed in integers, beginning with
// what the offset of the unsigned codes adds, then scaled by the column's scale
// of the group; two groups together are scaled by the row's.
//
//===----------------------------------------------------------------------===//

#include "targets/x86/quant/QuantCodes.h"
#include "targets/x86/quant/QuantProduct.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {

/// How far ahead of the loads the cache is asked, in rounds of two groups.
constexpr int64_t kPrefetchRounds = 2;

class QuantGemv {
public:
  QuantGemv(KernelBuilder &k, ValueRange arguments, int64_t m,
            const PackedLayout &layout, int64_t stride, Streams streams)
      : k(k), codes(k, layout), rows(arguments[0]), groups(arguments[2]),
        c(arguments[3]), m(m), stride(stride), streams(streams) {
    Value blockBytes =
        k.add(k.mul(groups, codes.groupBytes()), kQuantHeaderBytes);
    for (int64_t i = 0; i < streams.count; ++i)
      blocks.push_back(k.offset(arguments[1], k.mul(blockBytes, i)));
  }

  void emit() {
    // So many columns at a time that the sums stay in registers, beside those
    // of a group for each row.
    int64_t budget = k.variant().registers == 32 ? (m == 8 ? 8 : 16) : 4;
    int64_t width = codes.vectors();
    while (width > 1 && m * width * streams.count > budget)
      width = width % 2 == 0 ? width / 2 : 1;
    for (int64_t v = 0; v < codes.vectors(); v += width)
      emitPass(v, std::min(width, codes.vectors() - v));
  }

private:
  using Values = KernelBuilder::Values;

  void emitPass(int64_t first, int64_t width) {
    Values acc(streams.count * m * width, k.zero());
    Value pairs = k.div(groups, 2);
    acc = k.loop(k.i64(0), pairs, 1, acc, [&](Value pair, ValueRange in) {
      Values sums(in);
      emitGroups(pair, 2, first, width, sums);
      return sums;
    });
    // An odd group at the end: a loop of one round or none.
    acc = k.loop(k.mul(pairs, 2), groups, 1, acc, [&](Value, ValueRange in) {
      Values sums(in);
      emitGroups(pairs, 1, first, width, sums);
      return sums;
    });
    for (int64_t i = 0; i < streams.count; ++i) {
      Value scale = k.splat(k.load(k.f32Type(), blocks[i]));
      for (int64_t row = 0; row < m; ++row)
        for (int64_t v = 0; v < width; ++v)
          k.storeVector(k.mulf(acc[(i * m + row) * width + v], scale),
                        k.offset(c, streams.offset(i, row, codes.columns()) +
                                        (first + v) * k.lanes() * 4),
                        Element::F32);
    }
  }

  /// Groups 2 * pair and, for a count of 2, the one after it, of all blocks.
  void emitGroups(Value pair, int64_t count, int64_t first, int64_t width,
                  Values &acc) {
    for (int64_t i = 0; i < streams.count; ++i)
      emitGroups(i, pair, count, first, width,
                 MutableArrayRef(acc).slice(i * m * width, m * width));
  }

  void emitGroups(int64_t stream, Value pair, int64_t count, int64_t first,
                  int64_t width, MutableArrayRef<Value> acc) {
    Value group = k.offset(k.offset(blocks[stream], kQuantHeaderBytes),
                           k.mul(pair, 2 * codes.groupBytes()));
    Value record = k.offset(rows, k.mul(pair, QuantizedRecords::kBytes));
    for (int64_t v = 0; v < width; ++v) {
      if (first == 0 && count == 2)
        emitPrefetch(group, v, width);
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

  /// Asks for the lines of two groups, a share of them with each vector of
  /// columns: the core has room for few requests at a time.
  void emitPrefetch(Value group, int64_t v, int64_t width) {
    const int64_t lines = (2 * codes.groupBytes() + 63) / 64;
    for (int64_t i = lines * v / width; i < lines * (v + 1) / width; ++i)
      k.prefetch(
          k.offset(group, kPrefetchRounds * 2 * codes.groupBytes() + i * 64));
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
  Value rows, groups, c;
  SmallVector<Value> blocks;
  int64_t m, stride;
  Streams streams;
};

} // namespace

LLVM::LLVMFuncOp swallow::x86::quantGemvHelper(StepEmitter &step, int64_t m,
                                               const PackedLayout &layout,
                                               int64_t stride,
                                               Streams streams) {
  std::string name = "quant_gemv_m" + std::to_string(m) + "_n" +
                     std::to_string(layout.nBlock) + "_i" +
                     std::to_string(packedElementBits(layout.element)) +
                     streams.suffix();
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  return step.helper(
      name, {ptr, ptr, i64, ptr}, [&](KernelBuilder &k, ValueRange arguments) {
        QuantGemv(k, arguments, m, layout, stride, streams).emit();
      });
}
