//===- QuantSearch.h - the search for scales and codes ----------*- C++ -*-===//
//
// Groups of a row are searched side by side, one in each lane of a vector, so
// that nothing is summed across lanes. Included by one source for each
// instruction set (QuantSearch*.cpp), compiled with its own flags. None of them
// contracts multiplications and additions (CMakeLists.txt), so all compute the
// same bits. Nothing of the standard library's templates is used here: the
// linker might keep the instance of the widest instruction set for all.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_PACKING_QUANTSEARCH_H
#define SWALLOW_RUNTIME_PACKING_QUANTSEARCH_H

#include "runtime/packing/QuantFormat.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace swallow::quantsearch {

/// Groups of a batch.
constexpr int64_t kLanes = 16;

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

/// What is searched at a time: up to 16 groups that follow each other.
struct BatchInput {
  const float *values;     ///< [groups][kQuantGroup]
  const float *importance; ///< alike, or null: all are 1
  int64_t groups;
  float inverse; ///< of the block scale, in whose units errors are measured
};

/// The results for each group, and input i of all groups side by side.
struct Batch {
  int32_t scale[kLanes];              ///< c of each group
  int32_t level[kQuantGroup][kLanes]; ///< of each input
  /// Sums over each group, of x - scale * level and x.
  float error[kLanes], square[kLanes];
  float weightedError[kLanes], weightedSquare[kLanes]; ///< times the importance

  float x[kQuantGroup][kLanes]; ///< the values / block scale
};

/// Output features that are rounded with error feedback at a time: those of the
/// widest block.
constexpr int64_t kFeedbackRows = 64;

/// What the errors of some inputs add to others: sums[j][row] +=
/// sum over i: errors[i][row] * lower[i][j], in the order of i.
struct FeedbackInput {
  const float *errors; ///< [inputs][kFeedbackRows]
  int64_t inputs;
  const float *lower; ///< [inputs][lowerStride], of which `outputs` are used
  int64_t lowerStride;
  int64_t outputs; ///< a multiple of 4
};

/// A group of inputs of kLanes output features, in units of the block scale.
struct FeedbackGroup {
  const float *weights; ///< [kQuantGroup][kFeedbackRows]
  const float *wanted;  ///< alike: weights and what the errors behind them add
  float *errors;        ///< alike, written: weights - what they became
  const float *lower;   ///< L within the group, [kQuantGroup][lowerStride]
  int64_t lowerStride;
  const float *variance; ///< D, [kQuantGroup]
};

/// One of each for each instruction set.
struct SearchFns {
  void (*search)(PackedElement element, const BatchInput &input, Batch &batch);
  /// The largest magnitude of a multiple of 16 values.
  float (*largest)(const float *values, int64_t count);
  /// `sums`: [outputs][kFeedbackRows].
  void (*addFeedback)(const FeedbackInput &input, float *sums);
  /// Fills in scale and level, and the sums but weightedSquare; the weighted
  /// error is that of what was wanted.
  void (*round)(PackedElement element, const FeedbackGroup &group,
                Batch &batch);
};
extern const SearchFns searchBaseline, searchAvx2, searchAvx512;

// Internal to each source that includes this: it is compiled in its own way.
namespace {

/// The lanes of a register: the compiler takes wider vectors apart, comparisons
/// even lane by lane.
#if defined(__AVX512F__)
constexpr int64_t kWide = 16;
#elif defined(__AVX2__)
constexpr int64_t kWide = 8;
#else
constexpr int64_t kWide = 4;
#endif
typedef float Floats __attribute__((vector_size(kWide * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(kWide * sizeof(int32_t))));
static_assert(kLanes % kWide == 0);

inline Floats loadFloats(const float *from) {
  Floats vector;
  __builtin_memcpy(&vector, from, sizeof(vector));
  return vector;
}
template <typename Vector, typename Element>
inline void storeVector(const Vector &vector, Element *to) {
  __builtin_memcpy(to, &vector, sizeof(vector));
}

/// What is searched in one go: input i of kWide groups in one vector.
struct Part {
  Floats x[kQuantGroup];      ///< the values / block scale
  Floats weight[kQuantGroup]; ///< their importance
};

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

#if defined(__AVX512F__)
/// The line of levels in buckets narrower than the distance of two middles: the
/// middle in each, if there is one, and the levels on both sides.
struct alignas(64) Buckets4 {
  static constexpr int kCount = 32;
  static constexpr float kWidth = 4, kFirst = -64;
  float middle[kCount], below[kCount], above[kCount];
  constexpr Buckets4() : middle(), below(), above() {
    for (int i = 0; i < kCount; ++i) {
      const float begin = kFirst + kWidth * static_cast<float>(i);
      int passed = 0;
      while (passed < 15 && kLevels4.middle[passed] < begin)
        ++passed;
      const bool inside =
          passed < 15 && kLevels4.middle[passed] < begin + kWidth;
      middle[i] = inside ? kLevels4.middle[passed] : begin + kWidth;
      below[i] = kInt4Levels[passed];
      above[i] = kInt4Levels[inside ? passed + 1 : passed];
    }
  }
};
constexpr Buckets4 kBuckets4;

inline void nearest4(const Floats &y, Floats &level) {
  Floats inside = y < 63.5f ? y : Floats{} + 63.5f;
  inside = inside > Buckets4::kFirst ? inside : Floats{} + Buckets4::kFirst;
  const auto bucket = (__m512i) __builtin_convertvector(
      (inside - Buckets4::kFirst) * (1 / Buckets4::kWidth), Ints);
  auto look = [&](const float *table) {
    return (Floats)_mm512_permutex2var_ps(_mm512_load_ps(table), bucket,
                                          _mm512_load_ps(table + 16));
  };
  level = y > look(kBuckets4.middle) ? look(kBuckets4.above)
                                     : look(kBuckets4.below);
}
#elif defined(__AVX2__)
/// The middles in the order in which a binary search asks for them: every
/// second one from the first, every fourth from the second, every eighth from
/// the fourth.
struct alignas(32) Middles4 {
  float last[8], third[8], second[8], level[16];
  constexpr Middles4() : last(), third(), second(), level() {
    for (int i = 0; i < 8; ++i) {
      last[i] = kLevels4.middle[2 * i];
      third[i] = kLevels4.middle[4 * (i % 4) + 1];
      second[i] = kLevels4.middle[8 * (i % 2) + 3];
    }
    for (int i = 0; i < 16; ++i)
      level[i] = kInt4Levels[i];
  }
};
constexpr Middles4 kMiddles4;

inline void nearest4(const Floats &y, Floats &level) {
  auto look = [](const float *table, const Ints &index) {
    return (Floats)_mm256_permutevar8x32_ps(_mm256_load_ps(table),
                                            (__m256i)index);
  };
  // Comparisons are -1 where y is above: index counts the middles below it.
  const Ints upper = y > kLevels4.middle[7];
  Ints index = -upper;
  index = index + index - (y > look(kMiddles4.second, index));
  index = index + index - (y > look(kMiddles4.third, index));
  index = index + index - (y > look(kMiddles4.last, index));
  level =
      upper ? look(kMiddles4.level + 8, index) : look(kMiddles4.level, index);
}
#endif

inline void selectFloats(const Ints &mask, const Floats &yes, Floats &no) {
  no = mask ? yes : no;
}

/// The level nearest to y.
template <PackedElement element>
inline void nearest(const Floats &y, Floats &level) {
  if constexpr (element == PackedElement::I4) {
#ifdef __AVX2__
    nearest4(y, level);
#else
    level = Floats{} + static_cast<float>(kInt4Levels[0]);
    for (int i = 0; i < 15; ++i) {
      Ints above = y > kLevels4.middle[i];
      level += (Floats)(above & (Ints)(Floats{} + kLevels4.delta[i]));
    }
#endif
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

/// c * |c| of each group, and its inverse, which is 1 where c is 0.
inline Floats scaleOf(const Ints &c) {
  Floats wide = __builtin_convertvector(c, Floats);
  Floats magnitude = wide;
  selectFloats(wide < 0.0f, -wide, magnitude);
  return wide * magnitude;
}
inline Floats inverseOf(const Ints &c, const Floats &scale) {
  Floats divisor = scale;
  selectFloats(c == 0, Floats{} + 1.0f, divisor);
  return 1.0f / divisor;
}

template <PackedElement element>
inline void errorOf(const Part &part, const Ints &c, Floats &error) {
  const Floats scale = scaleOf(c);
  const Floats inverse = inverseOf(c, scale);
  error = Floats{};
  for (int64_t i = 0; i < kQuantGroup; ++i) {
    Floats level;
    nearest<element>(part.x[i] * inverse, level);
    Floats difference = part.x[i] - scale * level;
    error += part.weight[i] * (difference * difference);
  }
}

inline Floats magnitudeOf(const Floats &x) {
  return (Floats)((Ints)x & 0x7fffffff);
}

#ifdef __AVX512F__
/// Swaps row and column, in four steps of blocks twice as large each.
inline void transpose(Floats rows[kWide]) {
  Floats other[kWide];
#define SWALLOW_SWAP(FROM, TO, STEP, LOW, HIGH)                                \
  for (int64_t i = 0; i < kWide; ++i) {                                        \
    if (i & (STEP))                                                            \
      continue;                                                                \
    TO[i] = __builtin_shufflevector(FROM[i], FROM[i + (STEP)], LOW);           \
    TO[i + (STEP)] = __builtin_shufflevector(FROM[i], FROM[i + (STEP)], HIGH); \
  }
#define SWALLOW_LIST(...) __VA_ARGS__
  SWALLOW_SWAP(
      rows, other, 1,
      SWALLOW_LIST(0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
      SWALLOW_LIST(1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
  SWALLOW_SWAP(
      other, rows, 2,
      SWALLOW_LIST(0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
      SWALLOW_LIST(2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
  SWALLOW_SWAP(
      rows, other, 4,
      SWALLOW_LIST(0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
      SWALLOW_LIST(4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
  SWALLOW_SWAP(
      other, rows, 8,
      SWALLOW_LIST(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
      SWALLOW_LIST(8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30,
                   31))
#undef SWALLOW_LIST
#undef SWALLOW_SWAP
}

/// [groups][16] as one vector for each of the 16; 0 for groups beyond.
inline void loadTransposed(const float *from, int64_t groups,
                           Floats to[kQuantGroup]) {
  static_assert(kQuantGroup == kWide);
  for (int64_t group = 0; group < kWide; ++group)
    to[group] =
        group < groups ? loadFloats(from + group * kQuantGroup) : Floats{};
  transpose(to);
}
#else
/// The same lane by lane, which is little beside a search.
inline void loadTransposed(const float *from, int64_t groups,
                           Floats to[kQuantGroup]) {
  for (int64_t i = 0; i < kQuantGroup; ++i)
    for (int64_t group = 0; group < kWide; ++group)
      to[i][group] = group < groups ? from[group * kQuantGroup + i] : 0.0f;
}
#endif

/// The largest magnitude of each group.
inline Floats largestOf(const Part &part) {
  Floats largest = Floats{};
  for (const Floats &x : part.x) {
    Floats magnitude = magnitudeOf(x);
    selectFloats(magnitude > largest, magnitude, largest);
  }
  return largest;
}

/// The groups from `group`.
inline Part loadPart(const BatchInput &input, int64_t group) {
  Part part;
  const int64_t left = input.groups - group, at = group * kQuantGroup;
  loadTransposed(input.values + at, left, part.x);
  if (input.importance)
    loadTransposed(input.importance + at, left, part.weight);
  else
    for (Floats &weight : part.weight)
      weight = Floats{} + 1.0f;
  for (Floats &x : part.x)
    x *= input.inverse;
  return part;
}

/// Finds the scale of each group, that with the smallest errorFor(scale,
/// error); `largest` is the largest magnitude of its values.
template <PackedElement element, typename ErrorFor>
inline void searchScale(const Floats &largest, Ints &best, ErrorFor errorFor) {
  constexpr Search search = searchOf(element);
  // The codes between which each lane looks.
  Floats ideal = largest / largestLevel(element);
  Ints first, last;
  int32_t span = 0;
  for (int64_t lane = 0; lane < kWide; ++lane) {
    int32_t low =
        static_cast<int32_t>(__builtin_sqrtf(ideal[lane] * search.low));
    int32_t high =
        static_cast<int32_t>(__builtin_sqrtf(ideal[lane] * search.high)) + 1;
    last[lane] = high > 127 ? 127 : high;
    first[lane] = low < 1 ? 1 : low < last[lane] ? low : last[lane];
    span = last[lane] - first[lane] > span ? last[lane] - first[lane] : span;
  }

  best = Ints{};
  Floats bestError;
  errorFor(best, bestError);
  auto tryCodes = [&](const Ints &codes) {
    Floats error;
    errorFor(codes, error);
    Ints better = error < bestError;
    selectFloats(better, error, bestError);
    best = better ? codes : best;
  };
  // Each lane comes to its last code, so that what it finds does not depend on
  // the others.
  for (int32_t at = 0; at < span + search.step; at += search.step) {
    Ints codes = first + at;
    Ints beyond = codes > last;
    codes = beyond ? last : codes;
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
        codes = bad ? centre : codes;
        tryCodes(codes);
      }
  }
}

template <PackedElement element>
inline void searchBatch(const BatchInput &input, Batch &batch) {
  for (int64_t at = 0; at < kLanes; at += kWide) {
    const Part part = loadPart(input, at);
    Ints c;
    searchScale<element>(largestOf(part), c,
                         [&](const Ints &tried, Floats &error) {
                           errorOf<element>(part, tried, error);
                         });
    const Floats scale = scaleOf(c);
    const Floats inverse = inverseOf(c, scale);
    Floats errors{}, squares{}, weightedErrors{}, weightedSquares{};
    for (int64_t i = 0; i < kQuantGroup; ++i) {
      Floats level;
      nearest<element>(part.x[i] * inverse, level);
      storeVector(__builtin_convertvector(level, Ints), batch.level[i] + at);
      storeVector(part.x[i], batch.x[i] + at);
      const Floats difference = part.x[i] - scale * level;
      const Floats error = difference * difference;
      const Floats square = part.x[i] * part.x[i];
      errors += error;
      squares += square;
      weightedErrors += part.weight[i] * error;
      weightedSquares += part.weight[i] * square;
    }
    storeVector(c, batch.scale + at);
    storeVector(errors, batch.error + at);
    storeVector(squares, batch.square + at);
    storeVector(weightedErrors, batch.weightedError + at);
    storeVector(weightedSquares, batch.weightedSquare + at);
  }
}

inline void searchAny(PackedElement element, const BatchInput &input,
                      Batch &batch) {
  switch (element) {
  case PackedElement::I4:
    return searchBatch<PackedElement::I4>(input, batch);
  case PackedElement::I6:
    return searchBatch<PackedElement::I6>(input, batch);
  default:
    return searchBatch<PackedElement::I8>(input, batch);
  }
}

inline float largestMagnitude(const float *values, int64_t count) {
  Floats largest = Floats{};
  for (int64_t i = 0; i < count; i += kWide) {
    const Floats x = magnitudeOf(loadFloats(values + i));
    selectFloats(x > largest, x, largest);
  }
  float result = 0;
  for (int64_t lane = 0; lane < kWide; ++lane)
    result = largest[lane] > result ? largest[lane] : result;
  return result;
}

} // namespace
} // namespace swallow::quantsearch

#endif // SWALLOW_RUNTIME_PACKING_QUANTSEARCH_H
