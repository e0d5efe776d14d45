#include "runtime/engine/Likeliest.h"

#include <algorithm>
#include <bit>

namespace swallow {

int64_t argmax(std::span<const float> row) {
  // Several maxima side by side, so that the loop is vectorised; a comparison
  // with NaN is false.
  constexpr float never = -std::numeric_limits<float>::infinity();
  constexpr size_t kLanes = 16;
  float lanes[kLanes];
  std::fill(lanes, lanes + kLanes, never);
  size_t whole = row.size() / kLanes * kLanes;
  for (size_t i = 0; i < whole; i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane)
      lanes[lane] = row[i + lane] > lanes[lane] ? row[i + lane] : lanes[lane];
  float largest = never;
  for (float lane : lanes)
    largest = lane > largest ? lane : largest;
  for (size_t i = whole; i < row.size(); ++i)
    largest = row[i] > largest ? row[i] : largest;
  if (largest == never)
    return -1;
  return std::find(row.begin(), row.end(), largest) - row.begin();
}

Likeliest likeliestOf(std::span<const float> logits) {
  const int64_t best = argmax(logits);
  if (best < 0)
    return {};
  return {static_cast<int32_t>(best), logits[static_cast<size_t>(best)]};
}

Likeliest likeliestOf(uint64_t key) {
  if (key == 0)
    return {};
  constexpr uint32_t sign = 0x80000000u;
  const auto ordered = static_cast<uint32_t>(key >> 32);
  return {static_cast<int32_t>(~static_cast<uint32_t>(key)),
          std::bit_cast<float>(ordered & sign ? ordered ^ sign : ~ordered)};
}

} // namespace swallow
