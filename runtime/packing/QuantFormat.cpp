//===- QuantFormat.cpp - what a quantised weight stands for ---------------===//

#include "runtime/packing/QuantFormat.h"

#include <cassert>
#include <cstring>

using namespace swallow;

uint8_t swallow::quantCode(PackedElement element, int64_t nBlock,
                           const uint8_t *block, int64_t column,
                           int64_t input) {
  const int64_t planeBytes = nBlock * 4;
  const uint8_t *planes =
      block + kQuantHeaderBytes +
      input / kQuantGroup * quantGroupBytes(element, nBlock) + nBlock;
  const int64_t inGroup = input % kQuantGroup, quad = inGroup / 4;
  const int64_t at = column * 4 + inGroup % 4;
  if (element == PackedElement::I8)
    return planes[quad * planeBytes + at];
  uint8_t low = planes[quad / 2 * planeBytes + at];
  low = quad % 2 == 0 ? low & 15u : low >> 4;
  if (element == PackedElement::I4)
    return low;
  unsigned high = planes[2 * planeBytes + at] >> (2 * quad) & 3u;
  return static_cast<uint8_t>(low | high << 4);
}

void swallow::dequantizeColumn(const PackedLayout &layout, const uint8_t *block,
                               int64_t column, float *out) {
  assert(isQuantized(layout.element));
  float blockScale;
  std::memcpy(&blockScale, block, sizeof(blockScale));
  const auto offset = static_cast<int32_t>(quantOffset(layout.element));
  for (int64_t input = 0; input < layout.cols; ++input) {
    const uint8_t *group =
        block + kQuantHeaderBytes +
        input / kQuantGroup * quantGroupBytes(layout.element, layout.nBlock);
    auto scale = static_cast<int8_t>(group[column]);
    uint8_t code =
        quantCode(layout.element, layout.nBlock, block, column, input);
    int32_t level = layout.element == PackedElement::I4
                        ? kInt4Levels[code]
                        : static_cast<int32_t>(code) - offset;
    out[input] = blockScale * static_cast<float>(quantScale(scale)) *
                 static_cast<float>(level);
  }
}
