//===- QuantRows.cpp - quantises activations ------------------------------===//
//
// codes = round(x * 127 / max |x|) of a group, with or without an RMS norm of
// the row before it.
//
//===----------------------------------------------------------------------===//

#include "targets/x86/Tiles.h"
#include "targets/x86/quant/QuantProduct.h"

#include "runtime/packing/QuantFormat.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {

class RowQuantizer {
  /// Inputs of two starts of a QuantizedRecords with words.
  static constexpr int64_t kWordInputs = 8;

public:
  RowQuantizer(KernelBuilder &k, ValueRange arguments, int64_t columns,
               Element source, bool norm, double eps)
      : k(k), src(arguments[0]), weight(arguments[1]), dst(arguments[2]),
        columns(columns), source(source), norm(norm) {
    if (norm)
      rms = emitRmsScale(k, src, source, columns, eps);
  }

  void emitRecords(std::optional<int64_t> offset) {
    constexpr int64_t group = QuantizedRecords::kInputs;
    int64_t whole = columns / group;
    k.loop(k.i64(0), k.i64(whole), 1,
           [&](Value at) { emitRecord(at, group, offset); });
    if (int64_t rest = columns % group)
      emitRecord(k.i64(whole), rest, offset);
  }

  /// `scales` and `rows` as quantizeToChunksHelper has them.
  void emitChunks(Value scales, Value rows, bool isUnsigned, bool tileOrder) {
    lineStride = tileOrder ? kTileStepBytes : kTileRowBytes;
    constexpr int64_t chunk = QuantizedChunks::kInputs;
    auto emit = [&](Value at, int64_t count) {
      Value before = k.mul(at, rows);
      emitChunk(k.mul(at, chunk), count, k.offset(dst, k.mul(before, chunk)),
                k.offset(scales, k.mul(before, 4)), isUnsigned);
    };
    int64_t whole = columns / chunk;
    k.loop(k.i64(0), k.i64(whole), 1, [&](Value at) { emit(at, chunk); });
    if (int64_t rest = columns % chunk)
      emit(k.i64(whole), rest);
  }

private:
  /// `count` inputs from `at`, normalised; further lanes are 0.
  Value inputs(Value at, int64_t count) {
    Value x = k.loadVector(k.offset(src, k.mul(at, sizeOf(source))), source,
                           k.lanes(), count);
    if (!norm)
      return x;
    Value w = k.loadVector(k.offset(weight, k.mul(at, 4)), Element::F32,
                           k.lanes(), count);
    return k.mulf(k.mulf(x, rms), w);
  }

  /// Stores max / 127 and returns 127 / max, 0 for a group of zeros.
  Value storeScale(Value maximum, Value to) {
    k.store(k.mulf(maximum, k.f32(1.0f / 127.0f)), to);
    ImplicitLocOpBuilder &b = k.ops();
    Value positive = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT,
                                           maximum, k.f32(1e-30f));
    return k.splat(
        k.select(positive, k.divf(k.f32(127.0f), maximum), k.f32(0.0f)));
  }

  void storeCodes(Value codes, Value to) {
    k.store(k.truncateToBytes(codes), to, 1);
  }

  /// The words that lanes() inputs start with.
  void storeWordStarts(Value codes, int64_t offset, Value to) {
    ImplicitLocOpBuilder &b = k.ops();
    const int64_t words = k.lanes() / kWordInputs * 2;
    Value sum;
    for (int64_t byte : {0, 1, 4, 5}) {
      SmallVector<int64_t> lanes;
      for (int64_t word = 0; word < words; ++word)
        lanes.push_back(word / 2 * kWordInputs + word % 2 * 2 + byte);
      Value part = vector::ShuffleOp::create(b, codes, codes, lanes);
      sum = sum ? k.addi(sum, part) : part;
    }
    Value starts = arith::MulIOp::create(
        b, sum, k.splatI32(static_cast<int32_t>(-offset), words));
    k.store(arith::TruncIOp::create(b, k.i16Vector(words), starts), to, 1);
  }

  void emitRecord(Value group, int64_t count, std::optional<int64_t> offset) {
    constexpr int64_t size = QuantizedRecords::kInputs;
    Value begin = k.mul(group, size);
    Value record = k.offset(dst, k.mul(group, recordBytes(k.variant())));
    SmallVector<Value> x;
    Value largest;
    for (int64_t i = 0; i < size; i += k.lanes()) {
      int64_t present = std::clamp<int64_t>(count - i, 0, k.lanes());
      x.push_back(present == 0 ? k.zero() : inputs(k.add(begin, i), present));
      Value magnitude = k.absf(x.back());
      largest = largest ? k.maxf(largest, magnitude) : magnitude;
    }
    Value inverse = storeScale(
        k.reduceMax(largest), k.offset(record, QuantizedRecords::kScaleOffset));
    Value sum;
    for (auto [i, values] : llvm::enumerate(x)) {
      Value codes = k.toInt(k.mulf(values, inverse));
      int64_t at = static_cast<int64_t>(i) * k.lanes();
      if (!offset) {
        storeCodes(k.addi(codes, k.splatI32(128)), k.offset(record, at));
        continue;
      }
      storeCodes(codes, k.offset(record, at));
      if (!k.variant().vnni()) {
        storeWordStarts(codes, *offset,
                        k.offset(record, QuantizedRecords::kStartsOffset +
                                             at / kWordInputs * 4));
        continue;
      }
      sum = at % kQuantGroup == 0 ? codes : k.addi(sum, codes);
      if ((at + k.lanes()) % kQuantGroup != 0)
        continue;
      Value start =
          k.mul(k.reduceAddInt(sum), k.i32(static_cast<int32_t>(-*offset)));
      k.store(start, k.offset(record, QuantizedRecords::kStartsOffset +
                                          at / kQuantGroup * 4));
    }
  }

  void emitChunk(Value begin, int64_t count, Value codesTo, Value scaleTo,
                 bool isUnsigned) {
    constexpr int64_t size = QuantizedChunks::kInputs;
    int64_t whole = count / k.lanes() * k.lanes();
    auto largest =
        k.loop(k.i64(0), k.i64(whole), k.lanes(), {k.zero()},
               [&](Value i, ValueRange in) {
                 Value magnitude = k.absf(inputs(k.add(begin, i), k.lanes()));
                 return KernelBuilder::Values{k.maxf(in[0], magnitude)};
               });
    Value rest;
    if (whole < count) {
      rest = inputs(k.add(begin, whole), count - whole);
      largest[0] = k.maxf(largest[0], k.absf(rest));
    }
    Value inverse = storeScale(k.reduceMax(largest[0]), scaleTo);
    auto store = [&](Value x, Value at) {
      Value codes = k.toInt(k.mulf(x, inverse));
      if (isUnsigned)
        codes = k.addi(codes, k.splatI32(128));
      storeCodes(codes, k.offset(codesTo, k.add(k.mul(k.div(at, kTileRowBytes),
                                                      lineStride),
                                                k.rem(at, kTileRowBytes))));
    };
    k.loop(k.i64(0), k.i64(whole), k.lanes(),
           [&](Value at) { store(inputs(k.add(begin, at), k.lanes()), at); });
    int64_t done = whole;
    if (whole < count) {
      store(rest, k.i64(whole));
      done += k.lanes();
    }
    for (; done < size; done += k.lanes())
      store(k.zero(), k.i64(done));
  }

  KernelBuilder &k;
  Value src, weight, dst, rms;
  int64_t columns;
  Element source;
  bool norm;
  int64_t lineStride = kTileRowBytes; // between 64 codes of a row and the next
};

std::string nameOf(const char *stem, int64_t columns, Element source, bool norm,
                   double eps) {
  std::string name = std::string(stem) + (norm ? "_norm_" : "_") +
                     std::to_string(columns) +
                     (source == Element::F32 ? "_f32" : "_bf16");
  if (norm)
    name += "_eps" + std::to_string(llvm::bit_cast<uint64_t>(eps));
  return name;
}

} // namespace

LLVM::LLVMFuncOp swallow::x86::quantizeToRecordsHelper(
    StepEmitter &step, int64_t columns, Element source,
    std::optional<int64_t> offset, bool norm, double eps) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  return step.helper(nameOf("quantize_row", columns, source, norm, eps) +
                         (offset ? "_offset" + std::to_string(*offset)
                                 : std::string("_unsigned")),
                     {ptr, ptr, ptr},
                     [&](KernelBuilder &k, ValueRange arguments) {
                       RowQuantizer(k, arguments, columns, source, norm, eps)
                           .emitRecords(offset);
                     });
}

LLVM::LLVMFuncOp
swallow::x86::quantizeToChunksHelper(StepEmitter &step, int64_t columns,
                                     Element source, bool isUnsigned,
                                     bool tileOrder, bool norm, double eps) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  return step.helper(
      nameOf("quantize_row_chunks", columns, source, norm, eps) +
          (isUnsigned ? "_u8" : "_s8") + (tileOrder ? "_tiles" : ""),
      {ptr, ptr, ptr, ptr, i64}, [&](KernelBuilder &k, ValueRange arguments) {
        RowQuantizer(k, arguments, columns, source, norm, eps)
            .emitChunks(arguments[3], arguments[4], isUnsigned, tileOrder);
      });
}
