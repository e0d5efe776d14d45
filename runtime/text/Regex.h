//===- Regex.h - compiled patterns ------------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_TEXT_REGEX_H
#define SWALLOW_RUNTIME_TEXT_REGEX_H

#include "runtime/support/Result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace swallow {

/// A PCRE2 pattern over valid UTF-8: Unicode properties, multi-line anchors,
/// newline is LF. Immutable; its matchers work independently.
class Regex {
public:
  /// Fails with InvalidArgument and PCRE2's own words.
  static Result<Regex> compile(std::string_view pattern);

  /// Whether some match may be empty.
  bool matchesEmpty() const;

  Regex(Regex &&) noexcept;
  Regex &operator=(Regex &&) noexcept;
  ~Regex();

  /// Finds the matches in one text after the other. One thread at a time; the
  /// Regex must outlive it.
  class Matcher {
  public:
    explicit Matcher(const Regex &regex);
    Matcher(Matcher &&) noexcept;
    Matcher &operator=(Matcher &&) noexcept;
    ~Matcher();

    /// Finds the next match at or after `from` in valid UTF-8 `text`; false if
    /// there is none.
    bool find(std::string_view text, size_t from, size_t &start, size_t &end);

    /// Forgets what was allowed and used, so that it works as when new.
    void restart();

    /// Allows the steps that a pattern can reasonably take on another
    /// `textSize` bytes. A pattern that tries out so many ways to match that
    /// they are used up finds nothing any more: without this a short text and a
    /// nasty pattern would keep a processor busy for years.
    void allow(size_t textSize);

  private:
    bool findPatiently(std::string_view text, size_t from, size_t &start,
                       size_t &end);

    struct Impl;
    std::unique_ptr<Impl> impl_;
  };

private:
  struct Impl;
  explicit Regex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Calls `visit(start, end)` for the matches of `matcher` in `text` from left
/// to right, as Oniguruma's find_iter gives them: an empty match right after
/// another match does not count.
template <typename Visit>
void forEachMatch(Regex::Matcher &matcher, std::string_view text, Visit visit) {
  matcher.allow(text.size());
  size_t from = 0;
  bool matched = false;
  size_t lastEnd = 0;
  while (from <= text.size()) {
    size_t start, end;
    if (!matcher.find(text, from, start, end))
      return;
    if (start == end && matched && lastEnd == end) {
      if (from == text.size())
        return;
      ++from;
      while (from < text.size() && (text[from] & 0xC0) == 0x80)
        ++from;
      continue;
    }
    matched = true;
    lastEnd = from = end;
    visit(start, end);
  }
}

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_REGEX_H
