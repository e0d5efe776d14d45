//===- GemmQuantWeights.cpp - quantised weights of a GEMM -----------------===//
//
// A thread's unit is 8 inputs, half a group, of 4 features. It copies what it
// needs to a place of its own: two planes of codes, 16 bytes each (I4: one; I6:
// the third plane, which both halves of a group want), and the four scales. So
// it can make bf16 of them as soon as its own copies have arrived, a step
// before the block needs them, and among the products of the step before: no
// barrier is added. Each weight is unpacked once per block.
//
//===----------------------------------------------------------------------===//

#include "targets/nvidia/product/GemmOperands.h"

#include "targets/nvidia/product/QuantCodes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

namespace {

constexpr int64_t kThreads = GemmTile::warps * kWarp;
/// 2^23 as f32: with a byte in its low bits it is 2^23 + byte.
constexpr int32_t kMagic = 0x4b000000;
constexpr float kMagicValue = 8388608.0f;
/// What levels of 4 bits are stored with in the table, to be bytes.
constexpr int32_t kTableOffset = 128;

/// Of codes that a unit stages, 16 bytes each.
int64_t planesOf(PackedElement element) {
  return element == PackedElement::I4 ? 1 : 2;
}

class QuantizedWeights : public LeftOperand {
public:
  QuantizedWeights(KernelFrame &frame, const Product &product,
                   const GemmTile &tile, const GemmThread &at, Value block0)
      : LeftOperand(frame.k, tile, at) {
    WeightOp weight = product.weight;
    layout = weight.getPackedLayout();
    Value base = frame.weight(weight);
    first = frame.row(base, block0, layout.blockBytes());
    for (int64_t pass = 0; pass < passes(); ++pass)
      units.push_back(emitUnit(frame, base, block0, pass));
  }

  Value begin() override { return first; }
  Value next(Value from) override {
    return k.offset(from, tile.step / kQuantGroup * groupBytes());
  }

  void copy(Value stage, Value from, Value step) override {
    const int64_t groups = layout.paddedCols() / kQuantGroup;
    forEachUnit([&](const Unit &unit) {
      Value isThere = unit.isThere;
      if (groups % (tile.step / kQuantGroup) != 0) {
        Value group = k.add(k.mul(step, tile.step / kQuantGroup), unit.group);
        Value inBlock = k.lessThan(group, k.i32(static_cast<int32_t>(groups)));
        isThere = isThere ? k.andi(isThere, inBlock) : inBlock;
      }
      auto size = [&](int32_t bytes) {
        return isThere ? k.select(isThere, k.i32(bytes), k.i32(0)) : Value();
      };
      k.asyncCopyFour(k.offset(stage, unit.stagedScales),
                      k.offset(from, unit.scales), size(4));
      Value to = k.offset(stage, unit.stagedCodes);
      Value codes = k.offset(from, unit.codes);
      k.asyncCopy(to, codes, size(16));
      if (layout.element == PackedElement::I6)
        k.asyncCopy(k.offset(to, planeStride()), k.offset(from, unit.high),
                    size(16));
      if (layout.element == PackedElement::I8)
        k.asyncCopy(k.offset(to, planeStride()), k.offset(codes, planeBytes()),
                    size(16));
    });
  }

  void unpack(Value stage, Value buffer) override {
    forEachUnit([&](const Unit &unit) {
      Values featureScales = quantScales(
          k, k.load(k.i32Type(), k.offset(stage, unit.stagedScales)));
      Value from = k.offset(stage, unit.stagedCodes);
      Value first = k.load(k.vectorOf(k.i32Type(), 4), from, 16), second;
      if (planesOf(layout.element) > 1)
        second = k.load(k.vectorOf(k.i32Type(), 4),
                        k.offset(from, planeStride()), 16);
      // [pair][feature] of the unit's four pairs.
      Values words[4];
      for (int64_t feature = 0; feature < 4; ++feature) {
        Value scale = k.mulf(unit.blockScale,
                             featureScales[static_cast<size_t>(feature)]);
        Values bytes = levelBytes(k.extract(first, feature),
                                  second ? k.extract(second, feature) : Value(),
                                  unit.half);
        for (int64_t pair = 0; pair < 4; ++pair)
          words[pair].push_back(k.packPair(weight(bytes[2 * pair], scale),
                                           weight(bytes[2 * pair + 1], scale),
                                           Element::BF16));
      }
      for (int64_t pair = 0; pair < 4; ++pair)
        k.storeNeighbours(
            words[pair],
            k.offset(buffer, unit.places[static_cast<size_t>(pair)]));
    });
  }

private:
  /// A thread's part of a step; null isThere: always.
  struct Unit {
    Value isMine, isThere;
    Value group, half;         ///< of the step, of the group
    Value scales, codes, high; ///< where they come from, behind `first`
    Value stagedScales, stagedCodes;
    Value blockScale;
    Values places; ///< of its pairs in the buffer
  };

  int64_t groupBytes() const {
    return quantGroupBytes(layout.element, layout.nBlock);
  }
  int64_t planeBytes() const { return layout.nBlock * 4; }
  int64_t unitCount() const { return quantizedUnits(tile); }
  int64_t passes() const { return (unitCount() + kThreads - 1) / kThreads; }
  /// Between a unit's planes in a stage, where those of all units lie together.
  int64_t planeStride() const { return unitCount() * 16; }

  Unit emitUnit(KernelFrame &frame, Value base, Value block0, int64_t pass) {
    Unit unit;
    Value number = k.add(thread, pass * kThreads);
    if ((pass + 1) * kThreads > unitCount())
      unit.isMine =
          k.lessThan(number, k.i32(static_cast<int32_t>(unitCount())));
    Value chunk = k.rem(number, chunks());
    Value halves = k.div(number, chunks());
    unit.group = k.div(halves, 2);
    unit.half = k.rem(halves, 2);

    Value feature = k.mul(chunk, 4);
    Value inTile = k.div(feature, layout.nBlock);
    Value block = k.add(block0, inTile);
    const auto last = static_cast<int32_t>(layout.totalBlocks() - 1);
    unit.isThere = k.lessThan(block, k.i32(last + 1));
    if (tile.columns != tile.features)
      unit.isThere = k.andi(
          unit.isThere,
          k.lessThan(feature, k.i32(static_cast<int32_t>(tile.columns))));
    else if (layout.totalBlocks() % (tile.columns / layout.nBlock) == 0)
      unit.isThere = Value();
    unit.blockScale = k.loadConstant(
        k.f32Type(),
        frame.row(base, k.min(block, k.i32(last)), layout.blockBytes()), 4);

    Value column = k.rem(feature, layout.nBlock);
    unit.scales =
        k.add(k.add(k.mul(inTile, layout.blockBytes()), kQuantHeaderBytes),
              k.add(k.mul(unit.group, groupBytes()), column));
    Value planes = k.add(k.add(unit.scales, layout.nBlock), k.mul(column, 3));
    const int64_t ofHalf = layout.element == PackedElement::I8 ? 2 : 1;
    unit.codes = k.add(planes, k.mul(unit.half, ofHalf * planeBytes()));
    unit.high = k.add(planes, 2 * planeBytes());

    unit.stagedCodes = k.mul(number, 16);
    unit.stagedScales =
        k.add(k.mul(number, 4), planesOf(layout.element) * planeStride());
    for (int64_t pair = 0; pair < 4; ++pair)
      unit.places.push_back(place(k.add(k.mul(halves, 4), pair), chunk));
    return unit;
  }

  void forEachUnit(function_ref<void(const Unit &)> body) {
    for (const Unit &unit : units) {
      if (unit.isMine)
        k.ifThen(unit.isMine, [&] { body(unit); });
      else
        body(unit);
    }
  }

  /// One level, as the low byte of a word that is 2^23 + it as f32, and what it
  /// is too large by.
  Value weight(Value magic, Value scale) {
    const int64_t offset = layout.element == PackedElement::I4
                               ? kTableOffset
                               : quantOffset(layout.element);
    Value level = k.subf(k.bitcast(k.f32Type(), magic),
                         k.f32(kMagicValue + static_cast<float>(offset)));
    return k.mulf(scale, level);
  }

  /// The 8 levels of a feature in the order of inputs, each as weight() wants
  /// it.
  Values levelBytes(Value first, Value second, Value half) {
    Values result;
    auto byte = [&](Value word, int64_t index) {
      result.push_back(
          k.permute(word, k.i32(kMagic), k.i32(0x7440 | int32_t(index))));
    };
    switch (layout.element) {
    case PackedElement::I4: {
      // Nibbles are those of quads 0 and 1 (or 2 and 3) in turn.
      Values levels = int4Levels(k, first, kTableOffset);
      for (int64_t quad : {0, 1})
        for (Value pairs : levels)
          for (int64_t i : {0, 2})
            byte(pairs, i + quad);
      break;
    }
    case PackedElement::I6: {
      Value high = arith::ShRUIOp::create(k.ops(), second, k.mul(half, 4));
      auto word = [&](Value low, Value bits) {
        return k.ori(k.andi(low, k.i32(0x0f0f0f0f)),
                     k.andi(bits, k.i32(0x30303030)));
      };
      for (Value codes : {word(first, k.shiftLeft(high, 4)),
                          word(k.shiftRight(first, 4), k.shiftLeft(high, 2))})
        for (int64_t i = 0; i < 4; ++i)
          byte(codes, i);
      break;
    }
    default:
      for (Value codes : {first, second})
        for (int64_t i = 0; i < 4; ++i)
          byte(codes, i);
    }
    return result;
  }

  PackedLayout layout;
  Value first;
  SmallVector<Unit> units;
};

} // namespace

int64_t swallow::nvidia::quantizedUnits(const GemmTile &tile) {
  return tile.features / 4 * (tile.step / 8);
}

int64_t swallow::nvidia::quantizedUnitBytes(PackedElement element) {
  return planesOf(element) * 16 + 4;
}

std::unique_ptr<LeftOperand> swallow::nvidia::makeQuantizedOperand(
    KernelFrame &frame, const Product &product, const GemmTile &tile,
    const GemmThread &thread, Value block0) {
  return std::make_unique<QuantizedWeights>(frame, product, tile, thread,
                                            block0);
}
