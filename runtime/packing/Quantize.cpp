//===- Quantize.cpp - chooses scales and codes ----------------------------===//

#include "runtime/packing/Quantize.h"

#include "runtime/packing/QuantSearch.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <vector>

using namespace swallow;
using namespace swallow::quantsearch;

namespace {

const SearchFns &chooseSearch() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return searchAvx512;
  if (__builtin_cpu_supports("avx2"))
    return searchAvx2;
#endif
  return searchBaseline;
}

/// The code of a level, as stored.
uint8_t codeOf(PackedElement element, int32_t level) {
  if (element != PackedElement::I4)
    return static_cast<uint8_t>(level + quantOffset(element));
  return static_cast<uint8_t>(
      std::lower_bound(kInt4Levels.begin(), kInt4Levels.end(), level) -
      kInt4Levels.begin());
}

struct CodeTable {
  uint8_t of[128];
  CodeTable() {
    for (int32_t level = -64; level < 64; ++level)
      of[level + 64] = codeOf(PackedElement::I4, level);
  }
};

/// Stores the 16 codes of column `column` of a group, see QuantFormat.h.
void storeGroup(PackedElement element, int64_t nBlock, const uint8_t *codes,
                uint8_t *planes, int64_t column) {
  const int64_t planeBytes = nBlock * 4;
  uint8_t *to = planes + column * 4;
  if (element == PackedElement::I8) {
    for (int64_t quad = 0; quad < 4; ++quad)
      std::memcpy(to + quad * planeBytes, codes + quad * 4, 4);
    return;
  }
  for (int64_t i = 0; i < 4; ++i) {
    to[i] = static_cast<uint8_t>((codes[i] & 15) | (codes[4 + i] & 15) << 4);
    to[planeBytes + i] =
        static_cast<uint8_t>((codes[8 + i] & 15) | (codes[12 + i] & 15) << 4);
    if (element == PackedElement::I6)
      to[2 * planeBytes + i] = static_cast<uint8_t>(
          (codes[i] >> 4) | (codes[4 + i] >> 4) << 2 |
          (codes[8 + i] >> 4) << 4 | (codes[12 + i] >> 4) << 6);
  }
}

const SearchFns &search() {
  static const SearchFns &fns = chooseSearch();
  return fns;
}

/// Stores the scale and the codes of `lane` as those of column `column` of the
/// group at `to`.
void storeLane(PackedElement element, int64_t nBlock, const Batch &batch,
               int64_t lane, uint8_t *to, int64_t column) {
  static const CodeTable codes4;
  auto c = static_cast<int8_t>(batch.scale[lane]);
  std::memcpy(to + column, &c, 1);
  uint8_t codes[kQuantGroup];
  for (int64_t i = 0; i < kQuantGroup; ++i) {
    const int32_t level = batch.level[i][lane];
    codes[i] = element == PackedElement::I4 ? codes4.of[level + 64]
                                            : codeOf(element, level);
  }
  storeGroup(element, nBlock, codes, to + nBlock, column);
}

/// The block scale with which the largest value of `rows` can have the scale
/// that the search may want, times `headroom`; 0 where nothing is left of it.
float blockScaleOf(const PackedLayout &layout, const float *rows,
                   int64_t numRows, int64_t stride, float headroom) {
  float largest = 0;
  for (int64_t row = 0; row < numRows; ++row)
    largest = std::max(
        largest, search().largest(rows + row * stride, layout.paddedCols()));
  const PackedElement element = layout.element;
  const float scale = searchOf(element).high * headroom * largest /
                      (largestLevel(element) * (127.0f * 127.0f));
  // A smaller one would make infinities.
  return scale > 1e-30f ? scale : 0;
}

/// What the errors add to a weight, and so the largest of a block, is not known
/// before all is rounded: room for half as much again.
constexpr float kFeedbackHeadroom = 1.5f;
/// Inputs whose errors are added to all before them at once.
constexpr int64_t kPanelInputs = 256;

/// A block's weights with an input's rows side by side, [cols][kFeedbackRows].
std::vector<float> transposed(const float *rows, int64_t numRows,
                              int64_t stride, int64_t cols, float factor) {
  std::vector<float> columns(static_cast<size_t>(cols * kFeedbackRows), 0.0f);
  for (int64_t row = 0; row < numRows; ++row)
    for (int64_t col = 0; col < cols; ++col)
      columns[col * kFeedbackRows + row] = rows[row * stride + col] * factor;
  return columns;
}

/// Adds what the `values` of inputs `from` up to `end` bring to inputs `begin`
/// up to `from`.
void addFrom(const InputFactor &factor, const std::vector<float> &values,
             int64_t from, int64_t end, int64_t begin, float *sums) {
  search().addFeedback({values.data() + from * kFeedbackRows, end - from,
                        factor.lower.data() + from * factor.size + begin,
                        factor.size, from - begin},
                       sums + begin * kFeedbackRows);
}

/// Sums over j of D_j (w_j + sum i > j: w_i L_ij)^2: what comes out of a
/// product with the weights.
double squaredOutput(const InputFactor &factor,
                     const std::vector<float> &weights) {
  std::vector<float> sums = weights;
  for (int64_t from = factor.size - kQuantGroup; from > 0; from -= kQuantGroup)
    addFrom(factor, weights, from, from + kQuantGroup, 0, sums.data());
  double total = 0;
  for (int64_t j = 0; j < factor.size; ++j) {
    // Within the group.
    const int64_t end = (j / kQuantGroup + 1) * kQuantGroup;
    float *sum = sums.data() + j * kFeedbackRows;
    for (int64_t i = j + 1; i < end; ++i)
      for (int64_t row = 0; row < kFeedbackRows; ++row)
        sum[row] += weights[i * kFeedbackRows + row] *
                    factor.lower[i * factor.size + j];
    double squares = 0;
    for (int64_t row = 0; row < kFeedbackRows; ++row)
      squares += static_cast<double>(sum[row]) * sum[row];
    total += squares * factor.variance[j];
  }
  return total;
}

} // namespace

void swallow::quantizeBlockWithFeedback(const PackedLayout &layout,
                                        const float *rows, int64_t numRows,
                                        int64_t stride,
                                        const InputFactor &factor, uint8_t *out,
                                        PackStats &stats,
                                        OutputStats *outputs) {
  const PackedElement element = layout.element;
  const int64_t cols = layout.paddedCols();
  const int64_t groupBytes = quantGroupBytes(element, layout.nBlock);
  assert(isQuantized(element) && numRows <= layout.nBlock && stride >= cols &&
         layout.nBlock <= kFeedbackRows && factor.size == cols);
  const float blockScale =
      blockScaleOf(layout, rows, numRows, stride, kFeedbackHeadroom);
  if (blockScale == 0) // zeros have no errors
    return quantizeBlock(layout, rows, numRows, stride, {}, out, stats);

  std::memset(out, 0, static_cast<size_t>(layout.blockBytes()));
  std::memcpy(out, &blockScale, sizeof(blockScale));
  const std::vector<float> weights =
      transposed(rows, numRows, stride, cols, 1.0f / blockScale);
  std::vector<float> wanted = weights, errors(weights.size());
  PackStats sums; // in units of the block scale
  Batch batch;
  auto roundGroup = [&](int64_t at) {
    uint8_t *to = out + kQuantHeaderBytes + at / kQuantGroup * groupBytes;
    for (int64_t row = 0; row < numRows; row += kLanes) {
      search().round(element,
                     {weights.data() + at * kFeedbackRows + row,
                      wanted.data() + at * kFeedbackRows + row,
                      errors.data() + at * kFeedbackRows + row,
                      factor.lower.data() + at * factor.size + at, factor.size,
                      factor.variance.data() + at},
                     batch);
      for (int64_t lane = 0; lane < std::min(kLanes, numRows - row); ++lane) {
        storeLane(element, layout.nBlock, batch, lane, to, row + lane);
        sums.squaredError += batch.error[lane];
        sums.squaredValue += batch.square[lane];
        sums.weightedError += batch.weightedError[lane];
      }
    }
  };
  for (int64_t end = cols; end > 0;) {
    const int64_t begin = (end - 1) / kPanelInputs * kPanelInputs;
    for (int64_t at = end - kQuantGroup; at >= begin; at -= kQuantGroup) {
      roundGroup(at);
      addFrom(factor, errors, at, at + kQuantGroup, begin, wanted.data());
    }
    for (int64_t to = 0; to < begin; to += kPanelInputs)
      search().addFeedback({errors.data() + begin * kFeedbackRows, end - begin,
                            factor.lower.data() + begin * factor.size + to,
                            factor.size, std::min(kPanelInputs, begin - to)},
                           wanted.data() + to * kFeedbackRows);
    end = begin;
  }

  const double unit = static_cast<double>(blockScale) * blockScale;
  stats.values += numRows * layout.cols;
  stats.squaredError += sums.squaredError * unit;
  stats.squaredValue += sums.squaredValue * unit;
  if (outputs) {
    outputs->squaredError += sums.weightedError * unit;
    outputs->squaredOutput += squaredOutput(factor, weights) * unit;
  }
}

void swallow::quantizeBlock(const PackedLayout &layout, const float *rows,
                            int64_t numRows, int64_t stride,
                            std::span<const float> importance, uint8_t *out,
                            PackStats &stats) {
  const SearchFns &fns = search();
  const PackedElement element = layout.element;
  const int64_t groups = layout.paddedCols() / kQuantGroup;
  const int64_t groupBytes = quantGroupBytes(element, layout.nBlock);
  assert(isQuantized(element) && numRows <= layout.nBlock &&
         stride >= layout.paddedCols());

  std::memset(out, 0, static_cast<size_t>(layout.blockBytes()));
  // The largest group may want a scale above its ideal one.
  const float blockScale = blockScaleOf(layout, rows, numRows, stride, 1.0f);
  std::memcpy(out, &blockScale, sizeof(blockScale));
  // The search is done in units of the block scale, where squares are finite.
  const float inverse = blockScale != 0 ? 1.0f / blockScale : 0.0f;
  const int32_t zero = element == PackedElement::I4 ? 1 : 0;

  // What stands beyond `cols` is never multiplied by anything but 0.
  std::vector<float> paddedImportance(importance.begin(), importance.end());
  if (!importance.empty())
    paddedImportance.resize(static_cast<size_t>(layout.paddedCols()), 0.0f);

  PackStats sums; // in units of the block scale
  Batch batch;
  for (int64_t row = 0; row < numRows; ++row) {
    const float *values = rows + row * stride;
    for (int64_t group = 0; group < groups; group += kLanes) {
      const int64_t lanes = std::min(kLanes, groups - group);
      if (blockScale != 0) {
        fns.search(element,
                   {values + group * kQuantGroup,
                    importance.empty()
                        ? nullptr
                        : paddedImportance.data() + group * kQuantGroup,
                    lanes, inverse},
                   batch);
      } else {
        batch = {};
        for (auto &level : batch.level)
          std::fill(std::begin(level), std::end(level), zero);
      }
      for (int64_t lane = 0; lane < lanes; ++lane) {
        uint8_t *to = out + kQuantHeaderBytes + (group + lane) * groupBytes;
        storeLane(element, layout.nBlock, batch, lane, to, row);
        sums.squaredError += batch.error[lane];
        sums.squaredValue += batch.square[lane];
        sums.weightedError += batch.weightedError[lane];
        sums.weightedValue += batch.weightedSquare[lane];
      }
    }
    stats.values += layout.cols;
  }
  const double unit = static_cast<double>(blockScale) * blockScale;
  stats.squaredError += sums.squaredError * unit;
  stats.squaredValue += sums.squaredValue * unit;
  stats.weightedError += sums.weightedError * unit;
  stats.weightedValue += sums.weightedValue * unit;
}
