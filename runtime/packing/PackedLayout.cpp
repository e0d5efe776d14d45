//===- PackedLayout.cpp - where elements lie ------------------------------===//

#include "runtime/packing/PackedLayout.h"

#include "runtime/packing/QuantFormat.h"

#include <algorithm>
#include <cassert>

using namespace swallow;

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// A plain layout is the special case of blocks of one row: [K][1][1].
static int64_t columnsOf(const PackedLayout &layout) {
  return layout.nBlock == 0 ? 1 : layout.nBlock;
}
static int64_t groupOf(const PackedLayout &layout) {
  return layout.nBlock == 0 ? 1 : layout.kGroup;
}
static int64_t unitOf(const PackedLayout &layout, int64_t source) {
  int64_t rows = layout.sourceRows[source];
  return layout.rowUnit == 0 ? rows : std::min(layout.rowUnit, rows);
}

// Bytes of an element that is not quantised.
static int64_t elementSize(PackedElement element) {
  return packedElementBits(element) / 8;
}

int64_t swallow::sourceElementSize(SourceElement element) {
  return element == SourceElement::F32 ? 4 : 2;
}

bool PackedLayout::valid() const {
  const int64_t limit = int64_t(1) << 62;
  const int64_t maxGroup = 64; // more would not fit the packer's tiles
  if (sourceRows.empty() || cols <= 0 || nBlock < 0 || kGroup <= 0 ||
      kGroup > maxGroup || rowUnit < 0 || cols > limit - kGroup)
    return false;
  if (isQuantized(element) &&
      (kGroup != kQuantGroup || nBlock == 0 || nBlock > 64 || nBlock % 16 != 0))
    return false;
  // 128 bits hold the product of any two of these.
  __int128 blocks = 0;
  for (int64_t rows : sourceRows) {
    if (rows <= 0 || rows > limit || nBlock > limit ||
        (interleave && rows != sourceRows[0]))
      return false;
    int64_t unit = rowUnit == 0 ? rows : std::min(rowUnit, rows);
    int64_t columns = columnsOf(*this);
    blocks += __int128(rows / unit) * ceilDiv(unit, columns) +
              ceilDiv(rows % unit, columns);
    if (blocks > limit)
      return false;
  }
  // At most 5 bytes an element with scales, and a header.
  __int128 perBlock = __int128(paddedCols()) * columnsOf(*this) * 5 + 64;
  return perBlock < limit && blocks * perBlock < limit;
}

int64_t PackedLayout::blocksOfSource(int64_t source) const {
  int64_t rows = sourceRows[source], unit = unitOf(*this, source);
  int64_t columns = columnsOf(*this);
  return rows / unit * ceilDiv(unit, columns) + ceilDiv(rows % unit, columns);
}

int64_t PackedLayout::totalBlocks() const {
  int64_t blocks = 0;
  for (size_t i = 0; i < sourceRows.size(); ++i)
    blocks += blocksOfSource(static_cast<int64_t>(i));
  return blocks;
}

int64_t PackedLayout::paddedCols() const {
  return ceilDiv(cols, groupOf(*this)) * groupOf(*this);
}

int64_t PackedLayout::blockBytes() const {
  if (isQuantized(element))
    return kQuantHeaderBytes +
           paddedCols() / kQuantGroup * quantGroupBytes(element, nBlock);
  return paddedCols() * columnsOf(*this) * elementSize(element);
}

int64_t PackedLayout::totalBytes() const {
  return totalBlocks() * blockBytes();
}

PackedLayout::Place PackedLayout::place(int64_t source, int64_t row) const {
  int64_t unit = unitOf(*this, source), columns = columnsOf(*this);
  int64_t inUnit = row % unit;
  int64_t block = row / unit * ceilDiv(unit, columns) + inUnit / columns;
  if (interleave) {
    block = block * static_cast<int64_t>(sourceRows.size()) + source;
  } else {
    for (int64_t before = 0; before < source; ++before)
      block += blocksOfSource(before);
  }
  return {block, inUnit % columns};
}

PackedLayout::BlockRows PackedLayout::rowsOfBlock(int64_t block) const {
  int64_t source = 0;
  if (interleave) {
    int64_t count = static_cast<int64_t>(sourceRows.size());
    source = block % count;
    block /= count;
  } else {
    while (block >= blocksOfSource(source))
      block -= blocksOfSource(source++);
  }
  int64_t unit = unitOf(*this, source), columns = columnsOf(*this);
  int64_t blocksPerUnit = ceilDiv(unit, columns);
  int64_t unitBegin = block / blocksPerUnit * unit;
  int64_t unitEnd = std::min(unitBegin + unit, sourceRows[source]);
  int64_t begin = unitBegin + block % blocksPerUnit * columns;
  return {source, begin, std::min(begin + columns, unitEnd)};
}

int64_t PackedLayout::elementOffset(int64_t source, int64_t row,
                                    int64_t col) const {
  assert(!isQuantized(element));
  Place at = place(source, row);
  int64_t group = groupOf(*this);
  int64_t inBlock =
      (col / group * columnsOf(*this) + at.column) * group + col % group;
  return at.block * blockBytes() + inBlock * elementSize(element);
}
