//===- AddedTokens.h - tokens that are found before anything else -*- C++ -*-=//

#ifndef SWALLOW_RUNTIME_TEXT_ADDEDTOKENS_H
#define SWALLOW_RUNTIME_TEXT_ADDEDTOKENS_H

#include "runtime/support/Result.h"
#include "runtime/text/Regex.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace swallow {

namespace text::table {
struct AddedToken;
} // namespace text::table

/// A set of added tokens that are looked for together: those that are to be
/// found in the text, or those that are to be found in the normalized text.
/// Refers to the segment. Immutable.
class AddedTokens {
public:
  struct Piece {
    std::string_view text; // of the token or between tokens; never empty
    int32_t id;            // -1 for text between tokens
    size_t offset;         // of `text` in the whole
  };

  /// Appends a token; tokens must come sorted by what they match. Corrupt
  /// otherwise.
  Status add(const text::table::AddedToken &token);

  bool empty() const { return tokens_.empty(); }

  /// Cuts `text` (valid UTF-8) into tokens and what is between them: of the
  /// tokens that match, the leftmost one first, the longest one among these.
  std::vector<Piece> split(std::string_view text) const;

private:
  struct Token {
    std::string_view match;
    int32_t id;
    bool singleWord, stripLeft, stripRight;
  };
  /// The longest token at `offset`, if any.
  const Token *longestAt(std::string_view text, size_t offset) const;

  std::vector<Token> tokens_;         // sorted by match
  std::shared_ptr<const Regex> word_; // only if some token asks
  // For each byte the tokens that start with it.
  std::array<std::pair<uint32_t, uint32_t>, 256> starting_{};
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_ADDEDTOKENS_H
