//===- PackedLayoutTest.cpp - layouts and the packer ----------------------===//
//
// The packer is compared with the layout's definition, element by element:
// elementOffset says where an element lies, everything else is zero.
//
//===----------------------------------------------------------------------===//

#include "runtime/packing/PackedLayout.h"
#include "runtime/support/FloatFormats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

using namespace swallow;

namespace {

struct Random {
  uint64_t state = 88172645463325252u;
  uint32_t next() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<uint32_t>(state >> 16);
  }
};

// Source elements as raw little-endian bytes at an odd address, with finite
// values of all magnitudes, subnormals and both zeros.
struct Matrix {
  SourceElement element;
  int64_t cols;
  std::vector<uint8_t> storage;

  Matrix(SourceElement element, int64_t rows, int64_t cols, Random &random)
      : element(element), cols(cols) {
    int64_t size = sourceElementSize(element);
    storage.resize(rows * cols * size + 1);
    for (int64_t i = 0; i < rows * cols; ++i) {
      uint32_t bits = random.next();
      // Also what bf16 would round to infinity.
      if (element == SourceElement::F32 && (bits & 0x7fffffffu) >= 0x7f7f8000u)
        bits &= 0xbfffffffu;
      if (element == SourceElement::BF16 && (bits & 0x7f80u) == 0x7f80u)
        bits &= 0xffffbfffu;
      if (element == SourceElement::F16 && (bits & 0x7c00u) == 0x7c00u)
        bits &= 0xffffbfffu;
      std::memcpy(storage.data() + 1 + i * size, &bits, size);
    }
  }
  std::span<const uint8_t> bytes() const {
    return std::span(storage).subspan(1);
  }
  uint8_t *at(int64_t row, int64_t col) {
    return storage.data() + 1 + (row * cols + col) * sourceElementSize(element);
  }
  float value(int64_t row, int64_t col) {
    if (element == SourceElement::F32) {
      float value;
      std::memcpy(&value, at(row, col), 4);
      return value;
    }
    uint16_t bits;
    std::memcpy(&bits, at(row, col), 2);
    return element == SourceElement::F16 ? f16ToF32(bits) : bf16ToF32(bits);
  }
};

// What the layout's definition makes of the sources.
std::vector<uint8_t> reference(const PackedLayout &layout,
                               std::vector<Matrix> &sources) {
  std::vector<uint8_t> packed(layout.totalBytes(), 0);
  for (size_t s = 0; s < sources.size(); ++s)
    for (int64_t row = 0; row < layout.sourceRows[s]; ++row)
      for (int64_t col = 0; col < layout.cols; ++col) {
        float value = sources[s].value(row, col);
        uint8_t *to = packed.data() +
                      layout.elementOffset(static_cast<int64_t>(s), row, col);
        if (layout.element == PackedElement::F32) {
          std::memcpy(to, &value, 4);
        } else {
          uint16_t bits = f32ToBf16(value);
          std::memcpy(to, &bits, 2);
        }
      }
  return packed;
}

// Packs in pieces of `step` blocks into a buffer full of garbage.
std::vector<uint8_t> pack(const PackedLayout &layout,
                          std::vector<Matrix> &sources, int64_t step,
                          int64_t *nonFinite = nullptr) {
  std::vector<PackSource> views;
  for (Matrix &matrix : sources)
    views.push_back({matrix.element, matrix.bytes()});
  std::vector<PackStats> stats(views.size());
  std::vector<uint8_t> packed(layout.totalBytes(), 0xa5);
  for (int64_t block = 0; block < layout.totalBlocks(); block += step)
    packBlocks(layout, views, block,
               std::min(block + step, layout.totalBlocks()),
               packed.data() + block * layout.blockBytes(), stats);
  if (nonFinite) {
    *nonFinite = 0;
    for (const PackStats &source : stats)
      *nonFinite += source.nonFinite;
  }
  return packed;
}

struct Case {
  const char *name;
  PackedLayout layout;
};

std::vector<Case> cases() {
  const PackedElement f32 = PackedElement::F32, bf16 = PackedElement::BF16;
  return {
      {"bf16 pairs, odd sizes", {{777}, 333, bf16, 64, 2, 0, false}},
      {"f32 panels, odd sizes", {{777}, 333, f32, 64, 1, 0, false}},
      {"more columns than a tile", {{65}, 1531, bf16, 64, 2, 0, false}},
      {"f32, more columns than a tile", {{130}, 515, f32, 64, 1, 0, false}},
      {"heads of 48", {{5 * 48, 48, 48}, 97, bf16, 64, 2, 48, false}},
      {"heads of 128", {{256, 128, 128}, 64, bf16, 64, 2, 128, false}},
      {"a last unit that is short", {{100}, 9, f32, 16, 1, 48, false}},
      {"gate and up", {{333, 333}, 78, bf16, 64, 2, 0, true}},
      {"gate and up, f32", {{70, 70}, 31, f32, 64, 1, 0, true}},
      {"bf16 without groups", {{99}, 45, bf16, 32, 1, 0, false}},
      {"groups of four", {{70}, 1030, bf16, 64, 4, 0, false}},
      {"groups of 16 bytes", {{33}, 43, f32, 16, 4, 0, false}},
      {"a group that divides nothing", {{33}, 1043, bf16, 16, 3, 0, false}},
      {"narrow blocks", {{19}, 21, bf16, 7, 2, 0, false}},
      {"bias of q, k and v", {{96, 48, 48}, 1, f32, 64, 1, 48, false}},
      {"plain", {{77}, 333, bf16, 0, 1, 0, false}},
      {"plain f32, two sources", {{5, 9}, 33, f32, 0, 1, 0, false}},
      {"plain, alternating rows", {{9, 9}, 33, f32, 0, 1, 0, true}},
      {"a norm", {{1}, 1001, f32, 0, 1, 0, false}},
      {"one element", {{1}, 1, bf16, 64, 2, 0, false}},
  };
}

TEST(PackedLayout, PlaceAndRowsOfBlockAreInverse) {
  for (const Case &test : cases()) {
    SCOPED_TRACE(test.name);
    const PackedLayout &layout = test.layout;
    ASSERT_TRUE(layout.valid());
    int64_t rowsSeen = 0;
    for (int64_t block = 0; block < layout.totalBlocks(); ++block) {
      auto [source, begin, end] = layout.rowsOfBlock(block);
      ASSERT_LT(begin, end);
      for (int64_t row = begin; row < end; ++row, ++rowsSeen) {
        PackedLayout::Place at = layout.place(source, row);
        EXPECT_EQ(at.block, block);
        EXPECT_EQ(at.column, row - begin);
      }
    }
    int64_t rows = 0;
    for (int64_t count : layout.sourceRows)
      rows += count;
    EXPECT_EQ(rowsSeen, rows);
  }
}

TEST(PackedLayout, Sizes) {
  PackedLayout qkv{{240, 48, 48}, 97, PackedElement::BF16, 64, 2, 48, false};
  EXPECT_EQ(qkv.paddedCols(), 98);
  EXPECT_EQ(qkv.blockBytes(), 98 * 64 * 2);
  EXPECT_EQ(qkv.blocksOfSource(0), 5);
  EXPECT_EQ(qkv.totalBlocks(), 7);
  EXPECT_EQ(qkv.totalBytes(), 7 * 98 * 64 * 2);
  // Row 50 is the third of head 1; W[50][3] is the second of group 1.
  EXPECT_EQ(qkv.elementOffset(0, 50, 3),
            qkv.blockBytes() + ((1 * 64 + 2) * 2 + 1) * 2);

  PackedLayout gateUp{{130, 130}, 8, PackedElement::F32, 64, 1, 0, true};
  EXPECT_EQ(gateUp.totalBlocks(), 6);
  EXPECT_EQ(gateUp.place(1, 64).block, 3); // gate 0, up 0, gate 1, up 1
  EXPECT_EQ(gateUp.place(0, 129).column, 1);

  PackedLayout plain{{4}, 7, PackedElement::BF16, 0, 2, 0, false};
  EXPECT_EQ(plain.totalBytes(), 4 * 7 * 2); // kGroup does not pad rows
  EXPECT_EQ(plain.elementOffset(0, 2, 5), (2 * 7 + 5) * 2);
}

TEST(PackedLayout, ValidRefusesWhatOverflows) {
  const int64_t huge = std::numeric_limits<int64_t>::max();
  PackedLayout good{{8}, 8, PackedElement::F32, 4, 2, 2, false};
  EXPECT_TRUE(good.valid());
  auto refuses = [&](auto change) {
    PackedLayout layout = good;
    change(layout);
    EXPECT_FALSE(layout.valid());
  };
  refuses([](PackedLayout &l) { l.sourceRows = {}; });
  refuses([](PackedLayout &l) { l.sourceRows = {0}; });
  refuses([](PackedLayout &l) { l.sourceRows = {-8}; });
  refuses([](PackedLayout &l) { l.cols = 0; });
  refuses([](PackedLayout &l) { l.nBlock = -1; });
  refuses([](PackedLayout &l) { l.kGroup = 0; });
  refuses([](PackedLayout &l) { l.kGroup = 65; });
  refuses([](PackedLayout &l) { l.rowUnit = -1; });
  refuses([=](PackedLayout &l) { l.sourceRows = {huge}; });
  refuses([=](PackedLayout &l) { l.sourceRows = {huge / 2, huge / 2}; });
  refuses([=](PackedLayout &l) { l.cols = huge; });
  refuses([=](PackedLayout &l) { l.nBlock = huge; });
  refuses([](PackedLayout &l) {
    l.sourceRows = {int64_t(1) << 31};
    l.cols = int64_t(1) << 31;
  });
  refuses([](PackedLayout &l) {
    l.sourceRows = {8, 9};
    l.interleave = true;
  });
}

TEST(PackBlocks, EqualsTheDefinition) {
  Random random;
  for (const Case &test : cases())
    for (SourceElement element :
         {SourceElement::F32, SourceElement::F16, SourceElement::BF16}) {
      SCOPED_TRACE(std::string(test.name) + ", source type " +
                   std::to_string(static_cast<int>(element)));
      std::vector<Matrix> sources;
      for (int64_t rows : test.layout.sourceRows)
        sources.emplace_back(element, rows, test.layout.cols, random);
      std::vector<uint8_t> expected = reference(test.layout, sources);
      for (int64_t step : {int64_t(1), int64_t(2), int64_t(1) << 40}) {
        int64_t nonFinite = -1;
        EXPECT_TRUE(pack(test.layout, sources, step, &nonFinite) == expected);
        EXPECT_EQ(nonFinite, 0);
      }
    }
}

TEST(PackBlocks, CountsNonFiniteValuesBySource) {
  Random random;
  PackedLayout layout{{70, 70}, 600, PackedElement::BF16, 64, 2, 0, true};
  std::vector<Matrix> matrices;
  matrices.emplace_back(SourceElement::F32, 70, 600, random);
  matrices.emplace_back(SourceElement::F16, 70, 600, random);
  const uint32_t nan = 0x7fc00000u, negativeInfinity = 0xff800000u;
  const uint16_t infinityF16 = 0x7c00u, nanF16 = 0xfe01u;
  std::memcpy(matrices[0].at(0, 0), &nan, 4);
  std::memcpy(matrices[0].at(69, 599), &negativeInfinity, 4);
  std::memcpy(matrices[1].at(3, 5), &infinityF16, 2);
  std::memcpy(matrices[1].at(3, 6), &nanF16, 2);
  std::memcpy(matrices[1].at(64, 0), &nanF16, 2);
  PackSource sources[] = {{SourceElement::F32, matrices[0].bytes()},
                          {SourceElement::F16, matrices[1].bytes()}};
  PackStats stats[2];
  stats[0].nonFinite = 10; // added to what is there
  std::vector<uint8_t> packed(layout.totalBytes());
  packBlocks(layout, sources, 0, layout.totalBlocks(), packed.data(), stats);
  EXPECT_EQ(stats[0].nonFinite, 12);
  EXPECT_EQ(stats[1].nonFinite, 3);
  // They are packed as they are: NaN stays NaN, infinity stays infinite.
  auto packedValue = [&](int64_t source, int64_t row, int64_t col) {
    uint16_t bits;
    std::memcpy(&bits, packed.data() + layout.elementOffset(source, row, col),
                2);
    return bf16ToF32(bits);
  };
  EXPECT_TRUE(std::isnan(packedValue(0, 0, 0)));
  EXPECT_EQ(packedValue(0, 69, 599), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(packedValue(1, 3, 5), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(packedValue(1, 64, 0)));
}

TEST(PackBlocks, ConvertsEveryF16) {
  PackedLayout layout{{1}, 65536, PackedElement::F32, 0, 1, 0, false};
  std::vector<uint16_t> all(65536);
  for (size_t i = 0; i < all.size(); ++i)
    all[i] = static_cast<uint16_t>(i);
  std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t *>(all.data()),
                                 all.size() * 2);
  std::vector<uint32_t> packed(65536);
  PackSource source{SourceElement::F16, bytes};
  PackStats stats;
  packBlocks(layout, {&source, 1}, 0, 1,
             reinterpret_cast<uint8_t *>(packed.data()), {&stats, 1});
  EXPECT_EQ(stats.nonFinite, 2 * 1024);
  for (size_t i = 0; i < all.size(); ++i)
    ASSERT_EQ(packed[i], std::bit_cast<uint32_t>(f16ToF32(all[i]))) << i;
}

// What packing makes of f32 bits in f16, and how many of them are not finite.
std::vector<uint16_t> packAsF16(std::span<const uint32_t> bits,
                                PackStats &stats) {
  const auto count = static_cast<int64_t>(bits.size());
  PackedLayout layout{{1}, count, PackedElement::F16, 0, 1, 0, false};
  PackSource source{
      SourceElement::F32,
      {reinterpret_cast<const uint8_t *>(bits.data()), bits.size() * 4}};
  std::vector<uint16_t> packed(bits.size());
  packBlocks(layout, {&source, 1}, 0, 1,
             reinterpret_cast<uint8_t *>(packed.data()), {&stats, 1});
  return packed;
}

TEST(PackBlocks, RoundsToTheNearestF16) {
  // Every f16, the number half way to the next, and its neighbours in f32.
  std::vector<uint32_t> bits;
  std::vector<uint16_t> expected;
  auto add = [&](float value, uint16_t half) {
    bits.push_back(std::bit_cast<uint32_t>(value));
    expected.push_back(half);
    bits.push_back(std::bit_cast<uint32_t>(-value));
    expected.push_back(half | 0x8000u);
  };
  const float infinity = std::numeric_limits<float>::infinity();
  for (uint16_t half = 0; half < 0x7c00u; ++half) {
    const float value = f16ToF32(half);
    const auto next = static_cast<uint16_t>(half + 1);
    const float above = next == 0x7c00u ? 65536.0f : f16ToF32(next);
    const float middle = (value + above) / 2; // exact
    add(value, half);
    add(std::nextafter(middle, 0.0f), half);
    add(middle, half % 2 == 0 ? half : next);
    add(std::nextafter(middle, infinity), next);
  }
  add(1e30f, 0x7c00u);
  add(infinity, 0x7c00u);
  PackStats stats;
  EXPECT_EQ(packAsF16(bits, stats), expected);
  // 65520, above it, 1e30 and infinity, of both signs.
  EXPECT_EQ(stats.nonFinite, 8);
  for (size_t i = 0; i < bits.size(); ++i)
    ASSERT_EQ(f32ToF16(std::bit_cast<float>(bits[i])), expected[i]) << i;

  const uint32_t nans[] = {0x7f800001u, 0xffc02000u};
  PackStats ofNans;
  const std::vector<uint16_t> packed = packAsF16(nans, ofNans);
  EXPECT_EQ(packed, (std::vector<uint16_t>{0x7e00u, 0xfe01u}));
  EXPECT_EQ(ofNans.nonFinite, 2);
  EXPECT_EQ(f32ToF16(std::bit_cast<float>(nans[1])), 0xfe01u);
}

} // namespace
