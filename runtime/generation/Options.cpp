#include "runtime/generation/Options.h"

#include "runtime/text/Utf8.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>

namespace swallow {

namespace {

std::string printed(double value) {
  char text[32];
  auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  return {text, end};
}

std::string printed(int64_t value) { return std::to_string(value); }

Error refused(const std::string &name, const std::string &value,
              const std::string &range) {
  return {ErrorCode::InvalidArgument, name + " is " + value + ": " + range};
}

/// Collects the first refusal.
class Checker {
public:
  explicit Checker(int64_t vocabSize) : vocab_(vocabSize) {}

  template <typename T>
  void require(bool condition, const char *name, T value, const char *range) {
    if (!condition && status_.ok())
      status_ = refused(name, printed(value), range);
  }
  /// Token ids within the vocabulary.
  void tokens(const char *name, std::span<const int32_t> ids) {
    for (int32_t id : ids)
      if ((id < 0 || id >= vocab_) && status_.ok())
        status_ = refused(name, std::to_string(id),
                          "it must be a token id, 0 to " +
                              std::to_string(vocab_ - 1));
  }
  /// Token ids as some checkpoints have them: beyond the vocabulary they mean
  /// nothing.
  void looseTokens(const char *name, std::span<const int32_t> ids) {
    for (int32_t id : ids)
      require(id >= 0, name, int64_t(id), "it must be a token id, 0 or more");
  }
  void bias(const char *name, double value) {
    require(value < INFINITY, name, value,
            "it must be a finite number, or -infinity for never");
  }
  void fail(const char *name, const std::string &value, const char *range) {
    if (status_.ok())
      status_ = refused(name, value, range);
  }
  Status take() { return std::move(status_); }

private:
  int64_t vocab_;
  Status status_;
};

} // namespace

static void checkProcessors(const GenerationOptions &o, Checker &check) {
  std::vector<int32_t> biased;
  for (const LogitBias &entry : o.logitBias) {
    check.tokens("logit_bias", {&entry.token, 1});
    check.bias("logit_bias", entry.bias);
    biased.push_back(entry.token);
  }
  std::sort(biased.begin(), biased.end());
  auto twice = std::adjacent_find(biased.begin(), biased.end());
  if (twice != biased.end())
    check.fail("logit_bias", "given twice for token " + std::to_string(*twice),
               "each token may have one");
  for (const SequenceBias &entry : o.sequenceBias) {
    check.require(!entry.ids.empty(), "sequence_bias", int64_t(0),
                  "a sequence must have at least 1 token");
    check.tokens("sequence_bias", entry.ids);
    check.bias("sequence_bias", entry.bias);
  }
  check.require(o.repetitionPenalty > 0 && std::isfinite(o.repetitionPenalty),
                "repetition_penalty", o.repetitionPenalty,
                "it must be greater than 0");
  for (auto [name, value] : {std::pair{"frequency_penalty", o.frequencyPenalty},
                             std::pair{"presence_penalty", o.presencePenalty}})
    check.require(value >= -2 && value <= 2, name, value,
                  "it must be from -2 to 2");
  for (auto [name, value] :
       {std::pair{"no_repeat_ngram_size", int64_t(o.noRepeatNgramSize)},
        std::pair{"min_length", o.minLength},
        std::pair{"min_tokens", o.minTokens},
        std::pair{"decay_penalty_start", o.decayPenaltyStart}})
    check.require(value >= 0, name, value, "it must be 0 or more");
  if (o.forcedBosTokenId != -1)
    check.tokens("forced_bos_token_id", {&o.forcedBosTokenId, 1});
  check.tokens("forced_eos_token_ids", o.forcedEosTokenIds);
  check.require(o.decayPenaltyFactor > 0 && std::isfinite(o.decayPenaltyFactor),
                "decay_penalty_factor", o.decayPenaltyFactor,
                "it must be greater than 0");
  check.looseTokens("suppress_tokens", o.suppressTokens);
  check.looseTokens("begin_suppress_tokens", o.beginSuppressTokens);
}

// The conditions are written so that NaN is refused too.
static void checkSampling(const GenerationOptions &o, Checker &check) {
  check.require(o.temperature >= 0 && std::isfinite(o.temperature),
                "temperature", o.temperature, "it must be 0 or more");
  check.require(o.topK >= 0, "top_k", int64_t(o.topK),
                "it must be 0 (off) or more");
  for (auto [name, value] :
       {std::pair{"top_h", o.topH}, std::pair{"top_p", o.topP},
        std::pair{"min_p", o.minP}})
    check.require(value >= 0 && value <= 1, name, value,
                  "it must be from 0 to 1");
  check.require(o.typicalP > 0 && o.typicalP <= 1, "typical_p", o.typicalP,
                "it must be above 0 and at most 1");
  for (auto [name, value] : {std::pair{"epsilon_cutoff", o.epsilonCutoff},
                             std::pair{"eta_cutoff", o.etaCutoff}})
    check.require(value >= 0 && value < 1, name, value,
                  "it must be from 0 to below 1");
}

static void checkEnds(const GenerationOptions &o, Checker &check) {
  check.require(o.maxTokens >= -1, "max_tokens", o.maxTokens,
                "it must be 0 or more, or -1 for no bound");
  check.require(o.maxLength >= 1 || o.maxLength == -1, "max_length",
                o.maxLength, "it must be 1 or more, or -1 for no bound");
  check.looseTokens("eos_token_ids", o.eosTokenIds);
  check.tokens("stop_token_ids", o.stopTokenIds);
  size_t bytes = 0;
  for (const std::string &stop : o.stop) {
    bytes += stop.size();
    if (stop.empty())
      check.fail("stop", "an empty string", "it must have a character");
    if (!isValidUtf8(stop))
      check.fail("stop", "a string that is not UTF-8", "it must be text");
  }
  check.require(bytes <= kMaxStopBytes, "stop", int64_t(bytes),
                "all stop strings together may have 65536 bytes");
  if (!o.detokenize && !o.stop.empty())
    check.fail("stop", "given without detokenize",
               "stop strings are looked for in the text");
  for (auto [name, value] : {std::pair{"logprobs", o.logprobs},
                             std::pair{"prompt_logprobs", o.promptLogprobs}})
    check.require(value >= -1 && value <= kMaxLogprobs, name, int64_t(value),
                  "it must be from 0 to 1024, or -1 for none");
}

Status validateOptions(const GenerationOptions &options, int64_t vocabSize) {
  Checker check(vocabSize);
  check.require(options.n >= 1, "n", options.n, "it must be 1 or more");
  check.require(options.n == 1 || !options.greedy(), "n", options.n,
                "it must be 1 when nothing is sampled (do_sample and a "
                "temperature above 0), since all samples would be equal");
  checkProcessors(options, check);
  checkSampling(options, check);
  checkEnds(options, check);
  return check.take();
}

} // namespace swallow
