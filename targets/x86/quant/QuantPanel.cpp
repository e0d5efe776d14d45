//===- QuantPanel.cpp - quantised weights unpacked for many rows ----------===//

#include "targets/x86/Tiles.h"
#include "targets/x86/quant/QuantCodes.h"
#include "targets/x86/quant/QuantProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

static std::string layoutName(const PackedLayout &layout) {
  return "_i" + std::to_string(packedElementBits(layout.element)) + "_n" +
         std::to_string(layout.nBlock);
}

namespace {

/// Codes of several scales become bytes with one scale per column: the column's
/// largest group scale keeps its levels, stretched to a byte, the levels of the
/// others are multiplied by their scale relative to it and rounded.
class BytePanelEmitter {
public:
  BytePanelEmitter(KernelBuilder &k, ValueRange arguments,
                   const PackedLayout &layout, int64_t groups, bool tileOrder)
      : k(k), codes(k, layout), block(arguments[0]), first(arguments[1]),
        panel(arguments[2]), groups(groups), tileOrder(tileOrder),
        place{layout.nBlock}, nBlock(layout.nBlock) {}

  void emit() {
    for (int64_t v = 0; v < codes.vectors(); ++v)
      emitVector(v);
  }

private:
  Value groupAt(Value index) {
    return k.offset(first, k.mul(index, codes.groupBytes()));
  }

  void emitVector(int64_t v) {
    // |c| is largest where c * |c| is.
    Value largest = k.loop(
        k.i64(0), k.i64(groups), 1, {k.zero()}, [&](Value g, ValueRange in) {
          Value c = k.toFloat(codes.scaleCodes(groupAt(g), v));
          return KernelBuilder::Values{k.maxf(in[0], k.absf(c))};
        })[0];
    Value maximum = k.mulf(largest, largest);
    Value blockScale = k.load(k.f32Type(), block);
    Value scale = k.mulf(
        maximum,
        k.splat(k.mulf(blockScale,
                       k.f32(1.0f / (static_cast<float>(codes.levelFactor()) *
                                     codes.largestRatio())))));
    k.storeVector(scale,
                  k.offset(panel, place.scalesOffset() + v * k.lanes() * 4),
                  Element::F32);
    // In units of 2^-15, what multiplyHigh takes; 0 for a column of zeros.
    Value inverse = k.divf(k.splat(32767.0f * codes.largestRatio(), k.lanes()),
                           k.maxf(maximum, k.splat(1.0f, k.lanes())));
    Value sums =
        k.loop(k.i64(0), k.i64(groups), 1, {k.splatI32(0)},
               [&](Value g, ValueRange in) {
                 Value group = groupAt(g);
                 prefetchNext(group, v);
                 Value ratio = k.toInt(k.mulf(codes.scales(group, v), inverse));
                 // The same ratio in both 16-bit halves of a lane.
                 Value both = k.bitcast(k.i16Vector(2 * k.lanes()),
                                        k.ori(k.andi(ratio, k.splatI32(0xffff)),
                                              k.shl(ratio, 16)));
                 auto levels = codes.scaledLevels(group, v);
                 Value sum = in[0];
                 for (int64_t quad = 0; quad < 4; ++quad) {
                   Value bytes = rescaled(levels[quad], both);
                   k.store(bytes, quadAt(k.add(k.mul(g, 4), quad), v), 1);
                   // 128 times each byte is what a row's offset adds.
                   sum = k.dot(sum, k.bytes({-128}), bytes);
                 }
                 return KernelBuilder::Values{sum};
               })[0];
    k.store(sums, k.offset(panel, place.sumsOffset() + v * k.lanes() * 4), 4);
    Value nothing = k.bitcast(k.i8Vector(4 * k.lanes()), k.splatI32(0));
    for (int64_t quad = groups * 4; quad < BytePanel::kInputs / 4; ++quad)
      k.store(nothing, quadAt(k.i64(quad), v), 1);
  }

  /// Asks for what is unpacked next of the block: each vector for its part of
  /// the lines.
  void prefetchNext(Value group, int64_t v) {
    Value next = k.offset(group, groups * codes.groupBytes());
    for (int64_t at = v * 64; at < codes.groupBytes();
         at += codes.vectors() * 64)
      k.prefetch(k.offset(next, at));
  }

  /// Where the fours of inputs `quad` of a vector of columns go.
  Value quadAt(Value quad, int64_t v) {
    if (tileOrder)
      return k.offset(panel, tilePanelOffset(k, nBlock, quad, v));
    return k.offset(panel, k.add(k.mul(quad, nBlock * 4), v * k.lanes() * 4));
  }

  /// Signed bytes times the ratio of their lane, rounded.
  Value rescaled(Value bytes, Value ratio) {
    auto words = k.i16Vector(2 * k.lanes());
    Value wide = k.bitcast(words, bytes);
    Value even = k.multiplyHigh(k.shrs(k.shl(wide, 8), 8), ratio);
    Value odd = k.multiplyHigh(k.shrs(wide, 8), ratio);
    Value low =
        k.andi(k.bitcast(k.i32Vector(k.lanes()), even), k.splatI32(0x00ff00ff));
    Value high = k.bitcast(k.i32Vector(k.lanes()), k.shl(odd, 8));
    return k.bitcast(k.i8Vector(4 * k.lanes()), k.ori(low, high));
  }

  KernelBuilder &k;
  QuantCodes codes;
  Value block, first, panel;
  int64_t groups;
  bool tileOrder;
  BytePanel place;
  int64_t nBlock;
};

} // namespace

LLVM::LLVMFuncOp swallow::x86::unpackBytesHelper(StepEmitter &step,
                                                 const PackedLayout &layout,
                                                 int64_t groups,
                                                 bool tileOrder) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  return step.helper(
      "unpack_bytes" + layoutName(layout) + "_g" + std::to_string(groups) +
          (tileOrder ? "_tiles" : ""),
      {ptr, ptr, ptr}, [&](KernelBuilder &k, ValueRange arguments) {
        BytePanelEmitter(k, arguments, layout, groups, tileOrder).emit();
      });
}

LLVM::LLVMFuncOp swallow::x86::unpackPairsHelper(StepEmitter &step,
                                                 const PackedLayout &layout,
                                                 int64_t groups,
                                                 bool tileOrder) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  return step.helper(
      "unpack_pairs" + layoutName(layout) + "_g" + std::to_string(groups) +
          (tileOrder ? "_tiles" : ""),
      {ptr, ptr, ptr}, [&](KernelBuilder &k, ValueRange arguments) {
        QuantCodes codes(k, layout);
        auto ints = k.i32Vector(k.lanes());
        Value blockScale = k.splat(
            k.mulf(k.load(k.f32Type(), arguments[0]),
                   k.f32(1.0f / static_cast<float>(codes.levelFactor()))));
        auto pairAt = [&](Value pair, int64_t v) {
          if (tileOrder)
            return k.offset(arguments[2],
                            tilePanelOffset(k, layout.nBlock, pair, v));
          return k.offset(arguments[2], k.add(k.mul(pair, layout.nBlock * 4),
                                              v * k.lanes() * 4));
        };
        k.loop(k.i64(0), k.i64(groups), 1, [&](Value g) {
          Value group = k.offset(arguments[1], k.mul(g, codes.groupBytes()));
          for (int64_t v = 0; v < codes.vectors(); ++v) {
            auto quads = codes.scaledLevels(group, v);
            Value scale = k.mulf(codes.scales(group, v), blockScale);
            auto input = [&](int64_t i) {
              // Sign-extends byte i % 4 of each lane.
              Value lanes = k.bitcast(ints, quads[i / 4]);
              Value level = k.shrs(k.shl(lanes, 24 - i % 4 * 8), 24);
              return k.mulf(k.toFloat(level), scale);
            };
            for (int64_t i = 0; i < kQuantGroup; i += 2)
              k.store(k.packPairs(input(i), input(i + 1)),
                      pairAt(k.add(k.mul(g, kQuantGroup / 2), i / 2), v), 4);
          }
        });
        if (!tileOrder)
          return;
        int64_t pairs = groups * kQuantGroup / 2;
        int64_t whole = roundUp(pairs, tileInputs(Element::BF16) / 2);
        for (; pairs < whole; ++pairs)
          for (int64_t v = 0; v < codes.vectors(); ++v)
            k.store(k.splatI32(0), pairAt(k.i64(pairs), v), 4);
      });
}

LLVM::LLVMFuncOp swallow::x86::unpackFloatsHelper(StepEmitter &step,
                                                  const PackedLayout &layout) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  return step.helper(
      "unpack_floats" + layoutName(layout), {ptr, ptr, ptr, i64},
      [&](KernelBuilder &k, ValueRange arguments) {
        QuantCodes codes(k, layout);
        auto ints = k.i32Vector(k.lanes());
        Value blockScale = k.splat(k.load(k.f32Type(), arguments[0]));
        Value offset = k.splat(static_cast<float>(codes.offset()), k.lanes());
        k.loop(k.i64(0), arguments[3], 1, [&](Value g) {
          Value group = k.offset(arguments[1], k.mul(g, codes.groupBytes()));
          Value rows =
              k.offset(arguments[2], k.mul(g, kQuantGroup * layout.nBlock * 4));
          for (int64_t v = 0; v < codes.vectors(); ++v) {
            auto quads = codes.quads(group, v);
            Value scale = k.mulf(codes.scales(group, v), blockScale);
            for (int64_t input = 0; input < kQuantGroup; ++input) {
              Value lanes = k.bitcast(ints, quads[input / 4]);
              Value code =
                  k.andi(k.shru(lanes, input % 4 * 8), k.splatI32(0xff));
              Value level = k.subf(k.toFloat(code), offset);
              k.storeVector(
                  k.mulf(level, scale),
                  k.offset(rows, (input * layout.nBlock + v * k.lanes()) * 4),
                  Element::F32);
            }
          }
        });
      });
}

LLVM::LLVMFuncOp swallow::x86::scaleSumsHelper(StepEmitter &step,
                                               int64_t nBlock, bool isUnsigned,
                                               bool accumulate) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  std::string name = "scale_sums_n" + std::to_string(nBlock) +
                     (isUnsigned ? "_u8" : "_s8") + (accumulate ? "_add" : "");
  return step.helper(
      name, {ptr, ptr, ptr, ptr, i64},
      [&](KernelBuilder &k, ValueRange arguments) {
        Value sums = arguments[0], panel = arguments[1];
        Value rowScales = arguments[2], c = arguments[3], ldc = arguments[4];
        BytePanel place{nBlock};
        int64_t vectors = nBlock / k.lanes();
        SmallVector<Value> scales, corrections;
        for (int64_t v = 0; v < vectors; ++v) {
          scales.push_back(k.loadVector(
              k.offset(panel, place.scalesOffset() + v * k.lanes() * 4),
              Element::F32));
          if (isUnsigned)
            corrections.push_back(k.load(
                k.i32Vector(k.lanes()),
                k.offset(panel, place.sumsOffset() + v * k.lanes() * 4), 4));
        }
        k.loop(k.i64(0), k.i64(kTileRows), 1, [&](Value row) {
          Value rowScale =
              k.splat(k.load(k.f32Type(), k.offset(rowScales, k.mul(row, 4))));
          Value from = k.offset(sums, k.mul(row, nBlock * 4));
          Value to = k.offset(c, k.mul(k.mul(row, ldc), 4));
          for (int64_t v = 0; v < vectors; ++v) {
            Value sum = k.load(k.i32Vector(k.lanes()),
                               k.offset(from, v * k.lanes() * 4), 4);
            if (isUnsigned)
              sum = k.sub(sum, corrections[v]);
            Value x = k.mulf(k.toFloat(sum), scales[v]);
            Value at = k.offset(to, v * k.lanes() * 4);
            x = accumulate ? k.fma(x, rowScale, k.loadVector(at, Element::F32))
                           : k.mulf(x, rowScale);
            k.storeVector(x, at, Element::F32);
          }
        });
      });
}
