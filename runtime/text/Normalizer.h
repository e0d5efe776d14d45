//===- Normalizer.h - what happens to text before it is split ---*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_TEXT_NORMALIZER_H
#define SWALLOW_RUNTIME_TEXT_NORMALIZER_H

#include "runtime/support/Result.h"
#include "runtime/text/Regex.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

namespace text::table {
struct NormalizerStep;
} // namespace text::table

/// More steps of one kind than any tokenizer has.
constexpr size_t maxTokenizerSteps = 64;

/// Bounds how much longer the steps of a tokenizer can make a text, so that no
/// table makes a short text fill the memory.
class GrowthLimit {
public:
  explicit GrowthLimit(double limit) : limit_(limit) {}

  /// Takes a step into account that replaces `patternSize` bytes (at least; 0
  /// for an empty match) by `contentSize`. UnsupportedTokenizer if the chain
  /// has become too much.
  Status add(size_t patternSize, size_t contentSize);
  Status multiply(double factor);
  double factor() const { return factor_; }

private:
  double limit_;
  double factor_ = 1;
};

// From text to units, NFKC (11 times) with lower case and a few replacements
// being the most that real tokenizers have; from ids to text; and both.
constexpr double maxEncodeGrowth = 1024, maxDecodeGrowth = 256,
                 maxRoundTripGrowth = 65536;

/// The normalizer steps of a table (tokenizer.fbs tells what each does).
/// Immutable.
class Normalizer {
public:
  /// Appends a step; Corrupt if it is not one of tokenizer.fbs,
  /// UnsupportedTokenizer if there are too many, or what `growth` says.
  Status add(const text::table::NormalizerStep &step, GrowthLimit &growth);

  bool empty() const { return steps_.empty(); }

  /// Working memory for one thread at a time.
  class Scratch {
  public:
    explicit Scratch(const Normalizer &normalizer);
    /// Prepares for another text.
    void restart();

  private:
    friend class Normalizer;
    std::vector<std::optional<Regex::Matcher>> matchers_;
  };

  /// `text` (valid UTF-8) after all steps. Sets `keepsStart` to false if what
  /// begins the result does not come from the first character of the text: if
  /// that was stripped, or replaced together with others. (What replaces
  /// several characters takes the place of the last of them.)
  std::string apply(std::string_view text, Scratch &scratch,
                    bool &keepsStart) const;

private:
  struct Step {
    uint8_t kind;
    std::string pattern;
    std::string content;
    std::optional<Regex> regex;
  };
  std::vector<Step> steps_;
};

/// Replaces each `pattern` in `text` by `content`, from left to right. An empty
/// pattern changes nothing.
std::string replaceLiteral(std::string_view text, std::string_view pattern,
                           std::string_view content);

/// Replaces each match in `text` by `content`, which is taken literally.
std::string replaceMatches(std::string_view text, Regex::Matcher &matcher,
                           std::string_view content);

/// Where `pattern`, which is not empty, is next found at or after `from`, or
/// npos. Linear in the text, whatever the pattern.
size_t findLiteral(std::string_view text, std::string_view pattern,
                   size_t from);

/// `text` without leading or trailing white space.
std::string_view stripLeft(std::string_view text);
std::string_view stripRight(std::string_view text);

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_NORMALIZER_H
