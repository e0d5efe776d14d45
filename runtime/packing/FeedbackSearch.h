//===- FeedbackSearch.h - rounding with error feedback ----------*- C++ -*-===//
//
// Sixteen output features side by side, one in each lane. Included by the
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
constexpr int64_t kSumVectors = 1;
#endif
/// Inputs whose sums are.
constexpr int64_t kSumInputs = 4;
static_assert(kFeedbackRows % (kSumVectors * kLanes) == 0 &&
              kQuantGroup % kSumInputs == 0);

inline void addFeedback(const FeedbackInput &input, float *sums) {
  for (int64_t j = 0; j < input.outputs; j += kSumInputs)
    for (int64_t row = 0; row < kFeedbackRows; row += kSumVectors * kLanes) {
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
/// calls visit(input, level, value, what is left of what was wanted).
template <PackedElement element, typename Visit>
inline void roundWith(const FeedbackGroup &group, const Batch &batch,
                      const Ints &c, Visit visit) {
  const Floats scale = scaleOf(c);
  const Floats inverse = inverseOf(c, scale);
  Floats errors[kQuantGroup];
  for (int64_t j = kQuantGroup - 1; j >= 0; --j) {
    Floats wanted = batch.x[j];
    for (int64_t i = kQuantGroup - 1; i > j; --i)
      wanted += errors[i] * group.lower[i * group.lowerStride + j];
    Floats level;
    nearest<element>(wanted * inverse, level);
    const Floats value = scale * level;
    Floats weight;
    __builtin_memcpy(&weight, group.weights + j * kFeedbackRows,
                     sizeof(Floats));
    errors[j] = weight - value;
    visit(j, level, weight, errors[j], wanted - value);
  }
}

template <PackedElement element>
inline void roundGroup(const FeedbackGroup &group, Batch &batch) {
  for (int64_t i = 0; i < kQuantGroup; ++i) {
    __builtin_memcpy(&batch.x[i], group.wanted + i * kFeedbackRows,
                     sizeof(Floats));
    batch.weight[i] = Floats{} + group.variance[i];
  }
  searchScale<element>(
      largestOf(batch), batch.scale, [&](const Ints &c, Floats &error) {
        Floats sum = Floats{};
        roundWith<element>(group, batch, c,
                           [&](int64_t j, const Floats &, const Floats &,
                               const Floats &, const Floats &left) {
                             sum += batch.weight[j] * (left * left);
                           });
        error = sum;
      });
  batch.error = batch.square = Floats{};
  batch.weightedError = batch.weightedSquare = Floats{};
  roundWith<element>(group, batch, batch.scale,
                     [&](int64_t j, const Floats &level, const Floats &weight,
                         const Floats &error, const Floats &left) {
                       batch.level[j] = __builtin_convertvector(level, Ints);
                       __builtin_memcpy(group.errors + j * kFeedbackRows,
                                        &error, sizeof(Floats));
                       if (group.variance[j] !=
                           0) // not padding, whose codes mean nothing
                         batch.error += error * error;
                       batch.square += weight * weight;
                       batch.weightedError += batch.weight[j] * (left * left);
                     });
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
