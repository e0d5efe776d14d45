//===- EvaluatorKernels.h - the arithmetic of the evaluator -----*- C++ -*-===//
//
// What each op of the dialect computes, in f32 with a fixed order of every sum.
// Results depend on the operands alone: not on the CPU, on the number of
// threads, or on the other rows of a batch.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_COMPILER_EVALUATORKERNELS_H
#define SWALLOW_COMPILER_EVALUATORKERNELS_H

#include "compiler/WeightSource.h"
#include "runtime/packing/KvLayout.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace swallow {

/// A row-major f32 tensor.
struct EvalTensor {
  int64_t rows = 0, cols = 0;
  std::vector<float> data; // (rows, cols)

  float *row(int64_t r) { return data.data() + r * cols; }
  const float *row(int64_t r) const { return data.data() + r * cols; }
};

/// A weight matrix, which stays where its readers have it.
struct EvalMatrix {
  struct Source {
    std::shared_ptr<const WeightReader> reader;
    int64_t rows;
  };
  std::vector<Source> sources; // concatenated along the rows
  int64_t rows = 0, cols = 0;
  DType element = DType::F32; // to which values are rounded as they are read
  std::vector<std::string> names = {}; // of the sources' tensors, if they have

  void readRow(int64_t row, float *out) const; // cols values
};

/// The keys and values of every sequence, as appended: already rounded.
class KvState {
public:
  /// The keys of a position, then its values. 2 * width elements, zero when
  /// new, replaced if their number was another.
  std::vector<float> &at(int64_t layer, int64_t sequence, int64_t position,
                         int64_t width);
  /// Null where nothing of that width has been appended.
  const float *find(int64_t layer, int64_t sequence, int64_t position,
                    int64_t width) const;
  void clear() { positions_.clear(); }
  void erase(int64_t sequence);
  void eraseLayersBut(int64_t layer);

private:
  /// By (sequence, layer), then by position.
  std::map<std::pair<int64_t, int64_t>, std::map<int64_t, std::vector<float>>>
      positions_;
};

/// x / sqrt(mean(x^2) + eps) * weight.
EvalTensor rmsNorm(const EvalTensor &x, const std::vector<float> &weight,
                   float eps);

/// x rounded to the weight's element (but for rows that `unrounded` is true of;
/// empty: none), times weight^T, plus bias (may be null). A dot product is the
/// sum of eight partial sums, lane i taking the elements i, i + 8, i + 16, ...
/// in that order.
EvalTensor multiply(const EvalTensor &x, const EvalMatrix &weight,
                    const std::vector<float> *bias,
                    const std::vector<bool> &unrounded, int threads);

/// Rotates each head of each row; the angle is position * frequency in f32.
EvalTensor rotate(const EvalTensor &x, const std::vector<int32_t> &positions,
                  const std::vector<float> &frequencies);

/// x / (1 + exp(-x)).
EvalTensor silu(const EvalTensor &x);
EvalTensor add(const EvalTensor &a, const EvalTensor &b);
EvalTensor multiplyElements(const EvalTensor &a, const EvalTensor &b);

/// Columns [begin, begin + cols) of every row.
EvalTensor columnSlice(const EvalTensor &x, int64_t begin, int64_t cols);

/// What one row of attention sees.
struct AttentionRow {
  std::vector<const float *> entries; // KvState entries, by position
};

/// softmax(q k^T scale) v. Scores are exponentiated relative to their maximum
/// and summed in order of position; the sum divides the weighted values.
/// Queries are rounded to kvFactors(element), and exponentials, with the scale
/// of an int8 value, where they multiply values (their sum is of what they
/// were); save for rows that `unrounded` is true of.
EvalTensor attend(const EvalTensor &query, const std::vector<AttentionRow> &kv,
                  int64_t kvHeads, int64_t headDim, float scale,
                  KvElement element, const std::vector<bool> &unrounded,
                  int threads);

/// Rounds the keys and values of a position, heads of `headDim`, to what
/// `element` holds. int8 has a scale for each head of each: its largest
/// magnitude is 127.
void roundToKv(KvElement element, int64_t headDim, std::vector<float> &entry);

} // namespace swallow

#endif // SWALLOW_COMPILER_EVALUATORKERNELS_H
