//===- Synthetic.cpp - weights that are computed, not stored --------------===//

#include "runtime/packing/Synthetic.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

using namespace swallow;

// FNV-1a: a name's hash that is the same on every machine.
static uint64_t hashName(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (char c : name)
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

// The output function of SplitMix64.
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

constexpr uint64_t kRowStep = 0x9e3779b97f4a7c15u;
constexpr uint32_t kColumnStep = 0x9e3779b9u;

// 32 random bits for column `col` of the row with this key. The second half of
// the key goes in between the multiplications: with the first alone, rows would
// be pieces of one long sequence, and some of them would overlap.
static uint32_t randomBits(uint64_t rowKey, uint32_t col) {
  uint32_t x = static_cast<uint32_t>(rowKey) + col * kColumnStep;
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x ^= static_cast<uint32_t>(rowKey >> 32);
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

// The sum of four random bytes without its mean: -510 to 510 and near to
// normal, with a sigma of sqrt(4 * (256^2 - 1) / 12).
constexpr float kSumSigma = 147.8f;
static int32_t centredSum(uint32_t bits) {
  uint32_t pairs = (bits & 0x00ff00ffu) + ((bits >> 8) & 0x00ff00ffu);
  return static_cast<int32_t>((pairs & 0xffffu) + (pairs >> 16)) - 510;
}

static uint16_t toBf16(float finite) {
  uint32_t bits = std::bit_cast<uint32_t>(finite);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

SyntheticTensor::SyntheticTensor(uint64_t seed, std::string_view name,
                                 int64_t cols)
    : key_(mix(mix(seed + kRowStep) ^ hashName(name))), cols_(cols),
      bias_(name.ends_with(".bias")) {
  if (cols == 1)
    return;
  float scale = 1 / (kSumSigma * std::sqrt(static_cast<float>(cols)));
  scales_.resize(static_cast<size_t>(cols));
  for (size_t col = 0; col < scales_.size(); ++col)
    scales_[col] =
        mix(key_ - (col + 1) * kRowStep) >> 56 == 0 ? scale * 4 : scale;
}

void SyntheticTensor::read(int64_t begin, int64_t end, uint16_t *out) const {
  if (cols_ == 1)
    readVector(begin, end, out);
  else
    readMatrix(begin, end, out);
}

void SyntheticTensor::readMatrix(int64_t begin, int64_t end,
                                 uint16_t *out) const {
  // The factors of rows and columns are powers of two, so that the only product
  // which rounds is the one with `scale`.
  const float *scales = scales_.data();
  const uint32_t cols = static_cast<uint32_t>(cols_);
  for (int64_t row = begin; row < end; ++row, out += cols_) {
    const uint64_t key =
        mix(key_ + (static_cast<uint64_t>(row) + 1) * kRowStep);
    const float factor = mix(key) >> 58 == 0 ? 2.0f : 1.0f;
    for (uint32_t col = 0; col < cols; ++col) {
      float sum = static_cast<float>(centredSum(randomBits(key, col)));
      out[col] = toBf16(sum * scales[col] * factor);
    }
  }
}

void SyntheticTensor::readVector(int64_t begin, int64_t end,
                                 uint16_t *out) const {
  // Integers over powers of two: exact until they are rounded to bf16.
  const int32_t centre = bias_ ? 0 : 2048;
  const float scale = bias_ ? 0x1p-13f : 0x1p-11f;
  for (int64_t row = begin; row < end; ++row) {
    int32_t sum = centredSum(randomBits(key_, static_cast<uint32_t>(row)));
    *out++ = toBf16(static_cast<float>(centre + sum) * scale);
  }
}

SyntheticWeight::SyntheticWeight(uint64_t seed, PackedLayout layout,
                                 const std::vector<std::string> &names)
    : layout_(std::move(layout)) {
  assert(layout_.valid() && names.size() == layout_.sourceRows.size());
  tensors_.reserve(names.size());
  for (const std::string &name : names)
    tensors_.emplace_back(seed, name, layout_.cols);
}

void SyntheticWeight::pack(int64_t blockBegin, int64_t blockEnd,
                           uint8_t *out) const {
  // Block by block (of a plain layout: rows that make up as much), so that the
  // rows are packed while they are in cache.
  constexpr int64_t kRunElements = 1 << 17;
  std::vector<uint16_t> rows;
  for (int64_t block = blockBegin; block < blockEnd;) {
    auto [source, begin, end] = layout_.rowsOfBlock(block);
    int64_t blocks = 1;
    if (layout_.nBlock == 0 && !layout_.interleave) {
      blocks = std::min({std::max<int64_t>(kRunElements / layout_.cols, 1),
                         blockEnd - block, layout_.sourceRows[source] - begin});
      end = begin + blocks;
    }
    rows.resize(static_cast<size_t>((end - begin) * layout_.cols));
    tensors_[static_cast<size_t>(source)].read(begin, end, rows.data());
    // A layout of these rows alone has the same blocks.
    PackedLayout part = layout_;
    part.sourceRows = {end - begin};
    part.interleave = false;
    const PackSource bytes = {
        SourceElement::BF16,
        {reinterpret_cast<const uint8_t *>(rows.data()), rows.size() * 2}};
    PackStats stats;
    packBlocks(part, {&bytes, 1}, 0, blocks, out, {&stats, 1});
    out += blocks * layout_.blockBytes();
    block += blocks;
  }
}
