//===- Sampler.h - from logits to the next token ----------------*- C++ -*-===//
//
// All of the processors on one sample of a request, in transformers' order
// (generation/utils.py, _get_logits_processor), and the draw. The arithmetic is
// Swallow's own, down to exp, so that one seed draws the same tokens from the
// same logits on every machine.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_GENERATION_SAMPLER_H
#define SWALLOW_RUNTIME_GENERATION_SAMPLER_H

#include "runtime/engine/Likeliest.h"
#include "runtime/generation/Options.h"
#include "runtime/generation/logits/Candidates.h"
#include "runtime/generation/logits/Random.h"
#include "runtime/generation/logits/TokenHistory.h"
#include "runtime/support/Result.h"

#include <memory>
#include <span>
#include <vector>

namespace swallow {

/// Where a sample begins and how far it may go.
struct SampleStart {
  std::span<const int32_t> prompt = {};
  int64_t limit = 0;     // tokens that it may generate at most
  int64_t vocabSize = 0; // of the logits
  int64_t index = 0;     // of the sample: its stream of random numbers
};

/// Chooses one token after another. Not for concurrent use. Allocates only at
/// first use.
class Sampler {
public:
  /// `options` must have passed validateOptions for the vocabulary, and so must
  /// the prompt's ids be within it.
  Sampler(std::shared_ptr<const GenerationOptions> options,
          const SampleStart &start);

  /// The next token for `logits` ([vocab], unchanged), which is then part of
  /// the history. Greedy: the first of the largest. InvalidArgument when the
  /// options leave no token; Internal when none of the logits is finite, which
  /// only a defect can cause.
  Result<int32_t> sample(std::span<const float> logits);

  /// Whether the next token depends on more of the logits than the likeliest
  /// one. If not, sample() also takes that, and chooses and fails alike.
  bool needsLogits() const { return processes_ || !options_->greedy(); }
  Result<int32_t> sample(const Likeliest &likeliest);

  /// Makes `token`, chosen elsewhere, part of the history.
  void accept(int32_t token) { history_.append(token); }

  /// The distribution that sample() would draw from, [vocab], 0 where a token
  /// is out; when greedy, what the processors have made of it. Draws nothing.
  Status distribution(std::span<const float> logits,
                      std::vector<double> &probabilities);

  const TokenHistory &history() const { return history_; }

private:
  /// The row after the processors: `logits` themselves if there are none.
  std::span<const float> process(std::span<const float> logits);
  /// Fills candidates_ from a processed row.
  void narrow(std::span<const float> row);
  /// `best` must be a finite number above minus infinity.
  static Status checkChoice(const Likeliest &best, bool processed);

  std::shared_ptr<const GenerationOptions> options_;
  std::vector<SequenceBias> sequenceBias_; ///< each sequence once
  std::vector<int32_t> endTokens_;         // may not come before minTokens_
  int64_t minTokens_;
  int64_t limit_;
  bool processes_; // whether any processor can change a row
  TokenHistory history_;
  CounterRandom random_;
  std::vector<float> row_; // [vocab], the processed copy
  Candidates candidates_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_GENERATION_SAMPLER_H
