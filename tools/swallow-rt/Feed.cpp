#include "tools/swallow-rt/Feed.h"

#include <algorithm>

std::vector<float> logitsOf(const Feeder &feeder, size_t row) {
  const float *values = nullptr;
  int32_t chosen = -1;
  float largest = 0;
  check(swallow_logits(feeder.session, row, &values));
  check(swallow_likeliest(feeder.session, row, &chosen, &largest));
  for (size_t i = 0; i < feeder.vocab; ++i) {
    const auto token = static_cast<int32_t>(i);
    const bool likelier = values[i] > largest ||
                          (token < chosen && values[i] == largest) ||
                          (token == chosen && values[i] != largest);
    if (likelier)
      throw CommandError(std::string(swallow_session_device(feeder.session)) +
                         " chooses token " + std::to_string(chosen) +
                         " of a row whose likeliest is not that");
  }
  return {values, values + feeder.vocab};
}

std::vector<LogitRows> feedCopies(const Feeder &feeder,
                                  const std::vector<int32_t> &ids, size_t chunk,
                                  size_t copies, size_t kept) {
  const size_t count = ids.size();
  swallow_session *session = feeder.session;
  std::vector<int64_t> sequences(copies);
  for (int64_t &sequence : sequences)
    check(swallow_sequence_create(session, &sequence));
  std::vector<LogitRows> logits(copies);
  std::vector<size_t> done(copies, 0);
  std::vector<swallow_row> rows;
  std::vector<size_t> copyOfLogits;
  for (size_t step = 0; done.back() < count; ++step) {
    rows.clear();
    copyOfLogits.clear();
    const size_t started = std::min(copies, step + 1);
    for (size_t i = 0; i < chunk; ++i)
      for (size_t copy = 0; copy < started; ++copy) {
        const size_t position = done[copy] + i;
        if (position >= count)
          continue;
        const bool wanted = position + kept >= count;
        rows.push_back({sequences[copy], ids[position], wanted});
        if (wanted)
          copyOfLogits.push_back(copy);
      }
    check(swallow_step(session, rows.data(), rows.size()));
    for (size_t row = 0; row < copyOfLogits.size(); ++row)
      logits[copyOfLogits[row]].push_back(logitsOf(feeder, row));
    for (size_t copy = 0; copy < started; ++copy)
      done[copy] = std::min(done[copy] + chunk, count);
  }
  for (int64_t sequence : sequences)
    check(swallow_sequence_remove(session, sequence));
  return logits;
}
