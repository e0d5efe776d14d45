//===- EvaluatorKernels.cpp - the arithmetic of the evaluator -------------===//

#include "compiler/EvaluatorKernels.h"

#include "compiler/EvaluatorMath.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <system_error>
#include <thread>

namespace swallow {
namespace {

/// Four f32 lanes: SSE2 registers on x86-64, one lane at a time where there is
/// nothing wider. The lanes of a sum are part of its definition, so they are
/// spelled out instead of left to the optimizer.
typedef float Lanes __attribute__((vector_size(16)));

Lanes loadLanes(const float *p) {
  Lanes lanes;
  std::memcpy(&lanes, p, sizeof(lanes));
  return lanes;
}

/// The end of every sum of eight lanes.
float sumLanes(Lanes low, Lanes high) {
  Lanes sum = low + high;
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

constexpr int64_t laneCount = 8;

int64_t paddedSize(int64_t size) {
  return (size + laneCount - 1) / laneCount * laneCount;
}

/// `body(begin, end)` over pieces of [0, count) on up to `threads` threads,
/// among them the caller's. Pieces must not depend on each other.
template <typename Body>
void parallelFor(int threads, int64_t count, int64_t piece, const Body &body) {
  std::atomic<int64_t> next{0};
  auto work = [&] {
    for (int64_t begin; (begin = next.fetch_add(piece)) < count;)
      body(begin, std::min(begin + piece, count));
  };
  std::vector<std::thread> helpers;
  int64_t useful = std::min<int64_t>(threads, (count + piece - 1) / piece);
  for (int64_t i = 1; i < useful; ++i) {
    try {
      helpers.emplace_back(work);
    } catch (const std::system_error &) {
      break; // The system has no thread to spare: do without.
    }
  }
  work();
  for (std::thread &helper : helpers)
    helper.join();
}

/// The eight lanes of a sum as one vector.
typedef float WideLanes __attribute__((vector_size(32)));

/// Dot products of `Tokens` rows of x with `Rows` rows of w, all of `size`
/// elements, a multiple of eight. out[t * outStride + r].
template <int Tokens, int Rows>
[[gnu::always_inline]] inline void dotTile(const float *x, const float *w,
                                           int64_t size, float *out,
                                           int64_t outStride) {
  WideLanes sums[Tokens][Rows] = {};
  for (int64_t k = 0; k < size; k += laneCount) {
    WideLanes weights[Rows];
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r)
      std::memcpy(&weights[r], w + r * size + k, sizeof(WideLanes));
#pragma GCC unroll 8
    for (int t = 0; t < Tokens; ++t) {
      WideLanes input;
      std::memcpy(&input, x + t * size + k, sizeof(WideLanes));
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r)
        sums[t][r] += input * weights[r];
    }
  }
  for (int t = 0; t < Tokens; ++t)
    for (int r = 0; r < Rows; ++r) {
      Lanes halves[2];
      std::memcpy(halves, &sums[t][r], sizeof(halves));
      out[t * outStride + r] = sumLanes(halves[0], halves[1]);
    }
}

/// The same for any number of tokens and rows. As many of both meet at a time
/// as leave their sums in registers.
[[gnu::always_inline]] inline void dotBlockBody(const float *x, int64_t tokens,
                                                const float *w, int64_t rows,
                                                int64_t size, float *out,
                                                int64_t outStride) {
  int64_t t = 0;
  for (; t + 4 <= tokens; t += 4) {
    const float *from = x + t * size;
    float *to = out + t * outStride;
    int64_t r = 0;
    for (; r + 2 <= rows; r += 2)
      dotTile<4, 2>(from, w + r * size, size, to + r, outStride);
    if (r < rows)
      dotTile<4, 1>(from, w + r * size, size, to + r, outStride);
  }
  for (; t < tokens; ++t) {
    const float *from = x + t * size;
    float *to = out + t * outStride;
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4)
      dotTile<1, 4>(from, w + r * size, size, to + r, outStride);
    for (; r < rows; ++r)
      dotTile<1, 1>(from, w + r * size, size, to + r, outStride);
  }
}

void dotBlockBaseline(const float *x, int64_t tokens, const float *w,
                      int64_t rows, int64_t size, float *out,
                      int64_t outStride) {
  dotBlockBody(x, tokens, w, rows, size, out, outStride);
}

using DotBlockFn = void (*)(const float *, int64_t, const float *, int64_t,
                            int64_t, float *, int64_t);

#if defined(__x86_64__)
/// Without FMA, so the same bits.
[[gnu::target("avx2")]] void dotBlockAvx2(const float *x, int64_t tokens,
                                          const float *w, int64_t rows,
                                          int64_t size, float *out,
                                          int64_t outStride) {
  dotBlockBody(x, tokens, w, rows, size, out, outStride);
}
#endif

DotBlockFn chooseDotBlock() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2"))
    return dotBlockAvx2;
#endif
  return dotBlockBaseline;
}

/// Rows of a weight that are converted at a time: one buffer serves all tokens.
/// Many tokens are read again for each buffer, from a cache farther away.
int64_t rowsPerBlock(int64_t tokens) { return tokens < 32 ? 4 : 32; }

float sumOfSquares(const float *x, int64_t size) {
  Lanes low = {}, high = {};
  int64_t k = 0;
  for (; k + laneCount <= size; k += laneCount) {
    Lanes a = loadLanes(x + k), b = loadLanes(x + k + 4);
    low += a * a;
    high += b * b;
  }
  float tail[laneCount] = {};
  std::copy(x + k, x + size, tail);
  Lanes a = loadLanes(tail), b = loadLanes(tail + 4);
  return sumLanes(low + a * a, high + b * b);
}

} // namespace

void EvalMatrix::readRow(int64_t row, float *out) const {
  for (const Source &source : sources) {
    if (row < source.rows) {
      source.reader->readRow(row, out);
      if (source.reader->storedType() != element)
        roundTo(element, out, cols);
      return;
    }
    row -= source.rows;
  }
}

std::vector<float> &KvState::at(int64_t layer, int64_t sequence,
                                int64_t position, int64_t width) {
  std::vector<float> &entry = positions_[{sequence, layer}][position];
  entry.resize(2 * width);
  return entry;
}

const float *KvState::find(int64_t layer, int64_t sequence, int64_t position,
                           int64_t width) const {
  auto sequenceIt = positions_.find({sequence, layer});
  if (sequenceIt == positions_.end())
    return nullptr;
  auto it = sequenceIt->second.find(position);
  if (it == sequenceIt->second.end() ||
      static_cast<int64_t>(it->second.size()) != 2 * width)
    return nullptr;
  return it->second.data();
}

void KvState::erase(int64_t sequence) {
  std::erase_if(positions_,
                [&](const auto &item) { return item.first.first == sequence; });
}

void KvState::eraseLayersBut(int64_t layer) {
  std::erase_if(positions_,
                [&](const auto &item) { return item.first.second != layer; });
}

EvalTensor rmsNorm(const EvalTensor &x, const std::vector<float> &weight,
                   float eps) {
  EvalTensor out{x.rows, x.cols, std::vector<float>(x.data.size())};
  for (int64_t r = 0; r < x.rows; ++r) {
    const float *in = x.row(r);
    float mean = sumOfSquares(in, x.cols) / static_cast<float>(x.cols);
    float factor = 1.0f / std::sqrt(mean + eps);
    for (int64_t c = 0; c < x.cols; ++c)
      out.row(r)[c] = in[c] * factor * weight[c];
  }
  return out;
}

EvalTensor multiply(const EvalTensor &x, const EvalMatrix &weight,
                    const std::vector<float> *bias,
                    const std::vector<bool> &unrounded, int threads) {
  int64_t size = paddedSize(x.cols);
  std::vector<float> rounded(x.rows * size); // padded with zeros
  for (int64_t t = 0; t < x.rows; ++t) {
    float *row = rounded.data() + t * size;
    std::copy(x.row(t), x.row(t) + x.cols, row);
    if (static_cast<size_t>(t) >= unrounded.size() || !unrounded[t])
      roundInputTo(weight.element, row, x.cols);
  }

  EvalTensor out{x.rows, weight.rows, std::vector<float>(x.rows * weight.rows)};
  // Starting a thread costs about as much as 10^5 multiplications, allocating a
  // buffer as much as some ten rows.
  static const DotBlockFn dotBlock = chooseDotBlock();
  const int64_t block = rowsPerBlock(x.rows);
  int64_t piece =
      std::max<int64_t>(64, 100'000 / std::max<int64_t>(1, x.rows * x.cols));
  piece = (piece + block - 1) / block * block;
  parallelFor(threads, weight.rows, piece, [&](int64_t begin, int64_t end) {
    std::vector<float> buffer(block * size);
    for (int64_t row = begin; row < end; row += block) {
      int64_t rows = std::min(block, end - row);
      for (int64_t r = 0; r < rows; ++r)
        weight.readRow(row + r, buffer.data() + r * size);
      dotBlock(rounded.data(), x.rows, buffer.data(), rows, size,
               out.data.data() + row, weight.rows);
    }
  });

  if (bias)
    for (int64_t t = 0; t < out.rows; ++t)
      for (int64_t c = 0; c < out.cols; ++c)
        out.row(t)[c] += (*bias)[c];
  return out;
}

EvalTensor rotate(const EvalTensor &x, const std::vector<int32_t> &positions,
                  const std::vector<float> &frequencies) {
  int64_t half = frequencies.size();
  EvalTensor out{x.rows, x.cols, std::vector<float>(x.data.size())};
  std::vector<float> sine(half), cosine(half);
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t i = 0; i < half; ++i)
      deterministicSinCos(static_cast<float>(positions[r]) * frequencies[i],
                          sine[i], cosine[i]);
    for (int64_t head = 0; head < x.cols; head += 2 * half) {
      const float *in = x.row(r) + head;
      float *result = out.row(r) + head;
      for (int64_t i = 0; i < half; ++i) {
        result[i] = in[i] * cosine[i] - in[i + half] * sine[i];
        result[i + half] = in[i + half] * cosine[i] + in[i] * sine[i];
      }
    }
  }
  return out;
}

EvalTensor silu(const EvalTensor &x) {
  EvalTensor out = x;
  for (float &value : out.data)
    value = value / (1.0f + deterministicExp(-value));
  return out;
}

EvalTensor add(const EvalTensor &a, const EvalTensor &b) {
  EvalTensor out = a;
  for (size_t i = 0; i < out.data.size(); ++i)
    out.data[i] += b.data[i];
  return out;
}

EvalTensor multiplyElements(const EvalTensor &a, const EvalTensor &b) {
  EvalTensor out = a;
  for (size_t i = 0; i < out.data.size(); ++i)
    out.data[i] *= b.data[i];
  return out;
}

EvalTensor columnSlice(const EvalTensor &x, int64_t begin, int64_t cols) {
  EvalTensor out{x.rows, cols, std::vector<float>(x.rows * cols)};
  for (int64_t r = 0; r < x.rows; ++r)
    std::copy_n(x.row(r) + begin, cols, out.row(r));
  return out;
}

namespace {
float int8Scale(const float *head, int64_t headDim) {
  float largest = 0;
  for (int64_t d = 0; d < headDim; ++d)
    largest = std::max(largest, std::fabs(head[d]));
  return largest * (1.0f / 127.0f);
}

DType factorType(KvElement element) {
  switch (kvFactors(element)) {
  case KvElement::F16:
    return DType::F16;
  case KvElement::BF16:
    return DType::BF16;
  default:
    return DType::F32;
  }
}

/// The weight of a value, rounded. Where values are int8 it is their scale too
/// that is in what is rounded.
float roundWeight(KvElement element, float weight, const float *value,
                  int64_t headDim) {
  if (element != KvElement::I8)
    return roundTo(factorType(element), weight);
  float scale = int8Scale(value, headDim);
  return scale == 0 ? 0 : roundTo(DType::BF16, weight * scale) / scale;
}
} // namespace

EvalTensor attend(const EvalTensor &query, const std::vector<AttentionRow> &kv,
                  int64_t kvHeads, int64_t headDim, float scale,
                  KvElement element, const std::vector<bool> &unrounded,
                  int threads) {
  EvalTensor out{query.rows, query.cols, std::vector<float>(query.data.size())};
  int64_t heads = query.cols / headDim;
  int64_t width = kvHeads * headDim;
  int64_t size = paddedSize(headDim);

  auto oneHead = [&](int64_t row, int64_t head, std::vector<float> &q,
                     std::vector<float> &key, std::vector<float> &weights) {
    const std::vector<const float *> &entries = kv[row].entries;
    const bool rounds =
        static_cast<size_t>(row) >= unrounded.size() || !unrounded[row];
    int64_t offset = head / (heads / kvHeads) * headDim;
    std::copy_n(query.row(row) + head * headDim, headDim, q.data());
    if (rounds)
      roundInputTo(factorType(element), q.data(), headDim);
    weights.resize(entries.size());
    float maximum = -INFINITY;
    for (size_t j = 0; j < entries.size(); ++j) {
      std::copy_n(entries[j] + offset, headDim, key.data());
      float score;
      dotTile<1, 1>(q.data(), key.data(), size, &score, 1);
      weights[j] = score * scale;
      maximum = std::max(maximum, weights[j]);
    }
    float sum = 0;
    float *result = out.row(row) + head * headDim;
    for (size_t j = 0; j < entries.size(); ++j) {
      float weight = deterministicExp(weights[j] - maximum);
      sum += weight;
      const float *value = entries[j] + width + offset;
      if (rounds)
        weight = roundWeight(element, weight, value, headDim);
      for (int64_t d = 0; d < headDim; ++d)
        result[d] += weight * value[d];
    }
    for (int64_t d = 0; d < headDim; ++d)
      result[d] /= sum;
  };

  parallelFor(threads, query.rows * heads, heads,
              [&](int64_t begin, int64_t end) {
                std::vector<float> q(size), key(size), weights;
                for (int64_t i = begin; i < end; ++i)
                  oneHead(i / heads, i % heads, q, key, weights);
              });
  return out;
}

void roundToKv(KvElement element, int64_t headDim, std::vector<float> &entry) {
  auto count = static_cast<int64_t>(entry.size());
  switch (element) {
  case KvElement::F32:
    return;
  case KvElement::BF16:
    return roundTo(DType::BF16, entry.data(), count);
  case KvElement::F16:
    return roundTo(DType::F16, entry.data(), count);
  case KvElement::I8:
    break;
  }
  for (int64_t begin = 0; begin < count; begin += headDim) {
    float *head = entry.data() + begin;
    float scale = int8Scale(head, headDim);
    float inverse = scale == 0 ? 0 : 1 / scale;
    for (int64_t d = 0; d < headDim; ++d)
      head[d] = std::nearbyint(head[d] * inverse) * scale;
  }
}

} // namespace swallow
