//===- QuantSearch.h - the search for scales and codes ----------*- C++ -*-===//
//
// Sixteen groups of a row are searched side by side, one in each lane of a
// vector, so that nothing is summed across lanes. Included by one source for
// each instruction set (QuantSearch*.cpp), compiled with its own flags. None of
// them contracts multiplications and additions (CMakeLists.txt), so all compute
// the same bits. Nothing of the standard library's templates is used here: the
// linker might keep the instance of the widest instruction set for all.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_PACKING_QUANTSEARCH_H
#define SWALLOW_RUNTIME_PACKING_QUANTSEARCH_H

#include "runtime/packing/QuantFormat.h"

namespace swallow::quantsearch {

constexpr int64_t kLanes = 16;
typedef float Floats __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(kLanes * sizeof(int32_t))));

/// The factors of the largest value / largest level between which scales are
/// tried, and how far the first pass steps.
struct Search {
  float low, high;
  int32_t step;
  bool mirrored; ///< whether levels differ from their negatives
};
constexpr Search searchOf(PackedElement element) {
  switch (element) {
  case PackedElement::I4:
    return {0.80f, 1.25f, 3, true};
  case PackedElement::I6:
    return {0.90f, 1.12f, 2, true};
  default:
    return {0.98f, 1.06f, 1, false};
  }
}

constexpr float largestLevel(PackedElement element) {
  QuantRange range = quantRange(element);
  return static_cast<float>(-range.lowest > range.highest ? -range.lowest
                                                          : range.highest);
}

/// One batch: 16 groups, transposed.
struct alignas(64) Batch {
  Floats x[kQuantGroup];      ///< input i of each group / block scale
  Floats weight[kQuantGroup]; ///< its importance
  Floats largest;             ///< of each group
  // Results.
  Ints scale;              ///< c of each group
  Ints level[kQuantGroup]; ///< of each input
};

/// Fills in the results of a batch. One for each instruction set.
using SearchFn = void (*)(PackedElement, Batch &);
void searchBaseline(PackedElement element, Batch &batch);
void searchAvx2(PackedElement element, Batch &batch);
void searchAvx512(PackedElement element, Batch &batch);

// Internal to each source that includes this: it is compiled in its own way.
namespace {

struct Levels4 {
  float middle[15], delta[15];
  constexpr Levels4() : middle(), delta() {
    for (int i = 0; i < 15; ++i) {
      middle[i] = 0.5f * (kInt4Levels[i] + kInt4Levels[i + 1]);
      delta[i] = static_cast<float>(kInt4Levels[i + 1] - kInt4Levels[i]);
    }
  }
};
constexpr Levels4 kLevels4;

inline void selectFloats(const Ints &mask, const Floats &yes, Floats &no) {
  Ints bits = (mask & (Ints)yes) | (~mask & (Ints)no);
  no = (Floats)bits;
}

/// The level nearest to y.
template <PackedElement element>
inline void nearest(const Floats &y, Floats &level) {
  if constexpr (element == PackedElement::I4) {
    level = Floats{} + static_cast<float>(kInt4Levels[0]);
    for (int i = 0; i < 15; ++i) {
      Ints above = y > kLevels4.middle[i];
      level += (Floats)(above & (Ints)(Floats{} + kLevels4.delta[i]));
    }
  } else {
    constexpr QuantRange range = quantRange(element);
    const float low = static_cast<float>(range.lowest);
    const float high = static_cast<float>(range.highest);
    Floats clamped = y;
    selectFloats(clamped < low, Floats{} + low, clamped);
    selectFloats(clamped > high, Floats{} + high, clamped);
    // Adding 1.5 * 2^23 leaves no bits after the point.
    level = (clamped + 12582912.0f) - 12582912.0f;
  }
}

template <PackedElement element>
inline void errorOf(const Batch &batch, const Ints &c, Floats &error) {
  Floats wide = __builtin_convertvector(c, Floats);
  Floats magnitude = wide;
  selectFloats(wide < 0.0f, -wide, magnitude);
  Floats scale = wide * magnitude;
  // c = 0 has no inverse; its values are all 0.
  Floats inverse = scale;
  selectFloats(c == 0, Floats{} + 1.0f, inverse);
  inverse = 1.0f / inverse;
  error = Floats{};
  for (int64_t i = 0; i < kQuantGroup; ++i) {
    Floats level;
    nearest<element>(batch.x[i] * inverse, level);
    Floats difference = batch.x[i] - scale * level;
    error += batch.weight[i] * (difference * difference);
  }
}

template <PackedElement element> inline void searchBatch(Batch &batch) {
  constexpr Search search = searchOf(element);
  // The codes between which each lane looks.
  Floats ideal = batch.largest / largestLevel(element);
  Ints first, last;
  int32_t span = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    int32_t low =
        static_cast<int32_t>(__builtin_sqrtf(ideal[lane] * search.low));
    int32_t high =
        static_cast<int32_t>(__builtin_sqrtf(ideal[lane] * search.high)) + 1;
    last[lane] = high > 127 ? 127 : high;
    first[lane] = low < 1 ? 1 : low < last[lane] ? low : last[lane];
    span = last[lane] - first[lane] > span ? last[lane] - first[lane] : span;
  }

  Ints best = Ints{};
  Floats bestError;
  errorOf<element>(batch, best, bestError);
  auto tryCodes = [&](const Ints &codes) {
    Floats error;
    errorOf<element>(batch, codes, error);
    Ints better = error < bestError;
    selectFloats(better, error, bestError);
    best = (better & codes) | (~better & best);
  };
  for (int32_t at = 0; at <= span; at += search.step) {
    Ints codes = first + at;
    Ints beyond = codes > last;
    codes = (beyond & last) | (~beyond & codes);
    tryCodes(codes);
    if (search.mirrored)
      tryCodes(-codes);
  }
  // Between the steps of the first pass, around its best.
  if constexpr (search.step > 1) {
    Ints centre = best;
    for (int32_t away = 1; away < search.step; ++away)
      for (int32_t direction : {-1, 1}) {
        Ints codes = centre + direction * away;
        // Neither zero, nor beyond a byte, nor another sign.
        Ints bad =
            (codes == 0) | (codes > 127) | (codes < -127) | (centre == 0);
        codes = (bad & centre) | (~bad & codes);
        tryCodes(codes);
      }
  }

  batch.scale = best;
  Floats wide = __builtin_convertvector(best, Floats);
  Floats magnitude = wide;
  selectFloats(wide < 0.0f, -wide, magnitude);
  Floats scale = wide * magnitude;
  selectFloats(best == 0, Floats{} + 1.0f, scale);
  Floats inverse = 1.0f / scale;
  for (int64_t i = 0; i < kQuantGroup; ++i) {
    Floats level;
    nearest<element>(batch.x[i] * inverse, level);
    batch.level[i] = __builtin_convertvector(level, Ints);
  }
}

inline void searchAny(PackedElement element, Batch &batch) {
  switch (element) {
  case PackedElement::I4:
    return searchBatch<PackedElement::I4>(batch);
  case PackedElement::I6:
    return searchBatch<PackedElement::I6>(batch);
  default:
    return searchBatch<PackedElement::I8>(batch);
  }
}

} // namespace
} // namespace swallow::quantsearch

#endif // SWALLOW_RUNTIME_PACKING_QUANTSEARCH_H
