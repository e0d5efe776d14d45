//===- QuantWords.cpp - many rows times a panel of levels, in words -------===//
//
// For variants whose products of bytes are summed in words; weights of 8 bits
// leave no room for that and take QuantTile.cpp. A panel holds what a loop over
// rows asks for, so that every load is an operand: for each two groups of
// inputs and each vector of columns the levels as signed bytes, what words
// start from, and the scales. A row's bytes, unsigned, are at hand in registers
// while it goes over all columns. Sums are added up in the order of QuantGemv,
// so that a row's results are the same bits.
//
//===----------------------------------------------------------------------===//

#include "targets/x86/quant/QuantCodes.h"
#include "targets/x86/quant/QuantProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {

/// Where the vectors of a pair of groups lie: for each vector of columns eight
/// of levels, a quad each, four of starts, two of scales.
struct WordPanel {
  static constexpr int64_t kStarts = 8, kScales = 12, kVectors = 14;
  int64_t vectorBytes, vectors;

  WordPanel(KernelBuilder &k, const QuantCodes &codes)
      : vectorBytes(k.lanes() * 4), vectors(codes.vectors()) {}
  int64_t pairBytes() const { return vectors * kVectors * vectorBytes; }
  int64_t offset(int64_t vector, int64_t index) const {
    return (vector * kVectors + index) * vectorBytes;
  }
};

std::string nameOf(const char *stem, const PackedLayout &layout) {
  return std::string(stem) + "_n" + std::to_string(layout.nBlock) + "_i" +
         std::to_string(packedElementBits(layout.element));
}

class PanelEmitter {
public:
  /// Arguments as those of unpackWordsHelper.
  PanelEmitter(KernelBuilder &k, ValueRange arguments,
               const PackedLayout &layout)
      : k(k), codes(k, layout), panel(k, codes), first(arguments[0]),
        to(arguments[1]), groups(arguments[2]) {}

  void emit() {
    Value pairs = k.div(groups, 2);
    k.loop(k.i64(0), pairs, 1, [&](Value pair) { emitPair(pair, 2); });
    // An odd group at the end: a loop of one round or none.
    k.loop(k.mul(pairs, 2), groups, 1, [&](Value) { emitPair(pairs, 1); });
  }

private:
  void emitPair(Value pair, int64_t count) {
    Value from = k.offset(first, k.mul(pair, 2 * codes.groupBytes()));
    Value at = k.offset(to, k.mul(pair, panel.pairBytes()));
    for (int64_t vector = 0; vector < panel.vectors; ++vector) {
      auto store = [&](int64_t index, Value value) {
        k.store(value, k.offset(at, panel.offset(vector, index)), 1);
      };
      for (int64_t half = 0; half < count; ++half)
        emitGroup(k.offset(from, half * codes.groupBytes()), vector, half,
                  store);
      if (count == 2)
        continue;
      for (int64_t i = 4; i < 8; ++i)
        store(i, k.splatI32(0));
      for (int64_t i = 2; i < 4; ++i)
        store(WordPanel::kStarts + i, k.splatI32(0));
      store(WordPanel::kScales + 1, k.zero());
    }
  }

  void emitGroup(Value group, int64_t vector, int64_t half,
                 function_ref<void(int64_t, Value)> store) {
    auto levels = codes.levels(group, vector);
    Value offset = k.bytes({-128});
    for (int64_t quad = 0; quad < 4; ++quad)
      store(half * 4 + quad, levels[quad]);
    for (int64_t i = 0; i < 2; ++i) {
      Value sum = k.addi(k.multiplyAddBytes(offset, levels[2 * i]),
                         k.multiplyAddBytes(offset, levels[2 * i + 1]));
      Value none = k.bitcast(sum.getType(), k.splatI32(0));
      store(WordPanel::kStarts + half * 2 + i, k.sub(none, sum));
    }
    store(WordPanel::kScales + half, codes.scales(group, vector));
  }

  KernelBuilder &k;
  QuantCodes codes;
  WordPanel panel;
  Value first, to, groups;
};

class WordRows {
public:
  /// Arguments as those of wordRowsHelper.
  WordRows(KernelBuilder &k, ValueRange arguments, const PackedLayout &layout)
      : k(k), panel(k, QuantCodes(k, layout)), rows(arguments[0]),
        stride(arguments[1]), levels(arguments[2]), pairs(arguments[3]),
        count(arguments[4]), c(arguments[5]), ldc(arguments[6]),
        begins(arguments[7]), scale(arguments[8]) {}

  void emit() {
    Value clear = k.equal(begins, k.i64(1));
    Value factor = k.splat(scale);
    k.loop(k.i64(0), count, 1, [&](Value row) {
      Value records = k.offset(rows, k.mul(row, stride));
      Value sums = k.offset(c, k.mul(k.mul(row, ldc), 4));
      k.ifThen(clear, [&] {
        forEachSum(sums, [&](Value place) {
          k.storeVector(k.zero(), place, Element::F32);
        });
      });
      k.loop(k.i64(0), pairs, 1, [&](Value pair) {
        emitPair(k.offset(records, k.mul(pair, recordBytes(k.variant()))),
                 k.offset(levels, k.mul(pair, panel.pairBytes())), sums);
      });
      forEachSum(sums, [&](Value place) {
        k.storeVector(k.mulf(k.loadVector(place, Element::F32), factor), place,
                      Element::F32);
      });
    });
  }

private:
  void forEachSum(Value sums, function_ref<void(Value)> body) {
    for (int64_t v = 0; v < panel.vectors; ++v)
      body(k.offset(sums, v * k.lanes() * 4));
  }

  void emitPair(Value record, Value from, Value sums) {
    SmallVector<Value> inputs;
    for (int64_t quad = 0; quad < 8; ++quad)
      inputs.push_back(k.bitcast(
          k.i8Vector(4 * k.lanes()),
          k.splat(k.load(k.ops().getI32Type(), k.offset(record, quad * 4)))));
    Value rowScale = k.splat(
        k.load(k.f32Type(), k.offset(record, QuantizedRecords::kScaleOffset)));
    for (int64_t v = 0; v < panel.vectors; ++v) {
      auto at = [&](int64_t index) {
        return k.offset(from, panel.offset(v, index));
      };
      Value part;
      for (int64_t half = 0; half < 2; ++half) {
        Value product;
        for (int64_t i = 2 * half; i < 2 * half + 2; ++i) {
          Value words =
              k.load(k.i16Vector(2 * k.lanes()), at(WordPanel::kStarts + i), 1);
          for (int64_t quad = 2 * i; quad < 2 * i + 2; ++quad)
            words = k.addi(words,
                           k.multiplyAddBytes(
                               inputs[quad],
                               k.load(k.i8Vector(4 * k.lanes()), at(quad), 1)));
          Value sum = k.addPairs(words);
          product = product ? k.addi(product, sum) : sum;
        }
        Value scales =
            k.loadVector(at(WordPanel::kScales + half), Element::F32);
        Value x = k.toFloat(product);
        part = half == 0 ? k.mulf(x, scales) : k.fma(x, scales, part);
      }
      Value place = k.offset(sums, v * k.lanes() * 4);
      k.storeVector(k.fma(part, rowScale, k.loadVector(place, Element::F32)),
                    place, Element::F32);
    }
  }

  KernelBuilder &k;
  WordPanel panel;
  Value rows, stride, levels, pairs, count, c, ldc, begins, scale;
};

} // namespace

LLVM::LLVMFuncOp swallow::x86::unpackWordsHelper(StepEmitter &step,
                                                 const PackedLayout &layout) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  return step.helper(nameOf("unpack_words", layout), {ptr, ptr, i64},
                     [&](KernelBuilder &k, ValueRange arguments) {
                       PanelEmitter(k, arguments, layout).emit();
                     });
}

LLVM::LLVMFuncOp swallow::x86::wordRowsHelper(StepEmitter &step,
                                              const PackedLayout &layout) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  Type f32 = Float32Type::get(step.module().getContext());
  return step.helper(nameOf("word_rows", layout),
                     {ptr, i64, ptr, i64, i64, ptr, i64, i64, f32},
                     [&](KernelBuilder &k, ValueRange arguments) {
                       WordRows(k, arguments, layout).emit();
                     });
}
