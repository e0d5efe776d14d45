//===- Decoder.h - tokens to text, piece by piece ---------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_TEXT_DECODER_H
#define SWALLOW_RUNTIME_TEXT_DECODER_H

#include "runtime/support/Result.h"
#include "runtime/text/Normalizer.h"
#include "runtime/text/Regex.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

namespace text::table {
struct DecoderStep;
} // namespace text::table

/// The decoder steps of a table (tokenizer.fbs tells what each does).
/// Immutable.
class Decoder {
public:
  /// Appends a step. Corrupt if it is not one of tokenizer.fbs, or cannot work
  /// piece by piece: after Fuse or ByteLevel there is but one token, whose end
  /// is not known before finish(). UnsupportedTokenizer if there are too many;
  /// or what `growth` says. `rawBytes`: tokens are raw bytes already.
  Status add(const text::table::DecoderStep &step, bool rawBytes,
             GrowthLimit &growth);

  /// The state of one text. One thread at a time; the Decoder must outlive it.
  class Run {
  public:
    explicit Run(const Decoder &decoder);
    Run(Run &&) noexcept;
    Run &operator=(Run &&) noexcept;
    ~Run();

    /// Takes the next token and appends the text that has become certain.
    void token(std::string_view token, std::string &out);
    /// Ends the text, appends what was still waiting, and starts anew.
    void finish(std::string &out);

    class Stage;

  private:
    std::vector<std::unique_ptr<Stage>> stages_; // first to last
  };

private:
  struct Step {
    uint8_t kind;
    bool fused; // what reaches this step is pieces of a single token
    bool rawBytes;
    std::string pattern;
    std::string content;
    uint32_t start, stop;
    std::shared_ptr<const Regex> regex;
  };
  std::vector<Step> steps_;
  bool fused_ = false;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_DECODER_H
