#include "runtime/generation/logits/TokenHistory.h"

#include <algorithm>

namespace swallow {

TokenHistory::TokenHistory(std::span<const int32_t> prompt, int64_t capacity,
                           int64_t vocabSize, bool counts)
    : promptLength_(static_cast<int64_t>(prompt.size())) {
  ids_.reserve(static_cast<size_t>(std::max(capacity, promptLength_)));
  ids_.assign(prompt.begin(), prompt.end());
  if (!counts)
    return;
  seen_.resize(static_cast<size_t>(vocabSize));
  counts_.resize(static_cast<size_t>(vocabSize));
  size_t most = std::min(ids_.capacity(), seen_.size());
  distinct_.reserve(most);
  generated_.reserve(most);
  for (int32_t token : prompt)
    see(token);
}

void TokenHistory::see(int32_t token) {
  uint8_t &seen = seen_[static_cast<size_t>(token)];
  if (!seen)
    distinct_.push_back(token);
  seen = 1;
}

void TokenHistory::append(int32_t token) {
  ids_.push_back(token);
  if (seen_.empty())
    return;
  see(token);
  if (counts_[static_cast<size_t>(token)]++ == 0)
    generated_.push_back(token);
}

} // namespace swallow
