//===- QuantFormat.cpp - what a quantised weight stands for ---------------===//

#include "runtime/packing/QuantFormat.h"

#include <algorithm>
#include <cassert>
#include <cstring>

using namespace swallow;

/// The codes of the 16 inputs of a column of a group.
static void groupCodes(PackedElement element, int64_t nBlock,
                       const uint8_t *group, int64_t column,
                       uint8_t codes[kQuantGroup]) {
  const int64_t planeBytes = nBlock * 4;
  const uint8_t *planes = group + nBlock + column * 4;
  if (element == PackedElement::I8) {
    for (int64_t quad = 0; quad < 4; ++quad)
      std::memcpy(codes + quad * 4, planes + quad * planeBytes, 4);
    return;
  }
  for (int64_t i = 0; i < 4; ++i) {
    const uint8_t first = planes[i], second = planes[planeBytes + i];
    codes[i] = first & 15;
    codes[4 + i] = first >> 4;
    codes[8 + i] = second & 15;
    codes[12 + i] = second >> 4;
    if (element == PackedElement::I6) {
      const uint8_t high = planes[2 * planeBytes + i];
      for (int64_t quad = 0; quad < 4; ++quad)
        codes[quad * 4 + i] |=
            static_cast<uint8_t>((high >> (2 * quad) & 3) << 4);
    }
  }
}

void swallow::dequantizeColumn(const PackedLayout &layout, const uint8_t *block,
                               int64_t column, float *out) {
  assert(isQuantized(layout.element));
  float blockScale;
  std::memcpy(&blockScale, block, sizeof(blockScale));
  const auto offset = static_cast<int32_t>(quantOffset(layout.element));
  const uint8_t *group = block + kQuantHeaderBytes;
  for (int64_t input = 0; input < layout.cols; input += kQuantGroup) {
    uint8_t codes[kQuantGroup];
    groupCodes(layout.element, layout.nBlock, group, column, codes);
    const float scale =
        blockScale *
        static_cast<float>(quantScale(static_cast<int8_t>(group[column])));
    const int64_t count = std::min(kQuantGroup, layout.cols - input);
    for (int64_t i = 0; i < count; ++i) {
      const int32_t level = layout.element == PackedElement::I4
                                ? kInt4Levels[codes[i]]
                                : static_cast<int32_t>(codes[i]) - offset;
      out[input + i] = scale * static_cast<float>(level);
    }
    group += quantGroupBytes(layout.element, layout.nBlock);
  }
}
