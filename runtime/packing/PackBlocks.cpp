//===- PackBlocks.cpp - converts and packs weights ------------------------===//
//
// A block is made tile by tile: up to 16 rows by up to 1 KB of converted
// elements go through a buffer in the L1 cache, where they are converted and
// looked through for NaN, and from there transposed group by group into the
// block. 16 groups of 4 bytes fill one cache line of the block.
//
//===----------------------------------------------------------------------===//

#include "runtime/packing/ErrorFeedback.h"
#include "runtime/packing/PackedLayout.h"
#include "runtime/packing/Quantize.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <vector>

using namespace swallow;

namespace {

constexpr int64_t kTileRows = 16;
constexpr int64_t kTileBytes = 1024; // of one row

// Reads unaligned memory without undefined behaviour.
template <typename T> T load(const void *from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

// Element types of sources and of packed weights, widened to 32 bits, which
// keeps every loop below at one element width: that is what vectorises.
struct Bf16 {
  using Raw = uint16_t;
  static bool nonFinite(uint32_t raw) { return (raw & 0x7f80u) == 0x7f80u; }
  static uint32_t toFloatBits(uint32_t raw) { return raw << 16; }
  // f32ToBf16 with its branch as a selection.
  static uint32_t fromFloatBits(uint32_t bits) {
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    uint32_t quiet = (bits >> 16) | 0x40u;
    return (bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded;
  }
};
struct F16 {
  using Raw = uint16_t;
  static bool nonFinite(uint32_t raw) { return (raw & 0x7c00u) == 0x7c00u; }
  // f16ToF32 without branches: the exponent is rebiased by a multiplication,
  // which is exact, subnormals included.
  static uint32_t toFloatBits(uint32_t raw) {
    uint32_t magnitude = (raw & 0x7fffu) << 13;
    uint32_t finite =
        std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
    uint32_t special = nonFinite(raw) ? 0x7f800000u | magnitude : 0;
    return finite | special | (raw & 0x8000u) << 16;
  }
  // f32ToF16 with its branches as selections.
  static uint32_t fromFloatBits(uint32_t bits) {
    uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t normal =
        (magnitude + 0xfffu + ((magnitude >> 13) & 1u) - (112u << 23)) >> 13;
    uint32_t subnormal =
        std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) -
        std::bit_cast<uint32_t>(0.5f);
    uint32_t half = magnitude < 0x38800000u ? subnormal : normal;
    half = magnitude < 0x477ff000u ? half : 0x7c00u;
    uint32_t quiet = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
    half = magnitude > 0x7f800000u ? quiet : half;
    return half | ((bits >> 16) & 0x8000u);
  }
};
struct F32 {
  using Raw = uint32_t;
  static bool nonFinite(uint32_t raw) {
    return (raw & 0x7f800000u) == 0x7f800000u;
  }
  static uint32_t toFloatBits(uint32_t raw) { return raw; }
  static uint32_t fromFloatBits(uint32_t bits) { return bits; }
};

// Converts `count` elements, at most kChunk; returns how many are not finite.
constexpr int64_t kChunk = 128;
template <typename Source, typename Packed>
int64_t convertChunk(const uint8_t *from, uint8_t *to, int64_t count) {
  using Raw = typename Source::Raw;
  using PackedRaw = typename Packed::Raw;
  uint32_t wide[kChunk], nonFinite = 0;
  for (int64_t i = 0; i < count; ++i)
    wide[i] = load<Raw>(from + i * sizeof(Raw));
  for (int64_t i = 0; i < count; ++i) {
    wide[i] = Packed::fromFloatBits(Source::toFloatBits(wide[i]));
    nonFinite += Packed::nonFinite(wide[i]);
  }
  for (int64_t i = 0; i < count; ++i) {
    auto packed = static_cast<PackedRaw>(wide[i]);
    std::memcpy(to + i * sizeof(packed), &packed, sizeof(packed));
  }
  return nonFinite;
}

// The chunk of an element type that stays what it is.
template <typename Source>
int64_t copyChunk(const uint8_t *from, uint8_t *to, int64_t count) {
  using Raw = typename Source::Raw;
  std::memcpy(to, from, count * sizeof(Raw));
  Raw nonFinite = 0; // at most kChunk: fits
  for (int64_t i = 0; i < count; ++i)
    nonFinite += Source::nonFinite(load<Raw>(from + i * sizeof(Raw)));
  return nonFinite;
}

template <typename Source, typename Packed>
int64_t convertRun(const uint8_t *from, uint8_t *to, int64_t count) {
  constexpr auto chunk = std::is_same_v<Source, Packed>
                             ? copyChunk<Source>
                             : convertChunk<Source, Packed>;
  int64_t nonFinite = 0;
  // Whole chunks have a constant length, so that they inline to plain loops.
  while (count >= kChunk) {
    nonFinite += chunk(from, to, kChunk);
    from += kChunk * sizeof(typename Source::Raw);
    to += kChunk * sizeof(typename Packed::Raw);
    count -= kChunk;
  }
  return nonFinite + chunk(from, to, count);
}

using ConvertFn = int64_t (*)(const uint8_t *, uint8_t *, int64_t);

template <typename Packed> ConvertFn convertFrom(SourceElement source) {
  switch (source) {
  case SourceElement::F32:
    return convertRun<F32, Packed>;
  case SourceElement::F16:
    return convertRun<F16, Packed>;
  case SourceElement::BF16:
    break;
  }
  return convertRun<Bf16, Packed>;
}

ConvertFn converter(SourceElement source, PackedElement packed) {
  return packed == PackedElement::F32   ? convertFrom<F32>(source)
         : packed == PackedElement::F16 ? convertFrom<F16>(source)
                                        : convertFrom<Bf16>(source);
}

// Group (row r, group g) of `tile` goes to out[g][r]. Strides in bytes.
void transposeGroups(const uint8_t *tile, int64_t rows, int64_t groups,
                     int64_t groupBytes, uint8_t *out, int64_t outStride) {
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t r = 0; r < rows; ++r)
      std::memcpy(out + g * outStride + r * groupBytes,
                  tile + r * kTileBytes + g * groupBytes, groupBytes);
}

// The same for groups of 4 bytes, four by four; every layout of f32 panels and
// bf16 pairs comes here. Vectors of the GNU dialect: SSE2 and NEON alike.
void transposeGroups4(const uint8_t *tile, int64_t rows, int64_t groups,
                      uint8_t *out, int64_t outStride) {
  typedef uint32_t V __attribute__((vector_size(16)));
  int64_t g = 0;
  for (; rows == kTileRows && g + 4 <= groups; g += 4) {
    for (int64_t r = 0; r < kTileRows; r += 4) {
      const uint8_t *from = tile + r * kTileBytes + g * 4;
      V a = load<V>(from), b = load<V>(from + kTileBytes);
      V c = load<V>(from + 2 * kTileBytes), d = load<V>(from + 3 * kTileBytes);
      V ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5);
      V ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      V cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
      V cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      V columns[4] = {__builtin_shufflevector(ab0, cd0, 0, 1, 4, 5),
                      __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7),
                      __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5),
                      __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7)};
      uint8_t *to = out + g * outStride + r * 4;
      for (int i = 0; i < 4; ++i)
        std::memcpy(to + i * outStride, &columns[i], sizeof(V));
    }
  }
  transposeGroups(tile + g * 4, rows, groups - g, 4, out + g * outStride,
                  outStride);
}

// Packs one block of a blocked layout; returns non-finite values met.
int64_t packBlock(const PackedLayout &layout, const uint8_t *rows,
                  int64_t numRows, SourceElement element, ConvertFn convert,
                  uint8_t *out) {
  const int64_t packedSize = packedElementBits(layout.element) / 8;
  const int64_t rowBytes = layout.cols * sourceElementSize(element);
  const int64_t groupBytes = layout.kGroup * packedSize;
  const int64_t outStride = layout.nBlock * groupBytes;
  const int64_t tileCols = kTileBytes / groupBytes * layout.kGroup;
  const int64_t sourceSize = sourceElementSize(element);
  alignas(64) uint8_t tile[kTileRows * kTileBytes];
  int64_t nonFinite = 0;

  if (numRows < layout.nBlock) // columns without a row
    std::memset(out, 0, layout.blockBytes());
  for (int64_t row = 0; row < numRows; row += kTileRows) {
    int64_t tileRows = std::min(kTileRows, numRows - row);
    for (int64_t col = 0; col < layout.cols; col += tileCols) {
      int64_t count = std::min(tileCols, layout.cols - col);
      int64_t groups = (count + layout.kGroup - 1) / layout.kGroup;
      for (int64_t r = 0; r < tileRows; ++r) {
        uint8_t *to = tile + r * kTileBytes;
        nonFinite +=
            convert(rows + (row + r) * rowBytes + col * sourceSize, to, count);
        std::memset(to + count * packedSize, 0,
                    groups * groupBytes - count * packedSize);
      }
      uint8_t *to = out + col / layout.kGroup * outStride + row * groupBytes;
      if (groupBytes == 4)
        transposeGroups4(tile, tileRows, groups, to, outStride);
      else
        transposeGroups(tile, tileRows, groups, groupBytes, to, outStride);
    }
  }
  return nonFinite;
}

// Rows of a block as f32, [layout.nBlock][paddedCols()], zeros beyond; NaN and
// infinities count as 0, and how many there were is returned.
int64_t readRows(const PackedLayout &layout, const uint8_t *rows,
                 int64_t numRows, SourceElement element,
                 std::vector<float> &buffer) {
  const int64_t stride = layout.paddedCols();
  const int64_t rowBytes = layout.cols * sourceElementSize(element);
  ConvertFn convert = converter(element, PackedElement::F32);
  buffer.assign(static_cast<size_t>(layout.nBlock * stride), 0.0f);
  int64_t nonFinite = 0;
  for (int64_t row = 0; row < numRows; ++row) {
    float *to = buffer.data() + row * stride;
    int64_t met = convert(rows + row * rowBytes,
                          reinterpret_cast<uint8_t *>(to), layout.cols);
    if (met > 0)
      for (int64_t i = 0; i < layout.cols; ++i)
        to[i] = std::isfinite(to[i]) ? to[i] : 0.0f;
    nonFinite += met;
  }
  return nonFinite;
}

// Where the rows of a packed block come from.
const uint8_t *rowsAt(const PackedLayout &layout, const PackSource &source,
                      int64_t row) {
  return source.bytes.data() +
         row * layout.cols * sourceElementSize(source.element);
}

} // namespace

PackStats &PackStats::operator+=(const PackStats &other) {
  nonFinite += other.nonFinite;
  squaredError += other.squaredError;
  squaredValue += other.squaredValue;
  values += other.values;
  weightedError += other.weightedError;
  weightedValue += other.weightedValue;
  return *this;
}

double PackStats::relativeError() const {
  return squaredValue > 0 ? std::sqrt(squaredError / squaredValue) : 0;
}

double PackStats::relativeWeightedError() const {
  return weightedValue > 0 ? std::sqrt(weightedError / weightedValue) : 0;
}

void swallow::packBlocks(const PackedLayout &layout,
                         std::span<const PackSource> sources,
                         int64_t blockBegin, int64_t blockEnd, uint8_t *out,
                         std::span<PackStats> stats) {
  assert(layout.valid() && sources.size() == layout.sourceRows.size() &&
         stats.size() == sources.size());
  std::vector<float> buffer;
  int64_t block = blockBegin;
  while (block < blockEnd) {
    auto [source, begin, end] = layout.rowsOfBlock(block);
    const PackSource &from = sources[source];
    int64_t blocks = 1;
    if (layout.nBlock == 0 && !layout.interleave) {
      // Rows of a plain layout follow each other: one run of elements.
      blocks = std::min(blockEnd - block, layout.sourceRows[source] - begin);
      end = begin + blocks;
    }
    const uint8_t *rows = rowsAt(layout, from, begin);
    if (isQuantized(layout.element)) {
      stats[source].nonFinite +=
          readRows(layout, rows, end - begin, from.element, buffer);
      quantizeBlock(layout, buffer.data(), end - begin, layout.paddedCols(),
                    from.importance, out, stats[source]);
    } else {
      ConvertFn convert = converter(from.element, layout.element);
      stats[source].nonFinite +=
          layout.nBlock == 0 ? convert(rows, out, (end - begin) * layout.cols)
                             : packBlock(layout, rows, end - begin,
                                         from.element, convert, out);
    }
    out += blocks * layout.blockBytes();
    block += blocks;
  }
}

OutputStats &OutputStats::operator+=(const OutputStats &other) {
  squaredError += other.squaredError;
  squaredOutput += other.squaredOutput;
  return *this;
}

double OutputStats::relativeError() const {
  return squaredOutput > 0 ? std::sqrt(squaredError / squaredOutput) : 0;
}

void swallow::packBlocksWithFeedback(const PackedLayout &layout,
                                     std::span<const PackSource> sources,
                                     const InputFactor &factor,
                                     int64_t blockBegin, int64_t blockEnd,
                                     uint8_t *out, std::span<PackStats> stats,
                                     std::span<OutputStats> outputs) {
  assert(layout.valid() && isQuantized(layout.element) &&
         sources.size() == layout.sourceRows.size() &&
         stats.size() == sources.size() && outputs.size() == sources.size());
  // Of a source's blocks, those whose outputs are looked at.
  constexpr int64_t kSampleStep = 8;
  std::vector<float> buffer;
  for (int64_t block = blockBegin; block < blockEnd; ++block) {
    auto [source, begin, end] = layout.rowsOfBlock(block);
    const PackSource &from = sources[source];
    stats[source].nonFinite += readRows(layout, rowsAt(layout, from, begin),
                                        end - begin, from.element, buffer);
    const bool sampled = begin / layout.nBlock % kSampleStep == 0;
    quantizeBlockWithFeedback(layout, buffer.data(), end - begin,
                              layout.paddedCols(), factor, out, stats[source],
                              sampled ? &outputs[source] : nullptr);
    out += layout.blockBytes();
  }
}
