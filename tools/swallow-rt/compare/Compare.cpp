#include "tools/swallow-rt/compare/Compare.h"
#include "tools/swallow-rt/Feed.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace {

/// Rows at the end of a prompt that are compared: those that see most keys.
constexpr size_t kKept = 64;
/// What a single logit may be off, in terms of what the mean may.
constexpr double kLargest = 10;

size_t mostLikely(const std::vector<float> &row) {
  return static_cast<size_t>(std::max_element(row.begin(), row.end()) -
                             row.begin());
}

double rootMeanSquare(const LogitRows &rows) {
  double sum = 0, count = 0;
  for (const std::vector<float> &row : rows) {
    for (float value : row)
      sum += double(value) * double(value);
    count += double(row.size());
  }
  return count > 0 ? std::sqrt(sum / count) : 0;
}

Comparison compareRows(std::string name, const LogitRows &found,
                       const LogitRows &expected, double tolerance) {
  Comparison result;
  result.name = std::move(name);
  result.rows = expected.size();
  // Logits that are all 0 must be so on both.
  const double rms = std::max(rootMeanSquare(expected), 1e-30);
  for (size_t i = 0; i < expected.size(); ++i) {
    double sum = 0, largest = 0;
    for (size_t j = 0; j < expected[i].size(); ++j) {
      double error = std::fabs(double(found[i][j]) - double(expected[i][j]));
      if (!std::isfinite(error))
        error = INFINITY;
      sum += error;
      largest = std::max(largest, error);
    }
    result.meanError =
        std::max(result.meanError, sum / double(expected[i].size()) / rms);
    result.largestError = std::max(result.largestError, largest / rms);
    const size_t token = mostLikely(found[i]), best = mostLikely(expected[i]);
    const double gap =
        (double(expected[i][best]) - double(expected[i][token])) / rms;
    if (token == best)
      ++result.sameTokens;
    else if (gap <= kLargest * tolerance)
      ++result.nearTies;
    else
      ++result.otherTokens;
  }
  result.ok = result.meanError <= tolerance &&
              result.largestError <= kLargest * tolerance &&
              result.otherTokens == 0 && found.size() == expected.size();
  return result;
}

/// What two devices may differ by: they add in another order, and round inputs
/// of products to bf16 at other places. Where keys or weights are rounded to
/// fewer bits, small differences grow to a whole step, and a CPU multiplies
/// such weights with inputs of 8 bits.
double usualTolerance(const std::string &kvCache,
                      const nlohmann::json &description) {
  double tolerance = 0.02;
  if (kvCache == "int8")
    tolerance += 0.02;
  for (const auto &[element, kind] : description["weights"]["elements"].items())
    if (element.starts_with("int"))
      return tolerance + 0.04;
  return tolerance;
}

class Side {
public:
  Side(const swallow_artifact *artifact, const swallow_session_options &options)
      : session_(createSession(artifact, options)),
        feeder_{session_.get(), size_t(modelInfo(artifact).vocab_size)} {}

  swallow_session *session() const { return session_.get(); }

  /// The logits of the last ids of a new sequence, by copies.
  std::vector<LogitRows> read(const std::vector<int32_t> &ids, int64_t chunk,
                              int64_t copies = 1) const {
    return feedCopies(feeder_, ids, size_t(chunk), size_t(copies), kKept);
  }

  /// The logits after the last of `ids`, which are appended to the sequence.
  std::vector<float> append(int64_t sequence,
                            std::span<const int32_t> ids) const {
    check(swallow_prefill(session(), sequence, ids.data(), ids.size()));
    return logitsOf(feeder_, 0);
  }

  int64_t createSequence() const {
    int64_t sequence = 0;
    check(swallow_sequence_create(session(), &sequence));
    return sequence;
  }

  /// The logits after `ids`, of which the second half goes into a copy of the
  /// sequence that has the first.
  std::vector<float> forked(std::span<const int32_t> ids) const {
    int64_t sequence = createSequence(), fork = 0;
    const size_t half = ids.size() / 2;
    append(sequence, ids.first(half));
    check(swallow_sequence_fork(session(), sequence, &fork));
    check(swallow_sequence_remove(session(), sequence));
    std::vector<float> logits = append(fork, ids.subspan(half));
    check(swallow_sequence_remove(session(), fork));
    return logits;
  }

  /// The logits after `ids` and after each of the tokens that `choose` then
  /// names, given the logits so far.
  template <typename Choose>
  LogitRows generate(std::span<const int32_t> ids, int64_t tokens,
                     Choose &&choose) const {
    const int64_t sequence = createSequence();
    LogitRows rows = {append(sequence, ids)};
    for (int64_t i = 0; i < tokens; ++i) {
      const int32_t token = choose(rows);
      rows.push_back(append(sequence, std::span(&token, 1)));
    }
    check(swallow_sequence_remove(session(), sequence));
    return rows;
  }

private:
  SessionPtr session_;
  Feeder feeder_;
};

class Compare {
public:
  Compare(const CompareOptions &options, const swallow_artifact *artifact)
      : options_(options), vocab_(modelInfo(artifact).vocab_size) {
    fit(modelInfo(artifact));
    device_ = std::make_unique<Side>(
        artifact, sessionOptions(options.device, options.variant));
    against_ = std::make_unique<Side>(
        artifact, sessionOptions(options.against, options.againstVariant));
    result_.device = swallow_session_device(device_->session());
    result_.variant = swallow_session_variant(device_->session());
    result_.against = swallow_session_device(against_->session());
    result_.againstVariant = swallow_session_variant(against_->session());
    result_.kvCache = memoryPlan(device_->session()).kv_cache;
    char *raw = nullptr;
    swallow_session_options session = options.session();
    session.context_length = 1;
    check(swallow_artifact_inspect(artifact, &session, &raw));
    std::unique_ptr<char, void (*)(char *)> owned(raw, swallow_string_free);
    result_.tolerance = options.tolerance.value_or(
        usualTolerance(result_.kvCache, nlohmann::json::parse(raw)));
  }

  CompareResult run() {
    for (size_t i = 0; i < prompts_.size(); ++i) {
      const std::vector<int32_t> ids = tokens(prompts_[i], i);
      const std::string length = std::to_string(ids.size());
      const LogitRows expected = against_->read(ids, stepTokens_)[0];
      const LogitRows whole = device_->read(ids, stepTokens_)[0];
      add("prompt of " + length, whole, expected);
      if (i > 0)
        continue;
      for (int64_t chunk : options_.chunks)
        addPieces(length + " in steps of " + std::to_string(chunk),
                  device_->read(ids, chunk)[0], whole, expected);
      const int64_t chunk = options_.chunks.back();
      std::vector<LogitRows> copies =
          device_->read(ids, chunk, options_.copies);
      for (size_t copy = 0; copies.size() > 1 && copy < copies.size(); ++copy)
        addPieces("sequence " + std::to_string(copy + 1) + " of " +
                      std::to_string(copies.size()),
                  copies[copy], whole, expected);
      if (ids.size() > 1)
        addPieces("forked sequence", {device_->forked(ids)}, {whole.back()},
                  {expected.back()});
      generated(ids);
    }
    return std::move(result_);
  }

private:
  /// Cuts what the model's context has no room for.
  void fit(const swallow_model_info &model) {
    const int64_t room = std::max<int64_t>(model.max_context - 1, 1);
    greedy_ = std::min(options_.greedy, room);
    for (int64_t length : options_.prompts) {
      const int64_t fits = std::max<int64_t>(model.max_context - greedy_, 1);
      prompts_.push_back(std::min(length, fits));
      context_ = std::max(context_, prompts_.back() + greedy_);
    }
    context_ = std::min(context_, model.max_context);
    const int64_t chunk =
        *std::max_element(options_.chunks.begin(), options_.chunks.end());
    stepTokens_ = std::max(options_.maxStepTokens, chunk * options_.copies);
  }

  swallow_session_options sessionOptions(const std::string &device,
                                         const std::string &variant) const {
    swallow_session_options session = options_.session();
    session.device = device.c_str();
    session.variant = variant.empty() ? nullptr : variant.c_str();
    session.context_length = context_;
    session.max_sequences = std::max<int64_t>(options_.copies, 2);
    session.max_step_tokens = stepTokens_;
    session.max_logit_rows =
        std::min(stepTokens_, int64_t(kKept) * session.max_sequences);
    return session;
  }

  /// Any tokens will do, as long as prompts are not alike.
  std::vector<int32_t> tokens(int64_t count, size_t prompt) const {
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < count; ++i) {
      uint64_t mixed = (uint64_t(prompt) << 32 | uint64_t(i)) + 1;
      mixed = (mixed ^ mixed >> 31) * 0x9E3779B97F4A7C15u;
      ids.push_back(int32_t((mixed >> 20) % uint64_t(vocab_)));
    }
    return ids;
  }

  Comparison &add(std::string name, const LogitRows &found,
                  const LogitRows &expected) {
    return result_.comparisons.emplace_back(
        compareRows(std::move(name), found, expected, result_.tolerance));
  }

  void addPieces(std::string name, const LogitRows &found,
                 const LogitRows &whole, const LogitRows &expected) {
    add(std::move(name), found, expected).sameBits = found == whole;
  }

  /// Both continue the prompt with what the other device finds most likely, so
  /// that one near tie does not make all that follows differ.
  void generated(const std::vector<int32_t> &ids) {
    if (greedy_ == 0)
      return;
    std::vector<int32_t> chosen;
    const LogitRows expected =
        against_->generate(ids, greedy_, [&](const LogitRows &rows) {
          chosen.push_back(int32_t(mostLikely(rows.back())));
          return chosen.back();
        });
    const LogitRows found =
        device_->generate(ids, greedy_, [&](const LogitRows &rows) {
          return chosen[rows.size() - 1];
        });
    add(std::to_string(greedy_) + " greedy tokens", found, expected);
  }

  const CompareOptions &options_;
  const int64_t vocab_;
  std::vector<int64_t> prompts_; // lengths
  int64_t greedy_ = 0, context_ = 1, stepTokens_ = 1;
  std::unique_ptr<Side> device_, against_;
  CompareResult result_;
};

} // namespace

size_t CompareResult::failures() const {
  return static_cast<size_t>(
      std::count_if(comparisons.begin(), comparisons.end(),
                    [](const Comparison &one) { return !one.ok; }));
}

CompareResult runCompare(const CompareOptions &options,
                         const swallow_artifact *artifact) {
  return Compare(options, artifact).run();
}
