//===- CalibrationText.h - the text that a model is run over ----*- C++ -*-===//

#ifndef SWALLOW_COMPILER_CALIBRATIONTEXT_H
#define SWALLOW_COMPILER_CALIBRATIONTEXT_H

#include "compiler/Evaluator.h"

#include <string>

namespace swallow {

struct CalibrationOptions {
  std::string textFile; ///< empty: no calibration
  /// At most so many tokens are used, from the beginning of the text.
  int64_t tokens = 2048;
  /// Tokens that the model reads at a time, the BOS token among them; less
  /// where the model's own limit is.
  int64_t context = 512;
};

/// The fewest tokens of a text that say anything about a model.
constexpr int64_t kLeastCalibrationTokens = 32;

/// The tokens of a text as a batch without wanted logits: sequences of
/// `options.context` tokens, each behind the BOS token where `tokenizer` (a
/// compiled table) puts one in front of a text. Fails with FileNotFound,
/// FileUnreadable, or MalformedFile for a text that is empty, shorter than
/// kLeastCalibrationTokens, or not UTF-8; the message names the file.
Result<EvalBatch> readCalibrationText(const CalibrationOptions &options,
                                      const std::string &tokenizer,
                                      int64_t maxContext);

} // namespace swallow

#endif // SWALLOW_COMPILER_CALIBRATIONTEXT_H
