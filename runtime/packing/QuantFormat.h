//===- QuantFormat.h - what a quantised weight stands for -------*- C++ -*-===//
//
// Quantised weights are stored in groups of 16 consecutive inputs of one output
// feature. A weight is
//
//   block scale * c * |c| * level
//
// with c the signed byte of its group and `level` the integer of its code:
//
//   I4   codes 0..15, level kInt4Levels[code]    4.5 bits per weight
//   I6   codes 0..63, level code - 32            6.5 bits
//   I8   codes 1..255, level code - 128          8.5 bits
//
// c * |c| instead of c: a group's scale then has 2 to 5 % of precision over a
// range of 1 : 1000, so that output features of very different size share a
// block scale. The sign of c mirrors the levels, which are not symmetric. Zero
// is exact: c is 0.
//
// Why 16 inputs and a table: of the formats of 4.5 bits that were compared
// (groups of 16 or 32, one scale or scale and minimum, even or uneven levels)
// this one has the smallest error, see docs/quantization.md.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_PACKING_QUANTFORMAT_H
#define SWALLOW_RUNTIME_PACKING_QUANTFORMAT_H

#include "runtime/packing/PackedLayout.h"

#include <array>
#include <cstdint>
#include <cstdlib>

namespace swallow {

/// Inputs that share a scale.
constexpr int64_t kQuantGroup = 16;
/// A block begins with its scale (f32); the rest of these bytes is zero.
constexpr int64_t kQuantHeaderBytes = 64;

/// Levels of 4-bit codes, ascending: those that minimise the squared error of
/// groups of 16 with normal and heavy-tailed (Student's t, 5 degrees of
/// freedom) weights, found by Lloyd's algorithm over codes and scales
/// together.
constexpr std::array<int8_t, 16> kInt4Levels = {
    -63, -51, -40, -31, -23, -16, -10, -4, 1, 6, 12, 18, 24, 32, 40, 55};

/// What kernels multiply is unsigned: level + offset, at most 127 for I4 and
/// I6, so that the sum of two products with a signed byte fits 16 bits.
constexpr int64_t quantOffset(PackedElement element) {
  return element == PackedElement::I4   ? 64
         : element == PackedElement::I6 ? 32
                                        : 128;
}

/// Smallest and largest level.
struct QuantRange {
  int32_t lowest, highest;
};
constexpr QuantRange quantRange(PackedElement element) {
  return element == PackedElement::I4   ? QuantRange{-63, 55}
         : element == PackedElement::I6 ? QuantRange{-32, 31}
                                        : QuantRange{-127, 127};
}

/// c * |c|, what the block scale is multiplied by.
constexpr int32_t quantScale(int8_t c) { return c * (c < 0 ? -c : c); }

/// Bytes of one group of all columns of a block: the scales [nBlock], then
/// planes of [nBlock][4] bytes, byte i of a column belonging to input 4 * q + i
/// of the group, q being the quad:
///
///   I4   plane 0: quad 0 in the low half of the byte, quad 1 in the high one;
///        plane 1: quads 2 and 3
///   I6   planes 0, 1: the low four bits of the code, as I4; plane 2: bits
///        2 q and 2 q + 1 of the byte are the two high bits of quad q
///   I8   plane q: quad q
constexpr int64_t quantGroupBytes(PackedElement element, int64_t nBlock) {
  return nBlock * (1 + kQuantGroup * packedElementBits(element) / 8);
}

/// The values of output feature `column` of a packed block, `cols` of them.
void dequantizeColumn(const PackedLayout &layout, const uint8_t *block,
                      int64_t column, float *out);

} // namespace swallow

#endif // SWALLOW_RUNTIME_PACKING_QUANTFORMAT_H
