//===- Likeliest.h - the likeliest token of a row of logits -----*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_LIKELIEST_H
#define SWALLOW_RUNTIME_ENGINE_LIKELIEST_H

#include <cstdint>
#include <limits>
#include <span>

namespace swallow {

/// What the rows that want logits have after a step: them, or the likeliest
/// token alone, which is less to copy from a GPU.
enum class StepOutput { Logits, Likeliest };

/// The token with the largest logit, the first of equal ones; NaN counts as
/// less than anything.
struct Likeliest {
  int32_t token = -1; // -1: no logit is above minus infinity
  float logit = -std::numeric_limits<float>::infinity();

  bool operator==(const Likeliest &) const = default;
};

/// The index of the largest number, the first of equal ones; NaN counts as
/// less than anything. -1 when there is none above minus infinity.
int64_t argmax(std::span<const float> row);

Likeliest likeliestOf(std::span<const float> logits);
/// Of a key as SwallowGpuArgs has it.
Likeliest likeliestOf(uint64_t key);

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_LIKELIEST_H
