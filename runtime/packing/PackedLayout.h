//===- PackedLayout.h - how a weight matrix lies in the artifact -*- C++
//-*-===//
//
// A weight W is [N][K] as Hugging Face stores it (out_features, in_features)
// and is read by kernels in blocks of nBlock output features. One packed block
// is [Kp / kGroup][nBlock][kGroup] with Kp = K rounded up to kGroup: kGroup
// consecutive inputs of one output lie together. With nBlock 64 and kGroup 2
// (bf16, f16) or 1 (f32) this is what oneDNN calls pack32 and a row-major
// panel.
//
// A weight may be made of several sources (q, k and v; gate and up). Within a
// source, every rowUnit output features (a head; or the whole source when 0)
// start at a block of their own, so that no block mixes two heads. Sources
// follow each other block after block, or alternate block by block
// (interleave: gate block 0, up block 0, gate block 1, ...); interleaved
// sources have equal N. Padding is zero.
//
// A bias of such a weight uses the same layout with K = 1, kGroup = 1 in f32,
// so that it is indexed by the packed column. nBlock 0 means plain row-major.
//
// Quantised elements (I4, I6, I8) are never plain. Their blocks have a header
// and groups of 16 inputs, QuantFormat.h; kGroup is 16.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_PACKING_PACKEDLAYOUT_H
#define SWALLOW_RUNTIME_PACKING_PACKEDLAYOUT_H

#include <cstdint>
#include <span>
#include <vector>

namespace swallow {

/// Element types of packed weights.
enum class PackedElement { F32, BF16, F16, I4, I6, I8 };
constexpr bool isQuantized(PackedElement element) {
  return element == PackedElement::I4 || element == PackedElement::I6 ||
         element == PackedElement::I8;
}
/// Bits of one element, scales apart.
constexpr int64_t packedElementBits(PackedElement element) {
  switch (element) {
  case PackedElement::F32:
    return 32;
  case PackedElement::BF16:
  case PackedElement::F16:
    return 16;
  case PackedElement::I4:
    return 4;
  case PackedElement::I6:
    return 6;
  case PackedElement::I8:
    return 8;
  }
  return 0;
}

struct PackedLayout {
  std::vector<int64_t> sourceRows; // N of each source, in order
  int64_t cols = 1;                // K
  PackedElement element = PackedElement::F32;
  int64_t nBlock = 0;  // output features of a block; 0: plain row-major
  int64_t kGroup = 1;  // consecutive inputs that lie together
  int64_t rowUnit = 0; // output features that start at a block; 0: all
  bool interleave = false;

  /// Whether every size is positive, interleaved sources are equal, and the
  /// packed weight has fewer than 2^62 bytes. Everything below needs that.
  bool valid() const;

  /// Blocks of one source, and of all of them.
  int64_t blocksOfSource(int64_t source) const;
  int64_t totalBlocks() const;
  /// K rounded up to kGroup.
  int64_t paddedCols() const;
  /// Bytes of one block, and of the packed weight (not rounded).
  int64_t blockBytes() const;
  int64_t totalBytes() const;
  /// The packed block and the column in it that hold output feature `row` of
  /// `source`.
  struct Place {
    int64_t block, column;
  };
  Place place(int64_t source, int64_t row) const;
  /// The rows that a packed block holds: [rowBegin, rowEnd) of `source`, in
  /// its columns 0, 1, ...; further columns are padding. Inverse of place.
  struct BlockRows {
    int64_t source, rowBegin, rowEnd;
  };
  BlockRows rowsOfBlock(int64_t block) const;
  /// Byte offset of W[row][col] of `source` in the packed weight, which is not
  /// quantised.
  int64_t elementOffset(int64_t source, int64_t row, int64_t col) const;
};

/// Source element types that the packer converts from.
enum class SourceElement { F32, F16, BF16 };

int64_t sourceElementSize(SourceElement element);

/// One source matrix of a weight.
struct PackSource {
  SourceElement element = SourceElement::F32;
  std::span<const uint8_t> bytes; // row-major [sourceRows[i]][cols], unaligned
  /// [cols]: how much an error of each input counts when scales and codes of a
  /// quantised weight are chosen; empty: all alike.
  std::span<const float> importance = {};
};

/// What packing has met in one source. Sums of several calls are added up.
struct PackStats {
  // Values that are NaN or infinite, also as what they are rounded to.
  int64_t nonFinite = 0;
  // Of a quantised weight: the sum of the squared errors, of the squared
  // values, and of the values counted.
  double squaredError = 0;
  double squaredValue = 0;
  int64_t values = 0;
  // The first two with each square times the importance of its input.
  double weightedError = 0;
  double weightedValue = 0;

  PackStats &operator+=(const PackStats &other);
  /// Root mean square of the errors over that of the values; 0 for zeros.
  double relativeError() const;
  /// The same, weighted by importance.
  double relativeWeightedError() const;
};

/// Packs blocks [blockBegin, blockEnd) of a weight into `out`, which receives
/// (blockEnd - blockBegin) * blockBytes() bytes (plain layouts: a "block" is
/// one row). Sources are converted to the layout's element: to bf16 and f16 by
/// rounding to nearest even; to quantised elements by searching, for each
/// group, the scale with the smallest error (Quantize.h), NaN and infinities
/// counting as 0. The bytes depend on the sources alone, not on the CPU. Adds
/// what it has met to stats[i]. Thread-safe, allocates nothing proportional to
/// the weight.
void packBlocks(const PackedLayout &layout, std::span<const PackSource> sources,
                int64_t blockBegin, int64_t blockEnd, uint8_t *out,
                std::span<PackStats> stats);

} // namespace swallow

#endif // SWALLOW_RUNTIME_PACKING_PACKEDLAYOUT_H
