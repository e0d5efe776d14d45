//===- CalibrationText.cpp - the text that a model is run over ------------===//

#include "compiler/CalibrationText.h"

#include "runtime/support/MappedFile.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/Utf8.h"

#include <algorithm>

namespace swallow {

Result<EvalBatch> readCalibrationText(const CalibrationOptions &options,
                                      const std::string &tokenizer,
                                      int64_t maxContext) {
  const std::string &path = options.textFile;
  SWALLOW_ASSIGN(std::string text, readFile(path));
  if (text.empty())
    return {ErrorCode::MalformedFile, path + ": the calibration text is empty"};
  if (!isValidUtf8(text))
    return {ErrorCode::MalformedFile,
            path + ": the calibration text is not UTF-8"};
  SWALLOW_ASSIGN(
      Tokenizer opened,
      Tokenizer::open({reinterpret_cast<const uint8_t *>(tokenizer.data()),
                       tokenizer.size()}));
  std::vector<int32_t> ids = opened.encode(text, /*addSpecialTokens=*/false);
  const auto count = static_cast<int64_t>(ids.size());
  if (count < kLeastCalibrationTokens)
    return {ErrorCode::MalformedFile,
            path + ": expected a calibration text of at least " +
                std::to_string(kLeastCalibrationTokens) + " tokens, found " +
                std::to_string(count)};
  ids.resize(static_cast<size_t>(std::min(count, options.tokens)));

  // Models gather attention on their first token, which is BOS where one is
  // usual: without it each sequence would be read in a way that never occurs.
  std::vector<int32_t> front = opened.encode("", /*addSpecialTokens=*/true);
  std::optional<int32_t> bos = opened.special(SpecialToken::Bos);
  const bool hasBos = bos && !front.empty() && front.front() == *bos;
  const int64_t context = std::min(options.context, maxContext);

  EvalBatch batch;
  int32_t sequence = -1;
  int64_t position = context;
  for (int32_t id : ids) {
    if (position == context) {
      ++sequence;
      position = 0;
      if (hasBos && id != *bos)
        batch.push(*bos, static_cast<int32_t>(position++), sequence);
    }
    batch.push(id, static_cast<int32_t>(position++), sequence);
  }
  return batch;
}

} // namespace swallow
