//===- PreTokenizer.h - text to words ---------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_TEXT_PRETOKENIZER_H
#define SWALLOW_RUNTIME_TEXT_PRETOKENIZER_H

#include "runtime/support/Result.h"
#include "runtime/text/Normalizer.h"
#include "runtime/text/Regex.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

namespace text::table {
struct PreTokenizerStep;
} // namespace text::table

/// The pre-tokenizer steps of a table (tokenizer.fbs tells what each does).
/// Immutable.
class PreTokenizer {
public:
  using Visit = std::function<void(std::string_view word)>;

  /// Appends a step; Corrupt if it is not one of tokenizer.fbs,
  /// UnsupportedTokenizer if there are too many, and what `growth` says.
  Status add(const text::table::PreTokenizerStep &step, GrowthLimit &growth);

  /// Working memory for one thread at a time.
  class Scratch {
  public:
    explicit Scratch(const PreTokenizer &preTokenizer);
    /// Prepares for another text.
    void restart();

  private:
    friend class PreTokenizer;
    std::vector<std::optional<Regex::Matcher>> matchers_;
  };

  /// Calls `visit` with the words of `text` (valid UTF-8) in order; none is
  /// empty, and each lives only for the call. `atStart`: `text` begins the
  /// whole text.
  void split(std::string_view text, bool atStart, Scratch &scratch,
             const Visit &visit) const {
    run(0, text, atStart, scratch, visit);
  }

private:
  struct Step {
    uint8_t kind;
    std::string pattern;
    std::string content;
    uint8_t behavior = 0;
    bool invert = false;
    std::optional<Regex> regex;
  };

  /// Runs the steps from `index` on over one piece.
  void run(size_t index, std::string_view text, bool atStart, Scratch &scratch,
           const Visit &visit) const;
  void runSplit(size_t index, std::string_view text, bool atStart,
                Scratch &scratch, const Visit &visit) const;

  std::vector<Step> steps_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_PRETOKENIZER_H
