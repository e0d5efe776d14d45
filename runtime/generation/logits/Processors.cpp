#include "runtime/generation/logits/Processors.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace swallow {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();

static float &at(LogitRow row, int32_t token) {
  return row[static_cast<size_t>(token)];
}

static bool within(LogitRow row, int32_t token) {
  return token >= 0 && static_cast<size_t>(token) < row.size();
}

void addLogitBias(LogitRow row, std::span<const LogitBias> biases) {
  for (const LogitBias &entry : biases)
    at(row, entry.token) += static_cast<float>(entry.bias);
}

void addSequenceBias(LogitRow row, std::span<const SequenceBias> biases,
                     const TokenHistory &history) {
  std::span<const int32_t> text = history.ids();
  for (const SequenceBias &entry : biases) {
    size_t before = entry.ids.size() - 1;
    if (before <= text.size() &&
        std::equal(entry.ids.begin(), entry.ids.end() - 1,
                   text.end() - static_cast<ptrdiff_t>(before)))
      at(row, entry.ids.back()) += static_cast<float>(entry.bias);
  }
}

void applyRepetitionPenalty(LogitRow row, float penalty,
                            const TokenHistory &history) {
  for (int32_t token : history.distinct()) {
    float &logit = at(row, token);
    logit = logit < 0 ? logit * penalty : logit / penalty;
  }
}

void applyFrequencyAndPresencePenalty(LogitRow row, float frequency,
                                      float presence,
                                      const TokenHistory &history) {
  for (int32_t token : history.distinctGenerated()) {
    at(row, token) -=
        frequency * static_cast<float>(history.timesGenerated(token));
    at(row, token) -= presence;
  }
}

void banRepeatedNgrams(LogitRow row, int32_t size,
                       const TokenHistory &history) {
  std::span<const int32_t> text = history.ids();
  auto before = static_cast<size_t>(size) - 1;
  if (text.size() < static_cast<size_t>(size))
    return;
  std::span<const int32_t> end = text.last(before);
  for (size_t start = 0; start + before < text.size(); ++start)
    if (std::equal(end.begin(), end.end(),
                   text.begin() + static_cast<ptrdiff_t>(start)))
      at(row, text[start + before]) = kNever;
}

void banTokens(LogitRow row, std::span<const int32_t> tokens) {
  for (int32_t token : tokens)
    if (within(row, token))
      at(row, token) = kNever;
}

void forceTokens(LogitRow row, std::span<const int32_t> tokens) {
  std::fill(row.begin(), row.end(), kNever);
  for (int32_t token : tokens)
    at(row, token) = 0;
}

void removeInvalidValues(LogitRow row) {
  for (float &logit : row)
    logit = std::isnan(logit) ? 0 : std::clamp(logit, -kLargest, kLargest);
}

void applyDecayPenalty(LogitRow row, std::span<const int32_t> tokens,
                       double factor, int64_t steps) {
  auto times = static_cast<float>(std::pow(factor, double(steps)) - 1);
  for (int32_t token : tokens)
    if (within(row, token) && std::isfinite(at(row, token)))
      at(row, token) =
          std::clamp(at(row, token) + std::fabs(at(row, token)) * times,
                     -kLargest, kLargest);
}

} // namespace swallow
