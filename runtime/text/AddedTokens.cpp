//===- AddedTokens.cpp - tokens that are found before anything else -------===//

#include "runtime/text/AddedTokens.h"
#include "runtime/text/Normalizer.h"
#include "runtime/text/Utf8.h"
#include "runtime/text/tokenizer_generated.h"

#include <algorithm>
#include <optional>
#include <utility>

using namespace swallow;

namespace {

/// A word character as Rust's regex has it, which tokenizers asks here.
constexpr std::string_view wordCharacter =
    R"(\A[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}])";

std::string_view lastCharacter(std::string_view text) {
  size_t last = text.size() - 1;
  while (last > 0 && (text[last] & 0xC0) == 0x80)
    --last;
  return text.substr(last);
}

} // namespace

Status AddedTokens::add(const text::table::AddedToken &token) {
  std::string_view match;
  if (token.match())
    match = token.match()->string_view();
  if (match.empty() || !isValidUtf8(match))
    return {ErrorCode::Corrupt, "tokenizer table: bad added token"};
  if (!tokens_.empty() && match <= tokens_.back().match)
    return {ErrorCode::Corrupt, "tokenizer table: added tokens not sorted"};
  if (token.single_word() && !word_) {
    SWALLOW_ASSIGN(Regex word, Regex::compile(wordCharacter));
    word_ = std::make_shared<const Regex>(std::move(word));
  }
  auto &range = starting_[static_cast<unsigned char>(match[0])];
  if (range.first == range.second)
    range.first = static_cast<uint32_t>(tokens_.size());
  tokens_.push_back({match, static_cast<int32_t>(token.id()),
                     token.single_word(), token.strip_left(),
                     token.strip_right()});
  range.second = static_cast<uint32_t>(tokens_.size());
  return {};
}

const AddedTokens::Token *AddedTokens::longestAt(std::string_view text,
                                                 size_t offset) const {
  auto [low, high] = starting_[static_cast<unsigned char>(text[offset])];
  const Token *longest = nullptr;
  // tokens_[low, high) are those that agree with the text in `length` bytes; in
  // their order one that ends there is the first.
  for (size_t length = 1; low < high; ++length) {
    if (tokens_[low].match.size() == length)
      longest = &tokens_[low++];
    if (offset + length == text.size())
      break;
    auto byte = static_cast<unsigned char>(text[offset + length]);
    auto byteOf = [&](const Token &token) {
      return static_cast<unsigned char>(token.match[length]);
    };
    auto begin = tokens_.begin() + low, end = tokens_.begin() + high;
    begin = std::partition_point(
        begin, end, [&](const Token &token) { return byteOf(token) < byte; });
    end = std::partition_point(
        begin, end, [&](const Token &token) { return byteOf(token) == byte; });
    low = static_cast<uint32_t>(begin - tokens_.begin());
    high = static_cast<uint32_t>(end - tokens_.begin());
  }
  return longest;
}

std::vector<AddedTokens::Piece>
AddedTokens::split(std::string_view text) const {
  std::vector<Piece> pieces;
  std::optional<Regex::Matcher> word;
  if (word_)
    word.emplace(*word_);
  auto startsWithWord = [&](std::string_view text) {
    size_t start, end;
    return !text.empty() && word->find(text, 0, start, end);
  };
  size_t done = 0;
  size_t spaceBegin = 0, spaceEnd = 0; // white space that was found last
  for (size_t offset = 0; !tokens_.empty() && offset < text.size();) {
    auto [low, high] = starting_[static_cast<unsigned char>(text[offset])];
    const Token *token = low < high ? longestAt(text, offset) : nullptr;
    if (!token) {
      ++offset;
      continue;
    }
    size_t start = offset, end = offset + token->match.size();
    offset = end;
    if (token->singleWord &&
        ((start > 0 && startsWithWord(lastCharacter(text.substr(0, start)))) ||
         startsWithWord(text.substr(end))))
      continue;
    // Each stretch of white space is looked at once.
    if (token->stripLeft)
      start = start < done
                  ? done
                  : done + stripRight(text.substr(done, start - done)).size();
    if (token->stripRight) {
      if (end < spaceBegin || end >= spaceEnd) {
        spaceBegin = end;
        spaceEnd = text.size() - stripLeft(text.substr(end)).size();
      }
      end = spaceEnd;
    }
    // The white space that the token before took may have been this one, or
    // its start: in tokenizers a token that is then left with nothing is not
    // there, and one that does not ask for white space keeps all of its own.
    if (start == end) {
      done = end;
      continue;
    }
    if (done < start)
      pieces.push_back({text.substr(done, start - done), -1, done});
    pieces.push_back({text.substr(start, end - start), token->id, start});
    done = end;
  }
  if (done < text.size())
    pieces.push_back({text.substr(done), -1, done});
  return pieces;
}
