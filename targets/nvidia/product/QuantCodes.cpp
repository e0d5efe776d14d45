//===- QuantCodes.cpp - levels of quantised weights on the GPU ------------===//

#include "targets/nvidia/product/QuantCodes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <bit>

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

namespace {

using Values = GpuBuilder::Values;

Value bits(GpuBuilder &k, uint32_t value) {
  return k.i32(static_cast<int32_t>(value));
}

/// Four levels of the table of 4-bit codes, from number `first` on.
Value tableWord(GpuBuilder &k, size_t first, int32_t offset) {
  uint32_t word = 0;
  for (size_t i = 0; i < 4; ++i)
    word |= uint32_t(uint8_t(kInt4Levels[first + i] + offset)) << (8 * i);
  return bits(k, word);
}

/// The low four bits of the codes of planes 0 and 1, the two high ones of plane
/// 2, quad by quad.
Values joinSixBits(GpuBuilder &k, ValueRange planes) {
  Values codes;
  Value mask = bits(k, 0x0f0f0f0f), highMask = bits(k, 0x30303030);
  for (int64_t quad = 0; quad < 4; ++quad) {
    Value low = planes[static_cast<size_t>(quad / 2)];
    if (quad % 2 == 1)
      low = k.shiftRight(low, 4);
    // Bits 2 * quad and 2 * quad + 1 of a byte become bits 4 and 5.
    Value high = quad < 2 ? k.shiftLeft(planes[2], 4 - 2 * quad)
                          : k.shiftRight(planes[2], 2 * quad - 4);
    codes.push_back(k.ori(k.andi(low, mask), k.andi(high, highMask)));
  }
  return codes;
}

} // namespace

// prmt chooses among 8 bytes by 3 bits of a nibble of its selector. Two of them
// look the low three bits of four codes up in both halves of the table; a third
// chooses between the halves by the codes' highest bits.
Values swallow::nvidia::int4Levels(GpuBuilder &k, Value plane, int32_t offset) {
  Value low = k.andi(plane, bits(k, 0x77777777));
  Value half = k.ori(k.andi(k.shiftRight(plane, 1), bits(k, 0x44444444)),
                     bits(k, 0x32103210));
  Values levels;
  for (int64_t part = 0; part < 2; ++part) {
    if (part == 1) {
      low = k.shiftRight(low, 16);
      half = k.shiftRight(half, 16);
    }
    Value below =
        k.permute(tableWord(k, 0, offset), tableWord(k, 4, offset), low);
    Value above =
        k.permute(tableWord(k, 8, offset), tableWord(k, 12, offset), low);
    levels.push_back(k.permute(below, above, half));
  }
  return levels;
}

Values swallow::nvidia::quantLevels(GpuBuilder &k, PackedElement element,
                                    ValueRange planes) {
  switch (element) {
  case PackedElement::I4: {
    Values levels = int4Levels(k, planes[0], 0);
    levels.append(int4Levels(k, planes[1], 0));
    return levels;
  }
  case PackedElement::I6:
    return joinSixBits(k, planes);
  default:
    return {planes.begin(), planes.end()};
  }
}

Value swallow::nvidia::quantLevel(GpuBuilder &k, PackedElement element,
                                  Value word, int64_t index) {
  if (quantLevelsAreCodes(element))
    return k.sub(k.andi(k.shiftRight(word, 8 * index), k.i32(255)),
                 k.i32(static_cast<int32_t>(quantOffset(element))));
  return arith::ShRSIOp::create(k.ops(), k.shiftLeft(word, 24 - 8 * index),
                                k.i32(24));
}

Values swallow::nvidia::quantScales(GpuBuilder &k, Value bytes) {
  // c + 128 in the mantissa of 2^23 becomes a float without a conversion, which
  // would take four times as long.
  Value biased = k.xori(bytes, bits(k, 0x80808080));
  const float magic = 8388608.0f;
  Values scales;
  for (int32_t i = 0; i < 4; ++i) {
    Value word = k.permute(biased, bits(k, std::bit_cast<uint32_t>(magic)),
                           bits(k, 0x7540u | static_cast<uint32_t>(i)));
    Value c = k.subf(k.bitcast(k.f32Type(), word), k.f32(magic + 128.0f));
    scales.push_back(k.mulf(c, k.absf(c)));
  }
  return scales;
}
