//===- TextWrap.cpp -------------------------------------------------------===//

#include "runtime/jinja/library/text/TextWrap.h"

#include "runtime/jinja/value/Unicode.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <deque>

namespace swallow::jinja {

namespace {

using Characters = std::u32string;
using CharactersView = std::u32string_view;

/// What textwrap takes for white space: ASCII's only.
bool isBlank(char32_t c) { return (c >= 9 && c <= 13) || c == ' '; }

bool isLetter(char32_t c) { return isWord(c) && !isDecimal(c); }

/// What an em-dash may follow.
bool isWordOrPunctuation(char32_t c) {
  return isWord(c) ||
         CharactersView(U"!\"'&.,?").find(c) != CharactersView::npos;
}

/// Cuts text into pieces that a line may end after: white space, words, parts
/// of hyphenated words with their hyphen, and dashes between words.
class Chunker {
public:
  Chunker(CharactersView text, bool breakOnHyphens)
      : text_(text), breakOnHyphens_(breakOnHyphens) {}

  std::deque<Characters> run() {
    std::deque<Characters> chunks;
    for (size_t start = 0; start < text_.size();) {
      size_t end = endOfChunk(start);
      chunks.emplace_back(text_.substr(start, end - start));
      start = end;
    }
    return chunks;
  }

private:
  bool blankAt(size_t i) const { return isBlank(text_[i]); }
  bool letterAt(size_t i) const {
    return i < text_.size() && isLetter(text_[i]);
  }
  bool hyphenAt(size_t i) const { return i < text_.size() && text_[i] == '-'; }

  size_t endOfChunk(size_t start) const {
    size_t end = start;
    if (blankAt(start)) {
      while (end < text_.size() && blankAt(end))
        ++end;
      return end;
    }
    if (!breakOnHyphens_) {
      while (end < text_.size() && !blankAt(end))
        ++end;
      return end;
    }
    if (size_t dash = endOfDash(start))
      return dash;
    for (end = start + 1;; ++end) {
      if (breaksAfterHyphen(end))
        return end + 1;
      if (end == text_.size() || blankAt(end) || endOfDash(end))
        return end;
    }
  }

  /// The end of an em-dash, two hyphens or more between words, or 0.
  size_t endOfDash(size_t start) const {
    if (start == 0 || !isWordOrPunctuation(text_[start - 1]) ||
        !hyphenAt(start) || !hyphenAt(start + 1))
      return 0;
    size_t end = start;
    while (hyphenAt(end))
      ++end;
    return end < text_.size() && isWord(text_[end]) ? end : 0;
  }

  /// Whether a word may be broken after the hyphen at `i`: two letters, or a
  /// letter, a hyphen and a letter, before it, and two letters after it.
  bool breaksAfterHyphen(size_t i) const {
    if (!hyphenAt(i) || i < 2 || !letterAt(i - 1))
      return false;
    bool before =
        letterAt(i - 2) || (i >= 3 && hyphenAt(i - 2) && letterAt(i - 3));
    bool after = letterAt(i + 1) &&
                 (letterAt(i + 2) || (hyphenAt(i + 2) && letterAt(i + 3)));
    return before && after;
  }

  CharactersView text_;
  bool breakOnHyphens_;
};

bool isAllSpace(const Characters &text) {
  return std::ranges::all_of(text, isSpace);
}

/// How much of a word that is too long fits `space` characters.
size_t breakPlace(const Characters &word, size_t space, bool breakOnHyphens) {
  if (!breakOnHyphens || word.size() <= space || space == 0)
    return space;
  size_t hyphen = word.rfind(U'-', space - 1);
  if (hyphen == Characters::npos || hyphen == 0 ||
      word.find_first_not_of(U'-') >= hyphen)
    return space;
  return hyphen + 1;
}

std::string encode(const std::vector<Characters> &parts) {
  std::string text;
  for (const Characters &part : parts)
    for (char32_t c : part)
      appendUtf8(text, c);
  return text;
}

} // namespace

std::vector<std::string> wrapText(std::string_view text,
                                  const WrapOptions &options) {
  Characters characters;
  for (size_t i = 0; i < text.size(); i += utf8Length(text[i]))
    characters += decodeUtf8(text.substr(i));
  std::deque<Characters> chunks =
      Chunker(characters, options.breakOnHyphens).run();
  auto width = static_cast<size_t>(options.width);
  std::vector<std::string> lines;
  while (!chunks.empty()) {
    if (!lines.empty() && isAllSpace(chunks.front())) {
      chunks.pop_front();
      if (chunks.empty())
        break;
    }
    std::vector<Characters> line;
    size_t length = 0;
    while (!chunks.empty() && length + chunks.front().size() <= width) {
      length += chunks.front().size();
      line.push_back(std::move(chunks.front()));
      chunks.pop_front();
    }
    if (!chunks.empty() && chunks.front().size() > width) {
      if (options.breakLongWords) {
        Characters &word = chunks.front();
        size_t end = breakPlace(word, width - length, options.breakOnHyphens);
        line.push_back(word.substr(0, end));
        word.erase(0, end);
      } else if (line.empty()) {
        line.push_back(std::move(chunks.front()));
        chunks.pop_front();
      }
    }
    if (!line.empty() && isAllSpace(line.back()))
      line.pop_back();
    if (!line.empty())
      lines.push_back(encode(line));
  }
  return lines;
}

} // namespace swallow::jinja
