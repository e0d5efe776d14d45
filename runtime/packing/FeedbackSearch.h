//===- FeedbackSearch.h - rounding with error feedback ----------*- C++ -*-===//
//
// Output features side by side, one in each lane. Included by the
// sources of the instruction sets behind QuantSearch.h, whose remarks hold here
// too; see ErrorFeedback.h for what is computed.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_PACKING_FEEDBACKSEARCH_H
#define SWALLOW_RUNTIME_PACKING_FEEDBACKSEARCH_H

#include "runtime/packing/QuantSearch.h"

namespace swallow::quantsearch {
namespace {

/// Output features whose sums are held in registers at a time.
#ifdef __AVX512F__
constexpr int64_t kSumVectors = 4;
#else
constexpr int64_t kSumVectors = 2;
#endif
/// Inputs whose sums are.
constexpr int64_t kSumInputs = 4;
static_assert(kFeedbackRows % (kSumVectors * kWide) == 0 &&
              kQuantGroup % kSumInputs == 0);

inline void addFeedback(const FeedbackInput &input, float *sums) {
  for (int64_t j = 0; j < input.outputs; j += kSumInputs)
    for (int64_t row = 0; row < kFeedbackRows; row += kSumVectors * kWide) {
      Floats sum[kSumInputs][kSumVectors];
      for (int64_t a = 0; a < kSumInputs; ++a)
        __builtin_memcpy(sum[a], sums + (j + a) * kFeedbackRows + row,
                         sizeof(sum[a]));
      const float *errors = input.errors + row;
      const float *lower = input.lower + j;
      for (int64_t i = 0; i < input.inputs; ++i) {
        Floats error[kSumVectors];
        __builtin_memcpy(error, errors + i * kFeedbackRows, sizeof(error));
        for (int64_t a = 0; a < kSumInputs; ++a)
          for (int64_t b = 0; b < kSumVectors; ++b)
            sum[a][b] += error[b] * lower[i * input.lowerStride + a];
      }
      for (int64_t a = 0; a < kSumInputs; ++a)
        __builtin_memcpy(sums + (j + a) * kFeedbackRows + row, sum[a],
                         sizeof(sum[a]));
    }
}

/// Rounds the inputs of a group, the last one first, with scale c * |c|, and
/// calls visit(input, level, value, error, what is left of what was wanted).
/// `weights` are those of the part's first row.
template <PackedElement element, typename Visit>
inline void roundWith(const FeedbackGroup &group, const Part &part,
                      const float *weights, const Ints &c, Visit visit) {
  const Floats scale = scaleOf(c);
  const Floats inverse = inverseOf(c, scale);
  Floats errors[kQuantGroup];
  for (int64_t j = kQuantGroup - 1; j >= 0; --j) {
    Floats wanted = part.x[j];
    for (int64_t i = kQuantGroup - 1; i > j; --i)
      wanted += errors[i] * group.lower[i * group.lowerStride + j];
    Floats level;
    nearest<element>(wanted * inverse, level);
    const Floats value = scale * level;
    const Floats weight = loadFloats(weights + j * kFeedbackRows);
    errors[j] = weight - value;
    visit(j, level, weight, errors[j], wanted - value);
  }
}

template <PackedElement element>
inline void roundGroup(const FeedbackGroup &group, Batch &batch) {
  for (int64_t at = 0; at < kLanes; at += kWide) {
    Part part;
    for (int64_t i = 0; i < kQuantGroup; ++i) {
      part.x[i] = loadFloats(group.wanted + i * kFeedbackRows + at);
      part.weight[i] = Floats{} + group.variance[i];
    }
    const float *weights = group.weights + at;
    Ints c;
    searchScale<element>(
        largestOf(part), c, [&](const Ints &tried, Floats &error) {
          Floats sum = Floats{};
          roundWith<element>(group, part, weights, tried,
                             [&](int64_t j, const Floats &, const Floats &,
                                 const Floats &, const Floats &left) {
                               sum += part.weight[j] * (left * left);
                             });
          error = sum;
        });
    Floats errors{}, squares{}, weightedErrors{};
    roundWith<element>(
        group, part, weights, c,
        [&](int64_t j, const Floats &level, const Floats &weight,
            const Floats &error, const Floats &left) {
          storeVector(__builtin_convertvector(level, Ints),
                      batch.level[j] + at);
          storeVector(part.x[j], batch.x[j] + at);
          storeVector(error, group.errors + j * kFeedbackRows + at);
          if (group.variance[j] != 0) // not padding, whose codes mean nothing
            errors += error * error;
          squares += weight * weight;
          weightedErrors += part.weight[j] * (left * left);
        });
    storeVector(c, batch.scale + at);
    storeVector(errors, batch.error + at);
    storeVector(squares, batch.square + at);
    storeVector(weightedErrors, batch.weightedError + at);
    storeVector(Floats{}, batch.weightedSquare + at);
  }
}

inline void roundAny(PackedElement element, const FeedbackGroup &group,
                     Batch &batch) {
  switch (element) {
  case PackedElement::I4:
    return roundGroup<PackedElement::I4>(group, batch);
  case PackedElement::I6:
    return roundGroup<PackedElement::I6>(group, batch);
  default:
    return roundGroup<PackedElement::I8>(group, batch);
  }
}

} // namespace
} // namespace swallow::quantsearch

#endif // SWALLOW_RUNTIME_PACKING_FEEDBACKSEARCH_H
