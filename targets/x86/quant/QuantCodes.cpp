//===- QuantCodes.cpp - reads quantised blocks into registers -------------===//

#include "targets/x86/quant/QuantCodes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

/// The quads with 4-bit codes looked up in `table`, the low four bits of 6-bit
/// codes completed, and 8-bit codes as they are.
std::array<Value, 4> QuantCodes::rawQuads(Value group, int64_t vector,
                                          Value table) {
  auto bytes = k.i8Vector(4 * k.lanes());
  auto words = k.i16Vector(2 * k.lanes());
  auto plane = [&](int64_t index) {
    return k.load(
        bytes,
        k.offset(group, nBlock + (index * nBlock + vector * k.lanes()) * 4), 1);
  };
  if (element == PackedElement::I8)
    return {plane(0), plane(1), plane(2), plane(3)};

  // Shifts are of 16-bit lanes, as there are none of bytes: the high bits of a
  // byte may then come from its neighbour.
  auto shifted = [&](Value value, int64_t right) {
    Value wide = k.bitcast(words, value);
    return k.bitcast(bytes,
                     right >= 0 ? k.shru(wide, right) : k.shl(wide, -right));
  };
  std::array<Value, 4> quads;
  for (int64_t half = 0; half < 2; ++half) {
    Value both = plane(half);
    quads[2 * half] = both;
    quads[2 * half + 1] = shifted(both, 4);
  }
  if (element == PackedElement::I4) {
    for (Value &quad : quads)
      quad = k.lookupLowBits(table, quad);
    return quads;
  }
  Value lowMask = k.bytes({15});
  for (Value &quad : quads)
    quad = k.andi(quad, lowMask);
  Value high = plane(2), highMask = k.bytes({0x30});
  for (int64_t quad = 0; quad < 4; ++quad) {
    int64_t right = 2 * quad - 4;
    Value bits = right == 0 ? high : shifted(high, right);
    quads[quad] = k.ori(quads[quad], k.andi(bits, highMask));
  }
  return quads;
}

std::array<Value, 4> QuantCodes::quads(Value group, int64_t vector) {
  SmallVector<int8_t> table;
  for (int8_t level : kInt4Levels)
    table.push_back(static_cast<int8_t>(level + offset()));
  return rawQuads(group, vector, k.bytes(table));
}

Value QuantCodes::sumByWords(const std::array<Value, 4> &quads,
                             const std::array<Value, 4> &inputs,
                             ArrayRef<Value> starts) {
  Value sum;
  auto add = [&](Value words) {
    Value pairs = k.addPairs(words);
    sum = sum ? k.addi(sum, pairs) : pairs;
  };
  if (wide()) {
    // An offset of 128 would not fit: magnitudes, with the signs at the inputs.
    Value offsets = k.bytes({static_cast<int8_t>(offset())});
    for (int64_t quad = 0; quad < 4; ++quad) {
      Value levels = k.sub(quads[quad], offsets);
      add(k.multiplyAddBytes(k.absBytes(levels),
                             k.withSignOf(inputs[quad], levels)));
    }
    return sum;
  }
  // Four products with levels fit a word, which is what the sum comes to, since
  // it is modulo 2^16; with the offset only two do, which are not saturated.
  for (int64_t half = 0; half < 2; ++half) {
    Value words = k.bitcast(k.i16Vector(2 * k.lanes()), starts[half]);
    for (int64_t quad = 2 * half; quad < 2 * half + 2; ++quad)
      words = k.addi(words, k.multiplyAddBytes(quads[quad], inputs[quad]));
    add(words);
  }
  return sum;
}

std::array<Value, 4> QuantCodes::levels(Value group, int64_t vector) {
  return levelsTimes(group, vector, 1);
}
std::array<Value, 4> QuantCodes::scaledLevels(Value group, int64_t vector) {
  return levelsTimes(group, vector, levelFactor());
}

std::array<Value, 4> QuantCodes::levelsTimes(Value group, int64_t vector,
                                             int64_t factor) {
  if (element == PackedElement::I4) {
    SmallVector<int8_t> table;
    for (int8_t level : kInt4Levels)
      table.push_back(static_cast<int8_t>(level * factor));
    return rawQuads(group, vector, k.bytes(table));
  }
  std::array<Value, 4> raw = rawQuads(group, vector, Value());
  Value offsets = k.bytes({static_cast<int8_t>(offset())});
  for (Value &quad : raw) {
    quad = k.sub(quad, offsets);
    // No byte shifts: twice the value is the value added to itself.
    for (int64_t times = 1; times < factor; times *= 2)
      quad = k.addi(quad, quad);
  }
  return raw;
}

Value QuantCodes::scaleCodes(Value group, int64_t vector) {
  return k.loadBytes(k.offset(group, vector * k.lanes()));
}

Value QuantCodes::scalesOf(KernelBuilder &k, Value codes) {
  Value c = k.toFloat(codes);
  return k.mulf(c, k.absf(c));
}

Value QuantCodes::scales(Value group, int64_t vector) {
  return scalesOf(k, scaleCodes(group, vector));
}
