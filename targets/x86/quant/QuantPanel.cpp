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

/// A vector of columns of some groups of inputs.
struct SourceVector {
  Value block;
  /// Where the first group's scales of the columns are, and their codes as if
  /// the vector were the first of its group.
  Value scales, codes;
  Value groups; ///< up to a panel's
  /// tilePosition(), or null if the columns beside are not unpacked next.
  Value position = {};
};

/// A vector of columns of a panel.
struct PanelVector {
  Value panel;
  BytePanel place;
  int64_t vector;
  bool tileOrder;
};

/// How far a thread has come in its share when it unpacks a tile's columns from
/// `column` on, `groups` groups of them: as if they lay behind those before.
Value tilePosition(KernelBuilder &k, const PackedLayout &layout, Value first,
                   Value column, Value groups) {
  const int64_t bytes =
      quantGroupBytes(layout.element, layout.nBlock) / layout.nBlock;
  return k.offset(first, k.mul(k.mul(column, groups), bytes));
}

/// For group `g` of a tile's columns.
void prefetchPart(KernelBuilder &k, const QuantCodes &codes, Value position,
                  Value g) {
  const int64_t bytes = codes.groupBytes() / codes.vectors();
  k.prefetchNextPages(k.offset(position, k.mul(g, bytes)),
                      (bytes + kLineBytes - 1) / kLineBytes);
}

/// Codes of several scales become bytes with one scale per column: the column's
/// largest group scale keeps its levels, stretched to a byte, the levels of the
/// others are multiplied by their scale relative to it and rounded.
class ByteVectorEmitter {
public:
  ByteVectorEmitter(KernelBuilder &k, const PackedLayout &layout,
                    const SourceVector &from, const PanelVector &to)
      : k(k), codes(k, layout), from(from), to(to) {}

  /// With `beside`, which has the steps of a panel, its products are emitted
  /// between groups: tiles and vectors are different units of a core.
  void emit(TileSums *beside = nullptr) {
    Value largest = largestScale();
    Value maximum = k.mulf(largest, largest);
    Value blockScale = k.load(k.f32Type(), from.block);
    Value scale = k.mulf(
        maximum,
        k.splat(k.mulf(blockScale,
                       k.f32(1.0f / (static_cast<float>(codes.levelFactor()) *
                                     codes.largestRatio())))));
    k.storeVector(scale, atColumns(to.place.scalesOffset()), Element::F32);
    // In units of 2^-15, what multiplyHigh takes; 0 for a column of zeros.
    Value inverse = k.divf(k.splat(32767.0f * codes.largestRatio(), k.lanes()),
                           k.maxf(maximum, k.splat(1.0f, k.lanes())));
    Value sums = k.splatI32(0);
    auto emitGroups = [&](Value begin, Value end) {
      sums = k.loop(begin, end, 1, {sums}, [&](Value g, ValueRange in) {
        return Values{emitGroup(g, inverse, in[0])};
      })[0];
    };
    if (beside) {
      beside->begin(/*accumulate=*/false);
      for (int64_t step = 0; step < kSteps; ++step) {
        beside->add(k.i64(step));
        emitGroups(k.min(k.i64(step * kStepGroups), from.groups),
                   k.min(k.i64((step + 1) * kStepGroups), from.groups));
      }
      beside->end();
    } else {
      emitGroups(k.i64(0), from.groups);
    }
    if (!to.tileOrder)
      k.store(sums, atColumns(to.place.sumsOffset()), 4);
    Value nothing = k.bitcast(k.i8Vector(4 * k.lanes()), k.splatI32(0));
    k.loop(k.mul(from.groups, 4), k.i64(BytePanel::kInputs / 4), 1,
           [&](Value quad) { k.store(nothing, quadAt(quad), 1); });
  }

private:
  using Values = KernelBuilder::Values;
  /// Steps of a tile product over a panel, and the groups that are unpacked
  /// beside one.
  static constexpr int64_t kSteps = BytePanel::kInputs / kTileRowBytes;
  static constexpr int64_t kStepGroups = kTileRowBytes / kQuantGroup;

  /// Of group `g`, from its first one at `base`.
  Value groupAt(Value base, Value g) {
    return k.offset(base, k.mul(g, codes.groupBytes()));
  }
  /// 4 bytes of each column, the panel's at `offset`.
  Value atColumns(int64_t offset) {
    return k.offset(to.panel, offset + to.vector * k.lanes() * 4);
  }
  /// Where the columns' fours of inputs `quad` go.
  Value quadAt(Value quad) {
    if (to.tileOrder)
      return k.offset(to.panel,
                      tilePanelOffset(k, to.place.nBlock, quad, to.vector));
    return k.offset(atColumns(0), k.mul(quad, to.place.nBlock * 4));
  }

  /// The largest |c| of each column, where c * |c| is largest as well.
  Value largestScale() {
    auto bytes = k.i8Vector(k.lanes());
    Value none = k.truncateToBytes(k.splatI32(0));
    Value largest =
        k.loop(k.i64(0), from.groups, 1, {none}, [&](Value g, ValueRange in) {
          Value c = k.load(bytes, groupAt(from.scales, g), 1);
          return Values{k.maxBytes(in[0], k.absBytes(c))};
        })[0];
    return k.bytesToFloat(largest);
  }

  /// Returns `sums` and what the group adds to them.
  Value emitGroup(Value g, Value inverse, Value sums) {
    Value group = groupAt(from.codes, g);
    if (from.position)
      prefetchPart(k, codes, from.position, g);
    else
      prefetchNext(group);
    Value scales = codes.scales(groupAt(from.scales, g), 0);
    Value ratio = k.toInt(k.mulf(scales, inverse));
    // The same ratio in both 16-bit halves of a lane.
    Value both =
        k.bitcast(k.i16Vector(2 * k.lanes()),
                  k.ori(k.andi(ratio, k.splatI32(0xffff)), k.shl(ratio, 16)));
    auto levels = codes.scaledLevels(group, 0);
    for (int64_t quad = 0; quad < 4; ++quad) {
      Value bytes = rescaled(levels[quad], both);
      k.store(bytes, quadAt(k.add(k.mul(g, 4), quad)), 1);
      // 128 times each byte is what a row's offset adds.
      if (!to.tileOrder)
        sums = k.dot(sums, k.bytes({-128}), bytes);
    }
    return sums;
  }

  /// Asks for what is unpacked next of the block: each vector of columns for
  /// its part of the lines. By then they would have left the nearest cache.
  void prefetchNext(Value group) {
    Value next = k.offset(group, k.mul(from.groups, codes.groupBytes()));
    for (int64_t at = 0; at < codes.groupBytes(); at += codes.vectors() * 64)
      k.prefetchToSecondCache(k.offset(next, at));
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
  SourceVector from;
  PanelVector to;
};

/// Columns of a tile, as a panel.
constexpr BytePanel kTilePanel{kTileDim};

} // namespace

LLVM::LLVMFuncOp swallow::x86::unpackBytesHelper(StepEmitter &step,
                                                 const PackedLayout &layout,
                                                 bool tileOrder) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  return step.helper(
      "unpack_bytes" + layoutName(layout) + (tileOrder ? "_tiles" : ""),
      {ptr, ptr, ptr, i64}, [&](KernelBuilder &k, ValueRange arguments) {
        Value block = arguments[0], first = arguments[1];
        Value panel = arguments[2], groups = arguments[3];
        for (int64_t v = 0; v < layout.nBlock / k.lanes(); ++v) {
          SourceVector from{block, k.offset(first, v * k.lanes()),
                            k.offset(first, v * k.lanes() * 4), groups};
          PanelVector to{panel, {layout.nBlock}, v, tileOrder};
          ByteVectorEmitter(k, layout, from, to).emit();
        }
      });
}

/// Rows of a chunk of inputs times a panel of a tile's columns.
static TileSums tilePanelSums(KernelBuilder &k, Element element, int64_t rows,
                              Value inputs, Value panel, Value sums,
                              int64_t ldc) {
  Value rowStride = k.i64(kTileRowBytes);
  auto in = [&k](Value base, int64_t stepBytes) {
    return [&k, base, stepBytes](Value step, int64_t index) {
      return k.offset(k.offset(base, k.mul(step, stepBytes)),
                      index * kTileDim * kTileRowBytes);
    };
  };
  return {k,
          element,
          rows / kTileDim,
          1,
          {in(inputs, kTileStepBytes), rowStride},
          {in(panel, tilePanelStepBytes(kTileDim)), rowStride},
          {[&k, sums, ldc](Value, int64_t index) {
             return k.offset(sums, index / 2 * kTileDim * ldc * 4);
           },
           k.i64(ldc * 4)}};
}

LLVM::LLVMFuncOp swallow::x86::unpackTileHelper(StepEmitter &step,
                                                const PackedLayout &layout,
                                                int64_t rows) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  return step.helper(
      "unpack_tile" + layoutName(layout) + "_m" + std::to_string(rows),
      {ptr, ptr, i64, ptr, i64, ptr, ptr, ptr},
      [&](KernelBuilder &k, ValueRange arguments) {
        Value first = arguments[1], column = arguments[2];
        SourceVector from{arguments[0], k.offset(first, column),
                          k.offset(first, k.mul(column, 4)), arguments[4]};
        from.position = tilePosition(k, layout, first, column, from.groups);
        PanelVector to{arguments[3], kTilePanel, 0, /*tileOrder=*/true};
        ByteVectorEmitter emitter(k, layout, from, to);
        if (rows == 0)
          return emitter.emit();
        TileSums beside = tilePanelSums(k, Element::S8, rows, arguments[5],
                                        arguments[6], arguments[7], kTileDim);
        emitter.emit(&beside);
      });
}

Value swallow::x86::presentGroups(KernelBuilder &k, const PackedLayout &layout,
                                  Value chunk, int64_t chunkGroups) {
  Value all = k.i64(layout.paddedCols() / kQuantGroup);
  return k.min(k.sub(all, k.mul(chunk, chunkGroups)), k.i64(chunkGroups));
}

/// What all levels of a block are multiplied by beside their group's scale.
static Value pairScale(KernelBuilder &k, const QuantCodes &codes, Value block) {
  return k.splat(k.mulf(k.load(k.f32Type(), block),
                        k.f32(1.0f / static_cast<float>(codes.levelFactor()))));
}

/// A group of a vector of columns as pairs of bf16, each stored where `pairAt`
/// says; the vector is the first of the group whose codes are at `group`.
static void unpackPairs(KernelBuilder &k, QuantCodes &codes, Value scales,
                        Value group, Value blockScale,
                        function_ref<Value(int64_t pair)> pairAt) {
  auto quads = codes.scaledLevels(group, 0);
  Value scale = k.mulf(codes.scales(scales, 0), blockScale);
  auto input = [&](int64_t i) {
    // Sign-extends byte i % 4 of each lane.
    Value lanes = k.bitcast(k.i32Vector(k.lanes()), quads[i / 4]);
    Value level = k.shrs(k.shl(lanes, 24 - i % 4 * 8), 24);
    return k.mulf(k.toFloat(level), scale);
  };
  for (int64_t i = 0; i < kQuantGroup; i += 2)
    k.store(k.packPairs(input(i), input(i + 1)), pairAt(i / 2), 4);
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
        Value blockScale = pairScale(k, codes, arguments[0]);
        auto pairAt = [&](Value pair, int64_t v) {
          if (tileOrder)
            return k.offset(arguments[2],
                            tilePanelOffset(k, layout.nBlock, pair, v));
          return k.offset(arguments[2], k.add(k.mul(pair, layout.nBlock * 4),
                                              v * k.lanes() * 4));
        };
        k.loop(k.i64(0), k.i64(groups), 1, [&](Value g) {
          Value group = k.offset(arguments[1], k.mul(g, codes.groupBytes()));
          for (int64_t v = 0; v < codes.vectors(); ++v)
            unpackPairs(k, codes, k.offset(group, v * k.lanes()),
                        k.offset(group, v * k.lanes() * 4), blockScale,
                        [&](int64_t pair) {
                          return pairAt(k.add(k.mul(g, kQuantGroup / 2), pair),
                                        v);
                        });
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

LLVM::LLVMFuncOp swallow::x86::unpackPairTileHelper(StepEmitter &step,
                                                    const PackedLayout &layout,
                                                    int64_t rows, int64_t ldc,
                                                    bool accumulate) {
  constexpr int64_t stepGroups = TiledRows::kStepInputs / kQuantGroup;
  constexpr int64_t steps = TiledRows::kChunkInputs / TiledRows::kStepInputs;
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  return step.helper(
      "unpack_pair_tile" + layoutName(layout) + "_m" + std::to_string(rows) +
          "_ldc" + std::to_string(ldc) + (accumulate ? "_add" : ""),
      {ptr, ptr, i64, ptr, i64, ptr, ptr, ptr},
      [&](KernelBuilder &k, ValueRange arguments) {
        Value first = arguments[1], column = arguments[2];
        Value panel = arguments[3], present = arguments[4];
        Value position = tilePosition(k, layout, first, column, present);
        QuantCodes codes(k, layout);
        Value blockScale = pairScale(k, codes, arguments[0]);
        auto pairAt = [&](Value group, int64_t pair) {
          Value number = k.add(k.mul(group, kQuantGroup / 2), pair);
          return k.offset(panel, tilePanelOffset(k, kTileDim, number, 0));
        };
        auto unpackGroups = [&](Value begin, Value end) {
          k.loop(begin, end, 1, [&](Value g) {
            Value scales = k.offset(first, k.mul(g, codes.groupBytes()));
            Value group = k.offset(scales, k.mul(column, 4));
            prefetchPart(k, codes, position, g);
            unpackPairs(k, codes, k.offset(scales, column), group, blockScale,
                        [&](int64_t pair) { return pairAt(g, pair); });
          });
        };
        if (rows == 0) {
          unpackGroups(k.i64(0), present);
        } else {
          TileSums beside = tilePanelSums(k, Element::BF16, rows, arguments[5],
                                          arguments[6], arguments[7], ldc);
          beside.begin(accumulate);
          for (int64_t step = 0; step < steps; ++step) {
            beside.add(k.i64(step));
            unpackGroups(k.min(k.i64(step * stepGroups), present),
                         k.min(k.i64((step + 1) * stepGroups), present));
          }
          beside.end();
        }
        k.loop(present, k.i64(steps * stepGroups), 1, [&](Value g) {
          for (int64_t pair = 0; pair < kQuantGroup / 2; ++pair)
            k.store(k.splatI32(0), pairAt(g, pair), 4);
        });
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
      name, {ptr, ptr, ptr, i64, ptr, i64},
      [&](KernelBuilder &k, ValueRange arguments) {
        Value sums = arguments[0], panel = arguments[1];
        Value rowScales = arguments[2], rows = arguments[3];
        Value c = arguments[4], ldc = arguments[5];
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
        k.loop(k.i64(0), rows, 1, [&](Value row) {
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
